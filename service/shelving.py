"""The shelf of short-lived keys of an installation: opened, begun at the first start, or begun anew after it was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from config import Refuse, Settings
from store import shelf, vaults
from store.database import Database
from store.envelope import DataKey, RandomBytes
from store.keys import KeyRing
from store.locator import Locator
from store.shelf import Shelf


def open_shelf(settings: Settings, database: Database, ring: KeyRing, random: RandomBytes, now: datetime) -> Shelf:
    """The shelf that belongs to this database; an installation that never had one gets it now. Raises KeyUnavailable."""
    with database.read() as conn:
        secret = vaults.shelf_secret(conn, ring)
    beside = _database(settings)
    if secret is None:
        secret = _first(database, beside, ring, random, now)
    shelf.require(beside, secret.id)
    return Shelf(beside, Locator(ring.locator), secret.secret, random)


def begin_anew(settings: Settings, database: Database, ring: KeyRing) -> None:
    """An empty shelf in place of a lost one: what was sealed under the lost keys cannot be read any more.

    Raises Refuse where the shelf is not lost.
    """
    with database.read() as conn:
        secret = vaults.shelf_secret(conn, ring)
    beside = _database(settings)
    try:
        if secret is None or shelf.is_of(beside, secret.id):
            raise Refuse("the shelf of this installation is where it should be; nothing was changed")
        shelf.begin(beside, secret.id)
    finally:
        beside.close()


@contextmanager
def lying(settings: Settings) -> Iterator[Database | None]:
    """The shelf as it lies there, whosever it is; None where there is none. Nothing is made."""
    url = settings.shelf_url()
    file = make_url(url).database
    if url.startswith("sqlite") and not (file and Path(file).exists()):
        yield None
        return
    beside = Database(url)
    try:
        yield beside
    finally:
        beside.close()


def copy_to(settings: Settings, target: Path, *, replace: bool = False) -> None:
    """A whole copy of the shelf, while everything runs; the copy of the night before stays until the new one is whole.

    Raises Refuse where the shelf is no SQLite file, where the target is the shelf, or is there and shall not be replaced.
    """
    beside = _database(settings)
    try:
        if beside.dialect != "sqlite":
            raise Refuse("the shelf lies on a database server: copy it with the server's own tools")
        if target.resolve() == Path(str(make_url(settings.shelf_url()).database)).resolve():
            raise Refuse(f"{target.name} is the shelf itself")
        if target.exists() and not replace:
            raise Refuse(f"{target.name} is there already; --replace puts the new copy in its place")
        part = target.with_name(f"{target.name}.part")
        part.unlink(missing_ok=True)
        shelf.private(part)
        shelf.copy_to(beside, part)
        part.replace(target)
    finally:
        beside.close()


def _first(database: Database, beside: Database, ring: KeyRing, random: RandomBytes, now: datetime) -> DataKey:
    """The shelf is there before the main database says so; of two processes that begin at once, one waits for the other."""
    with database.write() as conn:
        vaults.lock(conn)
        held = vaults.shelf_secret(conn, ring)
        if held is not None:
            return held
        made = vaults.keep(conn, ring, random, now, purpose=vaults.SHELF, secret=random(32))
        shelf.begin(beside, made)
        secret = vaults.shelf_secret(conn, ring)
    return secret if secret is not None else _first(database, beside, ring, random, now)


def _database(settings: Settings) -> Database:
    url = settings.shelf_url()
    file = make_url(url).database
    if url.startswith("sqlite") and file:
        shelf.private(Path(file))
    return Database(url)
