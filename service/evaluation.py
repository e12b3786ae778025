"""Measuring a model on two files with truth: everything the report page shows, as numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config import TellPerson
from matcher import EncodedBatch, Encoder, LinkageKey, Model, RosterIndex, link_file
from matcher.evaluate import (
    Accuracy,
    Bin,
    Found,
    GroupRate,
    Measure,
    PassCompleteness,
    accuracy,
    by_group,
    calibration,
    candidates_by_pass,
    completeness,
    curve,
    errors,
)
from matcher.train import Training, train
from service.common_form import encoded_rows, open_table
from service.link import noted, true_pairs

EDGES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
"""Ranges of stated probability in the calibration table."""

GROUPS = {"sex": "sex", "race or ethnicity": "race_ethnicity"}
"""Heading of a group table and the column of the bookings that it is read from."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one evaluation. Pairs are counted, never shown."""

    model: Model
    clients: int
    bookings: int
    true_pairs: int
    accuracy: Accuracy
    points: tuple[tuple[float, Measure], ...]
    """(probability, measure) from the highest threshold down."""
    weights: tuple[tuple[float, bool], ...]
    """(match weight, whether the pair is true) of every reported link."""
    passes: tuple[PassCompleteness, ...]
    candidates: Measure
    errors: Mapping[tuple[str, str], int]
    groups: Mapping[str, tuple[GroupRate, ...]]
    calibration: tuple[Bin, ...]


def evaluate(roster: Path, bookings: Path, truth: Path, *, model: Model, key: LinkageKey) -> Evaluation:
    """Link the two files over encodings and hold the links against the truth. Raises TellPerson for a file at fault."""
    index, encoder = _index(roster, model, key), Encoder(key, model)
    true = true_pairs(truth)
    found: list[Found] = []
    weights: list[tuple[float, bool]] = []
    levels: dict[tuple[str, str], dict[str, str]] = {}
    proposed: dict[str, set[tuple[str, str]]] = {}
    ids: list[str] = []
    read = _proposing(encoded_rows(bookings, "booking_id", encoder), index, proposed)
    for result, booking in zip(link_file(noted(read, ids), index), ids, strict=True):
        for each in result.links:
            pair = booking, each.client
            found.append((*pair, each.verdict, each.probability))
            weights.append((each.weight, pair in true))
            levels[pair] = {level.field: level.level for level in each.levels}
    passes, candidates = completeness(proposed, true)
    return Evaluation(
        model=model,
        clients=len(index),
        bookings=len(ids),
        true_pairs=len(true),
        accuracy=accuracy(found, true),
        points=tuple(curve(found, true)),
        weights=tuple(weights),
        passes=passes,
        candidates=candidates,
        errors=errors(found, true, levels),
        groups={name: by_group(found, true, group) for name, group in _groups(bookings).items()},
        calibration=calibration(found, true, EDGES),
    )


def train_on(roster: Path, bookings: Path, *, model: Model, key: LinkageKey, name: str) -> Training:
    """Learn from two files without truth, starting from `model`."""
    index = _index(roster, model, key)
    batches = [batch for _, batch in encoded_rows(bookings, "booking_id", Encoder(key, model))]
    if not batches:
        raise TellPerson(f"{bookings.name} holds no booking to learn from")
    return train(EncodedBatch.concat(batches), index, name=name)


def _index(roster: Path, model: Model, key: LinkageKey) -> RosterIndex:
    index = RosterIndex(model)
    for ids, batch in encoded_rows(roster, "client_id", Encoder(key, model)):
        index.add(batch, ids)
    return index


def _proposing(
    batches: Iterable[tuple[list[str], EncodedBatch]], index: RosterIndex, proposed: dict[str, set[tuple[str, str]]]
) -> Iterator[tuple[list[str], EncodedBatch]]:
    """The batches; which pairs each blocking pass proposes of them is added to `proposed`."""
    for ids, batch in batches:
        for name, pairs in candidates_by_pass(batch, ids, index).items():
            proposed.setdefault(name, set()).update(pairs)
        yield ids, batch


def _groups(bookings: Path) -> dict[str, dict[str, str]]:
    """For each group table, each booking's group. Only the groups leave this function, never a name."""
    groups: dict[str, dict[str, str]] = {name: {} for name in (*GROUPS, "form of the surname")}
    with open_table(bookings) as stream:
        for row in csv.DictReader(stream):
            for name, column in GROUPS.items():
                groups[name][row["booking_id"]] = (row.get(column) or "not stated").strip()
            groups["form of the surname"][row["booking_id"]] = surname_form(row.get("last_name") or "")
    return groups


_SPANISH = ("EZ", "AZ", "OZ", "IZ")


def surname_form(surname: str) -> str:
    """Where systems of other origin than a name's tend to fail: two surnames, hyphens, particles, accents, short names.

    A rough sign of origin, made of the name's form alone; it is used for nothing but this table.
    """
    plain = surname.strip().upper()
    parts = plain.replace("-", " ").split()
    forms = (
        (not parts, "none"),
        (not plain.isascii(), "letters beyond A to Z"),
        ("-" in plain, "hyphenated"),
        (
            len(parts) > 1 and parts[0] in {"DE", "LA", "DEL", "VAN", "VON", "DI", "DA", "EL", "AL", "MC", "ST"},
            "with a particle",
        ),
        (len(parts) > 1, "two surnames"),
        (plain.endswith(_SPANISH), "Spanish patronymic (-ez, -az, -oz, -iz)"),
        (len(plain) <= 3, "three letters or fewer"),
        (True, "one surname"),
    )
    return next(name for holds, name in forms if holds)
