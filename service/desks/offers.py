"""Offering a link to somebody: asking the rules, and queueing the alert, in the caller's transaction.

For what people decide after the cycle: a reviewer confirms a match, a clinician hands a client on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts import answers
from alerts.content import AlertKind
from audit.leaves import Kind, Leaf, leaf
from records import AlertRef, StaffId, StaffMember
from service.disclosure import Case
from service.dispatch import case_of
from service.engine import Engine
from service.offers import News, offer
from service.recipients import supervisors
from store import findings, reviews, staff


def offer_all(
    engine: Engine, conn: Connection, case: Case, to: Iterable[StaffMember], news: News, *, now: datetime
) -> list[Leaf]:
    """A decision for each person, and an alert for each who may be told. One who has this alert gets no second."""
    made = (offer(engine, conn, case, member, news, now=now) for member in to)
    return [stated for one in made if one is not None for stated in one.leaves]


def offer_higher(engine: Engine, conn: Connection, row: Any, now: datetime) -> list[Leaf]:
    """Turn to the supervisors of the client's programmes: whoever had the alert cannot act, or has not the client."""
    case = case_of(engine, conn, str(row.link))
    if case is None:
        return []
    directory = staff.everyone(conn)
    above = [m for m in supervisors(case.client.entry, directory) if m.staff != row.recipient]
    offered = offer_all(engine, conn, case, above, News(AlertKind.HAND_OVER, match=row.match_class), now=now)
    step = leaf(Kind.ESCALATION, alert=row.ref, step=1, code="nobody_above" if not above else "supervisor")
    return [*offered, step]


def refuse_link(engine: Engine, conn: Connection, link: str, by: StaffId, now: datetime) -> list[Leaf]:
    """The wrong person: the link never alerts again, and what was told about it is taken back from everyone else."""
    row: Any = findings.get_link(conn, link)
    reviews.settle(conn, link, "refused", by, now)
    told = [AlertRef(str(a.ref)) for a in findings.alerts_for_link(conn, link) if a.recipient != by]
    taken = answers.take_back(conn, told, code="wrong_person", destroy_content=True, now=now)
    thread = engine.locator.ref("thread", row.booking, row.client)
    leaves = [leaf(Kind.REVIEW, link=link, outcome="refused", by=by, booking=row.booking, client=row.client)]
    return leaves + [
        leaf(
            Kind.RETRACTION,
            thread=thread,
            alert=back.alert,
            booking=row.booking,
            client=row.client,
            recipient=back.recipient,
            retraction_reason="wrong_person",
            by=by,
        )
        for back in taken
    ]
