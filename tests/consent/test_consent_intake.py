"""Do consents survive the way in and out? CSV and FHIR R4, both ways, and every fault with its line and field."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import FLOOR, ConsentRecord, decide, load_rulebook, read_request
from consent.emit_fhir import emit_bundle, emit_fhir
from consent.intake import Unfit, as_raw, as_record
from consent.intake_csv import COLUMNS, emit_csv, parse_csv
from consent.intake_fhir import BARE, FormTemplate, parse_fhir
from consent.vocabulary import ConsentType, Element
from tests.consent import strategies
from tests.consent.scenes import SUD, consent, recipient, scene

few = settings(max_examples=80, deadline=None)
records = strategies.consents().map(as_record)
FORMS = tuple({f["id"] + str(i): as_record(f | {"id": f"k-{i}"}) for i, f in enumerate(strategies.FORMS)}.values())


def test_every_form_of_the_scenes_survives_csv_and_fhir() -> None:
    assert len(FORMS) > 100
    assert parse_csv(emit_csv(FORMS)).records == FORMS
    assert parse_fhir(emit_bundle(FORMS)).records == FORMS
    assert tuple(as_record(as_raw(r)) for r in FORMS) == FORMS


@few
@given(records)
def test_a_record_survives_csv(record: ConsentRecord) -> None:
    text = emit_csv((record,))
    assert parse_csv(text).records == (record,)
    assert emit_csv(parse_csv(text).records) == text


@few
@given(records)
def test_a_record_survives_fhir(record: ConsentRecord) -> None:
    resource = emit_fhir(record)
    back = parse_fhir(json.dumps(resource))
    assert back.records == (record,)
    assert back.faults == ()
    assert emit_fhir(back.records[0]) == resource


# --- CSV ------------------------------------------------------------------------------------------------------------


def table(*rows: dict[str, str], header: tuple[str, ...] = COLUMNS) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def row(**changes: str) -> dict[str, str]:
    cells = next(csv.DictReader(io.StringIO(emit_csv((as_record(consent()),)))))
    return cells | {name.replace("__", "."): value for name, value in changes.items()}


def test_a_bad_row_is_named_and_the_rest_is_read() -> None:
    taken = parse_csv(table(row(), row(id="k-2", signed_at="yesterday"), row(id="k-3")))
    assert [r.id for r in taken.records] == ["k-1", "k-3"]
    assert [t.line for t in taken.taken] == [2, 4]
    assert [(f.line, f.field, f.refused) for f in taken.faults] == [(3, "signed_at", True)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "verbal"}, "type"),
        ({"status": ""}, "status"),
        ({"id": ""}, "id"),
        ({"known_false": "maybe"}, "known_false"),
        ({"known_false": ""}, "known_false"),
        ({"signer__authority_verified": "x"}, "signer.authority_verified"),
        ({"expires_event__occurred_at": "2026-01-01"}, "expires_event.kind"),
        ({"recipients": "somebody"}, "recipients"),
        ({"recipients": "intermediary:x(@a|@b)"}, "recipients"),
        ({"recipients": "class:friends"}, "recipients.0"),
        ({"provisions": "{"}, "provisions"),
        ({"provisions": "3"}, "provisions"),
        ({"purposes": "TREAT;FUN"}, "purposes.1"),
        ({"signed_at": ""}, "record"),
    ],
)
def test_a_fault_names_its_field(changes: dict[str, str], field: str) -> None:
    taken = parse_csv(table(row(**changes)))
    assert taken.records == ()
    assert [(f.line, f.field) for f in taken.faults] == [(2, field)]


def test_a_fault_never_holds_a_value() -> None:
    secret = "Quimby"
    taken = parse_csv(table(row(type=secret), row(id=secret, signed_at=secret), row(recipients=secret)))
    assert len(taken.faults) == 3
    assert secret not in "".join(map(str, taken.faults))
    assert secret not in "".join(map(str, parse_csv(f"{secret},b\n1,2\n").faults))


def test_columns_may_move_but_not_change() -> None:
    assert parse_csv(table(row(), header=tuple(reversed(COLUMNS)))).records == (as_record(consent()),)
    renamed = table(row()).replace("client_id", "patient_id", 1)
    (fault,) = parse_csv(renamed).faults
    assert (fault.line, fault.field) == (1, "header")
    assert "client_id" in fault.why
    assert parse_csv("").faults[0].field == "header"


def test_a_byte_order_mark_blank_lines_and_short_rows() -> None:
    text = "\ufeff" + table(row()) + "\r\n,,,\r\n"
    taken = parse_csv(text)
    assert len(taken.records) == 1
    assert taken.faults == ()
    assert [f.why for f in parse_csv(table(row()) + "a,b\r\n").faults] == [
        f"2 cells where the header has {len(COLUMNS)}"
    ]


def test_the_same_id_twice_and_a_file_that_breaks_off() -> None:
    assert [f.field for f in parse_csv(table(row(), row())).faults] == ["id"]
    broken = parse_csv(table(row()) + '"k-2,never closed')
    assert len(broken.records) == 1
    assert [f.field for f in broken.faults] == ["row"]


@pytest.mark.parametrize("bad", ["=cmd()", "+1", "a;b", " padded", "@x"])
def test_an_id_that_csv_cannot_hold_is_refused_not_altered(bad: str) -> None:
    record = as_record(consent(recipients=[{"kind": "org", "id": bad}]))
    with pytest.raises(Unfit):
        emit_csv((record,))


@few
@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    assert parse_csv(text).records == ()
    assert parse_csv(table(row()) + text).records[:1] == (as_record(consent()),)


# --- FHIR -----------------------------------------------------------------------------------------------------------


def resource(**changes: Any) -> dict[str, Any]:
    """A consent as another system writes it: no extension of ours."""
    return {
        "resourceType": "Consent",
        "id": "con-1",
        "status": "active",
        "patient": {"reference": "Patient/c-1"},
        "dateTime": "2026-01-15T10:00:00-07:00",
        "provision": {
            "type": "permit",
            "period": {"start": "2026-01-15", "end": "2027-01-14"},
            "actor": [{"reference": {"reference": "Organization/org-clinic"}}],
            "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}],
        },
    } | changes


def provided(**changes: Any) -> dict[str, Any]:
    return resource(provision=resource()["provision"] | changes)


def parse(one: dict[str, Any], template: FormTemplate = BARE) -> Any:
    return parse_fhir(json.dumps(one), template)


TEMPLATE = FormTemplate(
    type=ConsentType.PART2_SPECIFIC,
    elements=frozenset(Element),
    program_ids=("sud",),
    signed_by_patient=True,
    info=("alert",),
    recipients={"Anytown County Jail (data matching)": ({"kind": "org", "id": "org-lake"},)},
)


def test_a_form_nobody_attested_permits_nothing() -> None:
    (record,) = parse(resource()).records
    assert record.type is ConsentType.GENERAL_ROI
    assert {Element.SIGNATURE, Element.DISCLOSER, Element.INFORMATION, Element.RIGHT_TO_REVOKE} <= set(
        record.elements_missing
    )
    doctor = recipient("outside_provider", "u-doc", "org-clinic", treating_relationship=True)
    typed = read_request(scene(doctor, consents=[as_raw(record)]))
    assert not decide(typed, load_rulebook(FLOOR)).discloses


def test_the_template_of_the_paper_form_completes_it() -> None:
    (record,) = parse(resource(), TEMPLATE).records
    doctor = recipient("outside_provider", "u-doc", "org-clinic", treating_relationship=True)
    got = decide(scene(doctor, SUD, consents=[as_raw(record)]), load_rulebook(FLOOR))
    assert got.consents_relied_on == ("con-1",)


def test_a_denial_of_somebody_unknown_is_a_denial_of_everybody() -> None:
    taken = parse(provided(type="deny", actor=[{"reference": {"display": "The other jail"}}]))
    (record,) = taken.records
    assert record.recipients == ()
    assert record.discloser.any_treating_program
    assert [(f.field, f.refused) for f in taken.faults] == [("provision.actor", False)]


@pytest.mark.parametrize(
    "limit",
    [
        {"code": [{"text": "HIV"}]},
        {"data": [{"meaning": "instance"}]},
        {"dataPeriod": {"start": "2026-01-01"}},
        {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "MedicationRequest"}]},
        {"action": [{"coding": [{"code": "collect"}]}]},
        {"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HMARKT"}]},
    ],
)
def test_a_limit_that_cannot_be_kept_refuses_a_permission_and_widens_a_denial(limit: dict[str, Any]) -> None:
    permitted = parse(provided(**limit))
    assert permitted.records == ()
    assert permitted.faults[0].field.startswith("provision.")
    denied = parse(provided(type="deny", **limit))
    assert len(denied.records) == 1
    assert not denied.faults[0].refused


def test_partial_dates_reach_as_far_as_fhir_says() -> None:
    (record,) = parse(
        resource(dateTime="2026-01") | {"provision": provided(period={"start": "2026", "end": "2027-02"})["provision"]}
    ).records
    assert [str(t) for t in (record.signed_at, record.effective_from, record.expires_at)] == [
        "2026-01-31",
        "2026-01-01",
        "2027-02-28",
    ]


@pytest.mark.parametrize(("rule", "base"), [("OPTIN", "permit"), ("OPTOUT", "deny")])
def test_a_root_without_a_type_means_what_its_policy_rule_says(rule: str, base: str) -> None:
    untyped = {k: v for k, v in resource()["provision"].items() if k != "type"}
    (record,) = parse(resource(provision=untyped, policyRule={"coding": [{"code": rule}]})).records
    assert record.base.value == base
    assert parse(resource(provision=untyped)).records == ()


@pytest.mark.parametrize(
    "one",
    [
        {"status": "sleeping"},
        {"patient": {}},
        {"dateTime": "2026-02-30"},
        {"dateTime": None},
        {"dateTime": "2026-13"},
        {"provision": []},
        {"provision": {"type": "permit", "actor": "x"}},
        {"provision": {"type": "permit", "period": {"end": "soon"}}},
        {"extension": "x"},
        {"id": 3},
    ],
)
def test_a_resource_at_fault_is_refused_with_its_place(one: dict[str, Any]) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": resource(**one)}, {"resource": resource()}, {}, 3]}
    taken = parse_fhir(json.dumps(bundle))
    assert [t.line for t in taken.taken] == [2]
    assert [f.line for f in taken.faults] == [1, 3, 4]


@few
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [*resource(), *resource()["provision"], "reference", "coding", "code", "url", "extension"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([*resource()]),
)
def test_any_json_is_survived(junk: Any, key: str) -> None:
    parse_fhir(json.dumps(junk))
    parse_fhir(json.dumps(resource(**{key: junk})))
    for broken in ("", "{", "[" * 100_000, b"\xff\xfe"):
        assert parse_fhir(broken).faults[0].field == "resource"


ROSTER = Path(__file__).parents[3] / "shared" / "data" / "feeds" / "fhir" / "roster_bundle.json"


@pytest.mark.skipif(not ROSTER.is_file(), reason="the shared feeds are not part of the product")
def test_the_shared_roster_reads_as_its_table_says() -> None:
    taken = parse_fhir(ROSTER.read_bytes(), TEMPLATE)
    by_id = {t.record.id: t for t in taken.taken}
    assert len(by_id) == 9
    assert [f for f in taken.faults if f.refused] == []
    assert by_id["con-03"].labels == ("ETH",)
    clinician = recipient("program_staff", "u-sud", "org-lake", program_id="sud", covered_entity=True)
    book = load_rulebook()

    def reasons(*ids: str, client: str) -> tuple[str, ...]:
        forms = [
            as_raw(by_id[i].record) | {"expires_at": "2027-12-31"} if i != "con-04" else as_raw(by_id[i].record)
            for i in ids
        ]
        seen = scene(
            clinician, SUD, consents=forms, client={"id": client}, as_of="2026-10-06T12:00:00Z",
            booking={"booked_at": "2026-10-06T08:00:00Z"},
        )  # fmt: skip
        return decide(seen, book).reason_codes

    for permits, client in (("con-01", "pat-01"), ("con-02", "pat-02"), ("con-03", "pat-03"), ("con-08", "pat-09")):
        assert "P2_CONSENT_2_33" in reasons(permits, client=client)
    assert "CONSENT_EXPIRED" in reasons("con-04", client="pat-04")
    assert "CONSENT_NOT_ACTIVE" in reasons("con-05", client="pat-05")
    assert "EXPLICIT_DENY" in reasons("con-06", "con-07", client="pat-07")
    assert "CONSENT_NOT_YET_EFFECTIVE" in reasons("con-09", client="pat-10")
