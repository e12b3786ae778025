"""Is linkage on a cluster the same to the last bit, and does the cluster learn nobody's name?"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service.spark import drive
from tests.service.spark.cluster import cluster, environment

DATA = Path(__file__).parents[4] / "shared" / "data" / "us_variety_small"
NAMESAKES = 50
"""More than the pass of first and last name looks into."""


@dataclass(frozen=True, slots=True)
class Ran:
    folder: Path
    said: dict[str, Any]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("spark")
    _files(folder)
    (folder / "shared").mkdir()
    with cluster(folder / "cluster") as master:
        done = subprocess.run(
            [sys.executable, drive.__file__, str(folder), master],
            env=environment(folder / "driver"),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return Ran(folder, json.loads(done.stdout.splitlines()[-1]))


def _files(folder: Path) -> None:
    """The small set with twins, a crowd of namesakes spread over all parts, and one client enrolled twice, far apart."""
    roster, bookings = _rows(DATA / "roster.csv"), _rows(DATA / "bookings.csv")
    crowd = [
        row | {"client_id": f"NS{n:04d}", "first_name": "John", "last_name": "Smith", "aliases": ""}
        for n, row in enumerate(roster[::12][:NAMESAKES])
    ]
    for n, row in enumerate(crowd):
        roster.insert(n * 12, row)
    roster.append(roster[5] | {"client_id": "TWICE"})
    bookings.append(
        bookings[0] | {"booking_id": "BNS", "first_name": "JOHN", "last_name": "SMITH", "dob": crowd[3]["dob"]}
    )
    bookings.append({k: roster[5].get(k, "").upper() for k in bookings[0]} | {"booking_id": "BTWICE"})
    for name, rows in (("roster", roster), ("bookings", bookings)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("mode", ["broadcast", "shuffle"])
def test_a_cluster_of_two_workers_decides_as_one_machine_does(ran: Ran, mode: str) -> None:
    """Verdicts, weights, margins, levels and counts: the files are the same bytes."""
    said = ran.said[mode]
    assert said["executors"] == 2
    assert said["parts"] >= 1
    assert (said["links"], said["report"]) == (True, True)
    assert ran.said["candidates"] > 100
    with (ran.folder / "links.csv").open(encoding="utf-8") as file:
        alerts = {(row["booking_id"], row["client_id"]) for row in csv.DictReader(file) if row["verdict"] == "ALERT"}
    assert len(alerts) > 30


def test_what_the_cluster_held_names_nobody(ran: Ran) -> None:
    """Parquet that was handed over, and what the workers wrote on their disks, unencrypted for this test."""
    said = b"".join(path.read_bytes() for path in _disk(ran.folder))
    assert len(said) > 100_000
    people = [row for name in ("roster", "bookings") for row in _rows(ran.folder / f"{name}.csv")]
    for row in people[::7]:
        for field in ("last_name", "client_id", "booking_id", "street", "phone"):
            value = row.get(field, "")
            if len(value) > 5:
                assert value.encode() not in said
                assert value.upper().encode() not in said
    assert drive.KEY.root not in said
    assert drive.KEY.derive("names", 32) not in said


def _disk(folder: Path) -> Iterator[Path]:
    for part in ("kept", "shared", "cluster", "driver"):
        yield from (path for path in (folder / part).rglob("*") if path.is_file())
