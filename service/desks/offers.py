"""Offering a link to somebody: asking the rules, and queueing the alert, in the caller's transaction.

For what people decide after the cycle: a reviewer confirms a match, a clinician hands a client on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts import answers, outbox
from audit.leaves import Kind, Leaf, leaf
from records import AlertRef, StaffId, StaffMember
from service.disclosure import Case, evaluate
from service.dispatch import case_of
from service.engine import Engine
from service.recipients import supervisors
from store import findings, reviews, staff

_LOGGED_AS = {"hand_over": "handover", "court_date": "court", "already_in_custody": "in_custody"}
"""Where the audit log's word for a kind of alert is another."""


def offer(
    engine: Engine, conn: Connection, case: Case, to: Iterable[StaffMember], *, kind: str, match: str, now: datetime
) -> list[Leaf]:
    """A decision for each person, and an alert for each who may be told. One who has this alert gets no second."""
    leaves: list[Leaf] = []
    for member in to:
        ref = AlertRef(engine.locator.ref("alert", case.link, member.staff, kind, "0"))
        if findings.get_alert(conn, ref) is not None:
            continue
        answer = evaluate(engine, conn, case, member, stage="link", at=now)
        leaves.append(answer.leaf)
        if answer.permitted:
            leaves.append(
                _queued(engine, conn, case, member, ref=ref, decision=answer.ref, kind=kind, match=match, now=now)
            )
    return leaves


def _queued(
    engine: Engine, conn: Connection, case: Case, member: StaffMember, *,
    ref: AlertRef, decision: str, kind: str, match: str, now: datetime,
) -> Leaf:  # fmt: skip
    thread = engine.locator.ref("thread", case.booking.ref, case.client.ref)
    findings.add_alert(
        conn,
        ref=ref,
        thread=thread,
        link=case.link,
        decision=decision,
        recipient=member.staff,
        kind=kind,
        match_class=match,
        state="queued",
        created_at=now,
    )
    outbox.enqueue(conn, engine.locator.ref("outbox", ref, "inbox"), ref, "inbox", now=now)
    return leaf(
        Kind.ALERT,
        alert=ref,
        thread=thread,
        link=case.link,
        booking=case.booking.ref,
        client=case.client.ref,
        decision=decision,
        recipient=member.staff,
        alert_kind=_LOGGED_AS.get(kind, kind),
        match_class=match,
        channel="inbox",
    )


def offer_higher(engine: Engine, conn: Connection, row: Any, now: datetime) -> list[Leaf]:
    """Turn to the supervisors of the client's programmes: whoever had the alert cannot act, or has not the client."""
    case = case_of(engine, conn, str(row.link))
    if case is None:
        return []
    directory = staff.everyone(conn)
    above = [m for m in supervisors(case.client.entry, directory) if m.staff != row.recipient]
    offered = offer(engine, conn, case, above, kind="hand_over", match=row.match_class, now=now)
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
