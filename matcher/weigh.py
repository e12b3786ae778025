"""Agreement levels become match weights: log2 Bayes factors, added field by field (Fellegi and Sunter, 1969)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.compare import U8, Compared, Cuts, View, compare
from matcher.frequency import F64, Frequencies, NameRarity, street_keys
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain
from matcher.model import Model

LEVELS = max(map(len, FIELDS.values()))
VARIANTS = (int(Name.NICKNAME), int(Name.CLOSE), int(Name.SIMILAR))
_VARIES = np.isin(np.arange(len(Name)), VARIANTS)


Rarity = Callable[[NDArray[np.intp]], F64]
"""-log2 u of the values on which the pairs at these positions agree."""


Side = tuple[View, I32]
"""One side of the pairs: its view, and its row of each pair."""


class Scales:
    """log2 m, and log2 m/u, of every level, for one model over one roster. Tables are (fields, LEVELS)."""

    def __init__(self, model: Model, frequencies: Frequencies) -> None:
        self.frequencies = frequencies
        self.log_m, self.bits = np.zeros((len(FIELDS), LEVELS)), np.zeros((len(FIELDS), LEVELS))
        self.by_value = np.zeros((len(FIELDS), LEVELS), np.bool_)
        for row, (field, u) in enumerate(zip(model.fields, frequencies.levels, strict=True)):
            known = slice(1, len(u))
            self.log_m[row, known] = np.log2([v.m for v in field.levels])
            self.bits[row, known] = self.log_m[row, known] - np.log2(u[1:])
            self.by_value[row, known] = [v.frequency for v in field.levels]
        shares = model.variants
        self.spread = np.zeros(len(Name))
        self.spread[list(VARIANTS)] = shares.nickname, shares.close, shares.similar
        self.bonus = shares.bonus

    @cached_property
    def packed(self) -> tuple[NDArray[Any], ...]:
        """The same for compiled code: level tables, variants, names' bits and (from column 3) which are known, and strange
        names' bits.
        """
        names = self.frequencies.first, self.frequencies.middle, self.frequencies.last
        worth = np.stack([self.bits, self.log_m, self.by_value.astype(np.float64)])
        rare = np.stack([*(n.bits for n in names), *(n.known.astype(np.float64) for n in names)], axis=1)
        return worth, np.append(self.spread, self.bonus), rare, np.stack([n.strange for n in names])


@dataclass(frozen=True, slots=True, repr=False)
class Weighed:
    """Row pairs whose weight is above a bound."""

    i: I32
    j: I32
    levels: U8
    """(fields, pairs)."""
    bits: F64
    weight: F64


@dataclass(frozen=True, slots=True, repr=False)
class Measures:
    """By what pairs are compared and weighed, beside their two sides."""

    cuts: Cuts
    scales: Scales
    same: I32
    """For each entry of the left name table the roster's equal entry, or -1."""
    above: float
    """Bits that a pair must exceed to be kept."""


Weighing = Callable[[View, I32, View, I32, Measures], Weighed]


def weighed(left: View, i: I32, right: View, j: I32, by: Measures) -> Weighed:
    """Compares and weighs the pairs (left row i[p], right row j[p]); keeps those that are heavy enough."""
    seen = compare(left, i, right, j, by.cuts)
    bits = weigh(seen, (left, i), (right, j), same=by.same, scales=by.scales)
    weight = np.zeros(len(i))
    for row in bits:
        weight += row
    kept = np.flatnonzero(weight > by.above)
    return Weighed(i[kept], j[kept], seen.levels[:, kept], bits[:, kept], weight[kept])


def weigh(seen: Compared, mine: Side, theirs: Side, *, same: I32, scales: Scales) -> F64:
    """Bits (fields, pairs) of each field's evidence; zero where a side is missing.

    `same` maps the left name table to the right one's equal entries, -1 where there is none.
    """
    (left, i), (right, j) = mine, theirs
    ours, rows = left.rows, right.rows
    held = scales.frequencies
    bits = np.stack([worth[levels] for worth, levels in zip(scales.bits, seen.levels, strict=True)])
    names = (("first", seen.first, held.first), ("middle", seen.middle, held.middle), ("last", seen.last, held.last))
    values = _Values(bits, seen, scales, [row.tobytes() for row in seen.levels])
    for name, who, rarity in names:
        for level in (Name.EXACT, Name.PART, Name.SWAPPED):
            values.weigh(name, level, _entries(rarity.bits, who))
        _variants(values, name, rarity, (getattr(ours, name)[i], same, left.tables.name_classes), who)
    values.weigh("dob", Dob.EXACT, lambda p: held.dob[rows.dob[j[p]]])
    values.weigh("phone", Plain.EXACT, lambda p: held.phone.of(rows.phone[j[p]]))
    values.weigh("address", Address.STREET, lambda p: held.street.of(street_keys(rows, j[p])))
    return bits


@dataclass(frozen=True, slots=True, repr=False)
class _Values:
    """Evidence so far, corrected in place where a level's u follows the value that agreed."""

    bits: F64
    seen: Compared
    scales: Scales
    present: Sequence[bytes]
    """The levels of each field as bytes, which say fastest whether a level occurs at all."""

    def weigh(self, field: str, level: int, rarity: Rarity) -> None:
        """Replaces the level's average u by that of the value which agreed."""
        row = FIELD_NUMBER[field]
        if self.scales.by_value[row, level] and level in self.present[row]:
            some = np.flatnonzero(self.seen.levels[row] == level)
            self.bits[row, some] = self.scales.log_m[row, level] + rarity(some)


def _entries(bits: F64, who: I32) -> Rarity:
    return lambda pairs: bits[who[pairs]]


def _variants(
    values: _Values, field: str, rarity: NameRarity, mine: tuple[I32, I32, NDArray[np.uint8]], who: I32
) -> None:
    """Weighs a nickname or a misspelling by how common both names are.

    Of one person the two names arise as v and a variant of v: P(a, b | same) = m t (f(a) + f(b)) / 2 with t the
    share of variants; of two people as f(a) f(b). So the factor is about m t / 2 min(f): DUSTIN for JUSTIN says
    little, since both are names; a DUSTLN is hardly anything but a DUSTIN. No factor can exceed 1 / max(f).
    """
    bits, seen, scales = values.bits, values.seen, values.scales
    row = FIELD_NUMBER[field]
    if not any(level in values.present[row] for level in VARIANTS):
        return
    some = np.flatnonzero(_VARIES[seen.levels[row]])
    at, same, classes = mine
    left_bits, left_known = rarity.beside(same, classes)
    level = seen.levels[row, some]
    a, b = left_bits[at[some]], rarity.bits[who[some]]
    formula = scales.log_m[row][level] - 1 - scales.spread[level] + np.maximum(a, b)
    both = left_known[at[some]] & rarity.known[who[some]]
    ceiling = np.minimum(bits[row, some] + scales.bonus, np.minimum(a, b))
    bits[row, some] = np.where(both, np.minimum(formula, ceiling), ceiling)
