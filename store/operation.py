"""Whether this installation tells anybody: in shadow it matches and decides, and nothing leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, insert, select

from store.tables import operation


class Mode(Enum):
    """How the installation runs."""

    SHADOW = "shadow"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Standing:
    """The mode, since when, and who set it. An installation that never said is live."""

    mode: Mode
    since: datetime | None = None
    by: str = ""


def standing(conn: Connection) -> Standing:
    newest = select(operation).order_by(operation.c.id.desc()).limit(1)
    row = conn.execute(newest).one_or_none()
    return Standing(Mode.LIVE) if row is None else Standing(Mode(row.mode), row.since, row.by)


def in_shadow(conn: Connection) -> bool:
    return standing(conn).mode is Mode.SHADOW


def set_mode(conn: Connection, mode: Mode, by: str, now: datetime) -> None:
    conn.execute(insert(operation).values(mode=mode.value, since=now, by=by))
