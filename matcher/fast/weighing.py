"""Comparing, weighing and choosing pairs in one go, compiled: what `matcher.weigh.weighed` keeps, to the last bit.

Nothing here takes a logarithm: every number is looked up in the tables that the reference looks it up in, and the fields'
bits are added in its order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from matcher.batch import I32
from matcher.compare import View
from matcher.fast.ahead import fetch
from matcher.fast.comparing import (
    A_STREET,
    ADDRESS,
    AHEAD,
    CUTS,
    D_EXACT,
    DOB,
    N_CLOSE,
    N_EXACT,
    N_NICKNAME,
    N_PART,
    N_SIMILAR,
    N_SWAPPED,
    P_EXACT,
    PAIRS,
    PHONE,
    SIDES,
    both_sides,
    compare_names,
    compare_rest,
    cuts_of,
    fetch_pair,
)
from matcher.fast.jit import jit, part
from matcher.fast.lookup import grown
from matcher.fast.packing import bisect
from matcher.levels import FIELD_NUMBER
from matcher.weigh import LEVELS, Measures, Weighed

NAME_FIELDS = tuple(FIELD_NUMBER[f] for f in ("first", "middle", "last"))
KNOWN = len(NAME_FIELDS)
"""From this column of the table `rare`, (names, 6), on: whether the name is known."""
AVERAGE, LOG_M, BY_VALUE = 0, 1, 2
"""Layers of the table `worth`, (3, fields, levels)."""


@part
def _counted(value: Any, held: Any, by_count: Any) -> Any:
    """Bits of agreeing on a value, by how often it stands in a sorted list."""
    at = bisect(held, value)
    end = at
    while end < len(held) and held[end] == value:
        end += 1
    return by_count[end - at]


@part
def _name_bits(
    k: Any, level: Any, entry: Any, who: Any, worth: Any, variants: Any, rare: Any, strange: Any, same: Any, classes: Any,
) -> Any:  # fmt: skip
    """Bits of name field k; a nickname's or misspelling's as in `matcher.weigh._variants`."""
    f = NAME_FIELDS[k]
    average, log_m = worth[AVERAGE, f, level], worth[LOG_M, f, level]
    if level in (N_EXACT, N_PART, N_SWAPPED):
        return log_m + rare[who, k] if worth[BY_VALUE, f, level] else average
    if level not in (N_NICKNAME, N_CLOSE, N_SIMILAR):
        return average
    listed, at = classes[entry, 1 if k == 2 else 0], same[entry]
    mine, mine_known = (rare[at, k], rare[at, KNOWN + k] != 0) if at >= 0 else (strange[k, listed], listed > 0)
    theirs = rare[who, k]
    ceiling = min(average + variants[LEVELS], mine, theirs)
    if not (mine_known and rare[who, KNOWN + k] != 0):
        return ceiling
    return min(log_m - 1 - variants[level] + max(mine, theirs), ceiling)


@part
def _value_bits(
    row: Any, b: Any, levels: Any, worth: Any, dobs: Any, phones: Any, phone_bits: Any, bits: Any,
) -> None:  # fmt: skip
    """Replaces the bits of a birth date or phone that agreed by those of its rarity."""
    if levels[DOB, 0] == D_EXACT and worth[BY_VALUE, DOB, D_EXACT]:
        bits[DOB] = worth[LOG_M, DOB, D_EXACT] + dobs[b[row, 3]]
    if levels[PHONE, 0] == P_EXACT and worth[BY_VALUE, PHONE, P_EXACT]:
        bits[PHONE] = worth[LOG_M, PHONE, P_EXACT] + _counted(np.uint32(b[row, 9]), phones, phone_bits)


@part
def _street_bits(row: Any, b: Any, worth: Any, streets: Any, street_bits: Any, bits: Any, above: Any) -> None:
    """The same for a street, where even the rarest one's bits could lift the pair above the bound."""
    log_m = worth[LOG_M, ADDRESS, A_STREET]
    bits[ADDRESS] = log_m + street_bits[0]
    if bits.sum() > above - 1:
        street = (np.uint64(b[row, 5]) << np.uint64(32)) | np.uint64(np.uint32(b[row, 6]))
        bits[ADDRESS] = log_m + _counted(street, streets, street_bits)


@part
def _fetch_rarities(row: Any, b: Any, rare: Any, dob_bits: Any) -> None:
    """Asks for what weighing a later pair will read."""
    for k in range(3):
        fetch(rare, max(b[row, k], 0), 8 * rare.shape[1])
    fetch(dob_bits, max(b[row, 3], 0), 8)


@part
def _taller(table: Any, room: Any) -> Any:
    tall = np.empty((room, table.shape[1]), table.dtype)
    for n in range(len(table)):
        for k in range(table.shape[1]):
            tall[n, k] = table[n, k]
    return tall


@jit(
    *PAIRS, "f8", *SIDES, CUTS, "i4[]", "u1[,]", "f8[,,]", "f8[]", "f8[,]", "f8[,]", "f8[]", "u4[]", "f8[]", "u8[]", "f8[]"
)  # fmt: skip
def _weighed(
    i: Any, j: Any, above: Any, a: Any, b: Any, names_a: Any, names_b: Any, streets_a: Any, streets_b: Any, dobs_a: Any,
    dobs_b: Any, ssns_a: Any, ssns_b: Any, cuts: Any, same: Any, classes: Any, worth: Any, variants: Any, rare: Any,
    strange: Any, dob_bits: Any, phones: Any, phone_bits: Any, lanes: Any, lane_bits: Any,
) -> Any:  # fmt: skip
    """Positions in i and j of the pairs above the bound, with their levels, bits and weights."""
    fields, room, found = worth.shape[1], 64, 0
    kept, weights = np.empty(room, np.int64), np.empty(room)
    all_levels, all_bits = np.empty((room, fields), np.uint8), np.empty((room, fields))
    levels, bits, who = np.empty((fields, 1), np.uint8), np.empty(fields), np.empty((3, 1), np.int32)
    for p in range(len(i)):
        fetch_pair(p, j, b, names_b, streets_b, dobs_b, ssns_b)
        _fetch_rarities(j[min(p + AHEAD, len(j) - 1)], b, rare, dob_bits)
        x, y = i[p], j[p]
        compare_names(x, y, a, b, names_a, names_b, cuts, levels, who, 0)
        compare_rest(x, y, a, b, streets_a, streets_b, dobs_a, dobs_b, ssns_a, ssns_b, cuts[1], levels, 0)
        for f in range(fields):
            bits[f] = worth[AVERAGE, f, levels[f, 0]]
        for k in range(3):
            f = NAME_FIELDS[k]
            bits[f] = _name_bits(k, levels[f, 0], a[x, k], who[k, 0], worth, variants, rare, strange, same, classes)
        _value_bits(y, b, levels, worth, dob_bits, phones, phone_bits, bits)
        if levels[ADDRESS, 0] == A_STREET and worth[BY_VALUE, ADDRESS, A_STREET]:
            _street_bits(y, b, worth, lanes, lane_bits, bits, above)
        weight = 0.0
        for f in range(fields):
            weight += bits[f]
        if not weight > above:
            continue
        if found == room:
            room *= 4
            kept, weights = grown(kept, room), grown(weights, room)
            all_levels, all_bits = _taller(all_levels, room), _taller(all_bits, room)
        kept[found], weights[found] = p, weight
        for f in range(fields):
            all_levels[found, f], all_bits[found, f] = levels[f, 0], bits[f]
        found += 1
    return kept[:found], all_levels[:found], all_bits[:found], weights[:found]


def weighed_fast(left: View, i: I32, right: View, j: I32, by: Measures) -> Weighed:
    """The pairs of `matcher.weigh.weighed`, compiled."""
    told = by.scales.frequencies
    kept, levels, bits, weights = _weighed(
        i, j, by.above, *both_sides(left, right), cuts_of(by.cuts), by.same, left.tables.name_classes,
        *by.scales.packed, told.dob, told.phone.sorted, told.phone.by_count, told.street.sorted, told.street.by_count,
    )  # fmt: skip
    return Weighed(i[kept], j[kept], levels.T, bits.T, weights)
