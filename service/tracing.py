"""What became of an alert: each try, each answer, each step up. Codes and opaque references, never a client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from alerts.dead_letters import Try, history
from config import Refuse
from records import AlertRef, StaffId
from service.engine import Engine
from store import climbs
from store.tables import acknowledgement, alert, outcome

SHORTEST = 4
"""Letters of an alert's name that suffice where they fit one only."""


class NoSuchAlert(Refuse):
    """No alert of that name, or several that begin with it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in a list."""

    alert: AlertRef
    thread: str
    recipient: StaffId
    kind: str
    match: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that was done with an alert, by whom, as a code."""

    at: datetime
    what: str
    by: str
    code: str


@dataclass(frozen=True, slots=True)
class Trace:
    """An alert and all that happened to it, oldest first."""

    line: Line
    tries: tuple[Try, ...]
    happenings: tuple[Happening, ...]


def alerts(engine: Engine, recipient: str | None = None, state: str | None = None) -> Sequence[Line]:
    """Alerts in the order in which they came about."""
    query = select(alert).order_by(alert.c.created_at, alert.c.ref)
    query = query if recipient is None else query.where(alert.c.recipient == recipient)
    query = query if state is None else query.where(alert.c.state == state)
    with engine.database.read() as conn:
        return [_line(row) for row in conn.execute(query)]


def find(engine: Engine, name: str, recipient: StaffId | None = None) -> AlertRef:
    """The alert of that name, or the only one that begins with it. Raises NoSuchAlert."""
    if len(name) < SHORTEST or not name.isalnum():
        raise NoSuchAlert(f"give at least the first {SHORTEST} letters of the alert's name")
    query = select(alert.c.ref).where(alert.c.ref.startswith(name, autoescape=True)).limit(2)
    with engine.database.read() as conn:
        found = (
            conn.execute(query if recipient is None else query.where(alert.c.recipient == recipient)).scalars().all()
        )
    if len(found) != 1:
        raise NoSuchAlert("several alerts begin so; give more letters" if found else "there is no such alert here")
    return AlertRef(found[0])


def trace(engine: Engine, ref: AlertRef) -> Trace:
    with engine.database.read() as conn:
        row = conn.execute(select(alert).where(alert.c.ref == ref)).one()
        said = conn.execute(select(acknowledgement).where(acknowledgement.c.alert == ref)).all()
        done = conn.execute(select(outcome).where(outcome.c.alert == ref)).all()
        happenings = [
            *(Happening(r.at, "answer", r.by, r.verdict) for r in said),
            *(Happening(r.recorded_at, r.kind, r.by, ", ".join(r.codes)) for r in done),
            *(Happening(r.at, "turned to", r.turned_to or "nobody", r.role) for r in climbs.of_alert(conn, ref)),
        ]
        return Trace(_line(row), history(conn, ref), tuple(sorted(happenings, key=lambda h: h.at)))


def _line(row: Any) -> Line:
    return Line(
        AlertRef(row.ref), row.thread, StaffId(row.recipient), row.kind, row.match_class, row.state, row.created_at
    )
