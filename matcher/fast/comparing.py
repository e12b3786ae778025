"""The comparison of pairs, compiled. Every branch mirrors `matcher.compare` in the order in which that one overwrites."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from matcher.batch import COLUMNS, DOB_TOKENS, I32, SSN_TOKENS
from matcher.compare import Compared, Cuts, View
from matcher.fast.ahead import fetch
from matcher.fast.jit import jit, part
from matcher.fast.packing import (
    FIRST_GROUP,
    GROUPS,
    HAS_PARTS,
    LANE_PRINT,
    LANE_SIZE,
    PARTS,
    PRINTS,
    SIZE,
    SIZE_BITS,
    ones,
    packed,
)
from matcher.hashing import FILTER_WORDS
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain, Ssn4
from matcher.nicknames import GROUPS_KEPT

N_MISSING, N_EXACT, N_NICKNAME, N_INITIAL = int(Name.MISSING), int(Name.EXACT), int(Name.NICKNAME), int(Name.INITIAL)
N_PART, N_CLOSE, N_SIMILAR, N_SWAPPED = int(Name.PART), int(Name.CLOSE), int(Name.SIMILAR), int(Name.SWAPPED)
N_DIFFER, N_OTHER_INITIAL = int(Name.DIFFER), int(Name.OTHER_INITIAL)
WEAK = sum(1 << level for level in (N_DIFFER, N_SIMILAR, N_MISSING, N_INITIAL, N_OTHER_INITIAL))
"""Levels of a first name, as bits, which leave room for another field's name."""
AHEAD = 16
"""Pairs between the asking for a row, for what it points to, and the comparison."""
ROW, NAME, STREET, DATE, DIGITS = 4 * len(COLUMNS), 8 * GROUPS, 8 * LANE_SIZE, 4 * DOB_TOKENS, 4 * SSN_TOKENS
"""Bytes of each that are read of nearly every pair."""
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


@part
def _common(a: Any, x: Any, b: Any, y: Any) -> Any:
    """Bits that two filters share."""
    total = 0
    for k in range(FILTER_WORDS):
        total += ones(a[x, k] & b[y, k])
    return total


@part
def _half(a: Any, x: Any, at: Any) -> Any:
    """The `at`-th 32-bit value of a packed row."""
    return (a[x, at // 2] >> np.uint64(32 * (at % 2))) & np.uint64(0xFFFFFFFF)


@part
def _share_group(a: Any, x: Any, b: Any, y: Any) -> Any:
    """Whether two names share a group; groups stand at the front of theirs."""
    for p in range(GROUPS_KEPT):
        mine = _half(a, x, 2 * GROUPS + p)
        if mine == 0:
            return False
        for q in range(GROUPS_KEPT):
            theirs = _half(b, y, 2 * GROUPS + q)
            if theirs == 0:
                break
            if mine == theirs:
                return True
    return False


@part
def _shared_part(a: Any, x: Any, b: Any, y: Any) -> Any:
    """Which of the right-hand name's whole (0) and parts (1, 2) is the whole or a part of the left-hand one; or -1."""
    for q in range(3):
        for p in range(3):
            mine = a[x, PRINTS + p]
            if mine != 0 and mine == b[y, PRINTS + q]:
                return q
    return -1


@part
def _name(x: Any, y: Any, a: Any, b: Any, cuts: Any) -> Any:
    """Level of a pair of names, and the right-hand entry that agreed. What is unknown is read as entry 0 and masked."""
    known = (x >= 0) & (y >= 0)
    m, n = max(x, 0), max(y, 0)
    marks_a, marks_b = a[m, SIZE], b[n, SIZE]
    size_a, size_b = np.int64(marks_a & SIZE_BITS), np.int64(marks_b & SIZE_BITS)
    equal = a[m, PRINTS] == b[n, PRINTS]
    common = _common(a, m, b, n)
    dice = 2.0 * common / (float(size_a) + float(size_b))
    level = N_CLOSE if dice >= cuts[0] else N_SIMILAR if dice >= cuts[1] else N_DIFFER
    who = y
    unequal = known & (not equal)
    if unequal & (((marks_a | marks_b) & HAS_PARTS) != 0):
        q = _shared_part(a, m, b, n)
        if q >= 0:
            level = N_PART
            who = y if q == 0 else np.int32(_half(b, n, 2 * PARTS + q - 1))
    if unequal & (((marks_a & marks_b) >> np.uint64(FIRST_GROUP)) != 0) and _share_group(a, m, b, n):
        level = N_NICKNAME
    held = N_INITIAL if common == min(size_a, size_b) else N_OTHER_INITIAL
    level = held if (size_a <= cuts[2]) | (size_b <= cuts[2]) else level
    level = (N_EXACT if size_a > cuts[2] else N_INITIAL) if equal else level
    return level if known else N_MISSING, who


@part
def _whole(x: Any, names: Any, least: Any) -> Any:
    """Digest of a name that is known and has more than `least` bits, and whether it has."""
    n = max(x, 0)
    return names[n, PRINTS], (x >= 0) & (np.int64(names[n, SIZE] & SIZE_BITS) > least)


@part
def _plain(x: Any, y: Any) -> Any:
    level = P_EXACT if x == y else P_DIFFER
    return 0 if (x == 0) | (y == 0) else level


@part
def _dob(a: Any, x: Any, b: Any, y: Any) -> Any:
    m, n = max(x, 0), max(y, 0)
    same: Any = 0
    for k in range(DOB_TOKENS):
        same |= np.int64((a[m, k] == b[n, k]) & (a[m, k] != 0)) << k
    level = D_TWO if same & 0b11100 else D_DIFFER
    level = D_DIGIT if same >> 6 & 0x1FF else level
    level = D_SWAPPED if same & 2 else level
    if (a[m, 0] == 0) | (b[n, 0] == 0):
        k = 3 if a[m, 3] != 0 and b[n, 3] != 0 else 5
        level = D_PARTIAL if same >> k & 1 else D_OTHER
    impossible = ((a[m, 0] != 0) & (a[m, 5] == 0)) | ((b[n, 0] != 0) & (b[n, 5] == 0))
    level = 0 if impossible & (level != D_DIGIT) else level
    level = D_EXACT if same & 1 else level
    return level if (x >= 0) & (y >= 0) else 0


@part
def _ssn(a: Any, x: Any, b: Any, y: Any) -> Any:
    m, n = max(x, 0), max(y, 0)
    level = S_DIFFER
    for k in range(1, SSN_TOKENS):
        level = S_DIGIT if a[m, k] == b[n, k] else level
    level = S_EXACT if a[m, 0] == b[n, 0] else level
    return level if (x >= 0) & (y >= 0) else 0


@part
def _address(i: Any, j: Any, a: Any, b: Any, left: Any, right: Any, similar: Any) -> Any:
    x, y = a[i, 5], b[j, 5]
    both = (x >= 0) & (y >= 0)
    m, n = max(x, 0), max(y, 0)
    number = _plain(a[i, 6], b[j, 6]) == P_EXACT
    zips, cities = _plain(a[i, 7], b[j, 7]), _plain(a[i, 8], b[j, 8])
    level = A_MOVED if both else A_ELSEWHERE
    level = (A_MOVED_CITY if both else A_CITY) if cities == P_EXACT else level
    level = (A_MOVED_ZIP if both else A_ZIP) if zips == P_EXACT else level
    level = 0 if (not both) & (zips == 0) & (cities == 0) else level
    same = left[m, LANE_PRINT] == right[n, LANE_PRINT]
    if both & number & (not same):
        dice = 2.0 * _common(left, m, right, n) / (float(left[m, LANE_SIZE]) + float(right[n, LANE_SIZE]))
        level = A_CLOSE if dice >= similar else level
    return (A_STREET if number else A_NAME) if both & same else level


@part
def _swap(x: Any, y: Any, a: Any, b: Any, names_a: Any, names_b: Any, initial: Any) -> Any:
    """How names stand in each other's field: 1 first and last, 2 first and middle, 3 our first is their middle, 4 the reverse."""
    (first, f), (middle, m), (last, n) = (
        _whole(a[x, 0], names_a, initial), _whole(a[x, 1], names_a, initial), _whole(a[x, 2], names_a, initial),
    )  # fmt: skip
    (their_first, p), (their_middle, q), (their_last, r) = (
        _whole(b[y, 0], names_b, -1), _whole(b[y, 1], names_b, -1), _whole(b[y, 2], names_b, -1),
    )  # fmt: skip
    crossed = f & r & (first == their_last) & n & p & (last == their_first)
    forward, backward = f & q & (first == their_middle), m & p & (middle == their_first)
    return 1 if crossed else 2 if forward & backward else 3 if forward else 4 if backward else 0


@part
def compare_names(
    x: Any, y: Any, a: Any, b: Any, names_a: Any, names_b: Any, cuts: Any, levels: Any, who: Any, p: Any
) -> None:
    """Levels of the three names of left row x and right row y into column p, and whose frequency counts."""
    first, who[0, p] = _name(a[x, 0], b[y, 0], names_a, names_b, cuts)
    middle, who[1, p] = _name(a[x, 1], b[y, 1], names_a, names_b, cuts)
    last, who[2, p] = _name(a[x, 2], b[y, 2], names_a, names_b, cuts)
    if WEAK >> first & 1:
        swapped = _swap(x, y, a, b, names_a, names_b, cuts[2])
        if swapped == 1:
            first = last = N_SWAPPED
            who[0, p], who[2, p] = b[y, 2], b[y, 0]
        elif swapped == 2:
            first = middle = N_SWAPPED
            who[0, p], who[1, p] = b[y, 1], b[y, 0]
        elif swapped > 1:
            first, middle = N_SWAPPED, N_MISSING
            who[0, p] = b[y, 1] if swapped == 3 else b[y, 0]
    levels[FIRST, p], levels[MIDDLE, p], levels[LAST, p] = first, middle, last


@part
def compare_rest(
    x: Any, y: Any, a: Any, b: Any, streets_a: Any, streets_b: Any, dobs_a: Any, dobs_b: Any, ssns_a: Any,
    ssns_b: Any, similar: Any, levels: Any, p: Any,
) -> None:  # fmt: skip
    """Levels of every other field."""
    levels[SUFFIX, p] = _plain(a[x, 11], b[y, 11])
    levels[DOB, p] = _dob(dobs_a, a[x, 3], dobs_b, b[y, 3])
    levels[SEX, p] = _plain(a[x, 10], b[y, 10])
    levels[SSN4, p] = _ssn(ssns_a, a[x, 4], ssns_b, b[y, 4])
    levels[PHONE, p] = _plain(a[x, 9], b[y, 9])
    levels[ADDRESS, p] = _address(x, y, a, b, streets_a, streets_b, similar)


@part
def fetch_pair(p: Any, j: Any, b: Any, names_b: Any, streets_b: Any, dobs_b: Any, ssns_b: Any) -> None:
    """Asks for what a comparison of some later pair will read: first its row, then what the row points to."""
    fetch(b, j[min(p + 2 * AHEAD, len(j) - 1)], ROW)
    y = j[min(p + AHEAD, len(j) - 1)]
    for k in range(3):
        fetch(names_b, max(b[y, k], 0), NAME)
    fetch(dobs_b, max(b[y, 3], 0), DATE)
    fetch(ssns_b, max(b[y, 4], 0), DIGITS)
    fetch(streets_b, max(b[y, 5], 0), STREET)


PAIRS = ("i4[]", "i4[]")
SIDES = ("i4[,]", "i4[,]", "u8[,]", "u8[,]", "u8[,]", "u8[,]", "u4[,]", "u4[,]", "u4[,]", "u4[,]")
"""Of `both_sides`."""
_tuple: Any = types.Tuple
CUTS = _tuple((types.float64, types.float64, types.int64))


@jit(*PAIRS, *SIDES, CUTS, "u1[,]!", "i4[,]!")
def _compare(
    i: Any, j: Any, a: Any, b: Any, names_a: Any, names_b: Any, streets_a: Any, streets_b: Any, dobs_a: Any,
    dobs_b: Any, ssns_a: Any, ssns_b: Any, cuts: Any, levels: Any, who: Any,
) -> None:  # fmt: skip
    for p in range(len(i)):
        fetch_pair(p, j, b, names_b, streets_b, dobs_b, ssns_b)
        compare_names(i[p], j[p], a, b, names_a, names_b, cuts, levels, who, p)
        compare_rest(i[p], j[p], a, b, streets_a, streets_b, dobs_a, dobs_b, ssns_a, ssns_b, cuts[1], levels, p)


def both_sides(left: View, right: View) -> tuple[Any, ...]:
    """Rows and tables of two sides as compiled code takes them."""
    a, b = packed(left), packed(right)
    return a.matrix, b.matrix, a.names, b.names, a.streets, b.streets, a.dobs, b.dobs, a.ssns, b.ssns


def cuts_of(cuts: Cuts) -> tuple[float, float, int]:
    return cuts.close, cuts.similar, cuts.initial


def compare_fast(left: View, i: I32, right: View, j: I32, cuts: Cuts) -> Compared:
    """The levels of `matcher.compare.compare`, compiled."""
    levels, who = np.zeros((len(FIELDS), len(i)), np.uint8), np.zeros((3, len(i)), np.int32)
    _compare(i, j, *both_sides(left, right), cuts_of(cuts), levels, who)
    return Compared(levels, who[0], who[1], who[2])
