"""From the whole roster to the few clients whom some booking may be of, on a cluster; the rest follows here as ever.

`broadcast` sends all bookings to every part of the roster: for days and months of bookings. `shuffle` brings bookings
and clients together by their blocks: for years of bookings against a whole population.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matcher import EncodedBatch, Model, RosterIndex
from matcher.part import Keys, Measure, PartOfRoster, asked, blanked, over_cap
from matcher.passes import PASSES
from service.spark import kernels, shards

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Mode = Literal["broadcast", "shuffle"]
Encoded = Iterator[tuple[list[str], EncodedBatch]]
Found = dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One linkage on one cluster. `folder` must be seen by driver and workers under the same path."""

    spark: SparkSession
    folder: Path
    model: Model
    mode: Mode = "broadcast"
    kernel: Any = "numpy"
    people: int = 2_000
    """In one segment."""

    def index(self, roster: Encoded, bookings: Callable[[], Encoded]) -> tuple[RosterIndex, int]:
        """An index that answers these bookings as the whole roster's would, and how many pairs were compared for it."""
        ids: list[str] = []
        whole = RosterIndex(self.model)
        for batch in shards.write(_noted(roster, ids), self.folder / "roster", self.people):
            numbers = [str(k) for k in range(len(whole), len(whole) + len(batch))]
            whole.add(replace(batch, blocks=np.zeros_like(batch.blocks)), numbers)
        if not len(whole):
            return whole, 0
        measure = Measure.of(whole)
        del whole
        full, found, compared = self._found(measure, bookings())
        part = PartOfRoster(self.model, measure, kernel=self.kernel)
        for number in sorted(found):
            part.add(blanked(EncodedBatch.from_bytes(found[number]), full), [ids[number]])
        return part, compared

    def _found(self, measure: Measure, bookings: Encoded) -> tuple[Keys, Found, int]:
        booked = shards.write(_noted(bookings, []), self.folder / "bookings", self.people)
        if self.mode == "broadcast":
            return self._broadcast(measure, list(booked))
        for _ in booked:
            pass
        return self._shuffle(measure)

    def _roster(self) -> DataFrame:
        return self.spark.read.parquet(str(self.folder / "roster"))

    def _sent(self, value: object) -> Any:
        return self.spark.sparkContext.broadcast(kernels.packed(value))

    def _broadcast(self, measure: Measure, booked: list[EncodedBatch]) -> tuple[Keys, Found, int]:
        keys = asked(booked)
        send = self._sent
        counted = self._roster().mapInArrow(kernels.block_sizes(send(keys)), kernels.COUNTS).collect()
        total = sum((np.frombuffer(row.counts, np.int64) for row in counted), np.zeros(sum(map(len, keys)), np.int64))
        full = over_cap(keys, np.split(total, np.cumsum([len(k) for k in keys])[:-1]), self.model)
        told = send(kernels.Roster(self.model.to_json(), measure, full, self.kernel))
        segments = send([batch.to_bytes() for batch in booked])
        found = self._roster().mapInArrow(kernels.against_all(told, segments), kernels.FOUND)
        return full, *_collected(found)

    def _shuffle(self, measure: Measure) -> tuple[Keys, Found, int]:
        from pyspark.sql import functions as f

        roster, bookings = self._roster(), self.spark.read.parquet(str(self.folder / "bookings"))
        held = roster.mapInArrow(kernels.entries, kernels.ENTRIES).drop("segment")
        wanted = bookings.mapInArrow(kernels.entries, kernels.ENTRIES).distinct()
        wanted = wanted.withColumnsRenamed({"number": "booking", "segment": "bucket"})
        caps = f.array(*(f.lit(self.model.caps[each.name]) for each in PASSES))
        blocks = held.groupBy("pass", "key").count().withColumn("fits", f.col("count") <= caps[f.col("pass")])
        looked = wanted.select("pass", "key").distinct()
        full = _as_keys(blocks.where(~f.col("fits")).join(looked, ["pass", "key"]).select("pass", "key").collect())
        fitting = blocks.where("fits").select("pass", "key")
        pairs = wanted.join(fitting, ["pass", "key"]).join(held, ["pass", "key"])
        pairs = pairs.select("bucket", "booking", "number").distinct().persist()
        compared = pairs.count()
        people = roster.mapInArrow(kernels.single, kernels.PEOPLE)
        clients = pairs.select("bucket", "number").distinct().join(people, "number")
        booked = bookings.withColumnRenamed("number", "bucket")
        told = self._sent(kernels.Roster(self.model.to_json(), measure, full, self.kernel))
        found = (
            clients.groupBy("bucket")
            .cogroup(booked.groupBy("bucket"))
            .applyInArrow(kernels.in_bucket(told), kernels.FOUND)
        )
        return full, _collected(found)[0], compared


def _noted(encoded: Encoded, ids: list[str]) -> Iterator[EncodedBatch]:
    for some, batch in encoded:
        ids.extend(some)
        yield batch


def _collected(found: DataFrame) -> tuple[Found, int]:
    kept: Found = {}
    compared = 0
    for row in found.collect():
        compared += row.compared or 0
        if row.number is not None:
            kept[row.number] = bytes(row.encoding)
    return kept, compared


def _as_keys(rows: list[Any]) -> Keys:
    return tuple(np.array(sorted(r.key for r in rows if r["pass"] == n), np.uint32) for n in range(len(PASSES)))
