"""Is linkage on a cluster the same to the last bit, and does the cluster learn nobody's name?"""

from __future__ import annotations

import base64
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from store.keys import format_master
from tests.service.spark import drive
from tests.service.spark.cluster import cluster, credentials, environment

DATA = Path(__file__).parents[4] / "shared" / "data" / "us_variety_small"
DRIVER = 9
NAMESAKES = 50
"""More than the pass of first and last name looks into."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the driver said, and the folder with everything that was handed over or written."""

    folder: Path
    said: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("spark")
    _files(folder)
    _credentials(folder)
    (folder / "shared").mkdir()
    with cluster(folder, folder / "cluster") as standing:
        done = subprocess.run(
            [sys.executable, drive.__file__, str(folder), standing.master, str(standing.workers[1])],
            env=environment(folder / "driver") | {"CREDENTIALS_DIRECTORY": str(credentials(folder, DRIVER))},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return Ran(folder, json.loads(done.stdout.splitlines()[-1]), done.stderr)


def _credentials(folder: Path) -> None:
    """The cluster's, everywhere the same; the second worker's own is a pipe. Of another cluster: not the same."""
    for n in (0, 1, DRIVER):
        own = credentials(folder, n)
        own.mkdir()
        for name in ("cluster", "held", "another"):
            secret = bytes([99 if name == "another" and n == DRIVER else 17]) * 32
            if (name, n) == ("held", 1):
                os.mkfifo(own / name, 0o600)
            else:
                (own / name).write_text(format_master(secret))


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


@pytest.mark.parametrize("made", ["here", "here-parquet", "there-csv", "there-parquet", "killed"])
def test_a_population_is_encoded_alike_everywhere(ran: Ran, made: str) -> None:
    """From CSV and Parquet, here and on two workers, and where one of them was killed while it encoded: the same bytes."""
    assert ran.said["encoded"][made]


def test_encodings_of_the_cluster_stand_for_the_roster(ran: Ran) -> None:
    """Cut into the same segments, told of in the same report (bad rows included), and linked with the same result."""
    said = ran.said["encoded"]
    assert said["parts"] > 4
    assert said["segments"] == [True, True]
    assert [said[f"report-{name}"] for name in ("csv", "parquet", "killed")] == [True, True, True]
    assert said["links"]


def test_a_worker_with_another_clusters_credential_encodes_nothing(ran: Ran) -> None:
    assert "on a worker" in ran.said["encoded"]["refused"]
    assert "another cluster's credential" in ran.said["encoded"]["refused"]
    assert list((ran.folder / "refused").iterdir()) == []


def test_what_the_cluster_held_names_nobody(ran: Ran) -> None:
    """Parquet that was handed over, what the workers wrote on their disks (unencrypted for this test), events and settings."""
    said = b"".join(path.read_bytes() for path in _disk(ran.folder)) + ran.printed.encode()
    assert len(said) > 100_000
    people = [row for name in ("roster", "bookings") for row in _rows(ran.folder / f"{name}.csv")]
    for row in people[::7]:
        for field in ("last_name", "client_id", "booking_id", "street", "phone"):
            value = row.get(field, "")
            if len(value) > 5:
                assert value.encode() not in said
                assert value.upper().encode() not in said
    for secret in _secrets():
        for written in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")):
            assert written not in said


def test_what_is_searched_is_all_there(ran: Ran) -> None:
    """Among it are the settings, the events of the jobs in plain JSON, and encodings."""
    said = {path.relative_to(ran.folder).as_posix(): path for path in _disk(ran.folder)}
    assert {"driver/conf.json", "killed/part-000000.parquet"} <= said.keys()
    events = b"".join(path.read_bytes() for name, path in said.items() if name.startswith("driver/events/"))
    assert b"SparkListenerTaskEnd" in events


def _secrets() -> Iterator[bytes]:
    yield drive.KEY.root
    yield bytes([17]) * 32  # the cluster's credential
    for purpose, length in (("names", 32), ("street", 32), ("segments", 32), ("segments/ids", 32), ("token/dob", 16)):
        yield drive.KEY.derive(purpose, length)


def _disk(folder: Path) -> Iterator[Path]:
    for part in ("kept", "shared", "cluster", "driver", "there-csv", "there-parquet", "killed"):
        yield from (path for path in (folder / part).rglob("*") if path.is_file())
