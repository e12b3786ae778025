"""The rows of each kind of message: which fields each needs, and what it says.

Nothing here looks at a fact but through its row, so what a decision withholds cannot slip into another's value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import fields

from alerts.content import AlertKind, ClinicSheet, FacilityContact, MatchClass, Row
from alerts.telling import Telling
from records.booking import Custody
from records.instant import Instant

NAMING = frozenset({"client.ref", "client.name"})


def rows_of(t: Telling) -> tuple[Row, ...]:
    """The rows that the decision allows and the facts fill, in the order of reading."""
    made = ((label, build(t)) for needed, label, build in ROWS.get(t.kind, BOOKING_ROWS) if needed <= t.allowed)
    return tuple(Row(label, t.words.labels[label], value) for label, value in made if value)


def plain(text: str) -> str:
    """One line without control or direction-changing characters: a source's text cannot forge a row of an alert."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in text)
    return " ".join(kept.split())


def client_name(t: Telling) -> str:
    """The client's name if there is one that may be told. It may be told under either of two fields."""
    name = t.facts.client
    return plain(name.reveal()) if name and NAMING & t.allowed else ""


def _client(t: Telling) -> str:
    number = t.facts.client_number
    if not number:
        return client_name(t)
    return t.words.values["client_number"].format(client=client_name(t), number=plain(number.reveal())).strip()


def _when(instant: Instant | None, t: Telling) -> str:
    return t.words.when(instant, t.now) if instant else ""


def _facility(contact: FacilityContact | None, t: Telling) -> str:
    if contact is None:
        return ""
    said = plain(contact.name)
    if contact.phone:
        said = t.words.values["phone"].format(name=said, phone=plain(contact.phone))
    if contact.visiting_phone:
        said = t.words.values["visiting"].format(contact=said, phone=plain(contact.visiting_phone))
    return said


def _moved_from(t: Telling) -> str:
    return _facility(t.facts.previous_facility, t) if t.kind is AlertKind.TRANSFER else ""


def _moved_to(t: Telling) -> str:
    return _facility(t.facts.facility, t) if t.kind is AlertKind.TRANSFER else ""


def _held_at(t: Telling) -> str:
    return "" if t.kind is AlertKind.TRANSFER else _facility(t.facts.facility, t)


def _released(t: Telling) -> str:
    """When, if times may be told, and how far the news can be trusted."""
    if t.kind is not AlertKind.RELEASE:
        return ""
    when = _when(t.facts.released_at, t) if "booking.time" in t.allowed else ""
    doubt = t.words.values["inferred"] if t.facts.release_inferred else ""
    return ". ".join(part for part in (when, doubt) if part)


def _court(t: Telling) -> str:
    court = t.facts.next_court_at
    if court is None or not t.passed(court):
        return _when(court, t)
    return t.words.values["past"].format(instant=t.words.instant(court))


def _planned(t: Telling) -> str:
    """A plan is over once they are out, whichever day it named."""
    out = t.facts.custody is Custody.RELEASED or t.kind is AlertKind.RELEASE
    return "" if out else _when(t.facts.release_planned_at, t)


def _match(t: Telling) -> str:
    full = t.facts.match is MatchClass.FULL
    return t.words.values["match_full" if full else "match_adjudicated"]


def _basis(t: Telling) -> str:
    consent, values = t.facts.consent, t.words.values
    if consent is None:
        return values["care_team"]
    signed = values["consent_signed"].format(date=t.words.date(consent.signed_on)) if consent.signed_on else ""
    ends = values["consent_ends"].format(date=t.words.date(consent.ends)) if consent.ends else values["consent_open"]
    return values["consent"].format(reference=plain(consent.reference)) + signed + ends


def _charges(t: Telling) -> str:
    return "; ".join(plain(charge.text or charge.code) for charge in t.facts.charges)


def _repeat(t: Telling) -> str:
    count = t.facts.bookings_in_a_year
    return t.words.values["repeat"].format(count=count) if count >= t.clocks.repeat_bookings else ""


def _on_file(known: bool | None, yes: str, no: str, t: Telling) -> str:
    return "" if known is None else t.words.values[yes if known else no]


def _directive(t: Telling) -> str:
    return _on_file(t.facts.advance_directive_on_file, "advance_directive", "no_advance_directive", t)


def _crisis_plan(t: Telling) -> str:
    return _on_file(t.facts.crisis_plan_on_file, "crisis_plan", "no_crisis_plan", t)


def _as_of(t: Telling) -> str:
    """Sealed in the morning, read in the evening: "6 hours ago" needs to say since when."""
    return t.words.values["as_of"].format(instant=t.words.at(t.now, t.facts.zone))


def _withdrawn_alert(t: Telling) -> str:
    return t.facts.retracts or ""


Builder = Callable[[Telling], str]


def _needs(fields: str) -> frozenset[str]:
    return frozenset(fields.split())


BOOKING_ROWS: tuple[tuple[frozenset[str], str, Builder], ...] = (
    (_needs("client.ref"), "client", _client),
    (_needs("booking.facility"), "facility", _held_at),
    (_needs("booking.facility"), "moved_from", _moved_from),
    (_needs("booking.facility"), "moved_to", _moved_to),
    (_needs("booking.time"), "booked", lambda t: _when(t.facts.booked_at, t)),
    (_needs("booking.custody_status"), "released", _released),
    (_needs("booking.custody_status"), "custody", lambda t: t.words.custody[t.facts.custody.value]),
    (_needs("booking.court_date"), "court", _court),
    (_needs("booking.custody_status booking.time"), "planned", _planned),
    (_needs("booking.number"), "number", lambda t: plain(t.facts.booking_number or "")),
    (_needs("booking.charges"), "charges", _charges),
    (_needs("match.fact"), "match", _match),
    (_needs("match.fact"), "basis", _basis),
    (_needs("booking.fact"), "repeat", _repeat),
    (_needs("clinical.pad"), "on_file", _directive),
    (_needs("clinical.crisis_plan"), "on_file", _crisis_plan),
    (_needs("client.case_manager"), "case_manager", lambda t: plain(t.facts.case_manager)),
    (frozenset(), "as_of", _as_of),
)
"""The fields that must be allowed, the label, and what to say. In the order of reading."""

RETRACTION_ROWS: tuple[tuple[frozenset[str], str, Builder], ...] = (
    (frozenset(), "alert", _withdrawn_alert),
    (frozenset(), "sent", lambda t: _when(t.facts.retracted_sent_at, t)),
    (frozenset(), "as_of", _as_of),
)
"""A retraction says which message it withdraws and nothing of what that message said, whatever is allowed."""

SHEET_ROWS: tuple[tuple[frozenset[str], str, Builder], ...] = (
    (_needs("client.name"), "client", client_name),
    (_needs("client.case_manager"), "case_manager", lambda t: plain(t.facts.case_manager)),
    (_needs("client.case_manager"), "contact", lambda t: _filled(t).contact),
    (_needs("clinical.med_list"), "medications", lambda t: _filled(t).medications),
    (_needs("clinical.med_list"), "pharmacy", lambda t: _filled(t).pharmacy),
    (_needs("clinical.med_list"), "allergies", lambda t: _filled(t).allergies),
    (_needs("clinical.diagnosis"), "diagnoses", lambda t: _filled(t).diagnoses),
    (_needs("clinical.risk_flags"), "risks", lambda t: _filled(t).risks),
    (_needs("clinical.appointments"), "appointments", lambda t: _filled(t).appointments),
    (_needs("clinical.pad"), "on_file", _directive),
    (_needs("clinical.crisis_plan"), "on_file", _crisis_plan),
    (_needs("match.fact"), "match", lambda t: t.words.values["match_clinic"]),
)
"""What continuity of medication needs first. It says nothing of the booking, which the jail knows."""

ROWS: Mapping[AlertKind, tuple[tuple[frozenset[str], str, Builder], ...]] = {
    AlertKind.RETRACTION: RETRACTION_ROWS,
    AlertKind.CLINIC_SHEET: SHEET_ROWS,
}


def _filled(t: Telling) -> ClinicSheet:
    """The sheet with every entry on one line."""
    sheet = t.facts.sheet or ClinicSheet()
    return ClinicSheet(**{f.name: plain(getattr(sheet, f.name)) for f in fields(sheet)})
