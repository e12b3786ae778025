"""The block index: for each pass one sorted array of (blocking key, row), searched by bisection.

Key and row share one 64-bit word, so that a pass costs eight bytes per entry and loads as a plain array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.hashing import U32, U64
from matcher.passes import PASSES, slot_ranges

_ROW = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_RANGES = slot_ranges()
FOLD = 4
"""The overlay is folded into the base once it is a FOLD-th of its size."""


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass found, and what its cap kept back."""

    name: str
    pairs: int
    capped_blocks: int
    """Blocks larger than the cap that some booking asked for."""
    capped_pairs: int


class _Sorted:
    """One pass: a sorted base, a sorted overlay, and additions not sorted yet."""

    def __init__(self) -> None:
        self.base: U64 = np.zeros(0, np.uint64)
        self.overlay: U64 = np.zeros(0, np.uint64)
        self.fresh: list[U64] = []

    def settle(self) -> None:
        if not self.fresh:
            return
        fresh, self.fresh = [self.overlay, *self.fresh], []
        if sum(map(len, fresh)) * FOLD > len(self.base):
            self.base, self.overlay = _sorted([self.base, *fresh]), np.zeros(0, np.uint64)
        else:
            self.overlay = _sorted(fresh)


def _sorted(parts: list[U64]) -> U64:
    joined = np.concatenate(parts)
    joined.sort()
    return joined


def _split(ranked: U64) -> tuple[I32, I32]:
    """Both halves of the distinct words of a sorted list."""
    distinct = ranked[np.concatenate(([True], ranked[1:] != ranked[:-1]))] if len(ranked) else ranked
    return (distinct >> _ROW).astype(np.int32), (distinct & _LOW).astype(np.int32)


Part = tuple[U64, U64]
"""Base and overlay of one pass, both sorted."""


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


Gather = Callable[[Sequence[Part], U32, Mapping[str, int]], Found]


class BlockIndex:
    """All passes over one roster. `caps` says, by pass, from which size on a block is skipped."""

    def __init__(self, caps: Mapping[str, int]) -> None:
        self._caps = caps
        self._passes = [_Sorted() for _ in PASSES]

    def add(self, blocks: U32, first_row: int) -> None:
        """Adds the blocking keys of rows `first_row` onward."""
        rows = np.arange(first_row, first_row + len(blocks), dtype=np.uint64)
        for held, (_, lo, hi) in zip(self._passes, _RANGES, strict=True):
            keys = blocks[:, lo:hi].ravel()
            filled = np.flatnonzero(keys)
            held.fresh.append((keys[filled].astype(np.uint64) << _ROW) | rows[filled // (hi - lo)])

    def pairs(self, blocks: U32, find: Gather | None = None) -> Found:
        """Distinct (asking row, held row) pairs. `find` does the same as `gather`, the reference, faster."""
        return (find or gather)(self._settled(blocks), blocks, self._caps)

    def pairs_by_pass(self, blocks: U32) -> dict[str, tuple[I32, I32]]:
        """The pairs of each pass alone."""
        found = {}
        for part, (each, lo, hi) in zip(self._settled(blocks), _RANGES, strict=True):
            found[each.name] = _split(_sorted([lookup(part, blocks[:, lo:hi], self._caps[each.name])[0]]))
        return found

    def _settled(self, blocks: U32) -> list[Part]:
        """Base and overlay of each pass, sorted; a pass that nobody asks in is not sorted for that."""
        asked: NDArray[np.bool_] = np.any(blocks != 0, axis=0)
        for held, (_, lo, hi) in zip(self._passes, _RANGES, strict=True):
            if held.fresh and asked[lo:hi].any():
                held.settle()
        return [(held.base, held.overlay) for held in self._passes]

    def nbytes(self) -> int:
        return sum(p.base.nbytes + p.overlay.nbytes + sum(f.nbytes for f in p.fresh) for p in self._passes)


def gather(parts: Sequence[Part], blocks: U32, caps: Mapping[str, int]) -> Found:
    """The reference: each pass by itself, then every pair once."""
    found = [
        lookup(part, blocks[:, lo:hi], caps[each.name]) for part, (each, lo, hi) in zip(parts, _RANGES, strict=True)
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
