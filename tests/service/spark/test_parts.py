"""Do parts of a roster, each compared by itself, come to what the whole comes to? The same without a cluster, for each step."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pyspark.serializers import ChunkedStream

from config import ConfigError, TellPerson
from matcher import EncodedBatch, RosterIndex, default_model
from matcher.part import Measure, PartOfRoster, asked, blanked, over_cap, sizes, survivors
from service import tabular
from service.common_form import Encoded
from service.link import run_link
from service.spark import kernels
from tests.service.spark.drive import KEY
from tests.service.spark.test_spark import _files, _rows

MODEL = default_model()


@dataclass(slots=True)
class InParts:
    """What the cluster does, in this process."""

    people: int
    parts: int = 0
    full: int = 0
    kept: int = 0
    _ids: list[str] = field(default_factory=list)

    def index(self, roster: Encoded, bookings: Callable[[], Encoded]) -> tuple[RosterIndex, int]:
        whole, parts = RosterIndex(MODEL), list[tuple[int, EncodedBatch]]()
        for ids, batch in roster:
            for lo in range(0, len(batch), self.people):
                parts.append((len(self._ids) + lo, batch.slice(lo, min(lo + self.people, len(batch)))))
            whole.add(
                replace(batch, blocks=np.zeros_like(batch.blocks)), [f"{len(self._ids) + k}" for k in range(len(ids))]
            )
            self._ids += ids
        measure, booked = Measure.of(whole), [batch for _, batch in bookings()]
        keys = asked(booked)
        counts = [sum(each) for each in zip(*(sizes(part, keys) for _, part in parts), strict=True)]
        full = over_cap(keys, counts, MODEL)
        found, compared = dict[int, EncodedBatch](), 0
        for first, part in parts:
            index = PartOfRoster(MODEL, measure)
            index.add(blanked(part, full), [str(first + k) for k in range(len(part))])
            for batch in booked:
                numbers, pairs = survivors(batch, index)
                compared += pairs
                found |= {first + int(n): part.one(int(n)) for n in numbers}
        self.parts, self.full, self.kept = len(parts), sum(map(len, full)), len(found)
        narrowed = PartOfRoster(MODEL, measure)
        for number in sorted(found):
            narrowed.add(blanked(found[number], full), [self._ids[number]])
        return narrowed, compared


@pytest.mark.parametrize("people", [7, 100, 10_000])
def test_parts_decide_as_the_whole_does(tmp_path: Path, people: int) -> None:
    _files(tmp_path)
    files, parts = (tmp_path / "roster.csv", tmp_path / "bookings.csv"), InParts(people)
    whole = run_link(*files, tmp_path / "whole.csv", model=MODEL, key=KEY)
    there = run_link(*files, tmp_path / "parts.csv", model=MODEL, key=KEY, narrowed=parts.index)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert there == whole
    assert parts.full > 0, "no block was over its cap: the test would prove less"
    assert parts.kept < whole.clients / 2


def test_parquet_is_read_and_written_as_csv_is(tmp_path: Path) -> None:
    _files(tmp_path)
    for name in ("roster", "bookings"):
        rows = _rows(tmp_path / f"{name}.csv")
        writer = tabular.ParquetWriter(tmp_path / f"{name}.parquet")
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow(row.values())
        writer.close()
    told = {}
    for suffix in (".csv", ".parquet"):
        files = [tmp_path / f"{name}{suffix}" for name in ("roster", "bookings", "links")]
        told[suffix] = run_link(*files, model=MODEL, key=KEY)
    links = [row for _, _, row in tabular.rows(tmp_path / "links.parquet")]
    assert links == [list(row.values()) for row in _rows(tmp_path / "links.csv")]
    assert told[".csv"] == told[".parquet"]


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "roster.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(TellPerson, match=r"roster\.parquet"):
        list(tabular.rows(tmp_path / "roster.parquet"))


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from service.spark import narrowing

    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(ConfigError, match=r"warmlink\[spark\]"), narrowing("local[1]", MODEL, None):
        pytest.fail("a session was opened")


def test_large_arrays_go_through_an_encrypted_broadcast() -> None:
    """Spark encrypts by default here, and its stream asks each buffer for its length: pickle hands large arrays over without one."""
    keys = (np.arange(1 << 20, dtype=np.uint32),)
    sent = BytesIO()
    stream = ChunkedStream(sent, 1 << 13)  # type: ignore[no-untyped-call]  # pyspark has no types there
    pickle.dump(kernels.packed(keys), stream, pickle.HIGHEST_PROTOCOL)  # as pyspark.core.broadcast does
    assert sent.tell() > keys[0].nbytes - (1 << 13)
    assert (pickle.loads(kernels.packed(keys))[0] == keys[0]).all()
