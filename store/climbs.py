"""How far up the ladder each unanswered alert has gone, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from records import AlertRef, StaffId
from store.tables import climb


def add(conn: Connection, ref: AlertRef, step: int, *, role: str, turned_to: StaffId | None, now: datetime) -> None:
    conn.execute(insert(climb).values(alert=ref, step=step, at=now, role=role, turned_to=turned_to))


def highest(conn: Connection, ref: AlertRef) -> int:
    """The number of the last step that was taken; 0 for none."""
    found: int | None = conn.execute(select(func.max(climb.c.step)).where(climb.c.alert == ref)).scalar()
    return found or 0


def when(conn: Connection, ref: AlertRef, role: str) -> datetime | None:
    """When the last step to that role was taken."""
    at: datetime | None = conn.execute(
        select(func.max(climb.c.at)).where(climb.c.alert == ref, climb.c.role == role)
    ).scalar()
    return at


def of_alert(conn: Connection, ref: AlertRef) -> Sequence[Any]:
    return conn.execute(select(climb).where(climb.c.alert == ref).order_by(climb.c.step)).all()
