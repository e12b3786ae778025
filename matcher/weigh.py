"""Agreement levels become match weights: log2 Bayes factors, added field by field (Fellegi and Sunter, 1969)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.compare import Compared, View
from matcher.frequency import F64, Frequencies
from matcher.levels import FIELD_NUMBER, FIELDS, Address, Dob, Name, Plain
from matcher.model import Model


class Scales:
    """log2 m and log2 m/u of every level, for one model over one roster."""

    def __init__(self, model: Model, frequencies: Frequencies) -> None:
        self.frequencies = frequencies
        self.log_m = [np.log2([1.0, *(v.m for v in f.levels)]) for f in model.fields]
        self.bits = [
            m - np.concatenate(([0.0], np.log2(u[1:]))) for m, u in zip(self.log_m, frequencies.levels, strict=True)
        ]
        self.by_value = [{n for n, v in enumerate(f.levels, 1) if v.frequency} for f in model.fields]


def weigh(seen: Compared, right: View, j: I32, scales: Scales) -> F64:
    """Bits (fields, pairs) of each field's evidence; zero where a side is missing."""
    held = scales.frequencies
    bits = np.stack([scales.bits[f][seen.levels[f]] for f in range(len(FIELDS))])
    for name, who, rarity in (
        ("first", seen.first, held.first),
        ("middle", seen.middle, held.middle),
        ("last", seen.last, held.last),
    ):
        _by_value(bits, name, seen, scales, (Name.EXACT, Name.PART, Name.SWAPPED), rarity, who)
    _by_value(bits, "dob", seen, scales, (Dob.EXACT,), held.dob, right.rows.dob[j])
    _by_value(bits, "phone", seen, scales, (Plain.EXACT,), held.phone, j)
    _by_value(bits, "address", seen, scales, (Address.STREET,), held.street, j)
    return bits


def _by_value(
    bits: F64,
    field: str,
    seen: Compared,
    scales: Scales,
    levels: tuple[int, ...],
    rarity: NDArray[np.floating],
    at: I32,
) -> None:
    """Replaces the level's average u by that of the value which agreed."""
    row = FIELD_NUMBER[field]
    for level in levels:
        if level in scales.by_value[row]:
            some = np.flatnonzero(seen.levels[row] == level)
            bits[row, some] = scales.log_m[row][level] + rarity[at[some]]
