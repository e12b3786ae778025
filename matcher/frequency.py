"""How likely two different people agree by chance, measured in the roster itself.

An agreement's u is the share of *other* clients with that value: a value held by c of n clients has
u = (c - 1 + a) / n, where `a` is the Good-Turing estimate for values seen once. Rare names therefore weigh more,
and a shelter's address that many share weighs little. In a small roster the commonness classes of names, which
travel with the encodings, stand in for the clients that are not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, Rows, Tables
from matcher.compare import Compared, Cuts, View, compare
from matcher.levels import FIELD_NUMBER, FIELDS, PARTITIONS
from matcher.model import Chance, Model

F64 = NDArray[np.float64]
Comparison = Callable[[View, I32, View, I32, Cuts], Compared]
SAMPLE = 200_000
"""Pairs compared to measure u of the levels that do not follow a value's frequency."""


def unseen(counts: NDArray[np.int64]) -> float:
    """Expected further holders of a value seen once: the Good-Turing estimate (Good, 1953), at most one."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return min(1.0, 2 * (twice + 0.5) / (once + 1))


def chance(counts: NDArray[np.int64], clients: int) -> F64:
    """U of agreeing on a value that `counts` clients hold; a value never held counts as held once."""
    u: F64 = (np.maximum(counts, 1) - 1 + unseen(counts)) / max(clients, 1)
    return u


@dataclass(frozen=True, slots=True, repr=False)
class NameRarity:
    """-log2 u of names in one field."""

    bits: F64
    """By entry of the roster's name table."""
    known: NDArray[np.bool_]
    """Entries that are names people have, not typing errors: listed, or held by two clients."""
    strange: F64
    """By commonness class: of names that the roster does not have."""
    column: int
    """Which commonness class counts: 0 as a given name, 1 as a surname."""

    @classmethod
    def measure(
        cls, counts: NDArray[np.int64], classes: NDArray[np.uint8], clients: int, column: int, chance: Chance
    ) -> NameRarity:
        """For counts of clients by table entry, and the entries' commonness classes."""
        return cls.told(counts, classes[:, column], unseen(counts) * clients, column, clients=clients, chance=chance)

    @classmethod
    def told(
        cls,
        counts: NDArray[np.int64],
        listed: NDArray[np.uint8],
        rest: float,
        column: int,
        *,
        clients: int,
        chance: Chance,
    ) -> NameRarity:
        """For counts that somebody measured; `rest` is how many further holders a name seen once has, times clients."""

        def bits(counts: NDArray[np.int64], listed: NDArray[np.uint8]) -> F64:
            held = listed.astype(np.float64)
            outside = chance.outside * 2.0 ** -np.where(held > 0, held, chance.unlisted)
            seen = np.maximum(counts, 1) - 1 + rest / (clients + chance.outside)
            found: F64 = -np.log2((seen + outside) / (clients + chance.outside))
            return found

        every = np.arange(256, dtype=np.uint8)
        return cls(bits(counts, listed), (counts > 1) | (listed > 0), bits(np.zeros(256, np.int64), every), column)

    def covering(self, classes: NDArray[np.uint8]) -> NameRarity:
        """The same for a table that has grown since: a name that was not there counts as held once."""
        fresh = classes[len(self.bits) :, self.column]
        bits, known = np.append(self.bits, self.strange[fresh]), np.append(self.known, fresh > 0)
        return replace(self, bits=bits, known=known)

    def beside(self, at: I32, classes: NDArray[np.uint8]) -> tuple[F64, NDArray[np.bool_]]:
        """`bits` and `known` of another table's names; `at` says which roster entry each is, -1 for none."""
        listed = classes[:, self.column]
        if not len(self.bits):
            return self.strange[listed], listed > 0
        return np.where(at >= 0, self.bits[at], self.strange[listed]), np.where(at >= 0, self.known[at], listed > 0)


@dataclass(frozen=True, slots=True, repr=False)
class ValueRarity:
    """-log2 u of values that are too many for a table: their sorted list, searched when one agrees."""

    sorted: NDArray[Any]
    by_count: F64
    """By how often a value stands in the list."""

    @classmethod
    def measure(cls, values: NDArray[Any], clients: int) -> ValueRarity:
        """`values` of all rows; 0 is unknown."""
        ranked = np.sort(values[values != 0])
        return cls.told(ranked, unseen(_runs(ranked)), clients)

    @classmethod
    def told(cls, ranked: NDArray[Any], rest: float, clients: int) -> ValueRarity:
        """For a sorted list, and the further holders that a value seen once is expected to have."""
        counts = np.arange(_runs(ranked).max(initial=0) + 1)
        return cls(ranked, -np.log2((np.maximum(counts, 1) - 1 + rest) / max(clients, 1)))

    def of(self, values: NDArray[Any]) -> F64:
        """-log2 u of agreeing on each of `values`."""
        counts = np.searchsorted(self.sorted, values, side="right") - np.searchsorted(self.sorted, values)
        found: F64 = self.by_count[counts]
        return found


def _runs(ranked: NDArray[Any]) -> NDArray[np.int64]:
    """How often each value of a sorted list stands there."""
    if not len(ranked):
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1], [True])))
    return np.diff(edges).astype(np.int64)


def street_keys(rows: Rows, at: NDArray[Any]) -> NDArray[np.uint64]:
    """House number and street of rows as one number; 0 where the street is unknown."""
    street = rows.street[at]
    keys = (street.astype(np.uint64) << np.uint64(32)) | rows.number[at]
    return np.where(street < 0, np.uint64(0), keys)


@dataclass(frozen=True, slots=True, repr=False)
class Frequencies:
    """Bits of chance, -log2 u, by table entry or by roster row; and u of every level, `levels[field][level]`."""

    first: NameRarity
    middle: NameRarity
    last: NameRarity
    dob: F64
    phone: ValueRarity
    street: ValueRarity
    levels: tuple[F64, ...]
    measured_rows: int

    @property
    def nbytes(self) -> int:
        names = (self.first, self.middle, self.last)
        return sum(n.bits.nbytes + n.known.nbytes for n in names) + self.phone.sorted.nbytes + self.street.sorted.nbytes

    @classmethod
    def measure(
        cls, view: View, person: I32, live: NDArray[np.bool_], model: Model, compare: Comparison = compare
    ) -> Frequencies:
        """Measures a roster: `person` numbers the client of each row, `live` marks rows that count."""
        rows, tables, at = view.rows, view.tables, np.flatnonzero(live)
        clients, names = int(np.count_nonzero(np.diff(person[at]))) + 1, len(tables.name_filters)
        last = _with_parts(_count(rows.last[at], names), tables.name_parts)
        return cls(
            first=NameRarity.measure(_count(rows.first[at], names), tables.name_classes, clients, 0, model.chance),
            middle=NameRarity.measure(_count(rows.middle[at], names), tables.name_classes, clients, 0, model.chance),
            last=NameRarity.measure(last, tables.name_classes, clients, 1, model.chance),
            dob=-np.log2(chance(_count(rows.dob[at], len(tables.dobs)), clients)),
            phone=ValueRarity.measure(rows.phone[at], clients),
            street=ValueRarity.measure(street_keys(rows, at), clients),
            levels=_level_u(view, person, at, model, compare),
            measured_rows=len(person),
        )


def covering(held: Frequencies, tables: Tables) -> Frequencies:
    """What was measured, for tables that have grown since. Values that came later count as held once."""
    if len(held.dob) == len(tables.dobs) and len(held.first.bits) == len(tables.name_classes):
        return held
    once = held.dob.max(initial=0.0)
    return replace(
        held,
        first=held.first.covering(tables.name_classes),
        middle=held.middle.covering(tables.name_classes),
        last=held.last.covering(tables.name_classes),
        dob=np.append(held.dob, np.full(len(tables.dobs) - len(held.dob), once)),
    )


def _count(pointers: I32, size: int) -> NDArray[np.int64]:
    return np.bincount(pointers[pointers >= 0], minlength=size).astype(np.int64)


def _with_parts(counts: NDArray[np.int64], parts: I32) -> NDArray[np.int64]:
    """Counts of names, with each half of a double name counted too."""
    whole = counts.copy()
    for j in range(2):
        held = parts[:, j] >= 0
        np.add.at(whole, parts[held, j], counts[held])
    return whole


def _level_u(view: View, person: I32, at: NDArray[np.intp], model: Model, compare: Comparison) -> tuple[F64, ...]:
    """U of each level from pairs of different clients, smoothed towards the model's."""
    i, j = _pairs(len(at))
    i, j = at[i].astype(np.int32), at[j].astype(np.int32)
    apart = person[i] != person[j]
    seen = compare(view, i[apart], view, j[apart], Cuts.of(model)).levels
    found, few = [], model.chance.agreements
    for each in model.fields:
        u = np.array([1.0, *(v.u for v in each.levels)])
        counts = np.bincount(seen[FIELD_NUMBER[each.field]], minlength=len(FIELDS[each.field])).astype(np.float64)
        for part in PARTITIONS[each.field]:
            levels = list(part)
            u[levels] = (counts[levels] + few) / (counts[levels].sum() + few / u[levels])
            u[levels] /= u[levels].sum()
        found.append(u)
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
