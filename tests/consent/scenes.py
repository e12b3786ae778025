"""Invented people, agencies and forms in the published schema, to build scenes from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from consent import FLOOR

Raw = dict[str, Any]

AS_OF = "2026-03-10T15:00:00-05:00"

MH: Raw = {
    "id": "mh",
    "name": "Lakeside Counseling",
    "org_id": "org-lake",
    "part2": False,
    "covered_entity": True,
    "admin_control_orgs": ["org-county"],
    "enrolled_from": "2025-01-06",
    "enrolled_to": None,
    "jurisdiction": None,
    "statutory_agency": [],
}
SUD: Raw = MH | {"id": "sud", "name": "Lakeside Recovery", "part2": True}

CLIENT: Raw = {
    "id": "c-1",
    "dob": "1988-05-17",
    "emancipated_at": None,
    "status": "active",
    "died_at": None,
    "merged_from": [],
    "merged_into": None,
    "guardian": None,
    "assignments": [
        {"person_id": "u-mh", "program_id": "mh", "role": "primary", "from": "2025-02-01", "until": None},
        {"person_id": "u-sud", "program_id": "sud", "role": "primary", "from": "2025-02-01", "until": None},
    ],
    "opt_outs": [],
    "restrictions": [],
    "global_revocations": [],
}

BOOKING: Raw = {
    "id": "b-1",
    "status": "active",
    "sealed_at": None,
    "juvenile": False,
    "booked_at": "2026-03-10T02:14:00-05:00",
    "released_at": None,
    "match_tier": "confirmed",
    "jurisdiction": None,
}

CONTEXT: Raw = {
    "request_fields": None,
    "emergency": None,
    "break_glass": None,
    "custody_request": None,
    "agreements": [],
    "court_orders": [],
}


def recipient(kind: str, person: str | None, org: str | None, **changes: Any) -> Raw:
    """Somebody who asks, verified and active, about whom nothing else is true."""
    return {
        "kind": kind,
        "person_id": person,
        "org_id": org,
        "program_id": None,
        "supervises": [],
        "verified": True,
        "active": True,
        "treating_relationship": False,
        "has_care_responsibility": False,
        "covered_entity": False,
        "medical_personnel": False,
        "mh_services": False,
        "authority_verified": False,
        "statutory_agency": [],
        "via": None,
    } | changes


STAFF = recipient("program_staff", "u-mh", "org-lake", program_id="mh", covered_entity=True)
COUNSELOR = recipient("program_staff", "u-sud", "org-lake", program_id="sud", covered_entity=True)
COUNTY_STAFF = recipient("admin_control_staff", "u-county", "org-county")
DOCTOR = recipient("outside_provider", "u-doc", "org-clinic", treating_relationship=True, covered_entity=True)
NURSE = recipient("jail_health", "u-nurse", "org-jail", medical_personnel=True, mh_services=True)
SERGEANT = recipient("custody_staff", "u-sgt", "org-sheriff")
DETECTIVE = recipient("law_enforcement", "u-det", "org-police")
OFFICER = recipient("supervision_officer", "u-po", "org-probation")
COURT = recipient("court", None, "org-court")
MOTHER = recipient("family", "f-1", None)
PARAMEDIC = recipient("emergency_medical", "u-er", "org-hospital", medical_personnel=True)
UNIT = recipient("linkage_system", None, "org-unit")
TECHNICIAN = recipient("linkage_staff", "u-tech", "org-unit")
AUDITOR = recipient("auditor", "u-aud", "org-audit")
PATIENT = recipient("patient", "c-1", None)
REPRESENTATIVE = recipient("personal_representative", "x-1", None)
ANALYST = recipient("analyst", "u-an", "org-county")
RESEARCHER = recipient("researcher", "u-r", "org-univ")

PURPOSES = {
    "program_staff": "TREAT",
    "admin_control_staff": "HOPERAT",
    "outside_provider": "TREAT",
    "jail_health": "COORD",
    "custody_staff": "CUSTODY",
    "law_enforcement": "LEGAL",
    "supervision_officer": "CJMONITOR",
    "court": "LEGAL",
    "family": "COORD",
    "emergency_medical": "ETREAT",
    "linkage_system": "MATCH",
    "linkage_staff": "MATCH",
    "auditor": "AUDIT",
    "patient": "PATRQT",
    "personal_representative": "PATRQT",
    "analyst": "MEASURE",
    "researcher": "HRESCH",
}
_WITHOUT_BOOKING = {"AUDIT", "PATRQT", "MATCH", "HRESCH"}


def consent(**changes: Any) -> Raw:
    """A complete, specific Part 2 consent for the clinic, signed by the client."""
    return {
        "id": "k-1",
        "client_id": "c-1",
        "type": "part2_specific",
        "status": "active",
        "rule_version": "2024",
        "signed_at": "2025-11-03T10:00:00-06:00",
        "effective_from": None,
        "expires_at": "2026-12-31",
        "expires_event": None,
        "revoked_at": None,
        "revocation_method": None,
        "revocable_from": None,
        "signer": {"relationship": "patient", "person_id": None, "authority_verified": False},
        "discloser": {"program_ids": ["mh", "sud"], "any_treating_program": False},
        "base": "permit",
        "recipients": [{"kind": "org", "id": "org-clinic"}],
        "purposes": ["TREAT", "COORD"],
        "info": ["*"],
        "provisions": [],
        "elements_missing": [],
        "known_false": False,
    } | changes


def denial(**changes: Any) -> Raw:
    """A client's written no, to everybody unless `recipients` says otherwise."""
    return consent(id="k-no", base="deny", recipients=[], purposes=[], info=[]) | changes


def provision(type_: str, **changes: Any) -> Raw:
    return {"type": type_, "recipients": None, "purposes": None, "fields": None, "period": None} | changes


def signer(relationship: str, person: str | None = None, checked: bool = False) -> Raw:
    return {"relationship": relationship, "person_id": person, "authority_verified": checked}


def order(kind: str, org: str, programme: str = "sud", **changes: Any) -> Raw:
    return {
        "id": "o-1",
        "kind": kind,
        "program_ids": [programme],
        "recipient_org_id": org,
        "fields": ["match.fact", "clinical.attendance"],
        "issued_at": "2026-03-01",
        "expires_at": None,
        "vacated_at": None,
        "findings": True,
        "notice_given": True,
    } | changes


def agreement(kind: str, org: str, **changes: Any) -> Raw:
    return {"kind": kind, "org_id": org, "from": "2025-01-01", "until": None} | changes


def emergency(**changes: Any) -> Raw:
    at = "2026-03-10T14:40:00-05:00"
    return {"declared_by": "u-er", "nature": "unresponsive", "at": at, "consent_obtainable": False} | changes


def broken_glass(person: str, **changes: Any) -> Raw:
    reason = "Her sister called the crisis line about it"
    return {"declared_by": person, "reason": reason, "at": "2026-03-10T14:55:00-05:00"} | changes


def restriction(**changes: Any) -> Raw:
    return {
        "id": "r-1",
        "agreed": True,
        "scope": "all",
        "recipients": None,
        "fields": None,
        "from": "2026-01-01",
        "until": None,
    } | changes


def scene(
    who: Raw,
    *programs: Raw,
    consents: list[Raw] | None = None,
    client: Raw | None = None,
    booking: Raw | None = None,
    context: Raw | None = None,
    **top: Any,
) -> Raw:
    """A request about the client by `who`, for the purpose of that kind's own work unless `purpose` says otherwise."""
    purpose = top.pop("purpose", PURPOSES[who["kind"]])
    whole = {
        "as_of": AS_OF,
        "jurisdiction": "US",
        "purpose": purpose,
        "client": CLIENT | (client or {}),
        "programs": list(programs) or [MH],
        "consents": consents or [],
        "booking": None if purpose in _WITHOUT_BOOKING else BOOKING | (booking or {}),
        "recipient": who,
        "context": CONTEXT | (context or {}),
        "policy": {},
    } | top
    return copy.deepcopy(whole)


@dataclass(frozen=True)
class Scene:
    """A request and what must come of it; None leaves a part open."""

    title: str
    request: Raw
    decision: str
    reasons: set[str]
    obligations: set[str] | None = None
    relied: set[str] | None = None
    fields: set[str] | None = None
    visible: set[str] | None = None
    absent: frozenset[str] = frozenset()
    profile: str = FLOOR


def deny(title: str, request: Raw, *reasons: str, **rest: Any) -> Scene:
    return Scene(title, request, "deny", set(reasons), **rest)


def permit(title: str, request: Raw, *reasons: str, **rest: Any) -> Scene:
    return Scene(title, request, "permit", set(reasons), **rest)


def redact(title: str, request: Raw, *reasons: str, **rest: Any) -> Scene:
    return Scene(title, request, "redact", set(reasons), **rest)
