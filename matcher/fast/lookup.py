"""Block lookup over all passes, compiled: what `matcher.blocks.gather` finds, in the same order.

A lookup is a few cache misses and hardly anything else. So each step is done for all keys of some bookings before the
next step is, and asks for what the next one reads. The first bits of a key choose a bucket of some sixteen entries; where
about in it the key stands, its other bits say, since keys are evenly spread hashes (interpolation search: Perl, Itai and
Avni, 1978).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matcher.blocks import Found, Passes
from matcher.fast.ahead import fetch
from matcher.fast.jit import jit, part
from matcher.hashing import U32
from matcher.passes import PASSES, slot_ranges

LOW = 0xFFFFFFFF
TOGETHER = 16
"""Bookings whose keys are looked for together."""
NEAR = 4
"""Entries by which the aim is off at most, as a rule."""
GAPS = (1750, 701, 301, 132, 57, 23, 10, 4, 1)
"""Of Shell's sort: for the most rows that a booking's blocks hold (Ciura, 2001)."""
PASS_OF = np.array([n for n, (each, _, _) in enumerate(slot_ranges()) for _ in each.slots])
"""(SLOTS,): the pass of each slot."""


@part
def _aim(words: Any, starts: Any, split: Any, passes: Any, blocks: Any, at: Any) -> None:
    """About where each key (rows, slots) stands: its bucket, and there as far in as the rest of the key says."""
    if not len(words):
        return
    rows, slots = blocks.shape
    for row in range(rows):
        for s in range(slots):
            fetch(starts, _bucket(split, passes[s], blocks[row, s]), 8)
    for row in range(rows):
        for s in range(slots):
            bucket = _bucket(split, passes[s], blocks[row, s])
            lo, hi = np.int64(starts[bucket]), np.int64(starts[bucket + 1])
            rest = (np.int64(blocks[row, s]) << split) & LOW
            at[row, s] = lo + ((rest * (hi - lo)) >> 32)
            if blocks[row, s] and hi > lo:
                fetch(words, at[row, s] - NEAR, 16 * NEAR)


@part
def _bucket(split: Any, p: Any, key: Any) -> Any:
    """Where in `Passes.starts` the bucket of a key of pass p stands."""
    return p * ((1 << split) + 1) + (np.int64(key) >> (32 - split))


@part
def _lower(words: Any, first: Any, last: Any, key: Any, at: Any) -> Any:
    """Position of the first entry from `first` to `last` not below `key`: around `at` in growing steps, then by bisection."""
    lo: Any = first
    hi: Any = last
    step: Any = np.int64(NEAR)
    if at < last and words[at] < key:
        lo = at + 1
        while lo + step < last and words[lo + step] < key:
            lo += step + 1
            step *= 2
        hi = min(lo + step, last)
    else:
        hi = min(at, last)
        while hi - step > first and words[hi - step] >= key:
            hi -= step
            step *= 2
        lo = max(hi - step, first)
    while lo < hi:
        mid = (lo + hi) // 2
        if words[mid] < key:
            lo = mid + 1
        else:
            hi = mid
    return lo


@part
def _length(words: Any, lo: Any, last: Any, key: Any) -> Any:
    """How many entries from `lo` on have the key. Most blocks are small; large ones are bisected."""
    end = lo
    while end < last and end < lo + 64 and words[end] >> np.uint64(32) == key:
        end += 1
    if end == lo + 64:
        end = _lower(words, end, last, (np.uint64(key) << np.uint64(32)) | np.uint64(LOW), end)
    return end - lo


@part
def _spans(words: Any, starts: Any, split: Any, passes: Any, keys: Any, at: Any, sizes: Any) -> None:
    """Where each of one row's keys stands, which is about `at`, and how often."""
    for s in range(len(keys)):
        sizes[s] = 0
        bucket = _bucket(split, passes[s], keys[s])
        lo, hi = np.int64(starts[bucket]), np.int64(starts[bucket + 1])
        if keys[s] and hi > lo:
            at[s] = _lower(words, lo, hi, np.uint64(keys[s]) << np.uint64(32), at[s])
            sizes[s] = _length(words, at[s], hi, np.uint64(keys[s]))


@part
def _cap(keys: Any, passes: Any, caps: Any, sizes: Any, more: Any, counts: Any, over: Any) -> Any:
    """Empties blocks over their cap and notes their keys; returns how many rows are left, and how many keys were noted."""
    found, capped = np.int64(0), np.int64(0)
    for s in range(len(keys)):
        p, total = passes[s], sizes[s] + more[s]
        if total > caps[p]:
            counts[p, 1] += total
            over[capped] = (np.uint64(p) << np.uint64(32)) | np.uint64(keys[s])
            capped += 1
            sizes[s] = more[s] = 0
        else:
            counts[p, 0] += total
            found += total
    return found, capped


@part
def _copy(words: Any, at: Any, sizes: Any, rows: Any, filled: Any) -> Any:
    for s in range(len(at)):
        for n in range(at[s], at[s] + sizes[s]):
            rows[filled] = np.int32(words[n] & np.uint64(LOW))
            filled += 1
    return filled


@part
def grown(column: Any, need: Any) -> Any:
    if need <= len(column):
        return column
    wide = np.empty(max(need, 2 * len(column)), column.dtype)
    for n in range(len(column)):
        wide[n] = column[n]
    return wide


@part
def _distinct(rows: Any) -> Any:
    """Sorts `rows` in place (Shell, 1959), each once; returns how many are left."""
    for gap in GAPS:
        for n in range(gap, len(rows)):
            row, m = rows[n], n
            while m >= gap and rows[m - gap] > row:
                rows[m] = rows[m - gap]
                m -= gap
            rows[m] = row
    kept = 0
    for n in range(len(rows)):
        if not n or rows[n] != rows[kept - 1]:
            rows[kept] = rows[n]
            kept += 1
    return kept


@jit("u8[]", "u4[]", "i8", "u8[]", "u4[]", "i8", "i8[]", "u4[,]", "i8[]")
def _gather(
    words: Any, starts: Any, split: Any, late_words: Any, late_starts: Any, late_split: Any, passes: Any, blocks: Any,
    caps: Any,
) -> Any:  # fmt: skip
    """Row pairs, pairs found and lost by pass, and keys over the cap as (pass << 32 | key)."""
    slots = blocks.shape[1]
    aims, late_aims = np.empty((TOGETHER, slots), np.int64), np.empty((TOGETHER, slots), np.int64)
    sizes, late_sizes = np.empty(slots, np.int64), np.empty(slots, np.int64)
    counts, over = np.zeros((len(caps), 2), np.int64), np.empty(2 * slots, np.uint64)
    i, j = np.empty(64, np.int32), np.empty(64, np.int32)
    end, capped = 0, 0
    for row in range(len(blocks)):
        if row % TOGETHER == 0:
            _aim(words, starts, split, passes, blocks[row : row + TOGETHER], aims)
            _aim(late_words, late_starts, late_split, passes, blocks[row : row + TOGETHER], late_aims)
        at, late_at = aims[row % TOGETHER], late_aims[row % TOGETHER]
        _spans(words, starts, split, passes, blocks[row], at, sizes)
        _spans(late_words, late_starts, late_split, passes, blocks[row], late_at, late_sizes)
        over = grown(over, capped + slots)
        total, more = _cap(blocks[row], passes, caps, sizes, late_sizes, counts, over[capped:])
        capped += more
        j = grown(j, end + total)
        filled = _copy(words, at, sizes, j, end)
        filled = _copy(late_words, late_at, late_sizes, j, filled)
        filled = end + _distinct(j[end:filled])
        i = grown(i, filled)
        while end < filled:
            i[end] = row
            end += 1
    return i[:end], j[:end], counts, over[:capped]


def gather_fast(base: Passes, overlay: Passes, blocks: U32, caps: Mapping[str, int]) -> Found:
    """The pairs and counts of `matcher.blocks.gather`, compiled."""
    limits = np.array([caps[each.name] for each in PASSES])
    asked = np.ascontiguousarray(blocks)
    i, j, counts, over = _gather(
        base.words, base.starts, base.split, overlay.words, overlay.starts, overlay.split, PASS_OF, asked, limits
    )
    blocked = np.bincount((np.unique(over) >> np.uint64(32)).astype(np.int64), minlength=len(PASSES))
    return Found(i, j, counts[:, 0], blocked, counts[:, 1])
