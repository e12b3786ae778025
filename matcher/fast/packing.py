"""Tables packed for compiled comparison: all that is asked of a name, or a street, side by side in memory.

A comparison mostly waits for memory. Packed, a name costs two or three cache lines instead of one for each of its five
arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, Tables
from matcher.compare import View, guarded
from matcher.fast.jit import jit, part
from matcher.hashing import FILTER_WORDS, U32, U64
from matcher.nicknames import GROUPS_KEPT

PRINTS, SIZE, GROUPS = FILTER_WORDS, FILTER_WORDS + 3, FILTER_WORDS + 4
PARTS = GROUPS + GROUPS_KEPT // 2
"""Words of a packed name: filter, digests of whole and parts, size and marks, nickname groups and parts, two to a word."""
SIZE_BITS, HAS_PARTS, FIRST_GROUP = np.uint64(0xFFFF), np.uint64(1 << 16), 17
"""In the word of the size: the size, whether the name has parts, and from bit 17 on a mark for each group, so that one
word says of most pairs that they share neither."""
LANE_PRINT, LANE_SIZE = FILTER_WORDS, FILTER_WORDS + 1
"""Words of a packed street: filter, digest, size."""


@dataclass(frozen=True, slots=True, repr=False)
class Packed(View):
    """A view with its tables packed, too."""

    names: U64
    """(names, PARTS + 1)."""
    streets: U64
    """(streets, LANE_SIZE + 1)."""
    dobs: U32
    ssns: U32


@part
def _digest(words: Any) -> Any:
    total = np.uint64(0)
    for j in range(len(words)):
        word = words[j] + np.uint64(0x9E3779B97F4A7C15) * np.uint64(j + 1) + total
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        total = word ^ (word >> np.uint64(31))
    return total


@part
def ones(word: Any) -> Any:
    """Set bits of a 64-bit word (Hacker's Delight, 5-2); LLVM makes it one instruction."""
    w = np.uint64(word)
    w = w - ((w >> np.uint64(1)) & np.uint64(0x5555555555555555))
    w = (w & np.uint64(0x3333333333333333)) + ((w >> np.uint64(2)) & np.uint64(0x3333333333333333))
    w = (w + (w >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((w * np.uint64(0x0101010101010101)) >> np.uint64(56))


@part
def _sized(filters: Any, prints: Any, sizes: Any) -> None:
    for n in range(len(filters)):
        prints[n] = _digest(filters[n])
        total = 0
        for j in range(filters.shape[1]):
            total += ones(filters[n, j])
        sizes[n] = total


@part
def _two(low: Any, high: Any) -> Any:
    return np.uint64(np.uint32(low)) | (np.uint64(np.uint32(high)) << np.uint64(32))


@part
def _marked(size: Any, prints: Any, groups: Any) -> Any:
    word = np.uint64(size)
    if prints[1] | prints[2]:
        word |= HAS_PARTS
    for group in groups:
        if group:
            word |= np.uint64(1) << np.uint64(FIRST_GROUP + group % np.uint32(64 - FIRST_GROUP))
    return word


@jit("u8[,]", "i4[,]", "u4[,]", "u8[,]")
def _pack(filters: Any, parts: Any, groups: Any, streets: Any) -> Any:
    """Packed names and streets, with the digests and sizes on their own as `View` has them."""
    names, lanes = len(filters), len(streets)
    whole, prints = np.empty(names, np.uint64), np.empty((names, 3), np.uint64)
    sizes, lane_prints, lane_sizes = np.empty(names, np.uint16), np.empty(lanes, np.uint64), np.empty(lanes, np.uint16)
    _sized(filters, whole, sizes)
    _sized(streets, lane_prints, lane_sizes)
    packed_names, packed_lanes = np.empty((names, PARTS + 1), np.uint64), np.empty((lanes, LANE_SIZE + 1), np.uint64)
    for n in range(names):
        prints[n, 0] = whole[n]
        for k in range(2):
            prints[n, 1 + k] = whole[parts[n, k]] if parts[n, k] >= 0 else np.uint64(0)
        for k in range(FILTER_WORDS):
            packed_names[n, k] = filters[n, k]
        for k in range(3):
            packed_names[n, PRINTS + k] = prints[n, k]
        packed_names[n, SIZE] = _marked(sizes[n], prints[n], groups[n])
        for k in range(PARTS - GROUPS):
            packed_names[n, GROUPS + k] = _two(groups[n, 2 * k], groups[n, 2 * k + 1])
        packed_names[n, PARTS] = _two(parts[n, 0], parts[n, 1])
    for n in range(lanes):
        for k in range(FILTER_WORDS):
            packed_lanes[n, k] = streets[n, k]
        packed_lanes[n, LANE_PRINT] = lane_prints[n]
        packed_lanes[n, LANE_SIZE] = lane_sizes[n]
    return prints, sizes, lane_prints, lane_sizes, packed_names, packed_lanes


def view_fast(matrix: I32, tables: Tables) -> Packed:
    """`View.of`, compiled, and packed."""
    held = guarded(tables)
    streets, dobs, ssns = (_readable(t) for t in (held.street_filters, held.dobs, held.ssns))
    prints, sizes, lane_prints, lane_sizes, names, lanes = _pack(
        held.name_filters, held.name_parts, held.name_groups, streets
    )
    known = len(held.street_filters)
    return Packed(matrix, held, prints, sizes, lane_prints[:known], lane_sizes[:known], names, lanes, dobs, ssns)


def _readable(table: NDArray[Any]) -> NDArray[Any]:
    """The table, with an entry to read where it has none: see `guarded`."""
    return table if len(table) else np.zeros((1, table.shape[1]), table.dtype)


def packed(view: View) -> Packed:
    """The view packed; at once where `view_fast` made it."""
    return view if isinstance(view, Packed) else view_fast(view.matrix, view.tables)


@part
def bisect(ranked: Any, value: Any) -> Any:
    """Position of the first entry of a sorted list that is not below `value`."""
    lo, hi = 0, len(ranked)
    while lo < hi:
        mid = (lo + hi) // 2
        if ranked[mid] < value:
            lo = mid + 1
        else:
            hi = mid
    return lo


@jit("u8[,]", "u8[]", "i4[]")
def _same(prints: Any, known: Any, numbers: Any) -> Any:
    found = np.empty(len(prints), np.int32)
    for n in range(len(prints)):
        found[n] = -1
        sought = _digest(prints[n])
        at = bisect(known, sought)
        if at < len(known) and known[at] == sought:
            found[n] = numbers[at]
    return found


def same_names_fast(prints: U64, known: U64, numbers: I32) -> I32:
    """`matcher.compare.same_names`, compiled."""
    found: I32 = _same(prints, known, numbers)
    return found
