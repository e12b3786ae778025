"""What an upgrade would do before it does it: the migrations between the database's version and the program's."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from alembic.script import Script
from sqlalchemy import Connection, Table, func, select, table, text

from matcher import default_model
from store import in_force as said_in_force
from store import migrate
from store.database import Database
from store.errors import DatabaseBroken
from store.tables import booking, client, in_force, metadata


@dataclass(frozen=True, slots=True)
class Step:
    """One migration. `rewrites`: it copies a table on SQLite; `reversible`: it goes back, rows and all."""

    version: str
    words: str
    rewrites: bool
    reversible: bool


@dataclass(frozen=True, slots=True)
class Encodings:
    """Whether people are encoded as they were (None: nobody said how they were), and how many rows there are otherwise."""

    same: bool | None
    clients: int
    bookings: int


@dataclass(frozen=True, slots=True)
class Plan:
    """From where to where, in which steps, and how much there is to go through."""

    at: str | None
    to: str
    steps: tuple[Step, ...]
    rows: int
    bytes: int
    encodings: Encodings

    @property
    def stop_needed(self) -> bool:
        """A program works on its own version only, so that any step needs the service stopped meanwhile."""
        return bool(self.steps)


def plan(database: Database) -> Plan:
    """Raises DatabaseBroken for a database of a newer program."""
    at, to = migrate.current(database), migrate.newest() or ""
    known = {script.revision for script in migrate.history()}
    if at is not None and at not in known:
        raise DatabaseBroken(f"the database is at version {at}, which this program does not know: it is of a newer one")
    with database.read() as conn:
        return Plan(at, to, tuple(_step(each) for each in _missing(at)), _rows(conn), _bytes(conn), _encodings(conn))


def _missing(at: str | None) -> Sequence[Script]:
    """Those after `at`, in the order in which they run."""
    newest_first = list(migrate.history())
    names = [script.revision for script in newest_first]
    return newest_first[: names.index(at) if at in names else len(names)][::-1]


def _step(script: Script) -> Step:
    module: ModuleType = script.module
    source = inspect.getsource(module)
    back = inspect.getsource(module.downgrade) if hasattr(module, "downgrade") else "raise"
    return Step(script.revision, script.doc.partition("\n")[0], "batch_alter_table" in source, "raise " not in back)


def _encodings(conn: Connection) -> Encodings:
    there = [t.name for t in (client, booking, in_force) if conn.dialect.has_table(conn, t.name)]
    counts = [_sealed(conn, t) if t.name in there else 0 for t in (client, booking)]
    said = said_in_force.known(conn).get(said_in_force.ENCODED, "") if in_force.name in there else ""
    return Encodings(said.partition("/")[0] == default_model().schema_hash if said else None, *counts)


def _sealed(conn: Connection, held: Table) -> int:
    count: int = conn.execute(select(func.count()).select_from(held).where(held.c.sealed.is_not(None))).scalar_one()
    return count


def _rows(conn: Connection) -> int:
    names = [name for name in metadata.tables if conn.dialect.has_table(conn, name)]
    return sum(conn.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names)


def _bytes(conn: Connection) -> int:
    if conn.dialect.name == "postgresql":
        size: int = conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        return size
    pages, each = (conn.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
    return int(pages) * int(each)
