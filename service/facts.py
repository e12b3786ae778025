"""What an alert could say, gathered from the sealed booking and the sealed client. What it does say is decided elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection

from alerts.content import AlertFacts, ConsentBasis, FacilityContact, MatchClass
from consent import ConsentRecord, Decision
from records import AlertRef, BookingEvent, Instant, Personal
from service.consent_history import on_file
from service.disclosure import Case
from service.engine import Engine


def alert_facts(engine: Engine, conn: Connection, case: Case, decision: Decision, match: str = "full") -> AlertFacts:
    """Everything that might be said to whoever may be told."""
    return replace(booking_facts(engine, case), match=MatchClass(match), consent=_basis(engine, conn, case, decision))


def retraction_facts(engine: Engine, retracts: AlertRef, sent_at: datetime) -> AlertFacts:
    """A retraction knows which message it takes back and when that was sent, and nothing of what it said."""
    zone = engine.settings.zone
    return AlertFacts(MatchClass.FULL, zone, retracts=retracts, retracted_sent_at=Instant(sent_at, zone))


def booking_facts(engine: Engine, case: Case) -> AlertFacts:
    """What the booking and the client's record say, without who relies on which consent."""
    event, entry = case.booking.event, case.client.entry
    facility, zone = _facility(engine, event), _zone(engine, event)
    return AlertFacts(
        match=MatchClass.FULL,
        zone=zone,
        client=entry.display_name,
        client_number=Personal(entry.client_id),
        booked_at=_there(event.booked_at, zone),
        released_at=_there(event.released_at, zone),
        release_inferred=event.release_inferred,
        facility=facility,
        booking_number=event.booking_number,
        custody=event.custody,
        next_court_at=_there(event.next_court_at, zone),
        charges=event.charges,
        advance_directive_on_file=entry.advance_directive_on_file,
        crisis_plan_on_file=entry.crisis_plan_on_file,
        link=engine.settings.mail.inbox_url,
    )


def _facility(engine: Engine, event: BookingEvent) -> FacilityContact | None:
    if event.facility is None:
        return None
    known = engine.facilities.get(event.facility.upper())
    return FacilityContact(known.name, known.phone) if known else FacilityContact(event.facility)


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
