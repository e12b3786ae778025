"""Comparison, block lookup and keyed hash compiled by numba: the same as the numpy ones, bit for bit.

Optional (extra `fast`). Every branch mirrors the numpy reference in the order in which that one overwrites.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from matcher.batch import I32
from matcher.compare import Compared, Cuts, View
from matcher.hashing import U32, U64
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain, Ssn4

_jit = numba.njit(cache=True, nogil=True)

N_MISSING, N_EXACT, N_NICKNAME, N_INITIAL = int(Name.MISSING), int(Name.EXACT), int(Name.NICKNAME), int(Name.INITIAL)
N_PART, N_CLOSE, N_SIMILAR, N_SWAPPED = int(Name.PART), int(Name.CLOSE), int(Name.SIMILAR), int(Name.SWAPPED)
N_DIFFER, N_OTHER_INITIAL = int(Name.DIFFER), int(Name.OTHER_INITIAL)
D_EXACT, D_SWAPPED, D_DIGIT, D_TWO = int(Dob.EXACT), int(Dob.DAY_MONTH_SWAPPED), int(Dob.DIGIT), int(Dob.TWO_PARTS)
D_PARTIAL, D_DIFFER, D_OTHER = int(Dob.PARTIAL), int(Dob.DIFFER), int(Dob.OTHER_PARTIAL)
S_EXACT, S_DIGIT, S_DIFFER = int(Ssn4.EXACT), int(Ssn4.DIGIT), int(Ssn4.DIFFER)
P_EXACT, P_DIFFER = int(Plain.EXACT), int(Plain.DIFFER)
A_STREET, A_CLOSE, A_NAME = int(Address.STREET), int(Address.STREET_CLOSE), int(Address.STREET_NAME)
A_MOVED_ZIP, A_MOVED_CITY, A_MOVED = int(Address.MOVED_ZIP), int(Address.MOVED_CITY), int(Address.MOVED)
A_ZIP, A_CITY, A_ELSEWHERE = int(Address.ZIP), int(Address.CITY), int(Address.ELSEWHERE)
FIRST, MIDDLE, LAST = FIELD_NUMBER["first"], FIELD_NUMBER["middle"], FIELD_NUMBER["last"]
SUFFIX, SEX, PHONE = FIELD_NUMBER["suffix"], FIELD_NUMBER["sex"], FIELD_NUMBER["phone"]
DOB, SSN4, ADDRESS = FIELD_NUMBER["dob"], FIELD_NUMBER["ssn4"], FIELD_NUMBER["address"]


@_jit
def _ones(word: Any) -> Any:
    """Set bits of a 64-bit word (Hacker's Delight, 5-2); LLVM makes it one instruction."""
    w = np.uint64(word)
    w = w - ((w >> np.uint64(1)) & np.uint64(0x5555555555555555))
    w = (w & np.uint64(0x3333333333333333)) + ((w >> np.uint64(2)) & np.uint64(0x3333333333333333))
    w = (w + (w >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((w * np.uint64(0x0101010101010101)) >> np.uint64(56))


@_jit
def _common(a: Any, x: Any, b: Any, y: Any) -> Any:
    total = 0
    for k in range(a.shape[1]):
        total += _ones(a[x, k] & b[y, k])
    return total


@_jit
def _share_group(a: Any, x: Any, b: Any, y: Any) -> Any:
    """Whether two names share a group; groups stand at the front of their row."""
    for p in range(a.shape[1]):
        if a[x, p] == 0:
            return False
        for q in range(b.shape[1]):
            if b[y, q] == 0:
                break
            if a[x, p] == b[y, q]:
                return True
    return False


@_jit
def _name(x: Any, y: Any, left: Any, right: Any, cuts: Any) -> Any:
    """Level of a pair of names, and the right-hand entry that agreed."""
    if x < 0 or y < 0:
        return N_MISSING, y
    filters_a, prints_a, sizes_a, groups_a, _ = left
    filters_b, prints_b, sizes_b, groups_b, parts_b = right
    size_a, size_b = np.int64(sizes_a[x]), np.int64(sizes_b[y])
    if prints_a[x, 0] == prints_b[y, 0]:
        return (N_EXACT if size_a > cuts[2] else N_INITIAL), y
    common = _common(filters_a, x, filters_b, y)
    dice = 2.0 * common / (float(size_a) + float(size_b))
    level = N_CLOSE if dice >= cuts[0] else N_SIMILAR if dice >= cuts[1] else N_DIFFER
    who = y
    if prints_a[x, 1] | prints_a[x, 2] | prints_b[y, 1] | prints_b[y, 2]:
        for q in range(3):
            hit = False
            for p in range(3):
                hit = hit or (prints_a[x, p] != 0 and prints_a[x, p] == prints_b[y, q])
            if hit:
                level = N_PART
                who = y if q == 0 else parts_b[y, q - 1]
                break
    if _share_group(groups_a, x, groups_b, y):
        level = N_NICKNAME
    if size_a <= cuts[2] or size_b <= cuts[2]:
        level = N_INITIAL if common == min(size_a, size_b) else N_OTHER_INITIAL
    return level, who


@_jit
def _agrees(x: Any, y: Any, left: Any, right: Any, initial: Any) -> Any:
    return x >= 0 and y >= 0 and left[2][x] > initial and left[1][x, 0] == right[1][y, 0]


@_jit
def _plain(x: Any, y: Any) -> Any:
    if x == 0 or y == 0:
        return 0
    return P_EXACT if x == y else P_DIFFER


@_jit
def _dob(a: Any, x: Any, b: Any, y: Any) -> Any:
    if x < 0 or y < 0:
        return 0
    if a[x, 0] == b[y, 0] and a[x, 0] != 0:
        return D_EXACT
    level = D_DIFFER
    for k in range(2, 5):
        if a[x, k] == b[y, k] and a[x, k] != 0:
            level = D_TWO
    for k in range(6, 15):
        if a[x, k] == b[y, k] and a[x, k] != 0:
            level = D_DIGIT
    if a[x, 1] == b[y, 1] and a[x, 1] != 0:
        level = D_SWAPPED
    if a[x, 0] == 0 or b[y, 0] == 0:
        k = 3 if a[x, 3] != 0 and b[y, 3] != 0 else 5
        level = D_PARTIAL if a[x, k] == b[y, k] and a[x, k] != 0 else D_OTHER
    impossible = (a[x, 0] != 0 and a[x, 5] == 0) or (b[y, 0] != 0 and b[y, 5] == 0)
    return 0 if impossible and level != D_DIGIT else level


@_jit
def _ssn(a: Any, x: Any, b: Any, y: Any) -> Any:
    if x < 0 or y < 0:
        return 0
    if a[x, 0] == b[y, 0]:
        return S_EXACT
    for k in range(1, a.shape[1]):
        if a[x, k] == b[y, k]:
            return S_DIGIT
    return S_DIFFER


@_jit
def _address(i: Any, j: Any, a: Any, b: Any, left: Any, right: Any, similar: Any) -> Any:  # noqa: PLR0917 - compiled code takes arrays, not objects
    x, y = a[i, 5], b[j, 5]
    zips, cities = _plain(a[i, 7], b[j, 7]), _plain(a[i, 8], b[j, 8])
    if x >= 0 and y >= 0:
        number = _plain(a[i, 6], b[j, 6])
        if left[1][x] == right[1][y]:
            return A_STREET if number == P_EXACT else A_NAME
        if number == P_EXACT:
            dice = 2.0 * _common(left[0], x, right[0], y) / (float(left[2][x]) + float(right[2][y]))
            if dice >= similar:
                return A_CLOSE
        return A_MOVED_ZIP if zips == P_EXACT else A_MOVED_CITY if cities == P_EXACT else A_MOVED
    if zips == 0 and cities == 0:
        return 0
    return A_ZIP if zips == P_EXACT else A_CITY if cities == P_EXACT else A_ELSEWHERE


@_jit
def _compare(i: Any, j: Any, a: Any, b: Any, left: Any, right: Any, cuts: Any, levels: Any, who: Any) -> None:  # noqa: PLR0917 - compiled code takes arrays, not objects
    names_a, streets_a, dobs_a, ssns_a = left
    names_b, streets_b, dobs_b, ssns_b = right
    for p in range(len(i)):
        x, y = i[p], j[p]
        fa, ma, la = a[x, 0], a[x, 1], a[x, 2]
        fb, mb, lb = b[y, 0], b[y, 1], b[y, 2]
        first, who[0, p] = _name(fa, fb, names_a, names_b, cuts)
        middle, who[1, p] = _name(ma, mb, names_a, names_b, cuts)
        last, who[2, p] = _name(la, lb, names_a, names_b, cuts)
        if first in (N_DIFFER, N_SIMILAR, N_MISSING, N_INITIAL, N_OTHER_INITIAL):
            forward, backward = _agrees(fa, mb, names_a, names_b, cuts[2]), _agrees(ma, fb, names_a, names_b, cuts[2])
            if _agrees(fa, lb, names_a, names_b, cuts[2]) and _agrees(la, fb, names_a, names_b, cuts[2]):
                first = last = N_SWAPPED
                who[0, p], who[2, p] = lb, fb
            elif forward and backward:
                first = middle = N_SWAPPED
                who[0, p], who[1, p] = mb, fb
            elif forward or backward:
                first, middle = N_SWAPPED, N_MISSING
                who[0, p] = mb if forward else fb
        levels[FIRST, p], levels[MIDDLE, p], levels[LAST, p] = first, middle, last
        levels[SUFFIX, p] = _plain(a[x, 11], b[y, 11])
        levels[DOB, p] = _dob(dobs_a, a[x, 3], dobs_b, b[y, 3])
        levels[SEX, p] = _plain(a[x, 10], b[y, 10])
        levels[SSN4, p] = _ssn(ssns_a, a[x, 4], ssns_b, b[y, 4])
        levels[PHONE, p] = _plain(a[x, 9], b[y, 9])
        levels[ADDRESS, p] = _address(x, y, a, b, streets_a, streets_b, cuts[1])


def _tables(view: View) -> tuple[Any, ...]:
    t = view.tables
    names = (t.name_filters, view.name_prints, view.name_sizes, t.name_groups, t.name_parts)
    return names, (t.street_filters, view.street_prints, view.street_sizes), t.dobs, t.ssns


def compare_fast(left: View, i: I32, right: View, j: I32, cuts: Cuts) -> Compared:
    """The levels of `matcher.compare.compare`, compiled."""
    levels = np.zeros((len(FIELDS), len(i)), np.uint8)
    who = np.zeros((3, len(i)), np.int32)
    _compare(
        i,
        j,
        left.matrix,
        right.matrix,
        _tables(left),
        _tables(right),
        (cuts.close, cuts.similar, cuts.initial),
        levels,
        who,
    )
    return Compared(levels, who[0], who[1], who[2])


LOW = 0xFFFFFFFF


@_jit
def _lower(part: Any, key: Any) -> Any:
    """Position of the first entry not below `key`, where numpy's bisection would find it.

    Blocking keys are hashes, evenly spread: a key says about where it stands, and what stands there how far off that
    is (interpolation search: Perl, Itai and Avni, 1978). A lookup costs a few cache misses instead of twenty.
    """
    n: Any = np.int64(len(part))
    sought: Any = np.int64(np.uint64(key) >> np.uint64(32))
    at: Any = (sought * n) >> 32
    for _ in range(2):
        there = np.int64(part[min(at, n - 1)] >> np.uint64(32))
        at = min(max(at + (((sought - there) * n) >> 32), 0), n)
    lo: Any = np.int64(0)
    hi: Any = n
    step: Any = np.int64(8)
    if at < n and part[at] < key:
        lo = at + 1
        while lo + step < n and part[lo + step] < key:
            lo += step + 1
            step *= 2
        hi = min(lo + step, n)
    else:
        hi = min(at, n)
        while hi - step > 0 and part[hi - step] >= key:
            hi -= step
            step *= 2
        lo = max(hi - step, 0)
    while lo < hi:
        mid = (lo + hi) // 2
        if part[mid] < key:
            lo = mid + 1
        else:
            hi = mid
    return lo


@_jit
def _length(part: Any, lo: Any, key: Any) -> Any:
    """How many entries from `lo` on have the key. Most blocks are small; large ones are bisected."""
    end = lo
    while end < len(part) and end < lo + 64 and part[end] >> np.uint64(32) == key:
        end += 1
    if end == lo + 64:
        end = _lower(part, (np.uint64(key) << np.uint64(32)) | np.uint64(LOW))
    return end - lo


@_jit
def _spans(parts: Any, keys: Any, cap: Any, spans: Any) -> Any:
    """Fills where each key's entries stand in base and overlay; returns pairs found, and pairs the cap kept back."""
    found, dropped = np.int64(0), np.int64(0)
    for k in range(len(keys)):
        low = np.uint64(keys[k]) << np.uint64(32)
        total = np.int64(0)
        for p in range(2):
            spans[k, 2 * p], spans[k, 2 * p + 1] = 0, 0
            if len(parts[p]):
                lo = _lower(parts[p], low)
                spans[k, 2 * p], spans[k, 2 * p + 1] = lo, _length(parts[p], lo, np.uint64(keys[k]))
                total += spans[k, 2 * p + 1]
        if total > cap:
            dropped += total
            spans[k, 1], spans[k, 3] = -1, 0
        else:
            found += total
    return found, dropped


@_jit
def _lookup(parts: Any, blocks: Any, cap: Any) -> Any:
    """Pairs (asking row << 32 | held row) of one pass, keys over the cap, and how many pairs they would have been."""
    asked = np.flatnonzero(blocks)
    width = blocks.shape[1]
    keys = np.empty(len(asked), np.uint32)
    for n in range(len(asked)):
        keys[n] = blocks[asked[n] // width, asked[n] % width]
    spans = np.empty((len(keys), 4), np.int64)
    found, dropped = _spans(parts, keys, cap, spans)
    pairs, at = np.empty(found, np.uint64), 0
    for k in range(len(keys)):
        asking = np.uint64(asked[k] // width) << np.uint64(32)
        for p in range(2):
            for n in range(spans[k, 2 * p + 1]):
                pairs[at] = asking | (parts[p][spans[k, 2 * p] + n] & np.uint64(LOW))
                at += 1
    return pairs, keys[spans[:, 1] < 0], dropped


def lookup_fast(parts: tuple[U64, U64], blocks: U32, cap: int) -> tuple[U64, int, int]:
    """What `matcher.blocks.lookup` finds, in another order, compiled."""
    pairs, over, dropped = _lookup(parts, blocks, cap)
    return pairs, len(np.unique(over)) if len(over) else 0, int(dropped)


@_jit
def _turn(x: Any, by: Any) -> Any:
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


@_jit
def _sip_round(a: Any, b: Any, c: Any, d: Any) -> Any:
    a, c = a + b, c + d
    b, d = _turn(b, 13) ^ a, _turn(d, 16) ^ c
    a = _turn(a, 32)
    c, a = c + b, a + d
    b, d = _turn(b, 17) ^ c, _turn(d, 21) ^ a
    return a, b, _turn(c, 32), d


@_jit
def _siphash(seeds: Any, words: Any, found: Any) -> None:
    length = np.uint64((8 * len(words) & 0xFF) << 56)
    for n in range(words.shape[1]):
        a, b, c, d = seeds[0], seeds[1], seeds[2], seeds[3]
        for k in range(len(words) + 1):
            word = words[k, n] if k < len(words) else length
            d ^= word
            for _ in range(2):
                a, b, c, d = _sip_round(a, b, c, d)
            a ^= word
        c ^= np.uint64(0xFF)
        for _ in range(4):
            a, b, c, d = _sip_round(a, b, c, d)
        found[n] = a ^ b ^ c ^ d


def siphash_fast(key: bytes, words: Sequence[U64]) -> U64:
    """The hashes of `matcher.hashing.siphash`, compiled."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    seeds = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    found = np.empty(len(words[0]), np.uint64)
    _siphash(np.array(seeds, np.uint64), np.array(words, np.uint64), found)
    return found
