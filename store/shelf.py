"""Keys that have to be able to die: the key of each day, and the key of each booking that was linked.

They lie in a small database of their own, so that no backup of the main one holds them. What is sealed under a key that left the shelf is
unreadable in every copy ever made of it, with the master key too. Each is wrapped by a secret that lies, itself wrapped by the
key-encryption key, in the main database: the shelf alone opens nothing, and a rotation of the master key does not touch it.

Beside the keys lie the entries of the audit log that a restore must not undo (`store.acts`): they too outlive the main database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
)

from config.errors import KeyUnavailable
from store.columns import UtcDateTime
from store.database import Database, empty_log
from store.envelope import DataKey, RandomBytes, unwrap, wrap
from store.errors import AlreadyDone
from store.locator import Locator

metadata = MetaData()
shelf_key = Table(
    "shelf_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("purpose", String(64), nullable=False, unique=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
shelf_of = Table("shelf_of", metadata, Column("secret", String(32), primary_key=True))
shelf_act = Table(
    "shelf_act",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("position", BigInteger, nullable=False, index=True),  # in the audit log, when it was written
    Column("entry", LargeBinary, nullable=False),
)
shelf_mark = Table(
    "shelf_mark",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

DAY, BOOKING = "day/", "booking/"
COPIED, SEEN = "copied", "seen"
"""Marks: that this is a copy of the shelf, and how long the audit log was when this shelf was last beside it."""
_AT_ONCE = 500


class Shelf:
    """The shelf of one installation, open. Keys of days are remembered, those of bookings are read when they are needed."""

    def __init__(self, database: Database, locator: Locator, wrapping: bytes, random: RandomBytes) -> None:
        self.database = database
        self._locator = locator
        self._wrapping = wrapping
        self._random = random
        self._days: dict[str, DataKey] = {}

    def __repr__(self) -> str:
        return "<shelf>"

    def day(self, now: datetime) -> DataKey:
        """The key of this day (UTC), made where there is none yet."""
        purpose = f"{DAY}{now:%Y-%m-%d}"
        if purpose not in self._days:
            self._days[purpose] = self._of(purpose, now)
        return self._days[purpose]

    def booking(self, ref: str, now: datetime) -> DataKey:
        """The key of this booking alone, made where there is none yet."""
        return self._of(BOOKING + ref, now)

    def find(self, key_id: str) -> DataKey | None:
        """The key of this name, or None once it was destroyed."""
        for held in self._days.values():
            if held.id == key_id:
                return held
        with self.database.read() as conn:
            row = conn.execute(select(shelf_key).where(shelf_key.c.id == key_id)).one_or_none()
        if row is None:
            return None
        found = unwrap(row.id, row.wrapped, self._wrapping)
        if row.purpose.startswith(DAY):
            self._days[row.purpose] = found
        return found

    def days(self) -> dict[date, str]:
        """The names of the days' keys that there are, oldest first."""
        with self.database.read() as conn:
            query = select(shelf_key.c.purpose, shelf_key.c.id).where(shelf_key.c.purpose.startswith(DAY))
            rows = conn.execute(query.order_by(shelf_key.c.purpose)).all()
        return {date.fromisoformat(row.purpose.removeprefix(DAY)): row.id for row in rows}

    def bookings(self) -> set[str]:
        """The bookings that have a key of their own."""
        with self.database.read() as conn:
            found = conn.execute(select(shelf_key.c.purpose).where(shelf_key.c.purpose.startswith(BOOKING))).scalars()
            return {purpose.removeprefix(BOOKING) for purpose in found}

    def forget_bookings(self, refs: Collection[str]) -> int:
        """Destroy the keys of these bookings. Returns how many there were."""
        return self._forget([BOOKING + ref for ref in refs])

    def forget_day(self, day: date) -> None:
        """Destroy a day's key: all that is still sealed under it is gone, wherever copies of it lie."""
        purpose = f"{DAY}{day:%Y-%m-%d}"
        self._days.pop(purpose, None)
        self._forget([purpose])

    def close(self) -> None:
        self.database.close()

    def _of(self, purpose: str, now: datetime) -> DataKey:
        return self._read(purpose) or self._made(purpose, now)

    def _read(self, purpose: str) -> DataKey | None:
        with self.database.read() as conn:
            row = conn.execute(select(shelf_key).where(shelf_key.c.purpose == purpose)).one_or_none()
        return None if row is None else unwrap(row.id, row.wrapped, self._wrapping)

    def _made(self, purpose: str, now: datetime) -> DataKey:
        """On the disk before anything is sealed under it. Another process may have been quicker: then it is theirs."""
        made = DataKey(self._locator.ref("data-key", purpose, self._random(16).hex()), self._random(32))
        row = {"id": made.id, "purpose": purpose, "wrapped": wrap(made, self._wrapping), "created_at": now}
        try:
            with self.database.write() as conn:
                conn.execute(insert(shelf_key).values(**row))
        except AlreadyDone:
            theirs = self._read(purpose)
            if theirs is None:
                raise KeyUnavailable(f"the key of {purpose.partition('/')[0]} was made and is not there") from None
            return theirs
        return made

    def _forget(self, purposes: list[str]) -> int:
        gone = 0
        with self.database.write() as conn:
            for start in range(0, len(purposes), _AT_ONCE):
                chunk = purposes[start : start + _AT_ONCE]
                gone += conn.execute(delete(shelf_key).where(shelf_key.c.purpose.in_(chunk))).rowcount
        if gone:
            empty_log(self.database, ("shelf_key",))
        return gone


def begin(database: Database, secret: str) -> None:
    """An empty shelf that belongs to the secret of this name. Keys that lie there for another one are destroyed."""
    with database.write() as conn:
        metadata.create_all(conn)
        for table in metadata.sorted_tables:
            conn.execute(delete(table))
        conn.execute(insert(shelf_of).values(secret=secret))


def is_of(database: Database, secret: str) -> bool:
    """Whether this is the shelf that belongs to the secret of this name."""
    with database.read() as conn:
        if not inspect(conn).has_table(shelf_of.name):
            return False
        return list(conn.execute(select(shelf_of.c.secret)).scalars()) == [secret]


def require(database: Database, secret: str) -> None:
    """Raises KeyUnavailable unless it is. One of an earlier version gets the tables that it has not."""
    if is_of(database, secret):
        with database.read() as conn:
            whole = all(inspect(conn).has_table(name) for name in metadata.tables)
        if not whole:
            with database.write() as conn:
                metadata.create_all(conn)
    else:
        raise KeyUnavailable(
            "the shelf of short-lived keys (keys.shelf) is missing or another installation's: bring it back from its own copy, "
            "or begin an empty one with `warmlink keys shelf --new` and lose what is sealed under it"
        )


def copy_to(database: Database, target: Path) -> None:
    """Copy a shelf on SQLite into an empty file (sqlite3's online backup). The copy says that it is one."""
    with database.write() as conn:
        metadata.create_all(conn)  # of an installation that never worked, or of an earlier version
    raw = database.engine.raw_connection()
    try:
        with closing(sqlite3.connect(target)) as copy:
            raw.driver_connection.backup(copy)  # type: ignore[union-attr]
            copy.execute("INSERT OR REPLACE INTO shelf_mark (name, value) VALUES (?, 1)", (COPIED,))
            copy.commit()
    finally:
        raw.close()


def private(path: Path) -> None:
    """Make the shelf's file, if it is one and is not there, for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
