"""The block index: for each pass one sorted array of (blocking key, row), searched by bisection.

Key and row share one 64-bit word, so that a pass costs eight bytes per entry and loads as a plain array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.hashing import U32, U64
from matcher.passes import PASSES, SLOTS, slot_ranges

_ROW = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_RANGES = slot_ranges()
FOLD = 4
"""The overlay is folded into the base once it is a FOLD-th of its size."""
BUCKET = 16
"""Entries of a pass that share their first bits, or half as many."""


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass found, and what its cap kept back."""

    name: str
    pairs: int
    capped_blocks: int
    """Blocks larger than the cap that some booking asked for."""
    capped_pairs: int


Part = tuple[U64, U64]
"""Base and overlay of one pass, both sorted."""


@dataclass(frozen=True, repr=False)
class Passes:
    """Sorted (key << 32 | row) of every pass, one pass after the other; pass n stands from edges[n] to edges[n + 1]."""

    words: U64
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Sequence[Sequence[U64]]) -> Passes:
        """For each pass some sorted runs."""
        edges = np.cumsum([0, *(sum(map(len, column)) for column in columns)])
        words = np.empty(edges[-1], np.uint64)
        for column, lo, hi in zip(columns, edges[:-1], edges[1:], strict=True):
            if hi > lo:
                np.concatenate(list(column), out=words[lo:hi])
                if sum(len(run) > 0 for run in column) > 1:
                    words[lo:hi].sort(kind="stable")  # merges sorted runs
        return cls(words, edges)

    @property
    def split(self) -> int:
        """How many first bits of a key choose its bucket."""
        return min((len(self.words) // (len(PASSES) * BUCKET)).bit_length(), 32)

    @cached_property
    def starts(self) -> U32:
        """Where in `words` each bucket begins: for each pass its buckets, and its end. Made when first asked for."""
        first = np.arange(1 << self.split, dtype=np.uint64) << np.uint64(64 - self.split if self.split else 0)
        parts = [
            (np.append(np.searchsorted(self[n], first), hi - lo) + lo).astype(np.uint32)
            for n, (lo, hi) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True))
        ]
        return np.concatenate(parts)

    def nbytes(self) -> int:
        """Without buckets where nobody asked for them."""
        return self.words.nbytes + (self.starts.nbytes if "starts" in vars(self) else 0)

    def __getitem__(self, n: int) -> U64:
        return self.words[self.edges[n] : self.edges[n + 1]]


Order = Sequence[tuple[U32, U32]]
"""For each pass its keys in order, and where each stands among its slots (rows, slots)."""


def ordered(blocks: U32) -> Order:
    """The keys (rows, SLOTS) in order, pass by pass."""
    found = []
    for _, lo, hi in _RANGES:
        keys = blocks[:, lo:hi].ravel()
        words = (keys.astype(np.uint64) << _ROW) | np.arange(len(keys), dtype=np.uint64)
        words.sort()
        # The key 0 is none, and stands first.
        words = words[np.searchsorted(words, _LOW, side="right") :]
        found.append(((words >> _ROW).astype(np.uint32), (words & _LOW).astype(np.uint32)))
    return found


def unordered(order: Order, rows: int) -> U32:
    """The keys (rows, SLOTS) again."""
    blocks = np.zeros((rows, SLOTS), np.uint32)
    for (keys, at), (_, lo, hi) in zip(order, _RANGES, strict=True):
        k = np.uint32(hi - lo)
        blocks[at // k, lo + at % k] = keys
    return blocks


NO_PASSES = Passes(np.zeros(0, np.uint64), np.zeros(len(PASSES) + 1, np.int64))


def _sorted(parts: list[U64]) -> U64:
    joined = np.concatenate(parts)
    joined.sort()
    return joined


def _split(ranked: U64) -> tuple[I32, I32]:
    """Both halves of the distinct words of a sorted list."""
    distinct = ranked[np.concatenate(([True], ranked[1:] != ranked[:-1]))] if len(ranked) else ranked
    return (distinct >> _ROW).astype(np.int32), (distinct & _LOW).astype(np.int32)


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """Row pairs that share a key in any pass, each once and in order; and by pass what was found and kept back."""

    booking_rows: I32
    roster_rows: I32
    pairs: NDArray[np.int64]
    capped_blocks: NDArray[np.int64]
    capped_pairs: NDArray[np.int64]

    @property
    def report(self) -> tuple[PassReport, ...]:
        """The counts of each pass, by name."""
        columns = (self.pairs.tolist(), self.capped_blocks.tolist(), self.capped_pairs.tolist())
        return tuple(PassReport(each.name, *counts) for each, *counts in zip(PASSES, *columns, strict=True))


Gather = Callable[[Passes, Passes, U32, Mapping[str, int]], Found]


class BlockIndex:
    """All passes over one roster: a sorted base, a sorted overlay, and sorted runs of what was added since.

    `caps` says, by pass, from which size on a block is skipped.
    """

    def __init__(self, caps: Mapping[str, int]) -> None:
        self._caps = caps
        self._base, self._overlay = NO_PASSES, NO_PASSES
        self._fresh: list[list[U64]] = [[] for _ in PASSES]

    def add(self, order: Order, first_row: int) -> None:
        """Adds the blocking keys, as `ordered` gives them, of rows that are numbered from `first_row` on."""
        for (keys, at), fresh, (_, lo, hi) in zip(order, self._fresh, _RANGES, strict=True):
            fresh.append((keys.astype(np.uint64) << _ROW) | (at // np.uint32(hi - lo) + np.uint32(first_row)))

    def pairs(self, blocks: U32, find: Gather | None = None) -> Found:
        """Distinct (asking row, held row) pairs. `find` does the same as `gather`, the reference, faster."""
        self._settle()
        return (find or gather)(self._base, self._overlay, blocks, self._caps)

    def pairs_by_pass(self, blocks: U32) -> dict[str, tuple[I32, I32]]:
        """The pairs of each pass alone."""
        self._settle()
        found = {}
        for n, (each, lo, hi) in enumerate(_RANGES):
            part = self._base[n], self._overlay[n]
            found[each.name] = _split(_sorted([lookup(part, blocks[:, lo:hi], self._caps[each.name])[0]]))
        return found

    def _settle(self) -> None:
        """Merges what was added into the overlay, and that into the base once it is a FOLD-th of it."""
        fresh = sum(len(part) for parts in self._fresh for part in parts)
        if not fresh:
            return
        added = [[self._overlay[n], *parts] for n, parts in enumerate(self._fresh)]
        if (len(self._overlay.words) + fresh) * FOLD > len(self._base.words):
            self._base = Passes.of([[self._base[n], *parts] for n, parts in enumerate(added)])
            self._overlay = NO_PASSES
        else:
            self._overlay = Passes.of(added)
        self._fresh = [[] for _ in PASSES]

    def nbytes(self) -> int:
        fresh = sum(part.nbytes for parts in self._fresh for part in parts)
        return self._base.nbytes() + self._overlay.nbytes() + fresh


def gather(base: Passes, overlay: Passes, blocks: U32, caps: Mapping[str, int]) -> Found:
    """The reference: each pass by itself, then every pair once."""
    found = [
        lookup((base[n], overlay[n]), blocks[:, lo:hi], caps[each.name]) for n, (each, lo, hi) in enumerate(_RANGES)
    ]
    i, j = _split(_sorted([pairs for pairs, _, _ in found]))
    sizes, blocked, dropped = np.array([(len(pairs), over, lost) for pairs, over, lost in found], np.int64).T
    return Found(i, j, sizes, blocked, dropped)


def lookup(parts: Part, blocks: U32, cap: int) -> tuple[U64, int, int]:
    """Pairs of one pass as (asking row << 32 | held row), how many blocks were over the cap, and pairs lost to it.

    `parts` are the pass's base and overlay, `blocks` the asking rows' keys (rows, slots).
    """
    asked = np.flatnonzero(blocks)
    if not len(asked):
        return np.zeros(0, np.uint64), 0, 0
    asking = (asked // blocks.shape[1]).astype(np.uint64)
    keys = blocks.ravel()[asked].astype(np.uint64) << _ROW
    order = np.argsort(keys, kind="stable")
    keys, asking = keys[order], asking[order]
    spans = [(part, *_span(part, keys)) for part in parts if len(part)]
    sizes = sum((hi - lo for _, lo, hi in spans), np.zeros(len(keys), np.int64))
    over = sizes > cap
    fits = ~over if over.any() else slice(None)
    pairs = [_spread(part, lo[fits], (hi - lo)[fits], asking[fits]) for part, lo, hi in spans]
    found = pairs[0] if len(pairs) == 1 else np.concatenate([np.zeros(0, np.uint64), *pairs])
    return found, len(np.unique(keys[over])) if over.any() else 0, int(sizes[over].sum())


def _span(part: U64, keys: U64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last position of each key's entries; both ends in one search, whose probes then share cache lines."""
    ends = np.searchsorted(part, np.stack([keys, keys | _LOW], axis=1).ravel())
    return ends[::2], ends[1::2]


def _spread(part: U64, lo: NDArray[np.int64], sizes: NDArray[np.int64], asking: U64) -> U64:
    """Every entry of each span, beside the row that asked for it."""
    total = int(sizes.sum())
    if not total:
        return np.zeros(0, np.uint64)
    ends = np.cumsum(sizes)
    at = np.arange(total) + np.repeat(lo - (ends - sizes), sizes)
    pairs: U64 = (np.repeat(asking, sizes) << _ROW) | (part[at] & _LOW)
    return pairs
