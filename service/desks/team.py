"""The supervisor's board: open alerts by clock, who is away, and whose key is missing. No client is named on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, exists, literal, not_, select

from records import Absence, OrgId, StaffId, StaffMember
from service.engine import Engine
from store import staff
from store.tables import acknowledgement, alert, client, climb, link

WAITING = ("queued", "delivered", "opened", "stuck")
HANDED_BACK = ("not_on_my_caseload", "cannot_act")
MOST = 100
"""Rows of one list."""
RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that nobody has taken on yet, or that came back."""

    ref: str
    recipient: str
    kind: str
    state: str
    since: datetime
    verdict: str
    turned_to: tuple[str, ...] = ()
    """Who was asked beyond the recipient, in order; empty text where nobody was there."""


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
    """The longest waiting; `load` counts all."""
    load: tuple[tuple[str, int], ...]
    """(member of staff, alerts that wait for them), the most first."""
    total: int
    handed_back: tuple[Waiting, ...]
    away: tuple[Away, ...]
    without_key: tuple[StaffMember, ...]


def board(engine: Engine, org: OrgId | None) -> Board:
    now = engine.clock()
    with engine.database.view() as conn:
        members = staff.everyone(conn, org)
        rows = _open_alerts(conn, org)
        load = Counter(str(row.recipient) for row in rows).most_common()
        turned = _turned(conn, [row.ref for row in rows[:MOST]])
        waiting = tuple(replace(_waiting(row), turned_to=turned.get(row.ref, ())) for row in rows[:MOST])
        back = tuple(map(_waiting, _handed_back(conn, org, now - RECENT)))
        holders = staff.with_keys(conn, now)
        without = tuple(m for m in members.values() if m.active and m.staff not in holders)
        return Board(waiting, tuple(load), len(rows), back, tuple(_away(members, now)), without)


def _open_alerts(conn: Connection, org: OrgId | None) -> Sequence[Any]:
    """What waits, however old, the oldest first."""
    query = select(alert, literal("").label("verdict")).where(alert.c.state.in_(WAITING))
    return conn.execute(_of_org(query, org).order_by(alert.c.created_at, alert.c.ref)).all()


def _turned(conn: Connection, refs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Whom the ladder asked about each alert."""
    found: dict[str, tuple[str, ...]] = {}
    steps = (
        select(climb.c.alert, climb.c.turned_to).where(climb.c.alert.in_(refs)).order_by(climb.c.alert, climb.c.step)
    )
    for row in conn.execute(steps):
        found[row.alert] = (*found.get(row.alert, ()), row.turned_to or "")
    return found


def _handed_back(conn: Connection, org: OrgId | None, since: datetime) -> Sequence[Any]:
    """Alerts whose last answer of late was that somebody else must take them, the newest last."""
    said, after = acknowledgement, acknowledgement.alias("after")
    newer = exists().where(after.c.alert == said.c.alert, after.c.id > said.c.id)
    query = select(alert, said.c.verdict, said.c.id.label("said")).join(said, said.c.alert == alert.c.ref)
    query = query.where(said.c.verdict.in_(HANDED_BACK), said.c.at >= since, not_(newer))
    # Put in order here: asked to, the database would walk through every answer there ever was.
    return sorted(conn.execute(_of_org(query, org)).all(), key=lambda row: row.said)


def _of_org(query: Any, org: OrgId | None) -> Any:
    if org is None:
        return query
    joined = query.join(link, link.c.ref == alert.c.link).join(client, client.c.ref == link.c.client)
    return joined.where(client.c.org == org)


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
