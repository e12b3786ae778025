"""Does it survive? Whatever cannot be read, and whatever is not known, is denied with INPUT_INVALID."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import FLOOR, Decision, InvalidRequest, Verdict, decide, load_rulebook, read_request
from tests.consent import strategies
from tests.consent.scenes import (
    COURT,
    DOCTOR,
    MH,
    PARAMEDIC,
    STAFF,
    SUD,
    UNIT,
    Raw,
    agreement,
    broken_glass,
    consent,
    emergency,
    order,
    provision,
    restriction,
    scene,
)

BOOK = load_rulebook(FLOOR)
Path = tuple[str | int, ...]

GUARDIAN = {"person_id": "g-1", "adjudicated": True, "from": "2025-01-01", "until": None}
FULL = scene(
    DOCTOR | {"via": {"org_id": "org-hie", "business_associate": True}},
    MH,
    SUD,
    consents=[
        consent(
            expires_event={"kind": "none", "occurred_at": None},
            provisions=[
                provision("deny", recipients=[{"kind": "org", "id": "org-x"}], period={"from": None, "until": None})
            ],
        )
    ],
    client={
        "guardian": GUARDIAN,
        "opt_outs": [{"scope": "custody", "from": "2026-01-01", "until": None}],
        "restrictions": [restriction(scope="custody")],
        "global_revocations": [{"at": "2025-01-01", "scope": "all"}],
    },
    context={
        "emergency": emergency(),
        "custody_request": {"represented": True},
        "agreements": [agreement("BAA", "org-unit")],
        "court_orders": [order("2.64", "org-court")],
    },
)
GLASS = scene(STAFF, context={"break_glass": broken_glass("u-mh")})


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from places(inner, (*path, i))


def holder(request: Raw, path: Path) -> Any:
    place: Any = request
    for step in path[:-1]:
        place = place[step]
    return place


def refused(request: Any) -> Decision:
    got = decide(request, BOOK)
    assert got.decision is Verdict.DENY
    assert got.reason_codes == ("INPUT_INVALID",)
    assert got.faults
    assert (got.fields_allowed, got.fields_withheld, got.programs_visible, got.consents_relied_on) == ((), (), (), ())
    return got


MISSING = [p for p in places(FULL) if p[0] != "policy" or len(p) == 1]


def test_the_full_scene_is_readable() -> None:
    assert decide(FULL, BOOK).faults == ()
    assert decide(GLASS, BOOK).faults == ()


@pytest.mark.parametrize("path", MISSING, ids=lambda p: ".".join(map(str, p)))
def test_a_missing_key(path: Path) -> None:
    request = copy.deepcopy(FULL)
    del holder(request, path)[path[-1]]
    assert refused(request).obligations == ("NEUTRAL_RESPONSE",)


@pytest.mark.parametrize("path", MISSING, ids=lambda p: ".".join(map(str, p)))
@pytest.mark.parametrize("wrong", [{"no": "such"}, 3.5, object()], ids=["object", "number", "thing"])
def test_a_value_of_another_type(path: Path, wrong: Any) -> None:
    request = copy.deepcopy(FULL)
    holder(request, path)[path[-1]] = wrong
    refused(request)


def test_an_unknown_key_anywhere() -> None:
    for path in [
        (),
        ("client",),
        ("recipient",),
        ("booking",),
        ("context",),
        ("programs", 0),
        ("consents", 0, "signer"),
    ]:
        request = copy.deepcopy(FULL)
        holder(request, (*path, "x"))["surprise"] = None
        refused(request)


NULLS = {
    "client": ["id", "dob", "status", "merged_from", "assignments", "opt_outs", "restrictions", "global_revocations"],
    "booking": ["status", "juvenile", "booked_at", "match_tier"],
    "recipient": ["kind", "verified", "active", "treating_relationship", "covered_entity", "medical_personnel"],
    "context": ["agreements", "court_orders"],
}


@pytest.mark.parametrize(("part", "key"), [(p, k) for p, keys in NULLS.items() for k in keys])
def test_an_unknown_fact_is_not_a_harmless_one(part: str, key: str) -> None:
    refused(FULL | {part: FULL[part] | {key: None}})


@pytest.mark.parametrize(
    "name",
    ["as_of", "jurisdiction", "purpose", "client", "programs", "consents", "recipient", "context", "policy", "booking"],
)
def test_a_null_where_something_must_be(name: str) -> None:
    refused(FULL | {name: None})


def test_a_consent_store_that_does_not_answer_is_not_an_empty_one() -> None:
    staff = scene(STAFF)
    assert decide(staff, BOOK).discloses
    assert refused(staff | {"consents": None}).obligations == ()


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-10T15:00:00",
        "2026-03-10",
        "yesterday",
        "",
        "2026-02-30T10:00:00Z",
        "2026-03-10T24:00:00Z",
        "2026-03-10 15:00:00Z",
        "20260310T150000Z",
        "2026-03-10T15:00:00+99:00",
        "2026-W11-2T15:00:00Z",
        " 2026-03-10T15:00:00Z",
        "2026-03-10T15:00:00Z\n",
        "٢٠٢٦-03-10T15:00:00Z",
        1773172800,
        None,
        date(2026, 3, 10),
        datetime(2026, 3, 10, 15),
    ],
)
def test_an_instant_that_cannot_be_placed(time: Any) -> None:
    refused(scene(STAFF, as_of=time))


@pytest.mark.parametrize("day", ["1988-05-17T00:00:00Z", "1988-02-30", "17.05.1988", 19880517, ""])
def test_a_date_of_birth_that_is_none(day: Any) -> None:
    refused(scene(STAFF, client={"dob": day}))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (("purpose",), "TPO"),
        (("purpose",), "treat"),
        (("jurisdiction",), "US-ZZ"),
        (("programs", 1, "jurisdiction"), "US-ZZ"),
        (("booking", "jurisdiction"), "US-ZZ"),
        (("booking", "match_tier"), "certain"),
        (("recipient", "kind"), "bail_bondsman"),
        (("recipient", "statutory_agency"), ["TX_999"]),
        (("client", "status"), "asleep"),
        (("client", "opt_outs", 0, "scope"), "some"),
        (("client", "global_revocations", 0, "scope"), "some"),
        (("client", "assignments", 0, "role"), "friend"),
        (("consents", 0, "type"), "verbal"),
        (("consents", 0, "status"), "revoked"),
        (("consents", 0, "info"), ["everything"]),
        (("consents", 0, "purposes"), ["FUN"]),
        (("consents", 0, "elements_missing"), ["smile"]),
        (("consents", 0, "recipients"), [{"kind": "class", "id": "friends"}]),
        (("consents", 0, "revoked_at"), "yesterday"),
        (("consents", 0, "signed_at"), None),
        (("context", "request_fields"), ["booking.secret"]),
        (("context", "agreements", 0, "kind"), "HANDSHAKE"),
        (("context", "court_orders", 0, "kind"), "2.66"),
    ],
    ids=lambda v: ".".join(map(str, v)) if isinstance(v, tuple) else None,
)  # fmt: skip
def test_a_code_outside_the_vocabulary(path: Path, code: Any) -> None:
    request = copy.deepcopy(FULL)
    holder(request, path)[path[-1]] = code
    refused(request)


@pytest.mark.parametrize(
    "policy",
    [
        {"no_such_setting": True},
        {"honour_opt_out": "yes"},
        {"honour_opt_out": 1},
        {"tz": "Mars/Base"},
        {"tz": "../etc"},
        {"max_booking_age_hours": -1},
        {"max_booking_age_hours": float("nan")},
        {"juvenile_bookings": "perhaps"},
        {"minor_sud_alone_age": "12"},
        {"alert_fields_internal": ["x"]},
        {"min_match_tier_internal": None},
        {3: 4},
    ],
)
def test_a_setting_that_is_none(policy: Any) -> None:
    refused(scene(STAFF, policy=policy))


def test_nobody_enrolled_anywhere_and_two_flags_for_one_programme() -> None:
    refused(scene(STAFF) | {"programs": []})
    refused(scene(STAFF, MH, MH | {"part2": True}))


def test_a_booking_is_needed_but_where_no_purpose_asks() -> None:
    assert decide(scene(UNIT | {"org_id": "org-lake"}), BOOK).discloses
    for who in (STAFF, DOCTOR, PARAMEDIC, COURT):
        refused(scene(who) | {"booking": None})


@pytest.mark.parametrize("thing", [None, [], "x", 3, {}, {"recipient": None}, {"recipient": {"kind": ["auditor"]}}])
def test_what_is_no_request_at_all(thing: Any) -> None:
    assert refused(thing).obligations == ("NEUTRAL_RESPONSE",)


def test_the_last_days_of_the_calendar_are_only_late() -> None:
    forever = {"until": "9999-12-31"}
    late = scene(
        DOCTOR,
        MH | {"enrolled_to": "9999-12-31"},
        consents=[consent(expires_at="9999-12-31T23:59:59-05:00")],
        client={"guardian": GUARDIAN | {"from": "0001-01-01"} | forever, "dob": "9999-12-31"},
        policy={"discharge_grace_days": 1000},
    )
    assert decide(late, BOOK).faults == ()


def test_typed_facts_without_an_offset_are_refused_too() -> None:
    typed = read_request(scene(STAFF))
    naive = datetime(2026, 3, 10, 15)
    booking = typed.booking
    assert booking is not None
    refused(replace(typed, booking=replace(booking, booked_at=naive)))
    refused(replace(typed, jurisdiction="US-ZZ"))
    assert decide(replace(typed, as_of=datetime(2026, 3, 10, 20, tzinfo=UTC)), BOOK).discloses


def test_faults_and_reprs_name_places_and_never_values() -> None:
    secret = "Marisol Quimby-Vance"
    request = scene(STAFF, consents=[consent(id=secret, signer={"relationship": secret})])
    request["client"]["dob"] = secret
    got = refused(request)
    assert "client.dob: value error" in got.faults
    with pytest.raises(InvalidRequest) as fault:
        read_request(request)
    typed = read_request(scene(STAFF, client={"id": secret}, consents=[consent(client_id=secret)]))
    for text in (
        repr(got),
        str(fault.value),
        repr(typed),
        repr(typed.client),
        str(typed.consents),
        repr(typed.recipient),
    ):
        assert secret not in text


@settings(max_examples=100, deadline=None)
@given(strategies.requests(), st.data())
def test_breaking_any_place_denies_or_changes_nothing_that_is_read(request: Raw, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([p for p in places(request) if p[0] != "policy"]))
    broken = copy.deepcopy(request)
    holder(broken, path)[path[-1]] = {"not": ["what", "belongs", "here"]}
    refused(broken)
