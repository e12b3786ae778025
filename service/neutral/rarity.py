"""How common a provider's candidates' values are in its whole roster, told coarsely, so that the unit weighs as the provider would.

The matcher weighs agreement by how many other clients share a value. The unit sees 64 candidates, not the roster. For each row of its answer
a provider therefore sends the count of holders of eight values, rounded to a power of two: names, both halves of a double surname, birth date,
phone, address. Coarse on purpose: exact counts would be a frequency attack served on a plate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher import EncodedBatch, Model, RosterIndex
from matcher.compare import View
from matcher.frequency import Frequencies, NameRarity, ValueRarity, street_keys, unseen
from matcher.model import Chance

COLUMNS = ("first", "middle", "last", "part1", "part2", "dob", "phone", "street")
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rarity:
    """For each row of a batch the holders of its values, as log2 (255: unknown), and what is said of the roster as a whole."""

    classes: NDArray[np.uint8]
    """(rows, COLUMNS)."""
    clients: int
    unseen: tuple[float, ...]
    """Good-Turing estimates: first, middle, last, dob, phone, street."""
    levels: tuple[tuple[float, ...], ...]
    """U of each agreement level, by field."""


class Holders:
    """Counts over a standing roster, made once and looked up for candidates."""

    def __init__(self, index: RosterIndex) -> None:
        view = index.view()
        names = len(view.tables.name_filters)
        parts = view.tables.name_parts
        last = _count(view.rows.last, names)
        for j in range(2):
            held = parts[:, j] >= 0
            np.add.at(last, parts[held, j], _count(view.rows.last, names)[held])
        streets = street_keys(view.rows, np.arange(len(view.rows)))
        self.tables = {
            "first": _count(view.rows.first, names),
            "middle": _count(view.rows.middle, names),
            "last": last,
            "dob": _count(view.rows.dob, len(view.tables.dobs)),
        }
        self.phones, self.streets = _tally(view.rows.phone), _tally(streets)
        self.clients = len(index)
        self.levels = tuple(tuple(map(float, u)) for u in index.frequencies().levels)
        self.unseen = tuple(unseen(counts) for counts in (*self.tables.values(), self.phones[1], self.streets[1]))

    def of(self, view: View, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Classes (rows, COLUMNS) of rows of the standing roster."""
        last = view.rows.last[rows]
        halves = np.where(last[:, None] >= 0, view.tables.name_parts[last], np.int32(-1))
        columns = [
            _at(self.tables["first"], view.rows.first[rows]),
            _at(self.tables["middle"], view.rows.middle[rows]),
            _at(self.tables["last"], last),
            _at(self.tables["last"], halves[:, 0]),
            _at(self.tables["last"], halves[:, 1]),
            _at(self.tables["dob"], view.rows.dob[rows]),
            _find(self.phones, view.rows.phone[rows]),
            _find(self.streets, street_keys(view.rows, rows)),
        ]
        return np.stack([_class(c) for c in columns], axis=1)


def _count(pointers: NDArray[np.int32], size: int) -> Counts:
    return np.bincount(pointers[pointers >= 0], minlength=size).astype(np.int64)


def _tally(values: NDArray[np.uint32] | NDArray[np.uint64]) -> tuple[NDArray[np.uint64], Counts]:
    found, counts = np.unique(values[values != 0].astype(np.uint64), return_counts=True)
    return found, counts.astype(np.int64)


def _at(counts: Counts, pointers: NDArray[np.int32]) -> Counts:
    return np.append(counts, 0)[pointers]


def _find(tally: tuple[NDArray[np.uint64], Counts], values: NDArray[np.uint32] | NDArray[np.uint64]) -> Counts:
    known, counts = tally
    wanted = values.astype(np.uint64)
    if not len(known):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where((known[at] == wanted) & (wanted != 0), counts[at], 0)


def _class(counts: Counts) -> NDArray[np.uint8]:
    """Log2 rounded to whole numbers; 255 for none."""
    return np.where(counts > 0, np.rint(np.log2(np.maximum(counts, 1))), 255).astype(np.uint8)


class SessionIndex(RosterIndex):
    """Candidates of one session from several providers, weighed as the rosters behind them would be.

    Its length is that of the rosters: the prior of a link depends on how many clients there are, not on how many were sent.
    """

    def __init__(self, model: Model, answers: Sequence[tuple[str, EncodedBatch, Sequence[str], Rarity]]) -> None:
        super().__init__(model, exhaustive=True)
        self._clients = sum(rarity.clients for *_, rarity in answers)
        for provider, batch, handles, _ in answers:
            self.add(batch, list(handles), [provider] * len(batch))
        self._told = _frequencies(self.view(), [rarity for *_, rarity in answers], model.chance)

    def __len__(self) -> int:
        return self._clients

    def frequencies(self) -> Frequencies:
        return self._told


def _frequencies(view: View, told: Sequence[Rarity], chance: Chance) -> Frequencies:
    """The providers' counts, added up over equal values."""
    held = [np.where(r.classes == 255, 0, 2.0 ** r.classes.astype(np.float64)) for r in told]
    clients = sum(r.clients for r in told)
    weights = np.array([r.clients for r in told], float) / max(clients, 1)
    rare = [float(weights @ np.array([r.unseen[k] for r in told])) for k in range(6)]
    entries, dobs = len(view.tables.name_filters), len(view.tables.dobs)
    last = view.rows.last
    halves = np.where(last[:, None] >= 0, view.tables.name_parts[last], np.int32(-1))
    surnames = [(last, 2), (halves[:, 0], 3), (halves[:, 1], 4)]
    counts = {
        "first": _added(entries, held, [(view.rows.first, 0)]),
        "middle": _added(entries, held, [(view.rows.middle, 1)]),
        "last": _added(entries, held, surnames),
        "dob": _added(dobs, held, [(view.rows.dob, 5)]),
    }
    classes = view.tables.name_classes
    levels = tuple(
        np.average([np.array(r.levels[f]) for r in told], axis=0, weights=weights) for f in range(len(told[0].levels))
    )

    def names_of(field: str, k: int, column: int) -> NameRarity:
        def told(counts: Counts, listed: NDArray[np.uint8]) -> NameRarity:
            return NameRarity.told(counts, listed, rare[k] * clients, column, clients=clients, chance=chance)

        every = np.arange(256, dtype=np.uint8)
        return replace(told(counts[field], classes[:, column]), strange=told(_usual(clients, chance), every).bits)

    return Frequencies(
        first=names_of("first", 0, 0),
        middle=names_of("middle", 1, 0),
        last=names_of("last", 2, 1),
        dob=-np.log2(_chance(counts["dob"], rare[3], clients)),
        phone=_values(view.rows.phone, held, 6, rare[4], clients),
        street=_values(street_keys(view.rows, np.arange(len(view.rows))), held, 7, rare[5], clients),
        levels=levels,
        measured_rows=len(view.rows),
    )


def _usual(clients: int, chance: Chance) -> Counts:
    """Holders of a name of each commonness class in a roster of usual people, beside one who is known.

    At a provider, a booking's name that no client has is rare there. Here it is only not among the candidates: taken for rare, a common
    name's nickname would weigh up to several bits too much.
    """
    classes = np.arange(256)
    share = 2.0 ** -np.where(classes > 0, classes, chance.unlisted).astype(np.float64)
    return 1 + np.rint(clients * share).astype(np.int64)


def _added(size: int, held: Sequence[NDArray[np.float64]], columns: Sequence[tuple[NDArray[np.int32], int]]) -> Counts:
    """For each table entry the largest count each provider told, added up."""
    total, start = np.zeros(size), 0
    for counts in held:
        mine = np.zeros(size)
        rows = slice(start, start + len(counts))
        for pointers, column in columns:
            some = pointers[rows] >= 0
            np.maximum.at(mine, pointers[rows][some], counts[some, column])
        total, start = total + mine, start + len(counts)
    return np.rint(total).astype(np.int64)


def _chance(counts: Counts, rare: float, clients: int) -> NDArray[np.float64]:
    u: NDArray[np.float64] = (np.maximum(counts, 1) - 1 + rare) / max(clients, 1)
    return u


def _values(
    values: NDArray[np.uint32] | NDArray[np.uint64],
    held: Sequence[NDArray[np.float64]],
    column: int,
    rare: float,
    clients: int,
) -> ValueRarity:
    """The sorted list that the matcher searches, each value as often as it was told."""
    counts = np.concatenate([h[:, column] for h in held])
    found, where = np.unique(values, return_inverse=True)
    most = np.zeros(len(found))
    np.maximum.at(most, where, counts)
    ranked = np.repeat(found, np.where(found != 0, most, 0).astype(np.int64))
    return ValueRarity.told(ranked, rare, clients)
