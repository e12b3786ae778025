"""The supervisor's board: open alerts by clock, who is away, and whose key is missing. No client is named on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from alerts.enrolment import usable_key
from alerts.errors import NoUsableKey
from records import Absence, OrgId, StaffId, StaffMember
from service.engine import Engine
from store import staff
from store.tables import acknowledgement, alert, client, link


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that nobody has taken on yet, or that came back."""

    ref: str
    recipient: str
    kind: str
    state: str
    since: datetime
    verdict: str


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who is or will be away, and their cover."""

    member: StaffMember
    absence: Absence
    cover: str
    covered: bool
    """Whether the cover is named, in service and there."""


@dataclass(frozen=True, slots=True)
class Board:
    """What a team lead looks at in the morning."""

    waiting: tuple[Waiting, ...]
    handed_back: tuple[Waiting, ...]
    away: tuple[Away, ...]
    without_key: tuple[StaffMember, ...]


def board(engine: Engine, org: OrgId | None) -> Board:
    now = engine.clock()
    with engine.database.read() as conn:
        members = {s: m for s, m in staff.everyone(conn).items() if org in {None, m.org}}
        rows = _alerts(conn, org)
        waiting = tuple(_waiting(r) for r in rows if r.state in {"queued", "delivered", "opened", "stuck"})
        back = tuple(_waiting(r) for r in rows if r.verdict in {"not_on_my_caseload", "cannot_act"})
        without = tuple(m for m in members.values() if m.active and not _has_key(conn, m.staff, now))
        return Board(waiting, back, tuple(_away(members, now)), without)


def _alerts(conn: Connection, org: OrgId | None) -> Sequence[Any]:
    last = (
        select(acknowledgement.c.verdict)
        .where(acknowledgement.c.alert == alert.c.ref)
        .order_by(acknowledgement.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(alert, last.label("verdict"))
        .join(link, link.c.ref == alert.c.link)
        .join(client, client.c.ref == link.c.client)
        .where(alert.c.state != "withdrawn")
        .order_by(alert.c.created_at, alert.c.ref)
    )
    return conn.execute(query if org is None else query.where(client.c.org == org)).all()


def _waiting(row: Any) -> Waiting:
    return Waiting(row.ref, row.recipient, row.kind, row.state, row.created_at, row.verdict or "")


def _away(members: dict[StaffId, StaffMember], now: datetime) -> list[Away]:
    found = [
        Away(m, a, a.cover or "", a.cover is not None and _there(members.get(a.cover), now))
        for m in members.values()
        for a in m.absences
        if a.ends > now
    ]
    return sorted(found, key=lambda a: a.absence.starts)


def _there(member: StaffMember | None, now: datetime) -> bool:
    return member is not None and member.active and not any(a.starts <= now < a.ends for a in member.absences)


def _has_key(conn: Connection, member: StaffId, now: datetime) -> bool:
    try:
        usable_key(conn, member, now=now)
    except NoUsableKey:
        return False
    return True
