"""What an alert could say, gathered from the sealed booking and the sealed client. What it does say is decided elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from alerts.content import AlertFacts, ConsentBasis, FacilityContact, MatchClass
from consent import ConsentRecord, Decision
from records import AlertRef, BookingEvent, BookingRef, FacilityId, Instant, Personal
from service.consent_history import on_file
from service.disclosure import Case
from service.engine import Engine
from service.recipients import FIRST, rungs_of
from store import bookings, findings, staff

A_YEAR = timedelta(days=365)


def alert_facts(engine: Engine, conn: Connection, case: Case, decision: Decision, match: str = "full") -> AlertFacts:
    """Everything that might be said to whoever may be told."""
    return replace(
        booking_facts(engine, case),
        match=MatchClass(match),
        consent=_basis(engine, conn, case, decision),
        bookings_in_a_year=bookings_in_a_year(engine, conn, case),
        case_manager=case_manager(conn, case, engine.clock()),
    )


def bookings_in_a_year(engine: Engine, conn: Connection, case: Case) -> int:
    """How often the client was booked in the twelve months up to this booking, this one included.

    Doubtful matches do not count, nor what was cancelled, sealed or corrected away.
    """
    this = case.booking.event.booked_at
    if this is None:
        return 0
    rows = [row for row in findings.links_with(conn, case.client.ref) if row.superseded_at is None]
    refs = {BookingRef(row.booking) for row in rows if row.verdict == "ALERT"} | {case.booking.ref}
    found = [bookings.get(conn, engine.vault, ref) for ref in sorted(refs)]
    times = [b.event.booked_at.at for b in found if b is not None and b.event.booked_at is not None]
    return sum(this.at - A_YEAR < at <= this.at for at in times)


def case_manager(conn: Connection, case: Case, at: datetime) -> str:
    """The name of whoever is assigned first, as the ladder ranks them; empty while nobody is."""
    directory = staff.everyone(conn)
    first = next((r for r in rungs_of(case.client.entry, directory, at) if r.role in FIRST), None)
    return directory[first.staff].name if first else ""


def retraction_facts(engine: Engine, retracts: AlertRef, sent_at: datetime) -> AlertFacts:
    """A retraction knows which message it takes back and when that was sent, and nothing of what it said."""
    zone = engine.settings.zone
    return AlertFacts(MatchClass.FULL, zone, retracts=retracts, retracted_sent_at=Instant(sent_at, zone))


def booking_facts(engine: Engine, case: Case) -> AlertFacts:
    """What the booking and the client's record say, without who relies on which consent."""
    event, entry = case.booking.event, case.client.entry
    zone = _zone(engine, event)
    return AlertFacts(
        match=MatchClass.FULL,
        zone=zone,
        client=entry.display_name,
        client_number=Personal(entry.client_id),
        booked_at=_there(event.booked_at, zone),
        released_at=_there(event.released_at, zone),
        release_inferred=event.release_inferred,
        facility=_facility(engine, event.facility),
        previous_facility=_facility(engine, event.previous_facility),
        booking_number=event.booking_number,
        custody=event.custody,
        release_planned_at=_there(event.release_planned_at, zone),
        next_court_at=_there(event.next_court_at, zone),
        charges=event.charges,
        advance_directive_on_file=entry.advance_directive_on_file,
        crisis_plan_on_file=entry.crisis_plan_on_file,
        link=engine.settings.mail.inbox_url,
    )


def _facility(engine: Engine, place: FacilityId | None) -> FacilityContact | None:
    if place is None:
        return None
    known = engine.facilities.get(place.upper())
    return FacilityContact(known.name, known.phone, known.visiting_phone) if known else FacilityContact(place)


def _zone(engine: Engine, event: BookingEvent) -> str:
    known = engine.facilities.get(event.facility.upper()) if event.facility else None
    return known.zone if known else engine.settings.zone


def _there(moment: Instant | None, zone: str) -> Instant | None:
    """The instant in the jail's own zone: a source that writes offsets or UTC does not say where its clocks hang."""
    return moment and replace(moment, zone=zone)


def _basis(engine: Engine, conn: Connection, case: Case, decision: Decision) -> ConsentBasis | None:
    """The consent that the decision relied on; of several the first by name, as the rules list them."""
    records = {record.id: record for record in on_file(conn, engine, case.client.ref, engine.clock())}
    relied = [records[name] for name in sorted(decision.consents_relied_on) if name in records]
    return basis(relied[0]) if relied else None


def basis(record: ConsentRecord) -> ConsentBasis:
    return ConsentBasis(
        reference=record.id,
        signed_on=_day(record.signed_at),
        ends=_day(record.expires_at),
        purposes=tuple(str(p.value) for p in record.purposes),
        info=tuple(str(i.value) for i in record.info),
    )


def _day(moment: datetime | date | None) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment
