"""A consent, or somebody to tell, that is there only while the person is held already leads to one alert then.

Open bookings whose client's consent history grew since the link was last decided are asked about again; so are those that were
denied because a consent was not in force yet, and those of which nobody could be told until now. Whoever heard of the stay already
hears nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select

from alerts.content import AlertKind
from alerts.threads import OPENING
from connectors.schema import Scope
from consent import Verdict as Decided
from records import BookingRef, ClientRef, EventKind, StaffId, StaffMember
from service.changes import goes_on_untold
from service.disclosure import Case, consider
from service.duty import on_duty
from service.engine import Engine
from service.offers import News, offer, said_to
from service.recipients import possible_recipients
from service.scopes import scopes_of
from store import bookings, clients, findings, reviews, staff
from store.tables import booking, booking_event, consent_record, decision, link

NOT_YET = "CONSENT_NOT_YET_EFFECTIVE"
"""The reason of the rule `consent.not_yet`."""


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """How many links were asked about again, and how many alerts came of it."""

    links: int
    alerts: int


def reconsider(engine: Engine) -> Reconsidered:
    """Ask again where a consent, a revocation or a circumstance was recorded since, where a consent has come into force by now, and
    where there is by now somebody to tell; each link in a transaction of its own.
    """
    with engine.database.read() as conn:
        waiting = [str(ref) for ref in conn.execute(_grown()).scalars()]
        directory = staff.everyone(conn)
        waiting += [ref for ref in _too_early(conn) if ref not in waiting and _is_time(engine, conn, directory, ref)]
        if unasked := [ref for ref in _unasked(conn) if ref not in waiting]:
            scopes = scopes_of(engine)  # reads every feed's mapping: only where there is something to look at
            waiting += [ref for ref in unasked if _has_somebody(engine, conn, directory, scopes, ref)]
    alerts = sum(_one(engine, directory, ref) for ref in waiting)
    return Reconsidered(len(waiting), alerts)


def _standing() -> Any:
    """ALERT links of open bookings that stand, in a stable order."""
    return (
        select(link.c.ref)
        .join(booking, booking.c.ref == link.c.booking)
        .where(link.c.verdict == "ALERT", link.c.superseded_at.is_(None), booking.c.state == "open")
        .order_by(link.c.ref)
    )


def _too_early(conn: Connection) -> list[str]:
    """Standing ALERT links of open bookings of which a decision said that a consent was not in force yet."""
    query = (
        _standing()
        .join(decision, decision.c.link == link.c.ref)
        .where(decision.c.stage == "link", decision.c.decision == "deny")
        .where(cast(decision.c.reason_codes, Text).contains(NOT_YET))
        .distinct()
    )
    return [str(ref) for ref in conn.execute(query).scalars()]


def _is_time(engine: Engine, conn: Connection, directory: dict[StaffId, StaffMember], ref: str) -> bool:
    """Whether somebody who heard nothing may be told by now. Asked without keeping the answer: until then every cycle asks."""
    case, now = _case(engine, conn, ref), engine.clock()
    if case is None:
        return False
    return any(
        not OPENING & set(said_to(conn, ref, to.staff))
        and consider(engine, conn, case, to, now)[0].decision is not Decided.DENY
        for to in possible_recipients(case.client.entry, directory, now)
    )


def _unasked(conn: Connection) -> list[str]:
    """Standing ALERT links of open bookings that no decision was made about: nobody was there to be told, or nobody was to be."""
    asked = select(decision.c.ref).where(decision.c.link == link.c.ref, decision.c.stage == "link").exists()
    return [str(ref) for ref in conn.execute(_standing().where(~asked)).scalars()]


def _has_somebody(
    engine: Engine, conn: Connection, directory: dict[StaffId, StaffMember], scopes: Mapping[str, Scope], ref: str
) -> bool:
    """Whether the stay is one to be told of, and there is somebody by now: an assignment has begun, or an absence is over."""
    case, now = _case(engine, conn, ref), engine.clock()
    if case is None or not possible_recipients(case.client.entry, directory, now):
        return False
    event = case.booking.event
    return _was_news(conn, event_of=case.booking.ref) and goes_on_untold(
        event, case.booking.state, scopes.get(event.feed, Scope()), now
    )


def _was_news(conn: Connection, *, event_of: BookingRef) -> bool:
    """Whether somebody would have been told of the arrest: it was not back-dated, and it was one."""
    said = conn.execute(
        select(booking_event.c.kind, booking_event.c.not_news).where(booking_event.c.booking == event_of)
    )
    return any(row.kind == EventKind.BOOKED.value and not row.not_news for row in said)


def _grown() -> Any:
    """Standing ALERT links of open bookings whose client's consent history is longer than any decision on the link knew it.

    Lengths, not times: a file of consents that is being recorded while we decide bears the time at which it was begun.
    """
    of_link = decision.c.link == link.c.ref, decision.c.stage == "link"
    known = select(func.max(func.coalesce(decision.c.consents_known, 0))).where(*of_link).scalar_subquery()
    length = select(func.count()).where(consent_record.c.client == link.c.client).scalar_subquery()
    return _standing().where(length > known)


def _one(engine: Engine, directory: dict[StaffId, StaffMember], ref: str) -> int:
    now = engine.clock()
    with engine.database.write() as conn:
        case = _case(engine, conn, ref)
        if case is None:
            return 0
        return sum(
            _offered(engine, conn, case, to, now) for to in possible_recipients(case.client.entry, directory, now)
        )


def _case(engine: Engine, conn: Connection, ref: str) -> Case | None:
    row = findings.get_link(conn, ref)
    client = clients.get(conn, engine.vault, ClientRef(row.client))
    stored = bookings.get(conn, engine.vault, row.booking)
    return Case(ref, row.verdict, on_duty(engine, conn, client, engine.clock()), stored) if client and stored else None


def _offered(engine: Engine, conn: Connection, case: Case, to: StaffMember, now: datetime) -> bool:
    if OPENING & set(said_to(conn, case.link, to.staff)):
        return False
    match = "adjudicated" if reviews.outcome(conn, case.link) == "confirmed" else "full"
    made = offer(engine, conn, case, to, News(AlertKind.ALREADY_IN_CUSTODY, match=match), now=now)
    if made is None:
        return False
    engine.audit.append(conn, list(made.leaves), now)
    return made.queued
