"""Write an alert from the facts, using only what the decision allows.

A field that is not allowed leaves no trace: no label, no gap, no word such as "withheld", so that a recipient
cannot tell a redacted alert from a full one. Diagnosis, programme, social security number and photo are not
among the facts at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime

from alerts.content import AlertContent, AlertFacts, AlertKind, Clocks, FacilityContact, Language, MatchClass, Row
from alerts.errors import NothingToSay
from alerts.notices import notices_owed
from alerts.steps import next_steps
from alerts.telling import Telling
from alerts.wording import wording
from records.instant import Instant

NEEDED: Mapping[AlertKind, frozenset[str]] = {
    AlertKind.ARREST: frozenset({"booking.fact", "match.fact"}),
    AlertKind.ALREADY_IN_CUSTODY: frozenset({"booking.fact", "booking.custody_status", "match.fact"}),
    AlertKind.TRANSFER: frozenset({"booking.fact", "booking.facility", "match.fact"}),
    AlertKind.COURT_DATE: frozenset({"booking.fact", "booking.court_date", "match.fact"}),
    AlertKind.RELEASE: frozenset({"booking.fact", "booking.custody_status", "match.fact"}),
    AlertKind.RELEASE_WITHDRAWN: frozenset({"booking.fact", "booking.custody_status", "match.fact"}),
    AlertKind.HAND_OVER: frozenset({"booking.fact", "match.fact"}),
    AlertKind.RETRACTION: frozenset(),
}
"""What the mere existence of a message of this kind tells its reader."""

NAMING = frozenset({"client.ref", "client.name"})


def compose(
    facts: AlertFacts,
    allowed_fields: frozenset[str],
    obligations: frozenset[str],
    *,
    kind: AlertKind,
    language: Language,
    now: datetime,
    clocks: Clocks | None = None,
) -> AlertContent:
    """The message to one recipient. `allowed_fields` and `obligations` are those of the decision, in its own codes.

    Raises NothingToSay where the allowed fields do not cover what the kind itself gives away, and
    UnknownObligation where the decision asks for something this version cannot do.
    """
    if NEEDED[kind] - allowed_fields:
        raise NothingToSay(f"a {kind.value} alert needs {', '.join(sorted(NEEDED[kind] - allowed_fields))}")
    telling = Telling(facts, allowed_fields, obligations, kind, now, wording(language), clocks or Clocks())
    return AlertContent(
        kind=kind,
        language=language,
        headline=_headline(telling),
        rows=_rows(telling),
        steps=next_steps(telling),
        notices=notices_owed(telling),
        link=facts.link,
    )


def plain(text: str) -> str:
    """One line without control or direction-changing characters: a source's text cannot forge a row of an alert."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in text)
    return " ".join(kept.split())


def _name(t: Telling) -> str:
    """The client's name if there is one that may be told. It may be told under either of two fields."""
    name = t.facts.client
    return plain(name.reveal()) if name and NAMING & t.allowed else ""


def _headline(t: Telling) -> str:
    wordings = t.words.kinds[t.kind.value]
    client = _name(t)
    return wordings.named.format(client=client) if client else wordings.unnamed


def _rows(t: Telling) -> tuple[Row, ...]:
    builders = RETRACTION_ROWS if t.kind is AlertKind.RETRACTION else BOOKING_ROWS
    made = ((label, build(t)) for fields, label, build in builders if fields <= t.allowed)
    return tuple(Row(label, t.words.labels[label], value) for label, value in made if value)


def _client(t: Telling) -> str:
    number = t.facts.client_number
    if not number:
        return _name(t)
    return t.words.values["client_number"].format(client=_name(t), number=plain(number.reveal())).strip()


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
    (_needs("booking.custody_status booking.time"), "planned", lambda t: _when(t.facts.release_planned_at, t)),
    (_needs("booking.number"), "number", lambda t: plain(t.facts.booking_number or "")),
    (_needs("booking.charges"), "charges", _charges),
    (_needs("match.fact"), "match", _match),
    (_needs("match.fact"), "basis", _basis),
    (_needs("booking.fact"), "repeat", _repeat),
    (_needs("clinical.pad"), "on_file", _directive),
    (_needs("clinical.crisis_plan"), "on_file", _crisis_plan),
    (_needs("client.case_manager"), "case_manager", lambda t: plain(t.facts.case_manager)),
)
"""The fields that must be allowed, the label, and what to say. In the order of reading."""

RETRACTION_ROWS: tuple[tuple[frozenset[str], str, Builder], ...] = (
    (frozenset(), "alert", _withdrawn_alert),
    (frozenset(), "sent", lambda t: _when(t.facts.retracted_sent_at, t)),
)
"""A retraction says which message it withdraws and nothing of what that message said, whatever is allowed."""
