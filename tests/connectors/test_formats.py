"""Each odd record of the other sample feeds gets what a careful reader would give it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from connectors import FeedMalformed, FeedUnavailable, RawResource
from connectors.formats.hl7_adt import unescape
from records import Charge, Custody, EnrolmentStatus, EventKind, Op, RosterEntry, StaffMember
from tests.connectors.feeding import Read, changed, read

Sample = Callable[[str], bytes]


def faults(found: Read) -> list[tuple[int, str]]:
    return [(fault.line, fault.code) for fault in found.faults]


# --- fixed width -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fixed(sample: Sample) -> Read:
    return read(sample("fixed_width/bookings.txt"), "fixed_width_sample")


def test_fixed_width_refusals_and_skips(fixed: Read) -> None:
    assert faults(fixed) == [(8, "cut-off"), (11, "record-type"), (12, "impossible-time")]
    summary = fixed.pull.summary
    assert (summary.duplicates, summary.skipped) == (1, 4), "502 again; header, blank line, trailer, end of file mark"
    assert summary.remarks == ["the closing record counts 12 records, the file has 11"]


def test_fixed_width_places_are_bytes(fixed: Read) -> None:
    person = fixed.one("2600000503").identities[0]
    assert (person.last, person.first, person.ssn4) == ("MUÑOZ BARRERA", "JOSÉ", "4417")


def test_fixed_width_odd_values(fixed: Read) -> None:
    unknown = fixed.one("2600000504")
    assert (unknown.identities[0].birth_date, unknown.identities[0].sex, unknown.flags) == ("", "", ())
    assert fixed.flags("2600000505") == {("birth_date", "impossible-date")}
    assert fixed.one("2600000506").identities[0].last == "SCHWARZENBERG-HOHENSTAUFF"
    assert fixed.one("2600000508").identities[0].last == "TABBED NAME"
    assert fixed.one("2600000501").charges == (Charge("FTA", "FAILURE TO APPEAR"),)
    assert fixed.one("2600000502").custody is Custody.RELEASED


# --- JSON --------------------------------------------------------------------------------------------------------


def pages(sample: Sample) -> list[Read]:
    return [read(sample(f"json_api/page-{n}.json"), "json_api_sample") for n in (1, 2, 3)]


def test_json_first_page_is_sound(sample: Sample) -> None:
    first = pages(sample)[0]
    assert (len(first.events), first.faults) == (3, [])
    assert [i.last for i in first.one("J-2").identities] == ["Ortega", "Peña"]
    assert str(first.one("J-3").booked_at) == "2026-10-07T10:15:00Z"


def test_json_the_same_record_on_two_pages_has_one_hash(sample: Sample) -> None:
    first, second, _ = pages(sample)
    assert first.one("J-3").content_hash == second.one("J-3").content_hash


def test_json_odd_records(sample: Sample) -> None:
    _, second, third = pages(sample)
    assert [(f.line, f.field, f.code) for f in second.faults] == [(2, "subject.name.last", "required")]
    assert second.flags("J-5") == {("booked_at", "no-offset")}
    assert second.one("J-5").charges == ()
    assert str(second.one("6").booked_at) == "2026-10-07T18:40:00Z", "a number for an id, epoch milliseconds for a time"
    assert third.one("J-7").identities[0].birth_date == "1963-01-05"
    assert third.flags("J-8") == {("birth_date", "impossible-date")}
    assert third.one("J-1").kind is EventKind.RELEASED


def test_json_expunged_carries_nothing_but_the_number(sample: Sample) -> None:
    gone = pages(sample)[2].one("J-9")
    assert (gone.op, gone.kind, gone.identities, gone.charges) == (Op.DELETE, EventKind.SEALED, (), ())


def test_json_a_second_version_is_another_content(sample: Sample) -> None:
    first, _, third = pages(sample)
    assert first.one("J-1").content_hash != third.one("J-1").content_hash


@pytest.mark.parametrize(
    ("name", "reason"),
    [("truncated.json", "cut off"), ("wrong-shape.json", "no list of records"), ("maintenance.html", "web page")],
)
def test_json_that_is_none_stops_the_run(sample: Sample, name: str, reason: str) -> None:
    with pytest.raises(FeedMalformed, match=reason) as stopped:
        read(sample(f"json_api/{name}"), "json_api_sample")
    assert "Whitfield" not in str(stopped.value)


def test_json_nested_beyond_reason_is_refused() -> None:
    with pytest.raises(FeedMalformed):
        read(b'{"data":' + b"[" * 200_000, "json_api_sample")
    deep = b'{"data":[{"a":' + b'{"a":' * 50 + b"1" + b"}" * 51 + b"]}"
    assert faults(read(deep, "json_api_sample")) == [(1, "too-deep")]


# --- NIEM --------------------------------------------------------------------------------------------------------


def niem(sample: Sample, name: str) -> Read:
    return read(sample(f"niem_xml/{name}.xml"), "niem_booking")


def test_niem_add_update_delete(sample: Sample) -> None:
    added, updated, deleted = (
        niem(sample, n).one("NX-0001") for n in ("01-booking", "02-release-update", "09-delete-expunged")
    )
    assert (added.op, added.kind, len(added.charges)) == (Op.ADD, EventKind.BOOKED, 2)
    assert added.charges[0] == Charge("9A.52.080", "Criminal trespass 2nd degree")
    assert (updated.op, updated.kind, str(updated.released_at)) == (
        Op.UPDATE,
        EventKind.RELEASED,
        "2026-10-07T20:00:00Z",
    )
    assert (deleted.op, deleted.kind, deleted.identities) == (Op.DELETE, EventKind.SEALED, ())
    person = added.identities[0]
    assert (person.suffix, person.phone, person.zip, added.person_id) == ("Jr", "555-555-0112", "00101", "P40012")


def test_niem_second_name_is_an_alias_and_the_document_says_its_encoding(sample: Sample) -> None:
    names = [(i.first, i.last) for i in niem(sample, "03-alias-latin1").one("NX-0002").identities]
    assert names == [("Marisol", "Peña-Ortega"), ("Mari", "Ortega")]


def test_niem_dates(sample: Sample) -> None:
    assert niem(sample, "04-bad-date").flags("NX-0003") == {("birth_date", "impossible-date")}
    assert niem(sample, "10-year-only-dob").one("NX-0008").identities[0].birth_date == "1974"


def test_niem_without_a_name_is_refused(sample: Sample) -> None:
    assert [code for _, code in faults(niem(sample, "05-no-name"))] == ["no-name"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("06-truncated", "cut off"), ("07-external-entity", "DOCTYPE"), ("08-entity-expansion", "DOCTYPE")],
)
def test_niem_documents_that_are_refused(sample: Sample, name: str, reason: str) -> None:
    with pytest.raises(FeedMalformed, match=reason) as stopped:
        niem(sample, name)
    assert "Brightwater" not in str(stopped.value)


def test_xml_many_records_in_one_document() -> None:
    one = "<b:BookingExchange xmlns:b='urn:b'><Booking><BookingAgencyRecordIdentification><IdentificationID>{0}</IdentificationID></BookingAgencyRecordIdentification><BookingSubject><RoleOfPerson><PersonName><PersonSurName>A</PersonSurName></PersonName></RoleOfPerson></BookingSubject></Booking></b:BookingExchange>"
    found = read(("<all>" + "".join(one.format(n) for n in range(50)) + "</all>").encode(), "niem_booking")
    assert [e.booking_number for e in found.events] == [str(n) for n in range(50)]


def test_xml_with_prefixes_that_nobody_declared_is_refused() -> None:
    document = b"<BookingExchange><x:Booking><y:BookingAgencyRecordIdentification><IdentificationID>7</IdentificationID></y:BookingAgencyRecordIdentification></x:Booking></BookingExchange>"
    with pytest.raises(FeedMalformed, match="not XML"):
        read(document, "niem_booking")


# --- HL7 ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adt(sample: Sample) -> Read:
    return read(sample("hl7_adt/adt_messages.hl7"), "hl7_adt")


def test_hl7_refusals(adt: Read) -> None:
    assert faults(adt) == [(21, "no-name"), (61, "no-booking-number")], "messages 6 and 16"
    assert (adt.pull.summary.rows, adt.pull.summary.duplicates) == (17, 1), "message 2 twice"


@pytest.mark.parametrize(
    ("visit", "kinds"),
    [
        ("V9001", [EventKind.BOOKED, EventKind.RELEASED, EventKind.MERGED]),
        ("V9002", [EventKind.BOOKED, EventKind.AMENDED]),
        ("V9006", [EventKind.BOOKED, EventKind.CANCELLED]),
        ("V8888", [EventKind.RELEASED]),
    ],
)
def test_hl7_triggers(adt: Read, visit: str, kinds: list[EventKind]) -> None:
    assert [event.kind for event in adt.of(visit)] == kinds


def test_hl7_names(adt: Read) -> None:
    assert adt.of("V9001")[0].identities[0].suffix == "JR"
    assert [i.last for i in adt.of("V9002")[0].identities] == ["ORTEGA", "PENA", "ORTEGA"]
    assert adt.of("V9002")[1].identities[0].last == "PENA-ORTEGA"
    assert adt.of("V9006")[0].identities[0].last == "O'ROURKE & SONS"
    assert adt.one("V9011").identities[0].last == "MUÑOZ BARRERA"


def test_hl7_birth_dates(adt: Read) -> None:
    assert adt.flags("V9004") == {("birth_date", "impossible-date")}
    assert adt.one("V9007").identities[0].birth_date == "1996"
    assert (adt.one("V9008").identities[0].birth_date, adt.one("V9008").flags) == ("", ())


def test_hl7_another_separator_and_another_line_end(adt: Read) -> None:
    person = adt.one("V9009").identities[0]
    assert (person.last, person.street, person.zip) == ("DOROFEYEV", "9 BIRCH RD", "00102")
    assert adt.one("V9010").identities[0].first == "ROLAND"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A!T!B", "A&B"), ("A!F!!S!!R!!E!", "A|^~!"), ("!X4142!", "AB"), ("!H!A!N!", "A"), ("A!.br!B", "A\nB"),
        ("A!Xzz!", "A!Xzz!"), ("A!", "A!"), ("!Z!", "!Z!"), ("A", "A"),
    ],
)  # fmt: skip
def test_hl7_escapes(text: str, meant: str) -> None:
    """With an exclamation mark where most senders have a backslash: the message itself says which it is."""
    assert unescape(text, "\r|~^&", "!") == meant


def test_hl7_merge_names_both_numbers(adt: Read) -> None:
    merge = adt.of("V9001")[2]
    assert (merge.person_id, merge.old_person_id) == ("P40012", "P40999")


def test_hl7_batch_and_its_wrong_count(sample: Sample) -> None:
    found = read(sample("hl7_adt/adt_batch.hl7"), "hl7_adt")
    assert (len(found.events), found.pull.summary.skipped) == (3, 4)
    assert found.pull.summary.remarks == ["the batch trailer counts 4 messages, the batch has 3"]


def test_hl7_frames_and_one_that_is_cut_off(sample: Sample) -> None:
    found = read(sample("hl7_adt/adt_mllp.bin"), changed("hl7_adt", framed=True))
    assert (len(found.events), [code for _, code in faults(found)]) == (3, ["cut-off"])


# --- spreadsheet -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sheet(sample: Sample) -> Read:
    return read(sample("xlsx/roster.xlsx"), "xlsx_roster")


def client(found: Read, number: str) -> RosterEntry:
    return next(entry for entry in found.entries if entry.client_id == number)


def test_xlsx_refusals_and_skips(sheet: Read) -> None:
    assert faults(sheet) == [(12, "no-name"), (15, "no-name")], "1007, and 1010 whose name is a formula without a value"
    assert sheet.pull.summary.skipped == 2, "an empty row and the total"
    assert "900" not in {e.client_id for e in sheet.entries}, "the hidden sheet"


def test_xlsx_numbers_that_lost_their_zeros(sheet: Read) -> None:
    assert client(sheet, "1002").identities[0].zip == "00101"
    assert client(sheet, "1003").identities[0].ssn4 == "0042"


@pytest.mark.parametrize(
    ("number", "born"),
    [
        ("1001", "1988-04-12"),
        ("1003", "1991-07-21"),
        ("1004", "1985-02-14"),
        ("1005", "1996-09-30"),
        ("1006", "1974"),
        ("1008", ""),
    ],
)
def test_xlsx_birth_dates(sheet: Read, number: str, born: str) -> None:
    assert client(sheet, number).identities[0].birth_date == born


def test_xlsx_odd_rows(sheet: Read) -> None:
    assert client(sheet, "1002").identities[0].suffix == "Jr"
    again = [e for e in sheet.entries if e.client_id == "1002"][1]
    assert ("client_id", "repeated") in [(f.field, f.reason) for f in again.flags]
    assert (client(sheet, "1006").team, client(sheet, "1006").assignments) == ("ACT team A", ())
    assert client(sheet, "1009").identities[0].first == "Rosalind"
    assert ("birth_date", "impossible-date") in [(f.field, f.reason) for f in client(sheet, "1008").flags]


def test_xlsx_bombs_and_junk_are_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (3 << 20))
    with pytest.raises(FeedMalformed, match="unpacks to 3 MB"):
        read(packed.getvalue(), changed("xlsx_roster", max_unpacked_megabytes=2))
    for junk in (b"PK\x03\x04", b"not a workbook", b"PK\x05\x06" + bytes(18)):
        with pytest.raises(FeedMalformed):
            read(junk, "xlsx_roster")


# --- FHIR --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fhir(sample: Sample) -> Read:
    return read(sample("fhir/roster_bundle.json"), "fhir_roster")


def test_fhir_refusals(fhir: Read) -> None:
    assert faults(fhir) == [(15, "no-name"), (29, "unresolved-reference")], "patient 11; the episode of patient 99"


def test_fhir_names_with_the_name_of_record_first(fhir: Read) -> None:
    names = [(i.first, i.last) for i in client(fhir, "MRN1001").identities]
    assert names == [("Marisol", "Peña-Ortega"), ("Mari", "Ortega"), ("Marisol", "Peña")]


def test_fhir_dates(fhir: Read) -> None:
    assert client(fhir, "MRN1007").identities[0].birth_date == "1974"
    assert [(f.field, f.reason) for f in client(fhir, "MRN1012").flags] == [("birth_date", "impossible-date")]


def test_fhir_the_higher_version_wins_and_the_difference_is_flagged(fhir: Read) -> None:
    entry = client(fhir, "MRN1002")
    assert entry.identities[0].birth_date == "1979-11-30"
    assert ("birth_date", "versions-differ") in [(f.field, f.reason) for f in entry.flags]


@pytest.mark.parametrize(
    ("number", "enrolments"),
    [
        ("MRN1003", [("OP-MH", EnrolmentStatus.FINISHED, date(2026, 6, 30)), ("SUD-OP", EnrolmentStatus.ACTIVE, None)]),
        ("MRN1005", [("OP-MH", EnrolmentStatus.ON_HOLD, None)]),
        ("MRN1006", [("OP-MH", EnrolmentStatus.FINISHED, date(2025, 12, 31))]),
        ("MRN1012", []),
    ],
)
def test_fhir_episodes(fhir: Read, number: str, enrolments: list[tuple[str, EnrolmentStatus, date | None]]) -> None:
    assert [(e.program, e.status, e.ends) for e in client(fhir, number).enrolments] == enrolments


def test_fhir_assignments(fhir: Read) -> None:
    team = client(fhir, "MRN1007")
    assert team.team == "ACT team A"
    assert [(a.staff, a.role, a.ends) for a in team.assignments] == [
        ("S001", "case manager", None),
        ("S002", "nurse", datetime(2026, 7, 1, tzinfo=UTC)),
    ]
    assert [(f.field, f.reason) for f in client(fhir, "MRN1009").flags] == [("assignment", "inactive-clinician")]
    assert client(fhir, "MRN1010").assignments == ()
    assert [(f.field, f.reason) for f in client(fhir, "MRN1010").flags] == [("assignment", "unresolved-reference")]


def test_fhir_staff_and_consents_are_handed_on(fhir: Read) -> None:
    staff = {record.staff: record for record in fhir.records if isinstance(record, StaffMember)}
    assert [(s, m.active, m.org, m.verified) for s, m in staff.items()] == [
        ("S001", True, "riverbend", False), ("S002", True, "riverbend", False), ("S003", False, "riverbend", False),
    ]  # fmt: skip
    consents = [record for record in fhir.records if isinstance(record, RawResource)]
    assert [c.client_id for c in consents if c.content["status"] == "inactive"] == ["MRN1005"]
    assert len(consents) == 9
    assert "MRN" not in repr(consents[0])


def test_fhir_an_inactive_patient_is_not_enrolled() -> None:
    bundle = b"""{"resourceType":"Bundle","type":"collection","entry":[
     {"resource":{"resourceType":"Patient","id":"p","active":false,"name":[{"text":"Ann Bee"}]}},
     {"resource":{"resourceType":"EpisodeOfCare","id":"e","status":"active","patient":{"reference":"http://x.example.org/fhir/Patient/p/_history/3"}}}]}"""
    (entry,) = read(bundle, "fhir_roster").entries
    assert [e.status for e in entry.enrolments] == [EnrolmentStatus.FINISHED]
    assert (entry.identities[0].first, entry.identities[0].last) == ("Ann", "Bee")


def test_fhir_a_consent_is_handed_on_as_it_came() -> None:
    bundle = b"""{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Consent","id":"c","extension":[{"valueDecimal":1.5,"valueInteger":7,"valueBoolean":true}]}}]}"""
    (consent,) = read(bundle, "fhir_roster").records
    assert isinstance(consent, RawResource)
    assert consent.content["extension"] == [{"valueDecimal": 1.5, "valueInteger": 7, "valueBoolean": True}]


def test_fhir_panels_and_roles() -> None:
    bundle = b"""{"resourceType":"Bundle","type":"collection","entry":[
     {"resource":{"resourceType":"Practitioner","id":"d","name":[{"family":"Mbeki"}]}},
     {"resource":{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/d"},"code":[{"text":"nurse"}]}},
     {"resource":{"resourceType":"Patient","id":"p","name":[{"family":"Bee"}]}},
     {"resource":{"resourceType":"Patient","id":"q","name":[{"family":"Cee"}]}},
     {"resource":{"resourceType":"Group","id":"g","type":"person","actual":true,"managingEntity":{"reference":"PractitionerRole/r"},
       "member":[{"entity":{"reference":"Patient/p"}},{"entity":{"reference":"Patient/q"},"inactive":true}]}}]}"""
    found = read(bundle, "fhir_roster")
    bee, cee = found.entries
    assert [(a.staff, a.program) for a in bee.assignments] == [("d", "g")]
    assert [e.status for e in (*bee.enrolments, *cee.enrolments)] == [EnrolmentStatus.ACTIVE, EnrolmentStatus.FINISHED]
    assert [m.role for m in found.records if isinstance(m, StaffMember)] == ["nurse"]


def test_fhir_an_end_that_cannot_be_read_holds_the_enrolment_and_drops_the_assignment() -> None:
    bundle = b"""{"resourceType":"Bundle","type":"collection","entry":[
     {"resource":{"resourceType":"Practitioner","id":"d"}},
     {"resource":{"resourceType":"Patient","id":"p","name":[{"family":"Bee"}]}},
     {"resource":{"resourceType":"CareTeam","id":"t","participant":[{"member":{"reference":"Practitioner/d"},"period":{"end":"2026-02-30"}}]}},
     {"resource":{"resourceType":"EpisodeOfCare","id":"e","status":"active","patient":{"reference":"Patient/p"},"period":{"end":"soon"},"team":[{"reference":"CareTeam/t"}]}}]}"""
    (entry,) = read(bundle, "fhir_roster").entries
    assert ([e.status for e in entry.enrolments], entry.assignments) == ([EnrolmentStatus.ON_HOLD], ())


@pytest.mark.parametrize("end", ["9999-12-31", "9999-12", "9999", "9999-12-31T23:59:59-07:00"])
def test_fhir_an_end_in_the_last_year_of_the_calendar_is_none(end: str) -> None:
    bundle = """{"resourceType":"Bundle","type":"collection","entry":[
     {"resource":{"resourceType":"Practitioner","id":"d"}},
     {"resource":{"resourceType":"Patient","id":"p","name":[{"family":"Bee"}]}},
     {"resource":{"resourceType":"CareTeam","id":"t","participant":[{"member":{"reference":"Practitioner/d"},"period":{"start":"9999","end":"END"}}]}},
     {"resource":{"resourceType":"EpisodeOfCare","id":"e","status":"active","patient":{"reference":"Patient/p"},"period":{"start":"9999","end":"END"},"team":[{"reference":"CareTeam/t"}]}}]}"""
    (entry,) = read(bundle.replace("END", end).encode(), "fhir_roster").entries
    (enrolment,), (assignment,) = entry.enrolments, entry.assignments
    assert enrolment.status is EnrolmentStatus.ACTIVE
    assert enrolment.ends is not None
    assert enrolment.ends.year == 9999
    assert assignment.ends is not None
    assert assignment.ends.year == 9999


def test_fhir_lines(sample: Sample) -> None:
    found = read(sample("fhir/Patient.ndjson"), changed("fhir_roster", lines=True))
    assert (len(found.entries), faults(found), found.pull.summary.skipped) == (5, [(6, "not-json")], 1)


def test_fhir_search_page(sample: Sample) -> None:
    assert len(read(sample("fhir/searchset_page2.json"), "fhir_roster").entries) == 6, (
        "seven patients, one without a name"
    )


def test_fhir_error_body_may_be_asked_again(sample: Sample) -> None:
    with pytest.raises(FeedUnavailable, match="throttled"):
        read(sample("fhir/operation_outcome.json"), "fhir_roster")


# --- the vendors' own forms --------------------------------------------------------------------------------------


def test_seventeen_columns_in_fixed_order() -> None:
    row = "Pena,Marisol,,20180606123400001,07/22/1946,,Female,White,LKC,ANYTOWN PD,A,12,B-1,2018-06-06T12:34,,65,x.jpg\r\n"
    (event,) = read(row.encode("cp1252"), "coremr_roster").events
    assert (event.booking_number, event.facility, event.agency) == ("B-1", "LKC", "ANYTOWN PD")
    assert (event.identities[0].birth_date, event.identities[0].sex) == ("1946-07-22", "F")
    assert str(event.booked_at) == "2018-06-06T19:34:00Z"


def test_one_event_in_a_file() -> None:
    text = (
        "[DEM]\r\nDataType=DEM\r\nPatientID=1\r\nFacility=LKC\r\nLastName=Pena\r\nFirstName=Marisol\r\nMI=L\r\nBirthDate=07/22/1946\r\n"
        "Sex=F\r\nBooking=B-1\r\nBookingDate=2017-06-20 14:32:04\r\nReleaseDate=\r\nAgency=PD\r\n"
    )
    (event,) = read(text.encode(), "coremr_event").events
    assert (event.booking_number, event.identities[0].middle, str(event.booked_at)) == (
        "B-1",
        "L",
        "2017-06-20T21:32:04Z",
    )
    assert faults(read((text + "Agency=PD2\r\n").encode(), "coremr_event")) == [(1, "repeated-key")]
    with pytest.raises(FeedMalformed, match="none of the expected keys"):
        read(b"hello=world\n", "coremr_event")
