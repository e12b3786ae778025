"""Passing an alert on to whoever answers now, and turning to somebody higher up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.content import AlertKind
from alerts.routing import Role, above, on_call_at
from audit.leaves import Leaf
from records import StaffId, StaffMember
from service import duty
from service.disclosure import Case
from service.engine import Engine
from service.offers import News, offer
from store import findings, staff

HIGHER = (Role.SUPERVISOR, Role.ON_CALL)


def turn_higher(
    engine: Engine, conn: Connection, case: Case, row: Any, *, now: datetime, start: Role = Role.SUPERVISOR
) -> tuple[StaffId | None, list[Leaf]]:
    """Turn to the first person above who may be told and has not the alert yet; from then on they cover the client."""
    directory, leaves = staff.everyone(conn), list[Leaf]()
    on_call = on_call_at(case.client.entry.org, directory, now)
    for role in HIGHER[HIGHER.index(start) :]:
        for name in above(case.client.entry, directory, now, role, on_call=on_call):
            if name == row.recipient or holds(conn, case.link, name):
                continue
            queued, said = _step_in(engine, conn, case, directory[name], row, now=now)
            leaves += said
            if queued:
                return name, leaves
    return None, leaves


def _step_in(
    engine: Engine, conn: Connection, case: Case, member: StaffMember, row: Any, *, now: datetime
) -> tuple[bool, list[Leaf]]:
    entry = case.client.entry
    covering = (*entry.assignments, *duty.stand_in(entry, member, now, None))
    as_cover = replace(case, client=replace(case.client, entry=replace(entry, assignments=covering)))
    queued, leaves = offer_hand_over(engine, conn, as_cover, member, str(row.match_class), now=now)
    if queued:
        duty.step_in(engine, conn, case.client.ref, str(row.thread), member.staff, now=now)
    return queued, leaves


def offer_hand_over(
    engine: Engine, conn: Connection, case: Case, to: StaffMember, match: str, *, now: datetime
) -> tuple[bool, list[Leaf]]:
    """Ask the rules about whoever answers now. A client may come back to somebody who lost them: then it is said again."""
    lost = sum(
        r.recipient == to.staff and r.kind == AlertKind.HAND_OVER.value and r.state in {"withdrawn", "closed"}
        for r in findings.alerts_for_link(conn, case.link)
    )
    news = News(AlertKind.HAND_OVER, match=match, sameness=(AlertKind.HAND_OVER.value, str(lost)))
    made = offer(engine, conn, case, to, news, now=now)
    return (made.queued, list(made.leaves)) if made else (False, [])


def holds(conn: Connection, link: str, who: StaffId) -> bool:
    """Whether somebody has an alert of the thread that is not over."""
    rows = findings.alerts_for_link(conn, link)
    return any(r.recipient == who and r.state not in {"closed", "withdrawn"} for r in rows)
