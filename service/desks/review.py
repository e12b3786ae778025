"""The supervisor's review queue: what agrees and what does not, and what follows from a reviewer's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from math import log2
from typing import Any

from sqlalchemy import Connection

from alerts.content import AlertKind
from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from records import BookingRef, OrgId, Personal, StaffId
from service.cases import case_of
from service.consequences import refuse_link
from service.desks.offers import offer_all
from service.disclosure import Case, consider
from service.engine import Engine
from service.offers import News
from service.recipients import possible_recipients
from store import bookings, reviews, staff
from store.bookings import StoredBooking


class Opinion(Enum):
    """A reviewer's word."""

    CONFIRM = "confirm"
    REFUSE = "refuse"
    UNSURE = "unsure"


class NoSuchReview(Refuse):
    """There is no such match to review, or not for this reviewer."""


class ReviewSettled(Refuse):
    """Somebody settled it a moment ago."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One compared field: its agreement level, and about how many bits it speaks for (or against) the same person."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A link in the queue. Nothing in it names anybody."""

    link: str
    org: str
    weight: float
    probability: float
    margin: float
    evidence: tuple[Evidence, ...]
    opened_at: datetime
    booked_at: datetime | None
    in_custody: bool
    opinions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sides:
    """What a reviewer may look both sides up by, in the systems that hold them."""

    client_number: Personal
    client_name: Personal
    booking_number: Personal
    facility: str


def queue(engine: Engine, org: OrgId | None, reviewer: str) -> Sequence[Doubt]:
    """Doubtful matches of the organisation's clients: those still in custody first, then the longest held.

    The look at the queue is in the audit log.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        found = _doubts(engine, conn, reviews.waiting(conn, org))
        looked = leaf(Kind.VIEW, by=reviewer, screen="review", rows=len(found))
        engine.audit.append(conn, [looked], now)
    return sorted(found, key=lambda d: (not d.in_custody, d.booked_at or d.opened_at))


def one(engine: Engine, link: str, org: OrgId | None, reviewer: str) -> Doubt:
    """One doubtful match; the look is in the audit log. Raises NoSuchReview."""
    now = engine.clock()
    with engine.database.write() as conn:
        row = _within(reviews.state(conn, link), org)
        if row is None:
            raise NoSuchReview("there is no such match to review")
        engine.audit.append(conn, [_looked(row, link, reviewer)], now)
        return _doubts(engine, conn, [row])[0]


def sides(engine: Engine, link: str, org: OrgId | None, reviewer: StaffId) -> Sides | None:
    """The numbers of both sides, for a reviewer of the client's own programme; None where the rules stand against it.

    They do where nobody of the programme might be told even if the match were sure: then a reviewer learns no more
    than the fields. Names of bookings are never kept, so there are none to show.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        row = _within(reviews.state(conn, link), org)
        case = case_of(engine, conn, link) if row is not None and row.state == "open" else None
        seen = case is not None and _may_see(engine, conn, case, reviewer, now)
        engine.audit.append(conn, [_looked(row if seen else None, link, reviewer)], now)
    return _sides(engine, case) if seen and case is not None else None


def _may_see(engine: Engine, conn: Connection, case: Case, reviewer: StaffId, now: datetime) -> bool:
    """Staff of the programme look at doubtful matches, and of such only as one of them could be told of."""
    directory = staff.everyone(conn)
    member, entry = directory.get(reviewer), case.client.entry
    programs = {e.program for e in entry.enrolments}
    if member is None or member.org != entry.org or not programs & {*member.supervises, *member.programs}:
        return False
    sure = Case(case.link, "ALERT", case.client, case.booking)
    able = possible_recipients(entry, directory, now)
    return any(consider(engine, conn, sure, each, now)[0].discloses for each in able)


def _sides(engine: Engine, case: Case) -> Sides:
    entry, event = case.client.entry, case.booking.event
    place = engine.facilities.get(event.facility.upper()) if event.facility else None
    return Sides(
        Personal(entry.client_id),
        entry.display_name,
        Personal(event.booking_number),
        place.name if place else str(event.facility or ""),
    )


def decide(engine: Engine, link: str, org: OrgId | None, reviewer: StaffId, opinion: Opinion) -> str:
    """Take a reviewer's word. Gives the review's new state: open, confirmed or refused.

    With a second reviewer asked for, two who agree settle it. Confirmed: the rules are asked about each possible
    recipient as at any link. Raises NoSuchReview and ReviewSettled.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        row = _within(reviews.state(conn, link), org)
        if row is None:
            raise NoSuchReview("there is no such match to review")
        if row.state != "open":
            raise ReviewSettled("somebody settled this match a moment ago")
        reviews.opine(conn, link, reviewer, opinion.value, now)
        state = _settled(reviews.opinions(conn, link), second=engine.settings.console.second_reviewer)
        engine.audit.append(conn, _follow(engine, conn, row, state, by=reviewer, now=now), now)
    return state


def _settled(opinions: dict[str, str], *, second: bool) -> str:
    needed = 2 if second else 1
    said = list(opinions.values())
    if said.count("refuse") >= needed and "confirm" not in said:
        return "refused"
    if said.count("confirm") >= needed and "refuse" not in said:
        return "confirmed"
    return "open"


def _follow(engine: Engine, conn: Connection, row: Any, state: str, *, by: StaffId, now: datetime) -> list[Leaf]:
    if state == "refused":
        return refuse_link(engine, conn, row.ref, by, now)
    if state == "open":
        return [leaf(Kind.REVIEW, link=row.ref, outcome="opened", by=by, booking=row.booking, client=row.client)]
    reviews.settle(conn, row.ref, "confirmed", by, now)
    leaves = [leaf(Kind.REVIEW, link=row.ref, outcome="confirmed", by=by, booking=row.booking, client=row.client)]
    case = case_of(engine, conn, row.ref)
    if case is None:
        return leaves
    sure = Case(row.ref, "ALERT", case.client, case.booking)
    to = possible_recipients(case.client.entry, staff.everyone(conn), now)
    return leaves + offer_all(engine, conn, sure, to, News(AlertKind.ARREST, match="adjudicated"), now=now)


def workload(engine: Engine, org: OrgId | None, days: int = 30) -> dict[str, dict[str, int]]:
    """Of each reviewer of late: matches confirmed and refused, second opinions agreed with, and what a clinician overturned."""
    since = engine.clock() - timedelta(days=days)
    with engine.database.view() as conn:
        decided, agreed = reviews.decided_by(conn, org, since), reviews.agreement(conn, org, since)
    none = {"confirmed": 0, "refused": 0, "agreed": 0, "of": 0, "overturned": 0}
    return {by: none | decided.get(by, {}) | agreed.get(by, {}) for by in sorted(decided.keys() | agreed.keys())}


def _within(row: Any, org: OrgId | None) -> Any:
    return row if row is not None and org in {None, row.org} else None


def _looked(row: Any, link: str, by: str) -> Leaf:
    if row is None:
        return leaf(Kind.REFUSED_ATTEMPT, action="view", reasons=["NOT_YOURS"], by=by, screen="review", link=_ref(link))
    return leaf(Kind.VIEW, by=by, screen="review", link=row.ref, client=row.client, booking=row.booking)


def _ref(text: str) -> str | None:
    """Only what can be a reference of ours goes into the log: an address may hold anything."""
    return text if len(text) == 26 and text.isascii() and text.isalnum() and text.islower() else None


def _doubts(engine: Engine, conn: Connection, rows: Sequence[Any]) -> list[Doubt]:
    held = bookings.several(conn, engine.vault, [BookingRef(row.booking) for row in rows])
    said = reviews.opinions_of(conn, [str(row.ref) for row in rows])
    worth = _worth(engine)
    return [_doubt(row, held.get(BookingRef(row.booking)), worth, said[row.ref]) for row in rows]


def _doubt(
    row: Any, booking: StoredBooking | None, worth: dict[tuple[str, str], float], opinions: dict[str, str]
) -> Doubt:
    return Doubt(
        link=row.ref,
        org=row.org,
        weight=row.weight,
        probability=row.probability,
        margin=row.margin,
        evidence=tuple(
            Evidence(name, level, worth.get((name, level), 0.0)) for name, level in dict(row.levels).items()
        ),
        opened_at=row.opened_at,
        booked_at=booking.event.booked_at.at if booking and booking.event.booked_at else None,
        in_custody=_held(booking),
        opinions=opinions,
    )


def _held(booking: StoredBooking | None) -> bool:
    return booking is not None and booking.state == "open" and booking.event.released_at is None


def _worth(engine: Engine) -> dict[tuple[str, str], float]:
    """Bits per field are log2 m/u of the model's levels (Fellegi and Sunter); the rarity of a value comes on top of it."""
    return {(f.field, v.level): log2(v.m / v.u) for f in engine.model.fields for v in f.levels}
