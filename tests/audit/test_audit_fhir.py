"""Is every entry a FHIR R4 AuditEvent, complete and with nothing invented?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from audit.fhir import audit_event, ndjson
from audit.leaves import Entry, Kind, Leaf
from audit.vocabulary import SHAPES, TYPES
from tests.audit.samples import AT, ORIGIN, hashed, ref

LIFECYCLE = [
    "access",
    "amend",
    "archive",
    "attest",
    "deidentify",
    "deprecate",
    "decrypt",
    "destroy",
    "disclose",
    "encrypt",
    "extract",
    "hold",
    "link",
    "merge",
    "originate",
    "pseudonymize",
    "reactivate",
    "receive",
    "reidentify",
    "report",
    "restore",
    "transform",
    "transmit",
    "unhold",
    "unlink",
    "unmerge",
    "verify",
]
R4 = jsonschema_rs.validator_for(Path(__file__).with_name("audit_event_r4.json").read_text("utf-8"))

CANDIDATES: list[object] = [
    ref("any"), hashed("any"), 7, AT, "clinician-7", [ref("one"), ref("two")], "inbox", ["OPTED_OUT"], ["booking.fact"],
    ["last:close"], "T" * 43, ["audit.origin"], "yes", "arrest", "open", "recorded", "phone", "diverted", "permit", "booked", "csv",
    "full", "passkey", "add", "confirmed", "sealed", "COORD", "store", "jail_health", "complete", "review", "link",
    "wrong_person", "booking", "ALERT", "seen", "county 2026.1", "medication", "client", "2026-10",
]  # fmt: skip


def sample(name: str) -> Any:
    """Any value that the fact takes; for a person, one that reads like a person."""
    if TYPES[name]("clinician-7") is not None:
        return "clinician-7"
    return next(value for value in CANDIDATES if TYPES[name](value) is not None)


def full(kind: Kind) -> Entry:
    """An entry that states everything its kind may state."""
    shape = SHAPES[kind]
    return Entry(17, AT, Leaf(kind, {name: sample(name) for name in shape.must | shape.may}))


def bare(kind: Kind) -> Entry:
    return Entry(17, AT, Leaf(kind, {name: sample(name) for name in SHAPES[kind].must}))


def codings(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if "code" in value:
            yield value
        for part in value.values():
            yield from codings(part)
    elif isinstance(value, list):
        for part in value:
            yield from codings(part)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("make", [full, bare])
def test_required_elements_and_closed_codes(kind: Kind, make: Any) -> None:
    event = audit_event(make(kind), ORIGIN)
    assert event["resourceType"] == "AuditEvent"
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", event["id"])
    assert event["type"]["code"].startswith("110")
    assert event["action"] in "CRUDE"
    assert event["outcome"] in {"0", "4", "8"}
    assert datetime.fromisoformat(event["recorded"]) == AT.astimezone(UTC)
    assert event["source"]["observer"]["identifier"]["value"] == ORIGIN
    assert sum(agent["requestor"] for agent in event["agent"]) == 1
    for coding in codings(event):
        assert coding["system"].startswith("http")
        assert "iso-21089" not in coding["system"] or coding["code"] in LIFECYCLE
    assert not any(value in ("", [], {}, None) for value in _leaves(event))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("make", [full, bare])
def test_it_holds_to_the_structure_of_the_specification(kind: Kind, make: Any) -> None:
    """Every element is one of R4, as often as it may be, of its type, with codes of the closed lists."""
    assert [str(fault) for fault in R4.iter_errors(audit_event(make(kind), ORIGIN))] == []


@pytest.mark.parametrize(
    "spoil",
    [
        {"action": "X"},
        {"outcome": "1"},
        {"recorded": "2026-10-06"},
        {"agent": []},
        {"source": {}},
        {"entity": [{"name": "a", "query": "b"}]},
        {"entity": [{"detail": [{"type": "a"}]}]},
        {"unknown": "element"},
    ],
    ids=lambda spoil: next(iter(spoil)),
)
def test_what_breaks_the_structure_is_found(spoil: dict[str, Any]) -> None:
    assert list(R4.iter_errors(audit_event(full(Kind.VIEW), ORIGIN) | spoil))


def _leaves(value: Any) -> Iterator[Any]:
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _leaves(part)


@pytest.mark.parametrize("kind", Kind)
def test_every_fact_is_in_the_resource(kind: Kind) -> None:
    entry = full(kind)
    written = json.dumps(audit_event(entry, ORIGIN))
    for name, value in entry.leaf.facts.items():
        if name != "purpose":
            assert all(str(part) in written for part in (value if isinstance(value, tuple) else (value,)))


def test_the_client_is_the_patient_and_the_officer_the_requestor() -> None:
    event = audit_event(full(Kind.VIEW), ORIGIN)
    assert event["agent"][0]["who"]["identifier"] == {"system": f"https://{ORIGIN}/staff", "value": "clinician-7"}
    patient = next(entity for entity in event["entity"] if entity["role"]["display"] == "Patient")
    assert patient["what"]["identifier"] == {"system": f"https://{ORIGIN}/client", "value": ref("any")}


def test_coordination_has_its_own_code_and_custody_goes_as_text() -> None:
    event = audit_event(full(Kind.DISCLOSURE), ORIGIN)
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "COC"
    facts = dict(full(Kind.DISCLOSURE).leaf.facts) | {"purpose": "CUSTODY"}
    assert audit_event(Entry(1, AT, Leaf(Kind.DISCLOSURE, facts)), ORIGIN)["purposeOfEvent"] == [{"text": "CUSTODY"}]


def test_a_refusal_is_a_serious_failure() -> None:
    assert audit_event(bare(Kind.REFUSED_ATTEMPT), ORIGIN)["outcome"] == "8"


def test_bulk_data_is_one_resource_a_line() -> None:
    lines = list(ndjson([full(Kind.LOGIN), full(Kind.OPENING)], ORIGIN))
    assert [json.loads(line)["resourceType"] for line in lines] == ["AuditEvent"] * 2
    assert all(line.count("\n") == 1 for line in lines)
