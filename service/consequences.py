"""What follows from a clinician's or a reviewer's word about a link, in the transaction that takes the word."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.answers import take_back
from alerts.channels.inbox import destroy
from alerts.followup import Consequence
from audit.leaves import Kind, Leaf, leaf
from records import AlertRef, ClientRef, StaffId, ThreadRef
from service import duty
from service.cases import case_of
from service.disclosure import Case
from service.engine import Engine
from service.hand_over import holds, offer_hand_over, turn_higher
from service.offers import retract
from service.recipients import FIRST, rungs_of
from service.retention import held
from store import duties, findings, reviews, staff


def follow(
    engine: Engine, conn: Connection, row: Any, by: StaffId, consequences: frozenset[Consequence], *, now: datetime
) -> list[Leaf]:
    """Do what an answer asks for, in its own transaction."""
    if Consequence.REFUSE_LINK in consequences:
        return refuse_link(engine, conn, str(row.link), by, now)
    if Consequence.CONFIRM_LINK in consequences:
        reviews.settle(conn, row.link, "confirmed", by, now)
    if Consequence.REROUTE in consequences:
        return _reroute(engine, conn, row, by, now)
    if Consequence.CLIMB_NOW in consequences:
        case = case_of(engine, conn, str(row.link))
        return [] if case is None else _climbed(row, *turn_higher(engine, conn, case, row, now=now))
    return []


def refuse_link(engine: Engine, conn: Connection, link: str, by: StaffId, now: datetime) -> list[Leaf]:
    """The wrong person: the link never alerts again, and whoever else was told of it is told to disregard it."""
    row: Any = findings.get_link(conn, link)
    reviews.settle(conn, link, "refused", by, now)
    thread = ThreadRef(engine.locator.ref("thread", row.booking, row.client))
    retracted = retract(engine, conn, link, reason="wrong_person", now=now, apart_from=by)
    purged = _close_own(conn, link, by, now)
    duties.end_thread(conn, thread, now)
    said = leaf(Kind.REVIEW, link=link, outcome="refused", by=by, booking=row.booking, client=row.client)
    return [said, *retracted, *purged]


def _reroute(engine: Engine, conn: Connection, row: Any, by: StaffId, now: datetime) -> list[Leaf]:
    """The right person, but not theirs: they hear no more of this client, and whoever answers now is found."""
    link: Any = findings.get_link(conn, row.link)
    duty.decline(engine, conn, ClientRef(link.client), by, now=now)
    purged = _close_own(conn, str(row.link), by, now)
    case = case_of(engine, conn, str(row.link))
    return purged if case is None else purged + _find_another(engine, conn, row, case, now)


def _find_another(engine: Engine, conn: Connection, row: Any, case: Case, now: datetime) -> list[Leaf]:
    directory = staff.everyone(conn)
    first = next((r for r in rungs_of(case.client.entry, directory, now) if r.role in FIRST), None)
    if first is None:
        return _climbed(row, *turn_higher(engine, conn, case, row, now=now))
    if holds(conn, case.link, first.staff):
        return _climbed(row, first.staff, [])
    _, leaves = offer_hand_over(engine, conn, case, directory[first.staff], str(row.match_class), now=now)
    return _climbed(row, first.staff, leaves)


def _climbed(row: Any, to: StaffId | None, leaves: Iterable[Leaf]) -> list[Leaf]:
    code = "nobody_above" if to is None else "handed_on"
    return [*leaves, leaf(Kind.ESCALATION, alert=row.ref, step=0, recipient=to, code=code)]


def _close_own(conn: Connection, link: str, by: StaffId, now: datetime) -> list[Leaf]:
    """The thread leaves the inbox of whoever said that it is not for them, and what they were sent of it is destroyed:
    it is news of somebody who is none of theirs.
    """
    about: Any = findings.get_link(conn, link)
    kept = held(conn, about.booking, about.client)
    mine = [r for r in findings.alerts_for_link(conn, link) if r.recipient == by]
    gone = [] if kept else [AlertRef(str(r.ref)) for r in mine if destroy(conn, AlertRef(str(r.ref)))]
    open_ones = [AlertRef(str(r.ref)) for r in mine if r.state != "closed"]
    take_back(conn, open_ones, code="not_theirs", destroy_content=False, now=now)
    return [
        leaf(
            Kind.PURGE,
            subject_kind="inbox_item",
            subject=ref,
            purge_reason="withdrawn",
            client=about.client,
            booking=about.booking,
        )
        for ref in gone
    ]
