"""What the gates ask about the recipient, the booking, the client and a broken glass."""

from __future__ import annotations

from datetime import datetime, timedelta

from consent.case import Case, ProgrammeCase
from consent.facts import BookingFacts
from consent.questions import question
from consent.times import start, within
from consent.vocabulary import (
    TIER_RANK,
    BookingStatus,
    ClientStatus,
    Kind,
    MatchTier,
    Purpose,
)


@question
def verified(case: Case) -> bool:
    return case.request.recipient.verified


@question
def active(case: Case) -> bool:
    return case.request.recipient.active


@question
def purpose_fits_kind(case: Case) -> bool:
    return case.purpose in case.tables.kinds[case.kind].purposes


def booking_of(case: Case | ProgrammeCase) -> BookingFacts:
    """The booking, which `decide` has made sure of for every purpose that asks."""
    booking = case.request.booking
    if booking is None:
        raise ValueError("a purpose that needs a booking was let through without one")
    return booking


@question
def booking_void(case: Case) -> bool:
    return booking_of(case).status is BookingStatus.VOID


@question
def booking_sealed(case: Case) -> bool:
    booking = booking_of(case)
    if booking.status not in {BookingStatus.SEALED, BookingStatus.EXPUNGED}:
        return False
    return booking.sealed_at is None or start(booking.sealed_at, case.booking_policy.zone) <= case.as_of


@question
def booking_juvenile(case: Case) -> bool:
    return booking_of(case).juvenile


@question
def booking_in_future(case: Case) -> bool:
    return start(booking_of(case).booked_at, case.zone) > case.as_of


@question
def match_sure_inside(case: Case) -> bool:
    return _sure(case, case.policy.min_match_tier_internal)


@question
def match_sure_outside(case: Case) -> bool:
    return _sure(case, case.policy.min_match_tier_external)


def _sure(case: Case, least: MatchTier) -> bool:
    return TIER_RANK[booking_of(case).match_tier] >= TIER_RANK[least]


@question
def booking_stale(case: Case) -> bool:
    age = case.as_of - start(booking_of(case).booked_at, case.zone)
    return age > timedelta(hours=case.policy.max_booking_age_hours)


@question
def client_merged(case: Case) -> bool:
    return case.request.client.status is ClientStatus.MERGED


@question
def client_deceased(case: Case) -> bool:
    client = case.request.client
    if client.status is not ClientStatus.DECEASED:
        return False
    return client.died_at is None or start(client.died_at, case.zone) <= case.as_of


@question
def opted_out(case: Case) -> bool:
    return any(
        case.tables.hits(o.scope, case.kind) and within(case.as_of, o.since, o.until, case.zone)
        for o in case.request.client.opt_outs
    )


@question
def restricted_wholly(case: Case) -> bool:
    return any(not r.fields for r in case.restrictions)


@question
def restricted_in_part(case: Case) -> bool:
    return any(r.fields for r in case.restrictions)


@question
def restricted_at_all(case: Case) -> bool:
    return bool(case.restrictions)


@question
def break_glass_given(case: Case) -> bool:
    return case.request.context.break_glass is not None


@question
def break_glass_valid(case: Case | ProgrammeCase) -> bool:
    glass = case.request.context.break_glass
    if glass is None or case.kind is not Kind.PROGRAM_STAFF or case.purpose is not Purpose.TREAT:
        return False
    whole = case.case if isinstance(case, ProgrammeCase) else case
    if glass.declared_by is None or glass.declared_by != case.request.recipient.person_id:
        return False
    if len((glass.reason or "").strip()) < whole.policy.break_glass_min_reason_chars:
        return False
    return open_since(start(glass.at, whole.zone), whole.as_of, whole.policy.break_glass_ttl_hours)


def open_since(at: datetime, as_of: datetime, hours: float) -> bool:
    """Whether as_of lies within [at, at + hours)."""
    return timedelta(0) <= as_of - at < timedelta(hours=hours)
