"""Absence is release only where it was declared, a truncated file is no mass release, and a first load is no news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import FeedMalformed, Summary, parse_mapping
from connectors.heartbeat import Pulse, beat, guess_cadence
from connectors.panel import merge_rows, persons_twice
from connectors.profile import doubt_zone, profile, shape
from connectors.schema import Semantics
from connectors.snapshot import booking_key, compare, guard_shrink, released
from records import EventKind, Instant
from tests.connectors.feeding import NOW, read

DECLARED = Semantics(delivers="snapshot", absence_means_release=True, max_shrink=0.3)
WHOLE = Summary(complete=True)


@given(st.frozensets(st.integers(0, 30)), st.frozensets(st.integers(0, 30)))
def test_everybody_has_arrived_stayed_or_gone(before: frozenset[int], now: frozenset[int]) -> None:
    change = compare(before, now)
    assert change.arrived | change.stayed == now
    assert change.stayed | change.absent == before
    assert not change.arrived & before


def test_the_first_snapshot_is_the_baseline() -> None:
    change = compare(None, range(1500))
    assert change.baseline
    assert released(change, WHOLE, DECLARED) == frozenset()


def test_absence_means_release_only_if_declared() -> None:
    change = compare(range(20), range(19))
    assert released(change, WHOLE, DECLARED) == {19}
    assert released(change, WHOLE, Semantics(delivers="snapshot")) == frozenset()


def test_a_refused_row_may_be_anyone_who_seems_absent() -> None:
    assert released(compare(range(20), range(19)), Summary(complete=True, refused=1), DECLARED) == frozenset()


def test_a_snapshot_that_was_not_read_to_its_end_says_nothing() -> None:
    change = compare(range(20), range(19))
    assert released(change, Summary(), DECLARED) == frozenset()
    with pytest.raises(FeedMalformed, match="not read to its end"):
        guard_shrink(change, Summary(), DECLARED)


@pytest.mark.parametrize(
    ("before", "now", "refused", "believed"),
    [(100, 70, 0, True), (100, 69, 0, False), (100, 69, 1, True), (9, 0, 0, True), (10, 0, 0, False), (0, 0, 0, True)],
)
def test_the_shrink_guard(before: int, now: int, refused: int, believed: bool) -> None:
    change = compare(range(before), range(now))
    summary = Summary(complete=True, refused=refused)
    if believed:
        guard_shrink(change, summary, DECLARED)
        return
    with pytest.raises(FeedMalformed, match="is not believed"):
        guard_shrink(change, summary, DECLARED)


def test_one_number_at_two_jails_is_two_bookings() -> None:
    row = b"P,M,,1,,,F,W,L,%s,A,1,B-1,2018-06-06T12:34,,65,x\r\n"
    events = read(row % b"PD1" + row % b"PD2", "coremr_roster").events
    assert len({booking_key(event) for event in events}) == 2
    assert [event.kind for event in events] == [EventKind.BOOKED, EventKind.BOOKED]


# --- events that end something ------------------------------------------------------------------------------------

STATUS = """
name: t
kind: bookings
format: {type: csv, header_line: 0, columns: [number, name, booked, status, needed]}
required: [needed]
bookings:
  agency: {constant: A}
  booking_number: number
  name: name
  booked_at: booked
  event: {column: status, codes: {S: sealed, C: cancelled, R: released, M: merged, B: booked}}
"""


@pytest.mark.parametrize("status", ["S", "C", "R", "M"])
def test_an_ending_reaches_us_whatever_else_is_wrong_with_its_row(status: str) -> None:
    found = read(f"1,,not a time,{status},\n".encode(), parse_mapping(STATUS, "t"))
    assert (len(found.events), found.faults) == (1, [])
    assert found.events[0].booked_at is None


@pytest.mark.parametrize("row", ["1,,2026-10-06T10:00,B,x", '1,"A, B",not a time,B,x', '1,"A, B",2026-10-06T10:00,B,'])
def test_a_beginning_with_the_same_faults_is_refused(row: str) -> None:
    assert len(read(row.encode(), parse_mapping(STATUS, "t")).faults) == 1


# --- heartbeat ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "pulse"), [(0, Pulse.OK), (30, Pulse.OK), (31, Pulse.LATE), (45, Pulse.LATE), (46, Pulse.SILENT)]
)
def test_silence_is_measured_in_cadences(minutes: int, pulse: Pulse) -> None:
    found = beat(NOW - timedelta(minutes=minutes), NOW, NOW, Semantics(cadence_minutes=15))
    assert (found.pulse, found.missed_window) == (pulse, False)


def test_no_cadence_is_no_claim() -> None:
    assert beat(NOW, NOW, NOW, Semantics()).pulse is Pulse.UNKNOWN
    assert beat(None, None, NOW, Semantics(cadence_minutes=15)).pulse is Pulse.UNKNOWN


def test_asking_later_than_the_source_keeps_its_news_is_noticed() -> None:
    assert beat(NOW, NOW - timedelta(hours=5), NOW, Semantics(window_minutes=240)).missed_window
    assert not beat(NOW, NOW - timedelta(hours=3), NOW, Semantics(window_minutes=240)).missed_window


def test_the_usual_time_between_deliveries() -> None:
    times = [NOW + timedelta(minutes=15 * n) for n in range(9)] + [NOW + timedelta(days=1)]
    assert guess_cadence(times) == timedelta(minutes=15)
    assert guess_cadence(times[:2]) is None


# --- rosters ------------------------------------------------------------------------------------------------------

ROWS = b"""client_id,first_name,middle_name,last_name,suffix,dob,sex,race_ethnicity,ssn_last4,phone,street,city,state,zip,aliases,program,clinician_id
C1,Katherine,,O'Rourke,,1991-07-21,F,,,,,,,,,OP-MH,CLN1
C2,Tou,,Vang,,1996-09-30,M,,,,,,,,,ACT,CLN2
C1,Katherine,,O'Rourke,,1991-12-21,F,,,,,,,,,SUD-OP,CLN2
C3,TOU,,VANG,,1996-09-30,M,,,,,,,,,ACT,CLN1
C4,Tou,,Vang,,,M,,,,,,,,,ACT,CLN1
"""


def test_rows_of_one_client_become_one_entry_that_is_still_found_by_either() -> None:
    entries = merge_rows(read(ROWS, "common_roster").entries)
    assert [entry.client_id for entry in entries] == ["C1", "C2", "C3", "C4"]
    first = entries[0]
    assert [e.program for e in first.enrolments] == ["OP-MH", "SUD-OP"]
    assert [a.staff for a in first.assignments] == ["CLN1", "CLN2"]
    assert [i.birth_date for i in first.identities] == ["1991-07-21", "1991-12-21"]
    assert [(f.field, f.reason) for f in first.flags] == [("identity", "rows-differ")]


def test_one_person_under_two_numbers_is_reported_by_line() -> None:
    (twice,) = persons_twice(merge_rows(read(ROWS, "common_roster").entries))
    assert twice.lines == (3, 5)
    assert "ang" not in repr(twice).lower()


# --- the profile of a sample --------------------------------------------------------------------------------------


def test_a_profile_says_much_and_names_nobody(sample_common: bytes) -> None:
    found = profile(
        read(sample_common, "common_bookings").pull, NOW, [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    )
    fill = {f.field: f for f in found.fill}
    assert fill["booking_number"].share == 1.0
    assert 0 < fill["ssn4"].share < 0.5
    assert fill["birth_date"].shapes[0] == "9+-99-99"
    assert (found.cadence, found.zone_doubt, len(found.examples)) == (timedelta(hours=1), "", 10)
    said = repr([[f.shapes for f in found.fill], [list(e.values()) for e in found.examples], found.faults]).upper()
    events = read(sample_common, "common_bookings").events
    names = {
        part for e in events for i in e.identities for part in (i.first, i.last, i.phone, i.street) if len(part) > 4
    }
    assert [name for name in names if name in said] == []


def test_a_profile_counts_what_is_wrong(feeds: Path) -> None:
    content = (feeds / "jms_csv" / "jms_export.csv").read_bytes()
    found = profile(read(content, "jms_export").pull, NOW)
    assert dict(found.fault_counts) == {
        "no-name": 2,
        "control-character": 1,
        "columns": 1,
        "impossible-time": 1,
        "quoting": 1,
    }
    assert ("birth_date", "impossible-date", 2) in found.flags
    assert found.span is not None


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("O'Rourke", "A'Aa+"),
        ("26-000101", "99-9+"),
        ("Peña", "Aaaa"),
        ("Muñoz", "Aa+"),
        ("", ""),
        ("A1b", "A9a"),
        ("→x", "?a"),
    ],
)
def test_shapes(text: str, masked: str) -> None:
    assert shape(text) == masked


@given(st.text(max_size=20))
def test_no_letter_or_digit_survives_in_a_shape(text: str) -> None:
    assert {c for c in shape(text) if c.isalnum()} <= set("Aa9")


def bookings(zone: str, offset: int) -> list[Instant]:
    """Three weeks of arrests, none from five to nine in the morning of the jail's own clock."""
    start = datetime(2026, 10, 5, tzinfo=UTC)
    hours = [start + timedelta(hours=n) for n in range(24 * 30)]
    return [Instant(at - timedelta(hours=offset), zone) for at in hours if not 5 <= at.hour < 9]


def test_a_shifted_night_makes_the_zone_doubtful() -> None:
    assert doubt_zone(bookings("UTC", 0), NOW) == ""
    assert "-7 hours off" in doubt_zone(bookings("UTC", 7), NOW)
    assert doubt_zone(bookings("UTC", 7)[:100], NOW) == "", "too few to say"
    assert doubt_zone([], NOW) == ""


def test_news_from_the_future_makes_the_zone_doubtful() -> None:
    assert "3.0 hours ahead" in doubt_zone([Instant(NOW + timedelta(hours=3))], NOW)
