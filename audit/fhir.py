"""Entries as FHIR R4 AuditEvent resources, for a provider's own audit repository (IHE ATNA reads the same codes).

Event types and the subtypes of security events are DICOM codes (DCM), the others ISO 21089 life-cycle events. Staff,
clients and things appear under their references only. `id` is the entry's place in the log, to prove it by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from audit.facts import write_instant
from audit.leaves import Entry, Kind
from audit.report import text, texts

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

_DISPLAY = {
    "110100": "Application Activity",
    "110106": "Export",
    "110107": "Import",
    "110110": "Patient Record",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110120": "Application Start",
    "110122": "Login",
    "110127": "Emergency Override Started",
    "110129": "Security Configuration",
    "110132": "Use of Restricted Function",
}


class _Event(NamedTuple):
    """DICOM event, subtype (a DICOM number or a life-cycle word), and action: create, read, update, delete, execute."""

    event: str
    subtype: str
    action: str


_EVENTS = {
    Kind.STARTED: _Event("110100", "110120", "E"),
    Kind.PULL: _Event("110107", "receive", "C"),
    Kind.ROSTER: _Event("110107", "receive", "U"),
    Kind.QUARANTINE: _Event("110107", "verify", "E"),
    Kind.BOOKING_EVENT: _Event("110107", "receive", "C"),
    Kind.VERDICT: _Event("110110", "verify", "E"),
    Kind.LINK: _Event("110110", "link", "C"),
    Kind.REVIEW: _Event("110110", "attest", "U"),
    Kind.DECISION: _Event("110110", "verify", "E"),
    Kind.ALERT: _Event("110110", "originate", "C"),
    Kind.DISCLOSURE: _Event("110106", "disclose", "R"),
    Kind.DELIVERY: _Event("110106", "transmit", "E"),
    Kind.OPENING: _Event("110110", "access", "R"),
    Kind.ACKNOWLEDGEMENT: _Event("110110", "attest", "U"),
    Kind.ESCALATION: _Event("110110", "transmit", "E"),
    Kind.OUTCOME: _Event("110110", "amend", "U"),
    Kind.RETRACTION: _Event("110110", "deprecate", "U"),
    Kind.REFUSED_ATTEMPT: _Event("110113", "110132", "E"),
    Kind.VIEW: _Event("110110", "access", "R"),
    Kind.BREAK_GLASS: _Event("110113", "110127", "E"),
    Kind.BREAK_GLASS_REVIEW: _Event("110113", "attest", "U"),
    Kind.CONSENT: _Event("110110", "amend", "U"),
    Kind.POLICY_CHANGE: _Event("110113", "110129", "U"),
    Kind.KEY_CHANGE: _Event("110113", "110129", "U"),
    Kind.CONFIG_CHANGE: _Event("110113", "110129", "U"),
    Kind.EXPORT: _Event("110106", "report", "R"),
    Kind.LOGIN: _Event("110114", "110122", "E"),
    Kind.PURGE: _Event("110110", "destroy", "D"),
    Kind.LEGAL_HOLD: _Event("110110", "hold", "U"),
    Kind.CHECKPOINT_PUBLISHED: _Event("110100", "attest", "E"),
    Kind.MEASURES_CLOSED: _Event("110106", "report", "E"),
    Kind.CLOCK_ACCEPTED: _Event("110113", "110129", "U"),
}

_REASONS = {
    "TREAT": "TREAT",
    "COORD": "COC",
    "HOPERAT": "HOPERAT",
    "ETREAT": "ETREAT",
    "HRESCH": "HRESCH",
    "PATRQT": "PATRQT",
}
"""Purposes that v3-ActReason has a code for; the others go out as text."""

_FAILED = frozenset({"refused", "failed", "unavailable", "dead", "retry"})
_PERSON, _SYSTEM_OBJECT = ("1", "Person"), ("2", "System Object")
_PATIENT, _JOB = ("1", "Patient"), ("20", "Job")
_THINGS = ("alert", "booking", "link", "decision", "consent", "delivery", "declaration", "hold", "subject")
_SPOKEN_FOR = frozenset({*_THINGS, "by", "staff", "recipient", "client", "purpose"})


def audit_event(entry: Entry, origin: str) -> dict[str, Any]:
    """One entry as a resource. `origin` names the log, and becomes the base of every identifier's system."""
    event = _EVENTS[entry.leaf.kind]
    entities = list(_entities(entry, origin))
    return {
        "resourceType": "AuditEvent",
        "id": f"entry-{entry.position}",
        "type": _dicom(event.event),
        "subtype": [_subtype(event.subtype)],
        "action": event.action,
        "recorded": write_instant(entry.at),
        "outcome": _outcome(entry),
        **_purpose(entry),
        "agent": list(_agents(entry, origin)),
        "source": {"observer": _reference(origin, "log", origin)},
        **({"entity": entities} if entities else {}),  # FHIR knows no empty list
    }


def ndjson(entries: Iterable[Entry], origin: str) -> Iterator[str]:
    """One resource a line, as FHIR bulk data has it."""
    for entry in entries:
        yield json.dumps(audit_event(entry, origin), separators=(",", ":")) + "\n"


def _outcome(entry: Entry) -> str:
    """0 success, 4 minor failure, 8 serious failure."""
    if entry.leaf.kind is Kind.REFUSED_ATTEMPT:
        return "8"
    return "4" if text(entry, "result") in _FAILED or entry.leaf.kind is Kind.QUARANTINE else "0"


def _purpose(entry: Entry) -> dict[str, Any]:
    purpose = text(entry, "purpose")
    if not purpose:
        return {}
    code = _REASONS.get(purpose)
    return {"purposeOfEvent": [{"coding": [{"system": _ACT_REASON, "code": code}]} if code else {"text": purpose}]}


def _agents(entry: Entry, origin: str) -> Iterator[dict[str, Any]]:
    """Who asked; the program itself where nobody did; and who received."""
    by = text(entry, "by")
    yield {"who": _reference(origin, "staff", by) if by else _reference(origin, "log", origin), "requestor": True}
    for name in ("recipient", "staff"):
        if text(entry, name):
            yield {"who": _reference(origin, "staff", text(entry, name)), "requestor": False}


def _entities(entry: Entry, origin: str) -> Iterator[dict[str, Any]]:
    if text(entry, "client"):
        yield _entity(_reference(origin, "client", text(entry, "client")), _PERSON, _PATIENT)
    for name in _THINGS:
        if text(entry, name):
            yield _entity(_reference(origin, name, text(entry, name)), _SYSTEM_OBJECT, _JOB)
    details = [
        {"type": name, "valueString": "; ".join(texts(entry, name)) or str(value)}
        for name, value in sorted(entry.leaf.facts.items())
        if name not in _SPOKEN_FOR and value != ()
    ]
    if details:
        yield {**_entity(_reference(origin, "entry", str(entry.position)), _SYSTEM_OBJECT, _JOB), "detail": details}


def _entity(what: dict[str, Any], sort: tuple[str, str], role: tuple[str, str]) -> dict[str, Any]:
    return {"what": what, "type": _coding(_ENTITY_TYPE, *sort), "role": _coding(_ROLE, *role)}


def _reference(origin: str, sort: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": f"https://{origin}/{sort}", "value": value}}


def _subtype(code: str) -> dict[str, str]:
    return _dicom(code) if code.isdigit() else {"system": _LIFECYCLE, "code": code}


def _dicom(code: str) -> dict[str, str]:
    return _coding(_DCM, code, _DISPLAY[code])


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}
