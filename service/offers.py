"""Offering news about a link to somebody: asking the rules and queueing the alert, in the caller's transaction.

One way for all occasions: a booking event, a consent that arrived later, a reviewer's word, a hand-over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts import answers, outbox
from alerts.content import AlertKind
from alerts.courier import INBOX
from audit.leaves import Kind, Leaf, leaf
from consent import Decision
from records import AlertRef, StaffId, StaffMember, ThreadRef
from service.channels import content_channels, heard_at
from service.clinics import clinic_named
from service.disclosure import Case, evaluate
from service.engine import Engine
from service.retention import held
from store import findings, inbox, operation, staff

_LEAST = timedelta(microseconds=1)
LOGGED_AS = {"hand_over": "handover", "court_date": "court", "already_in_custody": "in_custody"}
"""Where the audit log's word for a kind of alert is another."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What came of it: the decision, what the log must say, and whether an alert was queued."""

    decision: Decision
    leaves: tuple[Leaf, ...]
    queued: bool


@dataclass(frozen=True, slots=True)
class News:
    """What would be said. `match` is `full`, or `adjudicated` by a reviewer; `quiet` decides and records, and tells nobody."""

    kind: AlertKind
    match: str = "full"
    sameness: tuple[str, ...] = ()
    quiet: bool = False


def said_to(conn: Connection, link: str, recipient: StaffId) -> tuple[AlertKind, ...]:
    """The kinds of what stands, or reached this recipient, about a link, in the order of saying."""
    rows = [row for row in findings.alerts_for_link(conn, link) if row.recipient == recipient]
    heard = [row for row in rows if row.state != "withdrawn" or inbox.get(conn, AlertRef(str(row.ref))) is not None]
    return tuple(AlertKind(row.kind) for row in sorted(heard, key=lambda row: (row.created_at, row.ref)))


def offer(engine: Engine, conn: Connection, case: Case, to: StaffMember, news: News, *, now: datetime) -> Offer | None:
    """Decide, and queue what may be told. None where this recipient has just this alert already.

    One that was withdrawn before anybody read it does not count: what made it stop may itself be corrected.
    """
    ref = _name(engine, conn, case.link, to.staff, news)
    if ref is None:
        return None
    answer = evaluate(engine, conn, case, to, stage="link", at=now)
    if news.quiet or not answer.allows(news.kind) or operation.in_shadow(conn):
        return Offer(answer.decision, (answer.leaf,), queued=False)
    queued = _queue(engine, conn, case, ref=ref, recipient=to.staff, decision=answer.ref, news=news, now=now)
    return Offer(answer.decision, (answer.leaf, queued), queued=True)


def _name(engine: Engine, conn: Connection, link: str, recipient: StaffId, news: News) -> AlertRef | None:
    for attempt in range(100):
        ref = AlertRef(engine.locator.ref("alert", link, recipient, news.kind.value, *news.sameness[1:], str(attempt)))
        earlier = findings.get_alert(conn, ref)
        if earlier is None:
            return ref
        if earlier.state != "withdrawn" or inbox.get(conn, ref) is not None:
            return None
    return None


def _queue(
    engine: Engine,
    conn: Connection,
    case: Case,
    *,
    ref: AlertRef,
    recipient: StaffId,
    decision: str,
    news: News,
    now: datetime,
) -> Leaf:
    thread = ThreadRef(engine.locator.ref("thread", case.booking.ref, case.client.ref))
    findings.add_alert(
        conn,
        ref=ref,
        thread=thread,
        link=case.link,
        decision=decision,
        recipient=recipient,
        kind=news.kind.value,
        match_class=news.match,
        state="queued",
        created_at=_in_order(conn, case.link, now),
    )
    enqueue(engine, conn, ref, recipient, now)
    return leaf(
        Kind.ALERT,
        alert=ref,
        thread=thread,
        link=case.link,
        booking=case.booking.ref,
        client=case.client.ref,
        decision=decision,
        recipient=recipient,
        alert_kind=LOGGED_AS.get(news.kind.value, news.kind.value),
        match_class=news.match,
        channel="inbox",
    )


def _in_order(conn: Connection, link: str, now: datetime) -> datetime:
    """What one file says of a booking is said at one instant: a microsecond keeps the order in which it was said."""
    earlier = max((row.created_at for row in findings.alerts_for_link(conn, link)), default=now - _LEAST)
    return max(now, earlier + _LEAST)


def retract(
    engine: Engine, conn: Connection, link: str, *, reason: str, now: datetime, apart_from: StaffId | None = None
) -> list[Leaf]:
    """What was told about a link no longer stands: stop what is queued, destroy what was delivered, and send one neutral
    message to each person who had received something, also to those who lost it meanwhile. The accounting of what was
    disclosed stays. `apart_from` is who said so, and needs no message.
    """
    rows = {AlertRef(str(row.ref)): row for row in findings.alerts_for_link(conn, link)}
    owed = _lost_it_earlier(conn, rows.values())
    told = [ref for ref, r in rows.items() if r.kind != AlertKind.RETRACTION.value and r.recipient != apart_from]
    about = findings.get_link(conn, link)
    kept = held(conn, about.booking, about.client)
    back = answers.take_back(conn, told, code=reason, destroy_content=not kept, now=now)
    owed = {**owed, **{b.recipient: rows[b.alert] for b in back if b.received}}
    owed.pop(apart_from, None)
    for row in owed.values():
        queue_retraction(engine, conn, row, now)
    affected = {**{row.ref: row for row in owed.values()}, **{b.alert: rows[b.alert] for b in back}}
    return [
        leaf(
            Kind.RETRACTION,
            thread=row.thread,
            alert=ref,
            booking=about.booking,
            client=about.client,
            recipient=row.recipient,
            notified=int(owed.get(row.recipient) is row),
            retraction_reason=reason,
            by=apart_from,
        )
        for ref, row in affected.items()
    ]


def _lost_it_earlier(conn: Connection, rows: Iterable[findings.AnyRow]) -> dict[StaffId | None, findings.AnyRow]:
    """Whoever read of it, handed it on, and was never told that it does not stand."""
    found = list(rows)
    retracted = {row.recipient for row in found if row.kind == AlertKind.RETRACTION.value}
    return {
        StaffId(str(row.recipient)): row
        for row in found
        if row.state == "withdrawn" and row.recipient not in retracted and heard_at(conn, str(row.ref)) is not None
    }


def queue_retraction(engine: Engine, conn: Connection, row: findings.AnyRow, now: datetime) -> None:
    """The retraction of an alert is an alert of its own, without anything of the first but its opaque name and time."""
    ref = retraction_of(engine, AlertRef(str(row.ref)))
    findings.add_alert(
        conn,
        ref=ref,
        thread=row.thread,
        link=row.link,
        decision=row.decision,
        recipient=row.recipient,
        kind=AlertKind.RETRACTION.value,
        match_class=row.match_class,
        state="queued",
        created_at=now,
        retracts=row.ref,
    )
    enqueue(engine, conn, ref, StaffId(str(row.recipient)), now)


def retraction_of(engine: Engine, alert: AlertRef) -> AlertRef:
    """The name of the alert that takes another one back."""
    return AlertRef(engine.locator.ref("alert", alert, AlertKind.RETRACTION.value))


def enqueue(engine: Engine, conn: Connection, ref: AlertRef, recipient: StaffId, now: datetime) -> None:
    """One outbox entry for each channel by which the alert itself travels to its recipient."""
    member, clinic = staff.get(conn, recipient), clinic_named(engine, recipient)
    reached = [clinic.channel] if clinic else content_channels(engine, member) if member else [INBOX]
    for channel in reached:
        outbox.enqueue(conn, engine.locator.ref("outbox", ref, channel), ref, channel, now=now)
