"""What the counts are made of: stays, alerts and contacts of a month, read from the store. References only, no names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from alerts.content import AlertKind
from records import BookingRef
from service.engine import Engine
from store import bookings
from store.tables import acknowledgement, alert, booking, booking_event, client, decision, inbox_item, link, outcome

_FIRST_NEWS = (AlertKind.ARREST.value, AlertKind.ALREADY_IN_CUSTODY.value)
_CHUNK = 500  # below every database's limit of bound values


@dataclass(frozen=True, slots=True)
class Owner:
    """A client of an organisation whom a booking is about, and what became of the news."""

    link: str
    client: str
    org: str
    told: bool
    denied: bool


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking that was first heard of in the period."""

    ref: str
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay that ended in the period. `began` is None where only its end was seen."""

    ref: str
    began: datetime | None
    ended: datetime
    owners: tuple[Owner, ...]

    @property
    def length(self) -> timedelta | None:
        return max(self.ended - self.began, timedelta(0)) if self.began is not None else None


@dataclass(frozen=True, slots=True)
class Told:
    """The first news of a stay to one person, in the period. `answer` is their last word, empty for none."""

    org: str
    received: datetime
    delivered: datetime
    answered: datetime | None
    answer: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A contact or an end that a clinician reported, by when it was."""

    org: str
    client: str
    link: str
    kind: str
    codes: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open in time."""

    since: datetime
    until: datetime

    def around(self, column: Any) -> ColumnElement[bool]:
        inside: ColumnElement[bool] = (column >= self.since) & (column < self.until)
        return inside


def first_month_at(conn: Connection) -> datetime | None:
    """When the first booking of all was heard of."""
    return conn.execute(select(func.min(booking.c.first_seen_at))).scalar()


def organisations(conn: Connection) -> list[str]:
    """Everyone who ever kept a roster here. (A tombstone that a restore set up knows no organisation.)"""
    named = select(client.c.org).where(client.c.org != "").distinct()
    return list(conn.execute(named.order_by(client.c.org)).scalars())


def booked(conn: Connection, window: Window) -> list[Booked]:
    """Bookings of the period. What was in custody at a feed's first load was booked before; what was cancelled or sealed is not counted."""
    rows = conn.execute(
        select(booking.c.ref).where(window.around(booking.c.first_seen_at), *_counts(), ~booking.c.baseline)
    )
    refs = list(rows.scalars())
    owners = _owners(conn, refs)
    return [Booked(ref, owners.get(ref, ())) for ref in refs]


def ended(engine: Engine, conn: Connection, window: Window) -> list[Stay]:
    """Stays whose release was heard of in the period, as long as the jail says where that is still on record."""
    heard = func.max(booking_event.c.at).label("heard")
    rows = conn.execute(
        select(booking.c.ref, booking.c.first_seen_at, booking.c.baseline, heard)
        .join(booking_event, booking_event.c.booking == booking.c.ref)
        .where(booking_event.c.kind == "released", booking.c.state == "released")
        .group_by(booking.c.ref, booking.c.first_seen_at, booking.c.baseline)
        .having((heard >= window.since) & (heard < window.until))
    ).all()
    owners = _owners(conn, [row.ref for row in rows])
    return [_stay(engine, conn, row, owners.get(row.ref, ())) for row in rows]


def told(conn: Connection, window: Window) -> list[Told]:
    rows = conn.execute(
        select(alert.c.ref, client.c.org, booking.c.first_seen_at, inbox_item.c.delivered_at)
        .join(inbox_item, inbox_item.c.alert == alert.c.ref)
        .join(link, link.c.ref == alert.c.link)
        .join(client, client.c.ref == link.c.client)
        .join(booking, booking.c.ref == link.c.booking)
        .where(window.around(inbox_item.c.delivered_at), alert.c.kind.in_(_FIRST_NEWS))
    ).all()
    said = _answers(conn, [row.ref for row in rows])
    return [Told(row.org, row.first_seen_at, row.delivered_at, *said.get(row.ref, (None, ""))) for row in rows]


def reported(conn: Connection, window: Window) -> list[Reported]:
    """What clinicians reported of the period, whenever they did."""
    rows = conn.execute(
        select(outcome.c.kind, outcome.c.codes, outcome.c.at, client.c.org, link.c.client, link.c.ref)
        .join(alert, alert.c.ref == outcome.c.alert)
        .join(link, link.c.ref == alert.c.link)
        .join(client, client.c.ref == link.c.client)
        .where(window.around(outcome.c.at))
    )
    return [Reported(r.org, r.client, r.ref, r.kind, tuple(r.codes or ()), r.at) for r in rows]


def stays_of_clients(conn: Connection, window: Window) -> list[tuple[str, str, datetime]]:
    """(organisation, client, first heard of) of every booking of a client in the period."""
    rows = conn.execute(
        select(client.c.org, link.c.client, booking.c.first_seen_at)
        .join(link, link.c.client == client.c.ref)
        .join(booking, booking.c.ref == link.c.booking)
        .where(window.around(booking.c.first_seen_at), *_counts(), ~booking.c.baseline, *_stands())
    )
    return [(row.org, row.client, row.first_seen_at) for row in rows]


def _counts() -> tuple[ColumnElement[bool], ...]:
    return (booking.c.state.not_in(("void", "sealed")),)


def _stands() -> tuple[ColumnElement[bool], ...]:
    return (link.c.superseded_at.is_(None), link.c.verdict == "ALERT")


def _stay(engine: Engine, conn: Connection, row: Any, owners: tuple[Owner, ...]) -> Stay:
    stored = bookings.get(conn, engine.vault, BookingRef(row.ref))
    event = stored.event if stored else None
    began = event.booked_at.at if event and event.booked_at else None if row.baseline else row.first_seen_at
    end = event.released_at.at if event and event.released_at else row.heard
    return Stay(row.ref, began, end, owners)


def _owners(conn: Connection, refs: Sequence[str]) -> Mapping[str, tuple[Owner, ...]]:
    found: dict[str, list[Owner]] = {}
    for chunk in _chunks(refs):
        rows = conn.execute(
            select(link.c.ref, link.c.booking, link.c.client, client.c.org)
            .join(client, client.c.ref == link.c.client)
            .where(link.c.booking.in_(chunk), *_stands())
            .order_by(link.c.ref)
        ).all()
        links = [row.ref for row in rows]
        reached, asked = _reached(conn, links), _asked(conn, links)
        for row in rows:
            owner = Owner(row.ref, row.client, row.org, row.ref in reached, asked.get(row.ref) == {"deny"})
            found.setdefault(row.booking, []).append(owner)
    return {ref: tuple(owners) for ref, owners in found.items()}


def _reached(conn: Connection, links: Sequence[str]) -> frozenset[str]:
    query = select(alert.c.link).join(inbox_item, inbox_item.c.alert == alert.c.ref)
    return frozenset(
        ref for part in _chunks(links) for ref in conn.execute(query.where(alert.c.link.in_(part))).scalars()
    )


def _asked(conn: Connection, links: Sequence[str]) -> dict[str, set[str]]:
    said: dict[str, set[str]] = {}
    for part in _chunks(links):
        for row in conn.execute(select(decision.c.link, decision.c.decision).where(decision.c.link.in_(part))):
            said.setdefault(row.link, set()).add(row.decision)
    return said


def _answers(conn: Connection, alerts: Sequence[str]) -> dict[str, tuple[datetime, str]]:
    """When each was first answered, and the last answer."""
    said: dict[str, tuple[datetime, str]] = {}
    table = acknowledgement
    for part in _chunks(alerts):
        query = select(table.c.alert, table.c.verdict, table.c.at).where(
            table.c.alert.in_(part), table.c.verdict != "seen"
        )
        for row in conn.execute(query.order_by(table.c.id)):
            said[row.alert] = (said[row.alert][0] if row.alert in said else row.at, row.verdict)
    return said


def _chunks(refs: Sequence[str]) -> Iterable[Sequence[str]] | Iterator[Sequence[str]]:
    return (refs[start : start + _CHUNK] for start in range(0, len(refs), _CHUNK))
