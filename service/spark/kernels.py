"""What runs on the workers: Arrow batches in, Arrow batches out, and the matcher's pure functions between."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from matcher import EncodedBatch, Model
from matcher.part import Keys, Measure, PartOfRoster, blanked, sizes, survivors
from matcher.passes import slot_ranges

Batches = Iterator[pa.RecordBatch]
FOUND = "number long, encoding binary, compared long"
"""One record for each client whom some booking may be of; `compared` counts pairs, in a record of its own."""
_FOUND = pa.schema([("number", pa.int64()), ("encoding", pa.binary()), ("compared", pa.int64())])
ENTRIES = "pass int, key long, number long, segment long"
_ENTRIES = pa.schema([("pass", pa.int32()), ("key", pa.int64()), ("number", pa.int64()), ("segment", pa.int64())])
COUNTS = "counts binary"
PEOPLE = "number long, encoding binary"
_PEOPLE = pa.schema([("number", pa.int64()), ("encoding", pa.binary())])
AT_ONCE = 20_000
"""Clients of a part that are indexed and compared together: so much memory a worker needs."""


def packed(value: object) -> bytes:
    """For a broadcast. Arrays themselves are not: Spark's encrypted stream cannot take buffers that are handed over uncopied."""
    return pickle.dumps(value)


def _unpacked(sent: Any) -> Any:
    return pickle.loads(sent.value)  # noqa: S301 - what the driver packed, as Spark's own broadcasts are


@dataclass(frozen=True, slots=True)
class Roster:
    """What each worker is told of the whole roster, beside its own part."""

    model: str
    measure: Measure
    full: Keys
    kernel: Any = "numpy"

    def part(self, people: list[tuple[int, EncodedBatch]]) -> PartOfRoster:
        """An index of these clients."""
        index = PartOfRoster(Model.from_json(self.model), self.measure, kernel=self.kernel)
        for first, batch in people:
            index.add(blanked(batch, self.full), [str(first + k) for k in range(len(batch))])
        return index


def block_sizes(keys: Any) -> Callable[[Batches], Batches]:
    """Counts how large the blocks are that the bookings look into. `keys` is a broadcast of them."""

    def run(batches: Batches) -> Batches:
        wanted: Keys = _unpacked(keys)
        total = np.zeros(sum(map(len, wanted)), np.int64)
        for _, segment in _segments(batches):
            total += np.concatenate(sizes(segment, wanted))
        yield pa.record_batch([pa.array([total.tobytes()], pa.binary())], ["counts"])

    return run


def against_all(roster: Any, bookings: Any) -> Callable[[Batches], Batches]:
    """Compares each part of the roster with all bookings; both arguments are broadcasts."""

    def run(batches: Batches) -> Batches:
        booked, told = [EncodedBatch.from_bytes(data) for data in _unpacked(bookings)], _unpacked(roster)
        for people in _gathered(_segments(batches)):
            yield _compared(told, people, booked)

    return run


def _compared(roster: Roster, people: list[tuple[int, EncodedBatch]], booked: Iterable[EncodedBatch]) -> pa.RecordBatch:
    """Clients of the part whom some booking may be of."""
    part, kept, compared = roster.part(people), set[int](), 0
    for batch in booked:
        found, pairs = survivors(batch, part)
        kept.update(int(part.ref_of(int(n))) for n in found)
        compared += pairs
    rows = [(n, data, None) for n, data in _alone(people, kept)] + [(None, None, compared)]
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, _FOUND, strict=True)], schema=_FOUND
    )


def _alone(people: list[tuple[int, EncodedBatch]], kept: set[int]) -> Iterator[tuple[int, bytes]]:
    for first, batch in people:
        for k in range(len(batch)):
            if first + k in kept:
                yield first + k, batch.one(k).to_bytes()


def entries(batches: Batches) -> Batches:
    """The blocks that each person stands in: one record an entry, as the block index counts them."""
    for first, segment in _segments(batches):
        person = segment.person_of_row().astype(np.int64) + first
        for n, (_, lo, hi) in enumerate(slot_ranges()):
            keys = segment.blocks[:, lo:hi]
            row, slot = np.nonzero(keys)
            columns = [
                np.full(len(row), n, np.int32),
                keys[row, slot].astype(np.int64),
                person[row],
                np.full(len(row), first),
            ]
            yield pa.RecordBatch.from_arrays([pa.array(c) for c in columns], schema=_ENTRIES)


def single(batches: Batches) -> Batches:
    """Each person in a segment of their own."""
    for first, segment in _segments(batches):
        data = [segment.one(k).to_bytes() for k in range(len(segment))]
        numbers = np.arange(first, first + len(segment), dtype=np.int64)
        yield pa.RecordBatch.from_arrays([pa.array(numbers), pa.array(data, pa.binary())], schema=_PEOPLE)


def in_bucket(roster: Any) -> Callable[[Any, pa.Table, pa.Table], pa.Table]:
    """Compares the bookings of a bucket with the clients that share a block with one of them."""

    def run(_bucket: Any, clients: pa.Table, booked: pa.Table) -> pa.Table:
        ranked = clients.sort_by("number")
        people = [
            (n, EncodedBatch.from_bytes(data))
            for n, data in zip(ranked["number"].to_pylist(), ranked["encoding"].to_pylist(), strict=True)
        ]
        batches = [EncodedBatch.from_bytes(data) for data in booked["encoding"].to_pylist()]
        return (
            pa.Table.from_batches([_compared(_unpacked(roster), people, batches)]) if people else _FOUND.empty_table()
        )

    return run


def _segments(batches: Batches) -> Iterator[tuple[int, EncodedBatch]]:
    for batch in batches:
        for number, data in zip(batch["number"].to_pylist(), batch["encoding"].to_pylist(), strict=True):
            yield number, EncodedBatch.from_bytes(data)


def _gathered(segments: Iterator[tuple[int, EncodedBatch]]) -> Iterator[list[tuple[int, EncodedBatch]]]:
    """Segments together until they are enough people."""
    held: list[tuple[int, EncodedBatch]] = []
    for number, segment in segments:
        held.append((number, segment))
        if sum(len(s) for _, s in held) >= AT_ONCE:
            yield held
            held = []
    if held:
        yield held
