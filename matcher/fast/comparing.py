"""The comparison of pairs, compiled. Every branch mirrors `matcher.compare` in the order in which that one overwrites."""

from __future__ import annotations

from typing import Any

import numpy as np

from matcher.batch import I32
from matcher.compare import Compared, Cuts, View
from matcher.fast.jit import jit, part
from matcher.fast.packing import GROUPS, LANE_PRINT, LANE_SIZE, PARTS, PRINTS, SIZE, ones, packed
from matcher.hashing import FILTER_WORDS
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain, Ssn4
from matcher.nicknames import GROUPS_KEPT

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
    if (a[x, PRINTS + 1] | a[x, PRINTS + 2] | b[y, PRINTS + 1] | b[y, PRINTS + 2]) == 0:
        return -1
    for q in range(3):
        for p in range(3):
            mine = a[x, PRINTS + p]
            if mine != 0 and mine == b[y, PRINTS + q]:
                return q
    return -1


@part
def _name(x: Any, y: Any, a: Any, b: Any, cuts: Any) -> Any:
    """Level of a pair of names, and the right-hand entry that agreed."""
    if x < 0 or y < 0:
        return N_MISSING, y
    size_a, size_b = np.int64(a[x, SIZE]), np.int64(b[y, SIZE])
    if a[x, PRINTS] == b[y, PRINTS]:
        return (N_EXACT if size_a > cuts[2] else N_INITIAL), y
    common = _common(a, x, b, y)
    dice = 2.0 * common / (float(size_a) + float(size_b))
    level = N_CLOSE if dice >= cuts[0] else N_SIMILAR if dice >= cuts[1] else N_DIFFER
    who = y
    q = _shared_part(a, x, b, y)
    if q >= 0:
        level = N_PART
        who = y if q == 0 else np.int32(_half(b, y, 2 * PARTS + q - 1))
    if _share_group(a, x, b, y):
        level = N_NICKNAME
    if size_a <= cuts[2] or size_b <= cuts[2]:
        level = N_INITIAL if common == min(size_a, size_b) else N_OTHER_INITIAL
    return level, who


@part
def _agrees(x: Any, y: Any, a: Any, b: Any, initial: Any) -> Any:
    return x >= 0 and y >= 0 and np.int64(a[x, SIZE]) > initial and a[x, PRINTS] == b[y, PRINTS]


@part
def _plain(x: Any, y: Any) -> Any:
    if x == 0 or y == 0:
        return 0
    return P_EXACT if x == y else P_DIFFER


@part
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


@part
def _ssn(a: Any, x: Any, b: Any, y: Any) -> Any:
    if x < 0 or y < 0:
        return 0
    if a[x, 0] == b[y, 0]:
        return S_EXACT
    for k in range(1, a.shape[1]):
        if a[x, k] == b[y, k]:
            return S_DIGIT
    return S_DIFFER


@part
def _address(i: Any, j: Any, a: Any, b: Any, left: Any, right: Any, similar: Any) -> Any:
    x, y = a[i, 5], b[j, 5]
    zips, cities = _plain(a[i, 7], b[j, 7]), _plain(a[i, 8], b[j, 8])
    if x >= 0 and y >= 0:
        number = _plain(a[i, 6], b[j, 6])
        if left[x, LANE_PRINT] == right[y, LANE_PRINT]:
            return A_STREET if number == P_EXACT else A_NAME
        if number == P_EXACT:
            dice = 2.0 * _common(left, x, right, y) / (float(left[x, LANE_SIZE]) + float(right[y, LANE_SIZE]))
            if dice >= similar:
                return A_CLOSE
        return A_MOVED_ZIP if zips == P_EXACT else A_MOVED_CITY if cities == P_EXACT else A_MOVED
    if zips == 0 and cities == 0:
        return 0
    return A_ZIP if zips == P_EXACT else A_CITY if cities == P_EXACT else A_ELSEWHERE


@part
def _swap(x: Any, y: Any, a: Any, b: Any, names_a: Any, names_b: Any, initial: Any) -> Any:
    """How names stand in each other's field: 1 first and last, 2 first and middle, 3 our first is their middle, 4 the reverse."""
    fa, ma, la = a[x, 0], a[x, 1], a[x, 2]
    fb, mb, lb = b[y, 0], b[y, 1], b[y, 2]
    if _agrees(fa, lb, names_a, names_b, initial) and _agrees(la, fb, names_a, names_b, initial):
        return 1
    forward, backward = _agrees(fa, mb, names_a, names_b, initial), _agrees(ma, fb, names_a, names_b, initial)
    return 2 if forward and backward else 3 if forward else 4 if backward else 0


@part
def compare_names(
    x: Any, y: Any, a: Any, b: Any, names_a: Any, names_b: Any, cuts: Any, levels: Any, who: Any, p: Any
) -> None:
    """Levels of the three names of left row x and right row y into column p, and whose frequency counts."""
    first, who[0, p] = _name(a[x, 0], b[y, 0], names_a, names_b, cuts)
    middle, who[1, p] = _name(a[x, 1], b[y, 1], names_a, names_b, cuts)
    last, who[2, p] = _name(a[x, 2], b[y, 2], names_a, names_b, cuts)
    if first in (N_DIFFER, N_SIMILAR, N_MISSING, N_INITIAL, N_OTHER_INITIAL):
        swapped = _swap(x, y, a, b, names_a, names_b, cuts[2])
        if swapped == 1:
            first = last = N_SWAPPED
            who[0, p], who[2, p] = b[y, 2], b[y, 0]
        elif swapped == 2:
            first = middle = N_SWAPPED
            who[0, p], who[1, p] = b[y, 1], b[y, 0]
        elif swapped:
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


@jit
def _compare(
    i: Any, j: Any, a: Any, b: Any, names_a: Any, names_b: Any, streets_a: Any, streets_b: Any, dobs_a: Any,
    dobs_b: Any, ssns_a: Any, ssns_b: Any, cuts: Any, levels: Any, who: Any,
) -> None:  # fmt: skip
    for p in range(len(i)):
        compare_names(i[p], j[p], a, b, names_a, names_b, cuts, levels, who, p)
        compare_rest(i[p], j[p], a, b, streets_a, streets_b, dobs_a, dobs_b, ssns_a, ssns_b, cuts[1], levels, p)


def both_sides(left: View, right: View) -> tuple[Any, ...]:
    """Rows and tables of two sides as compiled code takes them."""
    a, b = packed(left), packed(right)
    rows_and_names = (a.matrix, b.matrix, a.names, b.names, a.streets, b.streets)
    return (*rows_and_names, a.tables.dobs, b.tables.dobs, a.tables.ssns, b.tables.ssns)


def cuts_of(cuts: Cuts) -> tuple[float, float, int]:
    return cuts.close, cuts.similar, cuts.initial


def compare_fast(left: View, i: I32, right: View, j: I32, cuts: Cuts) -> Compared:
    """The levels of `matcher.compare.compare`, compiled."""
    levels, who = np.zeros((len(FIELDS), len(i)), np.uint8), np.zeros((3, len(i)), np.int32)
    _compare(i, j, *both_sides(left, right), cuts_of(cuts), levels, who)
    return Compared(levels, who[0], who[1], who[2])
