"""What was found and decided: links, reviews, decisions, alerts. Codes and opaque references only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from records import BookingRef, ClientRef
from store.tables import alert, decision, link, outbox, review

AnyRow = Any
"""A row of a table, by its columns' names."""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A booking that may be, or is, of a client."""

    ref: str
    booking: BookingRef
    client: ClientRef
    verdict: str
    weight: float
    probability: float
    margin: float
    levels: Mapping[str, str]
    model_hash: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What the rules said about one link, one recipient, at one stage."""

    ref: str
    link: str
    recipient: str
    stage: str
    decision: str
    reason_codes: Sequence[str]
    fields_allowed: Sequence[str]
    obligations: Sequence[str]
    consents: Sequence[str]
    rule_set: str
    rule_set_hash: str
    sealed_input: bytes
    consents_known: int


def put_link(conn: Connection, row: LinkRow, now: datetime) -> LinkRow:
    """Keep a link and give it as it now stands.

    New evidence about a booking may turn doubt into a match or a match into doubt, or bring a superseded link back. What a
    reviewer decided stands, whatever the evidence.
    """
    known = conn.execute(select(link.c.verdict, review.c.state).outerjoin(review).where(link.c.ref == row.ref)).first()
    if known is not None and known.state in {"confirmed", "refused"}:
        return replace(row, verdict=known.verdict)
    values = {name: getattr(row, name) for name in row.__slots__} | {"levels": dict(row.levels), "superseded_at": None}
    if known is None:
        conn.execute(insert(link).values(**values, at=now))
    else:
        conn.execute(update(link).where(link.c.ref == row.ref).values(**values))
    _put_review(conn, row, known is not None and known.state is not None, now)
    return row


def _put_review(conn: Connection, row: LinkRow, known: bool, now: datetime) -> None:
    """A doubtful link waits for a reviewer; one that needs none any more is taken off the queue."""
    if row.verdict == "REVIEW" and not known:
        conn.execute(insert(review).values(link=row.ref, opened_at=now, state="open"))
    elif known:
        state = "open" if row.verdict == "REVIEW" else "expired"
        conn.execute(update(review).where(review.c.link == row.ref).values(state=state))


def links_of(conn: Connection, booking_ref: BookingRef) -> Sequence[AnyRow]:
    return conn.execute(select(link).where(link.c.booking == booking_ref).order_by(link.c.weight.desc())).all()


def links_with(conn: Connection, client: ClientRef) -> Sequence[AnyRow]:
    """Every link of a client."""
    return conn.execute(select(link).where(link.c.client == client).order_by(link.c.ref)).all()


def standing_links(conn: Connection) -> Sequence[AnyRow]:
    """Every link that was not superseded."""
    return conn.execute(select(link).where(link.c.superseded_at.is_(None)).order_by(link.c.ref)).all()


def get_link(conn: Connection, ref: str) -> AnyRow:
    return conn.execute(select(link).where(link.c.ref == ref)).one()


def supersede(conn: Connection, ref: str, now: datetime) -> None:
    """The link no longer holds: the booking's identity was corrected, or a person said so."""
    conn.execute(update(link).where(link.c.ref == ref).values(superseded_at=now))


def add_decision(conn: Connection, row: DecisionRow, now: datetime) -> None:
    values = {name: getattr(row, name) for name in row.__slots__}
    lists = {n: list(values[n]) for n in ("reason_codes", "fields_allowed", "obligations", "consents")}
    conn.execute(insert(decision).values(**values | lists, at=now))


def decisions_since(conn: Connection, at: datetime) -> Sequence[AnyRow]:
    """Every decision from that instant on, oldest first."""
    return conn.execute(select(decision).where(decision.c.at >= at).order_by(decision.c.at, decision.c.ref)).all()


def decisions_of(conn: Connection, link_ref: str) -> Sequence[AnyRow]:
    return conn.execute(select(decision).where(decision.c.link == link_ref).order_by(decision.c.at)).all()


def decision_count(conn: Connection, link_ref: str, recipient: str, stage: str) -> int:
    """How often the rules were asked about this link, recipient and stage."""
    asked = (decision.c.link == link_ref, decision.c.recipient == recipient, decision.c.stage == stage)
    return conn.execute(select(func.count()).select_from(decision).where(*asked)).scalar_one()


def get_decision(conn: Connection, ref: str) -> AnyRow:
    return conn.execute(select(decision).where(decision.c.ref == ref)).one()


def add_alert(conn: Connection, **values: object) -> None:
    conn.execute(insert(alert).values(**values))


def get_alert(conn: Connection, ref: str) -> AnyRow | None:
    return conn.execute(select(alert).where(alert.c.ref == ref)).one_or_none()


def set_alert(conn: Connection, ref: str, **values: object) -> None:
    conn.execute(update(alert).where(alert.c.ref == ref).values(**values))


def alerts_of(conn: Connection, recipient: str | None = None) -> Sequence[AnyRow]:
    query = select(alert).order_by(alert.c.created_at, alert.c.ref)
    return conn.execute(query if recipient is None else query.where(alert.c.recipient == recipient)).all()


def alerts_for_link(conn: Connection, link_ref: str) -> Sequence[AnyRow]:
    return conn.execute(select(alert).where(alert.c.link == link_ref)).all()


def tally(conn: Connection) -> dict[str, dict[str, int]]:
    """Counts by state, for the status page: links by verdict, decisions by outcome, alerts and outbox by state."""
    columns = {
        "links": link.c.verdict,
        "decisions": decision.c.decision,
        "alerts": alert.c.state,
        "outbox": outbox.c.state,
        "reviews": review.c.state,
    }
    return {
        name: {row[0]: row[1] for row in conn.execute(select(column, func.count()).group_by(column))}
        for name, column in columns.items()
    }
