"""Are pages read from the replica, and only while it has what was written? A real streaming replica by pg_basebackup."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, make_url, select, text

from config.settings import DatabaseSettings
from store.database import Database
from store.errors import DatabaseBroken
from store.tables import run_claim

PORT = "54329"


@pytest.fixture(scope="module")
def replica_socket(postgres_server: str) -> Iterator[str]:
    """The folder of the socket of a server that follows the tests' own."""
    url = make_url(postgres_server)
    socket = str(url.query["host"])
    with tempfile.TemporaryDirectory(prefix="wlr", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)
        data, programs = str(Path(folder) / "pg"), _programs(postgres_server)
        _run(
            programs / "pg_basebackup",
            "-h",
            socket,
            "-U",
            url.username or "postgres",
            "-D",
            data,
            "-R",
            "-c",
            "fast",
            "-X",
            "stream",
        )
        _run(
            programs / "pg_ctl", "-w", "-D", data, "-l", f"{folder}/log", "-o", f'-h "" -k {folder} -p {PORT}', "start"
        )
        yield folder
        _run(programs / "pg_ctl", "-w", "-D", data, "-m", "immediate", "stop", check=False)


def _programs(server: str) -> Path:
    """Where the server's own programs are: a replica is made by those of its version."""
    database = Database(server)
    with database.read() as conn:
        found = conn.execute(text("SELECT setting FROM pg_config WHERE name = 'BINDIR'")).scalar_one()
    database.close()
    return Path(found)


def _run(program: Path, *arguments: str, check: bool = True) -> None:
    """As the user that owns the server: PostgreSQL does not run as root."""
    user = "pgserver" if os.geteuid() == 0 else None
    subprocess.run([str(program), *arguments], check=check, user=user, capture_output=True, cwd="/tmp")


@pytest.fixture
def followed(postgres_url: str, replica_socket: str) -> Iterator[Database]:
    database = Database(postgres_url, _replica(postgres_url, replica_socket))
    yield database
    database.close()


def _replica(url: str, socket: str) -> str:
    made = make_url(url)
    return made.set(query={"host": socket, "port": PORT}).render_as_string(hide_password=False)


def on_replica(conn: Connection) -> bool:
    return bool(conn.execute(text("SELECT pg_is_in_recovery()")).scalar())


@contextmanager
def caught_up(database: Database) -> Iterator[Connection]:
    """A view, asked for until the replica gives it."""
    for _ in range(10_000):
        with database.view() as conn:
            if on_replica(conn):
                yield conn
                return
    pytest.fail("the replica never caught up")


def test_a_view_is_read_from_the_replica_and_sees_what_was_written(followed: Database, now: datetime) -> None:
    with followed.write() as conn:
        conn.execute(insert(run_claim).values(job="j", slot=now, claimed_at=now, worker="w"))
    with followed.view() as conn:  # wherever it comes from, what this process wrote is there
        assert conn.execute(select(run_claim.c.worker)).scalar_one() == "w"
    with caught_up(followed) as conn:
        assert conn.execute(select(run_claim.c.worker)).scalar_one() == "w"


def test_what_decides_is_read_from_the_main_server(followed: Database) -> None:
    with followed.read() as conn:
        assert not on_replica(conn)
    with followed.write() as conn:
        assert not on_replica(conn)


def test_nothing_can_be_written_in_a_view(followed: Database, now: datetime) -> None:
    with pytest.raises(DatabaseBroken), caught_up(followed) as conn:
        conn.execute(insert(run_claim).values(job="j", slot=now, claimed_at=now, worker="w"))


def test_a_replica_that_stands_still_is_left_aside(followed: Database, replica_socket: str, now: datetime) -> None:
    with caught_up(followed):
        pass
    pause = Database(_replica(followed.engine.url.render_as_string(hide_password=False), replica_socket))
    with pause.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SELECT pg_wal_replay_pause()"))
        try:
            with followed.write() as writing:
                writing.execute(insert(run_claim).values(job="j", slot=now, claimed_at=now, worker="w"))
            with followed.view() as seen:
                assert not on_replica(seen)
                assert seen.execute(select(run_claim.c.worker)).scalar_one() == "w"
        finally:
            conn.execute(text("SELECT pg_wal_replay_resume()"))
    pause.close()


def test_a_replica_that_is_away_is_left_aside(postgres_url: str, tmp_path: Path) -> None:
    database = Database(postgres_url, _replica(postgres_url, str(tmp_path)))
    with database.view() as conn:
        assert not on_replica(conn)
    database.close()


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://h/d"])
def test_a_replica_follows_postgresql_only(url: str) -> None:
    wrong = "postgresql://h/d" if url.startswith("sqlite") else "sqlite:///x.db"
    with pytest.raises(ValueError, match="postgresql"):
        DatabaseSettings.model_validate({"url": url, "replica": wrong})
