"""A mapping that is wrong is answered with what would have been right; one that is right does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import (
    Connector,
    FeedMalformed,
    MappingError,
    Pull,
    ScriptedTransport,
    load_mapping,
    parse_mapping,
    ready_mappings,
)
from records import BookingEvent, Custody, EnrolmentStatus, EventKind, FeedId, Op, RosterEntry, StaffId
from tests.connectors.feeding import read

HEAD = """
name: test
kind: bookings
format: {type: csv, header_line: 0, columns: [number, name, born, booked, extra]}
zone: America/New_York
"""
FIELDS = """
bookings:
  agency: {constant: ORI1}
  booking_number: number
  name: name
  birth_date: born
  booked_at: booked
"""


def mapping(extra: str = "", head: str = "") -> str:
    return HEAD + head + FIELDS + extra


def event(row: str, extra: str = "", head: str = "") -> BookingEvent:
    (found,) = read(row.encode(), parse_mapping(mapping(extra, head), "test")).events
    return found


@pytest.mark.parametrize("name", ready_mappings())
def test_every_ready_mapping_is_valid_and_bears_its_own_name(name: str) -> None:
    assert load_mapping(name).name == name


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (mapping("  birthdate: x\n"), "bookings.birthdate is not a setting; did you mean 'birth_date'?"),
        (mapping(head="zonee: UTC\n"), "zonee is not a setting; did you mean 'zone'?"),
        (mapping("  sex: {colunm: x}\n"), "bookings.sex.colunm is not a setting; did you mean 'column'?"),
        (mapping().replace("header_line", "headerline"), "headerline is not a setting; did you mean 'header_line'?"),
        (mapping(head="semantics: {absence_means_realease: true}\n"), "did you mean 'absence_means_release'?"),
        (mapping().replace("America/New_York", "New York"), "'New York' is not a time zone; use a name like"),
        (mapping(head='dates: ["%m/%d/%Y", "%d/%m/%Y"]\n'), "keep one order"),
        (mapping(head='times: ["%Q"]\n'), "'%Q' is not supported"),
        (mapping(head='times: ["%H:%M"]\n'), "does not say year, month and day"),
        (mapping(head='dates: ["%m/%d"]\n'), "does not say year, month and day"),
        (mapping("  op: {column: extra, codes: {A: addd}}\n"), "op cannot be 'addd'; did you mean 'add'?"),
        (mapping("  sex: {}\n"), "give either 'column' or 'constant'"),
        (mapping().replace("  name: name\n", ""), "give 'name'"),
        (mapping().replace("kind: bookings", "kind: roster"), "has its fields under 'roster:'"),
        (mapping(head="semantics: {absence_means_release: true}\n"), "needs 'delivers: snapshot'"),
        (mapping(head="facilities: {M: {zone: Mars}}\n"), "'Mars' is not a time zone"),
        (mapping().replace("csv,", "csv, encoding: utf-9,"), "there is no encoding called 'utf-9'"),
        ("name: [", "not YAML at line 1"),
    ],
)
def test_mistakes_are_explained(text: str, answer: str) -> None:
    with pytest.raises(MappingError) as wrong:
        parse_mapping(text, "test")
    assert answer in str(wrong.value)


def test_a_missing_mapping_names_the_ready_ones() -> None:
    with pytest.raises(MappingError, match="jms_export"):
        load_mapping("jms_exports")


def test_code_tables_ignore_case_and_doubt_what_they_do_not_hold() -> None:
    sex = "  sex: {column: extra, codes: {Male: M, Female: F}}\n"
    assert event('1,"A, B",,,female', sex).identities[0].sex == "F"
    odd = event('1,"A, B",,,7', sex)
    assert odd.identities[0].sex == ""
    assert ("sex", "unknown-code") in [(f.field, f.reason) for f in odd.flags]


@pytest.mark.parametrize(
    ("code", "op", "kind"),
    [
        ("", Op.ADD, EventKind.BOOKED),
        ("I", Op.ADD, EventKind.BOOKED),
        ("C", Op.UPDATE, EventKind.AMENDED),
        ("D", Op.DELETE, EventKind.SEALED),
    ],
)
def test_declared_operations(code: str, op: Op, kind: EventKind) -> None:
    found = event(f'1,"A, B",,,{code}', "  op: {column: extra, codes: {I: add, C: update, D: delete}}\n")
    assert (found.op, found.kind) == (op, kind)
    assert bool(found.identities) is (kind is not EventKind.SEALED)


def test_an_unexplained_status_is_refused_because_it_might_mean_sealed() -> None:
    text = mapping("  event: {column: extra, codes: {EXPUNGED: sealed, ACTIVE: booked}}\n")
    found = read(b'1,"A, B",,,SEALED?\n2,"A, B",,,EXPUNGED\n', parse_mapping(text, "test"))
    assert [f.code for f in found.faults] == ["unknown-code"]
    assert (found.one("2").kind, found.one("2").identities) == (EventKind.SEALED, ())


def test_facilities_bring_their_own_agency_and_zone() -> None:
    head = "facilities: {E: {agency: ORI2}, W: {zone: America/Los_Angeles}}\n"
    extra = "  facility: extra\n"
    east = event('1,"A, B",,2026-10-06T10:00,E', extra, head)
    west = event('1,"A, B",,2026-10-06T10:00,W', extra, head)
    other = event('1,"A, B",,2026-10-06T10:00,X', extra, head)
    assert (east.agency, str(east.booked_at)) == ("ORI2", "2026-10-06T14:00:00Z")
    assert (west.agency, str(west.booked_at)) == ("ORI1", "2026-10-06T17:00:00Z")
    assert (other.facility, [(f.field, f.reason) for f in other.flags]) == (None, [("facility", "unknown-code")])


def test_custody_status_holds_and_courts() -> None:
    extra = "  custody: {column: extra, codes: {W: weekender}}\n  holds: {constant: 'USM, ICE', split: ','}\n  court_type: {constant: JUV}\n"
    found = event('1,"A, B",,,W', extra)
    assert (found.custody, found.holds, found.juvenile) == (Custody.WEEKENDER, ("USM", "ICE"), True)


@pytest.mark.parametrize(
    ("born", "juvenile"),
    [("2008-10-06", False), ("2008-10-07", True), ("2008", True), ("2007", False), ("2008-10", True), ("", False)],
)
def test_younger_than_eighteen_at_booking_is_juvenile(born: str, juvenile: bool) -> None:
    assert event(f'1,"A, B",{born},2026-10-06T10:00,').juvenile is juvenile


def test_a_booking_without_a_time_is_kept_and_marked() -> None:
    found = event('1,"A, B",,,')
    assert (found.booked_at, [(f.field, f.reason) for f in found.flags]) == (None, [("booked_at", "missing")])


def test_a_row_without_a_booking_number_is_refused() -> None:
    found = read(b',"A, B",,,\n', parse_mapping(mapping(), "test"))
    assert [(f.field, f.code) for f in found.faults] == [("booking_number", "no-booking-number")]


def test_the_hash_depends_on_content_and_on_nothing_else() -> None:
    text = parse_mapping(mapping(), "test")
    once = read(b'1,"A, B",1990-01-02,2026-10-06T10:00,x\n', text).events[0]
    again = read(b'\n\n1," A,  B ",1990-01-02,2026-10-06T14:00Z,y\n', text).events[0]
    assert once.content_hash == again.content_hash, "position, blanks, zone notation and unused columns do not count"
    other = read(b'1,"A, C",1990-01-02,2026-10-06T10:00,x\n', text).events[0]
    assert once.content_hash != other.content_hash


@given(st.lists(st.text(alphabet="ab,\x1f\x1e\x1d ", max_size=3), min_size=4, max_size=4))
def test_no_two_contents_share_a_hash(parts: list[str]) -> None:
    text = parse_mapping(
        mapping().replace("  name: name\n", "  last: name\n  first: born\n").replace("  birth_date: born\n", ""), "test"
    )
    row = ",".join(f'"{part}"' for part in ["1", "q" + parts[0], parts[1], "", parts[3]])
    found = read(row.encode(), text)
    for event_ in found.events:
        person = event_.identities[0]
        plain = read(f'1,"{person.last}","{person.first}",,'.encode(), text).events[0]
        assert plain.content_hash == event_.content_hash
    assert len(found.events) + len(found.faults) == 1


def test_a_file_with_too_many_refused_rows_is_not_believed_as_a_whole() -> None:
    text = parse_mapping(mapping(head="quarantine: {rows: 3, share: 0.5}\n"), "test")
    good, bad = b'1,"A, B",,,\n', b"2,,,,\n"
    assert len(read(good * 1 + bad * 2, text).faults) == 2, "few refusals never refuse the file"
    with pytest.raises(FeedMalformed, match="4 of 5 rows were refused"):
        read(good + bad * 4, text)


def test_a_pull_is_acknowledged_only_after_it_was_read() -> None:
    found = read(b'1,"A, B",,,\n', parse_mapping(mapping(), "test"))
    found.pull.acknowledge()
    unread = next(iter(_pulls()))
    with pytest.raises(ValueError, match="not read to the end"):
        unread.acknowledge()


def _pulls() -> Iterator[Pull]:
    connector = Connector.of(FeedId("jail"), ScriptedTransport([b"1,,,,\n"]), parse_mapping(mapping(), "test"))
    return connector.pull(None, datetime(2026, 12, 1, tzinfo=UTC))


ROSTER = b"""client_id,first_name,middle_name,last_name,suffix,dob,sex,race_ethnicity,ssn_last4,phone,street,city,state,zip,aliases,program,clinician_id
C1,Katherine,,O'Rourke,,1991-07-21,F,,0042,,,,,00101,Katie O'Rourke|Kate Mary Ryan Jr,OP-MH,CLN1
C1,Katherine,,O'Rourke,,1991-07-21,F,,0042,,,,,00101,Katie O'Rourke|Kate Mary Ryan Jr,OP-MH,CLN1
C1,Katherine,,O'Rourke,,1991-12-21,F,,0042,,,,,00101,,SUD-OP,CLN2
C2,,,,,1990-05-05,,,,,,,,,,OP-MH,CLN1
,A,,B,,,,,,,,,,,,,
C3,A,,B,,1984-18-02,,,,,,,,,,,
"""


def test_the_common_roster() -> None:
    found = read(ROSTER, "common_roster")
    first, second, third = found.entries
    assert [(f.line, f.code) for f in found.faults] == [(5, "no-name"), (6, "no-client-id")]
    assert found.pull.summary.duplicates == 1
    assert _names(first) == [
        ("Katherine", "", "O'Rourke", ""),
        ("Katie", "", "O'Rourke", ""),
        ("Kate", "Mary", "Ryan", "Jr"),
    ]
    assert first.display_name.reveal() == "Katherine O'Rourke"
    assert [(e.program, e.status) for e in first.enrolments] == [("OP-MH", EnrolmentStatus.ACTIVE)]
    assert [(a.staff, a.program, a.role) for a in first.assignments] == [(StaffId("CLN1"), "OP-MH", "primary")]
    assert ("client_id", "repeated") in [(f.field, f.reason) for f in second.flags]
    assert (third.identities[0].birth_date, third.enrolments, third.assignments) == ("", (), ())
    assert first.org == "riverbend"


def _names(entry: RosterEntry) -> list[tuple[str, str, str, str]]:
    return [(i.first, i.middle, i.last, i.suffix) for i in entry.identities]


def test_an_unexplained_enrolment_status_is_not_active() -> None:
    text = """
name: t
kind: roster
format: {type: csv, header_line: 0, columns: [id, last, status]}
roster: {client_id: id, last: last, program: {constant: OP}, status: {column: status, codes: {A: active}}}
"""
    found = read(b"1,B,A\n2,B,Z\n", parse_mapping(text, "t"))
    assert [e.enrolments[0].status for e in found.entries] == [EnrolmentStatus.ACTIVE, EnrolmentStatus.ON_HOLD]


def test_the_common_bookings(sample_common: bytes) -> None:
    found = read(sample_common, "common_bookings")
    assert (len(found.events), found.faults) == (374, [])
    first = found.events[0]
    assert (first.booking_number, first.facility, len(first.charges)) == ("BK2025-000001", "MAIN JAIL", 2)
    assert (first.charges[0].code, first.charges[0].text) == ("M-UNLCMP", "Unlawful camping")
    assert str(first.booked_at) == "2025-11-01T09:56:00Z"
