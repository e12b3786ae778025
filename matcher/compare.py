"""Pairs of encoded rows become agreement levels: the numpy reference kernel.

Every function takes pointers of equal shape (pairs,) and returns one level per pair. Nothing here knows weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, Rows, Tables
from matcher.hashing import U64
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain, Ssn4
from matcher.model import Model

U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]


Filters = tuple[U64, NDArray[np.uint16]]
"""A table of filters and the number of bits set in each."""
NAME_TABLES = ("name_filters", "name_parts", "name_groups", "name_classes")


def fingerprints(filters: U64) -> U64:
    """A 64-bit digest of each filter, so that equality costs one comparison (splitmix64 finaliser over the words)."""
    total = np.zeros(len(filters), np.uint64)
    for j in range(filters.shape[1]):
        word = filters[:, j] + np.uint64(0x9E3779B97F4A7C15 * (j + 1) & 0xFFFFFFFFFFFFFFFF) + total
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        total = word ^ (word >> np.uint64(31))
    return total


def guarded(tables: Tables) -> Tables:
    """Pointers that say "unknown" are read before they are masked, so there must be an entry to read."""
    if len(tables.name_filters):
        return tables
    blank = {n: np.zeros((1, getattr(tables, n).shape[1]), getattr(tables, n).dtype) for n in NAME_TABLES}
    return replace(tables, **blank)


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """Rows and tables of one side, with what comparisons need of every table entry."""

    matrix: I32
    """(rows, 12), see `Rows.matrix`."""
    tables: Tables
    name_prints: U64
    """(names, 3): digest of the whole and of its parts, 0 where there is no part."""
    name_sizes: NDArray[np.uint16]
    street_prints: U64
    street_sizes: NDArray[np.uint16]

    @property
    def rows(self) -> Rows:
        return Rows.of(self.matrix)

    @classmethod
    def of(cls, matrix: I32, tables: Tables) -> View:
        tables = guarded(tables)
        whole = fingerprints(tables.name_filters)
        prints = np.zeros((len(whole), 3), np.uint64)
        prints[:, 0] = whole
        for j in range(2):
            at = tables.name_parts[:, j]
            prints[at >= 0, 1 + j] = whole[at[at >= 0]]
        return cls(
            matrix,
            tables,
            prints,
            _sizes(tables.name_filters),
            fingerprints(tables.street_filters),
            _sizes(tables.street_filters),
        )


def _sizes(filters: U64) -> NDArray[np.uint16]:
    sizes: NDArray[np.uint16] = np.bitwise_count(filters).sum(axis=1).astype(np.uint16)
    return sizes


def same_names(prints: U64, known: U64, numbers: I32) -> I32:
    """For each name, given by the digests of whole and parts, its number among the `known`, sorted; or -1."""
    if not len(known):
        return np.full(len(prints), -1, np.int32)
    sought = fingerprints(prints)
    at = np.minimum(np.searchsorted(known, sought), len(known) - 1)
    return np.where(known[at] == sought, numbers[at], np.int32(-1))


Side = tuple[View, Rows]
"""One side of the pairs: its tables, and its row of each pair."""


@dataclass(frozen=True, slots=True, repr=False)
class Compared:
    """What a comparison saw of each pair: one level per field, and whose frequency counts."""

    levels: U8
    """(fields, pairs)."""
    first: I32
    """Entry of the roster's name table whose frequency weighs the first name; -1 for none."""
    middle: I32
    last: I32


@dataclass(frozen=True, slots=True)
class Cuts:
    """Dice similarities from which names are close, or similar, and the most bits that an initial has."""

    close: float
    similar: float
    initial: int

    @classmethod
    def of(cls, model: Model) -> Cuts:
        """An initial has one bigram, so never more bits than a bigram sets; two letters have three."""
        return cls(model.close, model.similar, model.encoding.name_hashes)


def compare(left: View, i: I32, right: View, j: I32, cuts: Cuts) -> Compared:
    """Levels of the pairs (left row i[p], right row j[p])."""
    levels = np.zeros((len(FIELDS), len(i)), np.uint8)
    a, b = Rows.of(left.matrix[i]), Rows.of(right.matrix[j])
    who = []
    for field in ("first", "middle", "last"):
        levels[FIELD_NUMBER[field]], entry = _names(left, getattr(a, field), right, getattr(b, field), cuts)
        who.append(entry)
    _swaps((left, a), (right, b), levels, who, cuts.initial)
    for field in ("suffix", "sex", "phone"):
        levels[FIELD_NUMBER[field]] = _plain(getattr(a, field), getattr(b, field))
    levels[FIELD_NUMBER["dob"]] = _dobs(left.tables.dobs, a.dob, right.tables.dobs, b.dob)
    levels[FIELD_NUMBER["ssn4"]] = _ssns(left.tables.ssns, a.ssn4, right.tables.ssns, b.ssn4)
    levels[FIELD_NUMBER["address"]] = _addresses(left, a, right, b, cuts)
    return Compared(levels, *who)


def _dice(left: Filters, x: I32, right: Filters, y: I32) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Dice similarity of filters x of the left table and y of the right one, and the number of bits they share."""
    (a, size_a), (b, size_b) = left, right
    common = np.bitwise_count(a[x] & b[y]).sum(axis=1, dtype=np.int64)
    return 2.0 * common / (size_a[x].astype(np.float64) + size_b[y]), common


def _names(left: View, x: I32, right: View, y: I32, cuts: Cuts) -> tuple[U8, I32]:
    """Level of each pair of name entries, and the right-hand entry that agreed."""
    both = (x >= 0) & (y >= 0)
    levels = np.where(both, np.uint8(Name.DIFFER), np.uint8(Name.MISSING))
    same = both & (left.name_prints[x, 0] == right.name_prints[y, 0])
    levels[same] = np.where(left.name_sizes[x[same]] > cuts.initial, np.uint8(Name.EXACT), np.uint8(Name.INITIAL))
    who = y.copy()
    rest = np.flatnonzero(both & ~same)
    if len(rest):
        levels[rest], who[rest] = _unequal_names(left, x[rest], right, y[rest], cuts)
    return levels, who


def _unequal_names(left: View, x: I32, right: View, y: I32, cuts: Cuts) -> tuple[U8, I32]:
    mine, theirs = ((v.tables.name_filters, v.name_sizes) for v in (left, right))
    dice, common = _dice(mine, x, theirs, y)
    levels = np.full(len(x), Name.DIFFER, np.uint8)
    levels[dice >= cuts.similar] = Name.SIMILAR
    levels[dice >= cuts.close] = Name.CLOSE
    part, who = _parts(left.name_prints[x], right, y)
    levels[part] = Name.PART
    short_x, short_y = left.name_sizes[x] <= cuts.initial, right.name_sizes[y] <= cuts.initial
    held = common == np.minimum(left.name_sizes[x], right.name_sizes[y])
    either = short_x | short_y
    levels[_nicknames(left.tables.name_groups, x, right.tables.name_groups, y)] = Name.NICKNAME
    levels[either] = np.where(held[either], np.uint8(Name.INITIAL), np.uint8(Name.OTHER_INITIAL))
    return levels, who


def _parts(mine: U64, right: View, y: I32) -> tuple[Bool, I32]:
    """Whether any part (or whole) of one is a part of the other, and which right-hand entry that is."""
    theirs = right.name_prints[y]
    found = np.zeros(len(y), bool)
    who = y.copy()
    some = np.flatnonzero((mine[:, 1] | mine[:, 2] | theirs[:, 1] | theirs[:, 2]) != 0)
    if not len(some):
        return found, who
    equal = (mine[some][:, :, None] == theirs[some][:, None, :]) & (mine[some] != 0)[:, :, None]
    column = equal.any(axis=1)
    found[some] = column.any(axis=1)
    which = column.argmax(axis=1)
    entries = np.concatenate([y[some][:, None], right.tables.name_parts[y[some]]], axis=1)
    who[some] = np.where(found[some], entries[np.arange(len(some)), which], y[some])
    return found, who


def _nicknames(a: NDArray[np.uint32], x: I32, b: NDArray[np.uint32], y: I32) -> Bool:
    """Whether two names share a formal name."""
    found = np.zeros(len(x), bool)
    some = np.flatnonzero((a[x, 0] != 0) & (b[y, 0] != 0))
    if len(some):
        mine, theirs = a[x[some]], b[y[some]]
        hit = np.zeros(len(some), bool)
        for k in range(mine.shape[1]):
            hit |= ((mine[:, k : k + 1] == theirs) & (mine[:, k : k + 1] != 0)).any(axis=1)
        found[some] = hit
    return found


def _agrees(left: View, x: I32, right: View, y: I32, initial: int) -> Bool:
    """Names that are equal as wholes; false where either is unknown or an initial."""
    known = (x >= 0) & (y >= 0) & (left.name_sizes[x] > initial)
    equal: Bool = known & (left.name_prints[x, 0] == right.name_prints[y, 0])
    return equal


def _swaps(one: Side, other: Side, levels: U8, who: Sequence[I32], initial: int) -> None:
    """Finds names in each other's field where the straight comparison failed, and corrects levels and entries."""
    (left, a), (right, b) = one, other
    first, middle, last = (FIELD_NUMBER[f] for f in ("first", "middle", "last"))
    weak = (Name.DIFFER, Name.SIMILAR, Name.MISSING, Name.INITIAL, Name.OTHER_INITIAL)
    odd = np.flatnonzero(np.isin(levels[first], weak))
    if not len(odd):
        return
    x, y = a.take(odd), b.take(odd)
    # First and last exchanged: both must agree crosswise.
    crossed = _agrees(left, x.first, right, y.last, initial) & _agrees(left, x.last, right, y.first, initial)
    at = odd[crossed]
    levels[first, at] = levels[last, at] = Name.SWAPPED
    who[0][at], who[2][at] = y.last[crossed], y.first[crossed]
    # The middle name stands first on one side: on both, they were exchanged.
    forward = _agrees(left, x.first, right, y.middle, initial)
    backward = _agrees(left, x.middle, right, y.first, initial)
    both = forward & backward & ~crossed
    at = odd[both]
    levels[first, at] = levels[middle, at] = Name.SWAPPED
    who[0][at], who[1][at] = y.middle[both], y.first[both]
    single = (forward ^ backward) & ~crossed
    at = odd[single]
    levels[first, at], levels[middle, at] = Name.SWAPPED, Name.MISSING
    who[0][at] = np.where(forward[single], y.middle[single], y.first[single])


def _plain(x: NDArray[np.uint32], y: NDArray[np.uint32]) -> U8:
    levels = np.where(x == y, np.uint8(Plain.EXACT), np.uint8(Plain.DIFFER))
    levels[(x == 0) | (y == 0)] = Plain.MISSING
    return levels


def _dobs(a: NDArray[np.uint32], x: I32, b: NDArray[np.uint32], y: I32) -> U8:
    both = (x >= 0) & (y >= 0)
    levels = np.where(both, np.uint8(Dob.DIFFER), np.uint8(Dob.MISSING))
    at = np.flatnonzero(both)
    if len(at):
        mine, theirs = a[:, 0][x[at]], b[:, 0][y[at]]
        same = (mine == theirs) & (mine != 0)
        levels[at[same]] = Dob.EXACT
        rest = at[~same]
        levels[rest] = _unequal_dobs(a[x[rest]], b[y[rest]])
    return levels


def _unequal_dobs(mine: NDArray[np.uint32], theirs: NDArray[np.uint32]) -> U8:
    same = (mine == theirs) & (mine != 0)
    levels = np.full(len(mine), Dob.DIFFER, np.uint8)
    levels[same[:, 2:5].any(axis=1)] = Dob.TWO_PARTS
    levels[same[:, 6:15].any(axis=1)] = Dob.DIGIT
    levels[same[:, 1]] = Dob.DAY_MONTH_SWAPPED
    partial = (mine[:, 0] == 0) | (theirs[:, 0] == 0)
    month_known = (mine[:, 3] != 0) & (theirs[:, 3] != 0)
    agrees = np.where(month_known, same[:, 3], same[:, 5])
    levels[partial] = np.where(agrees[partial], np.uint8(Dob.PARTIAL), np.uint8(Dob.OTHER_PARTIAL))
    # A date that cannot be (month 18) has no year token: unless one digit mends it, it says nothing.
    impossible = ((mine[:, 0] != 0) & (mine[:, 5] == 0)) | ((theirs[:, 0] != 0) & (theirs[:, 5] == 0))
    levels[impossible & (levels != Dob.DIGIT)] = Dob.MISSING
    return levels


def _ssns(a: NDArray[np.uint32], x: I32, b: NDArray[np.uint32], y: I32) -> U8:
    both = (x >= 0) & (y >= 0)
    levels = np.where(both, np.uint8(Ssn4.DIFFER), np.uint8(Ssn4.MISSING))
    at = np.flatnonzero(both)
    if len(at):
        same = a[x[at]] == b[y[at]]
        levels[at[same[:, 1:].any(axis=1)]] = Ssn4.DIGIT
        levels[at[same[:, 0]]] = Ssn4.EXACT
    return levels


def _addresses(left: View, a: Rows, right: View, b: Rows, cuts: Cuts) -> U8:
    x, y = a.street, b.street
    both = (x >= 0) & (y >= 0)
    zips, cities = _plain(a.zip, b.zip), _plain(a.city, b.city)
    levels = np.where(both, np.uint8(Address.MOVED), np.uint8(Address.ELSEWHERE))
    levels = np.where(
        cities == Plain.EXACT, np.where(both, np.uint8(Address.MOVED_CITY), np.uint8(Address.CITY)), levels
    )
    levels = np.where(zips == Plain.EXACT, np.where(both, np.uint8(Address.MOVED_ZIP), np.uint8(Address.ZIP)), levels)
    levels[~both & (zips == Plain.MISSING) & (cities == Plain.MISSING)] = Address.MISSING
    at = np.flatnonzero(both)
    if len(at):
        number = _plain(a.number[at], b.number[at])
        same = left.street_prints[x[at]] == right.street_prints[y[at]]
        mine, theirs = ((v.tables.street_filters, v.street_sizes) for v in (left, right))
        dice, _ = _dice(mine, x[at], theirs, y[at])
        near = dice >= cuts.similar
        levels[at[same]] = Address.STREET_NAME
        levels[at[near & ~same & (number == Plain.EXACT)]] = Address.STREET_CLOSE
        levels[at[same & (number == Plain.EXACT)]] = Address.STREET
    return levels
