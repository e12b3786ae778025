"""Installations to test with: small ones on either database, and the sample county after its week."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from service.setup import CONFIG_NAME
from store.database import Database
from tests.service.installation import Clock, Installation, make, opened
from tests.service.week import Week, after_the_week, lived


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation with clients, staff, keys and consents, and no bookings yet. To be copied."""
    home = tmp_path_factory.mktemp("settled") / "home"
    make(home)
    with opened(home) as installation:
        installation.settle_in()
    return home


@pytest.fixture(scope="session")
def hasty_postgres(postgres_server: str) -> str:
    """No test pulls the plug of the database's own machine, so it need not wait for the disk."""
    admin = Database(postgres_server)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("ALTER SYSTEM SET fsync = off"))
        conn.execute(text("SELECT pg_reload_conf()"))
    admin.close()
    return postgres_server


@pytest.fixture(scope="session")
def settled_on_postgres(tmp_path_factory: pytest.TempPathFactory, hasty_postgres: str) -> tuple[Path, str, str]:
    """The same on PostgreSQL: the home, the server and the name of the database, to be copied both."""
    name = "settled"
    _create(hasty_postgres, name)
    home = tmp_path_factory.mktemp("settled-pg") / "home"
    make(home, database=_url(hasty_postgres, name))
    with opened(home) as installation:
        installation.settle_in()
    return home, hasty_postgres, name


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """A small installation of its own, once on each database, two minutes after its people were entered."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("settled"), tmp_path / "home")
    else:
        _copy_on_postgres(request.getfixturevalue("settled_on_postgres"), tmp_path)
    with later(tmp_path / "home") as installation:
        yield installation


@pytest.fixture
def postgres_site(settled_on_postgres: tuple[Path, str, str], tmp_path: Path) -> Iterator[Installation]:
    """The same on PostgreSQL only, for what is tested on SQLite elsewhere."""
    _copy_on_postgres(settled_on_postgres, tmp_path)
    with later(tmp_path / "home") as installation:
        yield installation


def _copy_on_postgres(settled: tuple[Path, str, str], tmp_path: Path) -> None:
    template, server, name = settled
    own = f"site_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_").lower()[-60:]
    _create(server, own, template=name)
    shutil.copytree(template, tmp_path / "home")
    _point_at(tmp_path / "home", _url(server, name), _url(server, own))


@pytest.fixture
def sqlite_site(settled: Path, tmp_path: Path) -> Iterator[Installation]:
    """The same on SQLite only, for what does not depend on the database."""
    shutil.copytree(settled, tmp_path / "home")
    with later(tmp_path / "home") as installation:
        yield installation


@contextmanager
def later(home: Path) -> Iterator[Installation]:
    clock = Clock()
    clock.forward(minutes=2)
    with opened(home, clock) as installation:
        yield installation


def _create(server: str, name: str, template: str = "template0") -> None:
    admin = Database(server)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    admin.close()


def _url(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _point_at(home: Path, before: str, now: str) -> None:
    config = home / CONFIG_NAME
    config.write_text(config.read_text("utf-8").replace(before, now), "utf-8")


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    """The sample county after its week. To be read, not changed."""
    base = tmp_path_factory.getbasetemp()
    return lived((base.parent if base.name.startswith("popen-") else base) / "county")


@pytest.fixture(scope="session")
def county(week: Week) -> Iterator[Installation]:
    """The county's installation, opened an hour later. To be read, not changed."""
    with opened(week.home, after_the_week()) as installation:
        yield installation
