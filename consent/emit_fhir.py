"""Consent records as FHIR R4 Consent resources, for systems that keep the originals."""

from __future__ import annotations

import json
from typing import Any

from consent.facts import ConsentRecord
from consent.fhir_extension import EXTENSION, OWN_INFO, OWN_PURPOSES, PURPOSE_SYSTEM, nested
from consent.intake import as_raw

_KIND_REFERENCES = {"person": "Practitioner", "org": "Organization"}
_IN_HL7 = frozenset({"TREAT", "HOPERAT", "ETREAT", "HRESCH", "PATRQT"})
"""Our purposes that HL7's code system has under the same code and with the same meaning."""


def emit_fhir(record: ConsentRecord) -> dict[str, Any]:
    """A record as a FHIR R4 Consent that `parse_fhir` reads back to the same record."""
    raw = as_raw(record)
    own = ("type", "rule_version", "expires_event", "revoked_at", "revocation_method", "revocable_from", "signer",
           "discloser", "elements_missing", "known_false")  # fmt: skip
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "id": raw["id"],
        "extension": [{"url": EXTENSION, "extension": nested({k: raw[k] for k in own})}],
        "status": raw["status"],
        "scope": _concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "IDSCL")],
        "patient": {"reference": f"Patient/{raw['client_id']}"},
        "policyRule": _concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": _provision(
            raw, raw["base"], raw["info"], {"from": raw["effective_from"], "until": raw["expires_at"]}
        ),
    }
    if raw["signed_at"] is not None:
        resource["dateTime"] = raw["signed_at"]
    exceptions = [_provision(p, p["type"], p["fields"], p["period"]) for p in raw["provisions"]]
    if exceptions:
        resource["provision"]["provision"] = exceptions
    return resource


def emit_bundle(records: tuple[ConsentRecord, ...]) -> str:
    """Records as a FHIR R4 collection Bundle."""
    entries = [{"resource": emit_fhir(record)} for record in records]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}, ensure_ascii=False)


def _provision(
    raw: dict[str, Any], type_: str, info: list[str] | None, period: dict[str, Any] | None
) -> dict[str, Any]:
    ends = {} if period is None else {"start": period["from"], "end": period["until"]}
    parts: dict[str, Any] = {
        "type": type_,
        "period": {k: v for k, v in ends.items() if v is not None},
        "actor": [_actor(e) for e in raw["recipients"] or []],
        "purpose": [_purpose(p) for p in raw["purposes"] or []],
        "class": [{"system": OWN_INFO, "code": code} for code in info or []],
    }
    return {k: v for k, v in parts.items() if v}


def _actor(entry: dict[str, Any]) -> dict[str, Any]:
    role = _concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")
    if entry["kind"] in _KIND_REFERENCES:
        return {"role": role, "reference": {"reference": f"{_KIND_REFERENCES[entry['kind']]}/{entry['id']}"}}
    whole = {"url": EXTENSION, "extension": nested({"recipient": entry})}
    return {"extension": [whole], "role": role, "reference": {"display": entry["id"]}}


def _purpose(code: str) -> dict[str, str]:
    return {"system": PURPOSE_SYSTEM if code in _IN_HL7 else OWN_PURPOSES, "code": code}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
