"""Agreement levels become match weights: log2 Bayes factors, added field by field (Fellegi and Sunter, 1969)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.compare import Compared, View
from matcher.frequency import F64, Frequencies, NameRarity, street_keys
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain
from matcher.model import Model

VARIANTS = (int(Name.NICKNAME), int(Name.CLOSE), int(Name.SIMILAR))
_VARIES = np.isin(np.arange(len(Name)), VARIANTS)


Rarity = Callable[[NDArray[np.intp]], F64]
"""-log2 u of the values on which the pairs at these positions agree."""


Side = tuple[View, I32]
"""One side of the pairs: its view, and its row of each pair."""


class Scales:
    """log2 m, and log2 m/u, of every level, for one model over one roster."""

    def __init__(self, model: Model, frequencies: Frequencies) -> None:
        self.frequencies = frequencies
        self.log_m = [np.log2([1.0, *(v.m for v in f.levels)]) for f in model.fields]
        self.bits = [
            m - np.concatenate(([0.0], np.log2(u[1:]))) for m, u in zip(self.log_m, frequencies.levels, strict=True)
        ]
        shares = model.variants
        self.spread = np.zeros(len(Name))
        self.spread[list(VARIANTS)] = shares.nickname, shares.close, shares.similar
        self.bonus = shares.bonus
        self.by_value = [frozenset(n for n, v in enumerate(f.levels, 1) if v.frequency) for f in model.fields]


def weigh(seen: Compared, mine: Side, theirs: Side, *, same: I32, scales: Scales) -> F64:
    """Bits (fields, pairs) of each field's evidence; zero where a side is missing.

    `same` maps the left name table to the right one's equal entries, -1 where there is none.
    """
    (left, i), (right, j) = mine, theirs
    ours, rows = left.rows, right.rows
    held = scales.frequencies
    bits = np.stack([scales.bits[f][seen.levels[f]] for f in range(len(FIELDS))])
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
        if level in self.scales.by_value[row] and level in self.present[row]:
            some = np.flatnonzero(self.seen.levels[row] == level)
            self.bits[row, some] = self.scales.log_m[row][level] + rarity(some)


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
