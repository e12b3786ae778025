"""Block lookup over all passes, compiled: what `matcher.blocks.gather` finds, in the same order.

A lookup is a few cache misses and hardly anything else. So each step is done for all keys of a booking before the next
step is: their misses are then waited for together. Where a key about stands, the key itself says, since keys are evenly
spread hashes; what stands there says how far off that is (interpolation search: Perl, Itai and Avni, 1978).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matcher.blocks import Found, Part
from matcher.fast.jit import jit, part
from matcher.hashing import U32
from matcher.passes import PASSES, slot_ranges

LOW = 0xFFFFFFFF
GAPS = (1750, 701, 301, 132, 57, 23, 10, 4, 1)
"""Of Shell's sort: for the most rows that a booking's blocks hold (Ciura, 2001)."""
OF_SLOT = np.array([(2 * n, 2 * n + 1) for n, (each, _, _) in enumerate(slot_ranges()) for _ in each.slots])
"""(SLOTS, 2): where base and overlay of each slot's pass stand in the list of parts."""


@part
def _guess(parts: Any, of_slot: Any, keys: Any, at: Any) -> None:
    """First guesses, straight from the keys."""
    for s in range(len(keys)):
        for k in range(2):
            at[s, k] = (np.int64(keys[s]) * np.int64(len(parts[of_slot[s, k]]))) >> 32


@part
def _refine(parts: Any, of_slot: Any, keys: Any, at: Any) -> None:
    """Better guesses, by how far off the entries at the last ones are."""
    for s in range(len(keys)):
        for k in range(2):
            held = parts[of_slot[s, k]]
            n = np.int64(len(held))
            if n and keys[s]:
                there = np.int64(held[min(at[s, k], n - 1)] >> np.uint64(32))
                at[s, k] = min(max(at[s, k] + (((np.int64(keys[s]) - there) * n) >> 32), 0), n)


@part
def _lower(held: Any, key: Any, at: Any) -> Any:
    """Position of the first entry not below `key`, looked for around `at` in growing steps, then by bisection."""
    n: Any = np.int64(len(held))
    lo: Any = np.int64(0)
    hi: Any = n
    step: Any = np.int64(8)
    if at < n and held[at] < key:
        lo = at + 1
        while lo + step < n and held[lo + step] < key:
            lo += step + 1
            step *= 2
        hi = min(lo + step, n)
    else:
        hi = min(at, n)
        while hi - step > 0 and held[hi - step] >= key:
            hi -= step
            step *= 2
        lo = max(hi - step, 0)
    while lo < hi:
        mid = (lo + hi) // 2
        if held[mid] < key:
            lo = mid + 1
        else:
            hi = mid
    return lo


@part
def _length(held: Any, lo: Any, key: Any) -> Any:
    """How many entries from `lo` on have the key. Most blocks are small; large ones are bisected."""
    end = lo
    while end < len(held) and end < lo + 64 and held[end] >> np.uint64(32) == key:
        end += 1
    if end == lo + 64:
        end = _lower(held, (np.uint64(key) << np.uint64(32)) | np.uint64(LOW), end)
    return end - lo


@part
def _spans(parts: Any, of_slot: Any, keys: Any, caps: Any, at: Any, sizes: Any, counts: Any, over: Any) -> Any:
    """Where each of one row's keys stands and how often; returns how many rows that is, and how many keys were capped."""
    _guess(parts, of_slot, keys, at)
    _refine(parts, of_slot, keys, at)
    _refine(parts, of_slot, keys, at)
    found, capped = np.int64(0), np.int64(0)
    for s in range(len(keys)):
        total = np.int64(0)
        for k in range(2):
            held = parts[of_slot[s, k]]
            sizes[s, k] = 0
            if keys[s] and len(held):
                at[s, k] = _lower(held, np.uint64(keys[s]) << np.uint64(32), at[s, k])
                sizes[s, k] = _length(held, at[s, k], np.uint64(keys[s]))
                total += sizes[s, k]
        p = of_slot[s, 0] // 2
        if total > caps[p]:
            counts[p, 1] += total
            over[capped] = (np.uint64(p) << np.uint64(32)) | np.uint64(keys[s])
            capped += 1
            sizes[s, 0] = sizes[s, 1] = 0
        else:
            counts[p, 0] += total
            found += total
    return found, capped


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


@jit
def _gather(parts: Any, of_slot: Any, blocks: Any, caps: Any) -> Any:
    """Row pairs, pairs found and lost by pass, and keys over the cap as (pass << 32 | key)."""
    slots = blocks.shape[1]
    at, sizes = np.empty((slots, 2), np.int64), np.empty((slots, 2), np.int64)
    counts, over = np.zeros((len(caps), 2), np.int64), np.empty(2 * slots, np.uint64)
    i, j = np.empty(64, np.int32), np.empty(64, np.int32)
    end, capped = 0, 0
    for row in range(len(blocks)):
        over = grown(over, capped + slots)
        total, more = _spans(parts, of_slot, blocks[row], caps, at, sizes, counts, over[capped:])
        capped += more
        j = grown(j, end + total)
        filled = end
        for s in range(slots):
            for k in range(2):
                held = parts[of_slot[s, k]]
                for n in range(at[s, k], at[s, k] + sizes[s, k]):
                    j[filled] = np.int32(held[n] & np.uint64(LOW))
                    filled += 1
        filled = end + _distinct(j[end:filled])
        i = grown(i, filled)
        while end < filled:
            i[end] = row
            end += 1
    return i[:end], j[:end], counts, over[:capped]


def gather_fast(parts: Sequence[Part], blocks: U32, caps: Mapping[str, int]) -> Found:
    """The pairs and counts of `matcher.blocks.gather`, compiled."""
    flat = tuple(array for each in parts for array in each)
    limits = np.array([caps[each.name] for each in PASSES])
    i, j, counts, over = _gather(flat, OF_SLOT, np.ascontiguousarray(blocks), limits)
    blocked = np.bincount((np.unique(over) >> np.uint64(32)).astype(np.int64), minlength=len(PASSES))
    return Found(i, j, counts[:, 0], blocked, counts[:, 1])
