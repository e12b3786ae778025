"""The latest instant at which this installation worked: what a clock that was set back is known by."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from store.tables import clock_mark

_ONE = 1


def latest(conn: Connection) -> datetime | None:
    """None where nothing was noted yet."""
    found: datetime | None = conn.execute(select(clock_mark.c.at).where(clock_mark.c.id == _ONE)).scalar_one_or_none()
    return found


def advance(conn: Connection, at: datetime) -> None:
    """Note a later instant. An earlier one changes nothing, whichever process comes with it."""
    conn.execute(update(clock_mark).where(clock_mark.c.id == _ONE, clock_mark.c.at < at).values(at=at))
    if latest(conn) is None:
        conn.execute(insert(clock_mark).values(id=_ONE, at=at))


def put(conn: Connection, at: datetime) -> None:
    """A person says that this is the time, whatever was noted."""
    conn.execute(update(clock_mark).where(clock_mark.c.id == _ONE).values(at=at))
