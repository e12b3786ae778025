"""How likely two different people agree by chance, measured in the roster itself.

An agreement's u is the share of *other* clients with that value: a value held by c of n clients has
u = (c - 1 + a) / n, where `a` is the Good-Turing estimate for values seen once. Rare names therefore weigh more,
and a shelter's address that many share weighs little, with no list of names in plaintext anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.compare import Cuts, View, compare
from matcher.levels import FIELD_NUMBER, FIELDS, PARTITIONS
from matcher.model import Model

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
SAMPLE = 200_000
"""Pairs compared to measure u of the levels that do not follow a value's frequency."""
PSEUDO = 100.0
"""Weight of the model's u in that measurement, in pairs."""


def chance(counts: NDArray[np.int64], clients: int) -> F64:
    """U of agreeing on a value that `counts` clients hold. Good (1953); values never held count as held once."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    unseen = min(1.0, 2 * (twice + 0.5) / (once + 1))
    return (np.maximum(counts, 1) - 1 + unseen) / max(clients, 1)


@dataclass(frozen=True, slots=True, repr=False)
class Frequencies:
    """Bits of chance, -log2 u, by table entry or by roster row; and u of every level, `levels[field][level]`."""

    first: F64
    middle: F64
    last: F64
    dob: F64
    phone: F32
    street: F32
    levels: tuple[F64, ...]
    clients: int
    measured_rows: int

    @classmethod
    def measure(cls, view: View, person: I32, live: NDArray[np.bool_], model: Model, cuts: Cuts) -> Frequencies:
        rows, at = view.rows, np.flatnonzero(live)
        clients = len(np.unique(person[at]))
        names = len(view.tables.name_filters)
        last = _count(rows.last[at], names)
        parts = view.tables.name_parts
        for j in range(2):
            held = parts[:, j] >= 0
            np.add.at(last, parts[held, j], _count(rows.last[at], names)[held])
        street = (rows.street.astype(np.int64) << 32) | rows.number
        street[rows.street < 0] = 0
        return cls(
            first=_bits(chance(_count(rows.first[at], names), clients)),
            middle=_bits(chance(_count(rows.middle[at], names), clients)),
            last=_bits(chance(last, clients)),
            dob=_bits(chance(_count(rows.dob[at], len(view.tables.dobs)), clients)),
            phone=_bits(_row_chance(rows.phone.astype(np.int64), clients)).astype(np.float32),
            street=_bits(_row_chance(street, clients)).astype(np.float32),
            levels=_level_u(view, person, at, model, cuts),
            clients=clients,
            measured_rows=len(person),
        )


def _count(pointers: I32, size: int) -> NDArray[np.int64]:
    return np.bincount(pointers[pointers >= 0], minlength=size).astype(np.int64)


def _bits(u: F64) -> F64:
    return -np.log2(u)


def _row_chance(values: NDArray[np.int64], clients: int) -> F64:
    """U of agreeing on each row's value; 0 is unknown and counts as a value of its own that nobody asks for."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return chance(counts.astype(np.int64), clients)[inverse]


def _level_u(view: View, person: I32, at: NDArray[np.intp], model: Model, cuts: Cuts) -> tuple[F64, ...]:
    """U of each level from pairs of different clients, smoothed towards the model's."""
    i, j = _pairs(len(at))
    i, j = at[i].astype(np.int32), at[j].astype(np.int32)
    apart = person[i] != person[j]
    seen = compare(view, i[apart], view, j[apart], cuts).levels
    found = []
    for each in model.fields:
        prior = np.array([1.0, *(v.u for v in each.levels)])
        counts = np.bincount(seen[FIELD_NUMBER[each.field]], minlength=len(FIELDS[each.field])).astype(np.float64)
        for part in PARTITIONS[each.field]:
            levels = list(part)
            prior[levels] = (counts[levels] + PSEUDO * prior[levels] / prior[levels].sum()) / (
                counts[levels].sum() + PSEUDO
            )
        found.append(prior)
    return tuple(found)


def _pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Up to SAMPLE pairs of positions below n, spread evenly and the same every time."""
    if n < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    count = min(SAMPLE, n * (n - 1) // 2)
    k = np.arange(count, dtype=np.int64)
    step = k // n if count > n else np.zeros(count, np.int64)
    i = k % n if count > n else k * n // count
    return i, (i + 1 + (step * 7919 + i * 104_729) % (n - 1)) % n
