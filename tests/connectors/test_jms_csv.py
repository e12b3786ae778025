"""Each record of the jail management system's sample export gets what a careful reader would give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from connectors import FeedMalformed
from records import Custody, EventKind, Identity, Op, TimeQuality
from tests.connectors.feeding import Read, changed, read

Sample = Callable[[str], bytes]


@pytest.fixture(scope="module")
def export(sample: Sample) -> Read:
    return read(sample("jms_csv/jms_export.csv"), "jms_export")


@pytest.mark.parametrize("tail", ["102", "103", "104", "106", "108", "109", "120", "121", "122"])
def test_sound_records_are_kept_without_a_flag(export: Read, tail: str) -> None:
    assert export.one(f"26-000{tail}").flags == ()


@pytest.mark.parametrize(
    ("tail", "flag"),
    [
        ("107", ("birth_date", "impossible-date")),
        ("112", ("birth_date", "placeholder")),
        ("112", ("ssn4", "placeholder")),
        ("113", ("ssn4", "placeholder")),
        ("117", ("booked_at", "ambiguous-time")),
        ("118", ("booked_at", "nonexistent-local-time")),
        ("119", ("booked_at", "future")),
        ("123", ("name", "one-name-only")),
        ("124", ("birth_date", "impossible-date")),
        ("125", ("released_at", "released-before-booked")),
    ],
)
def test_doubtful_values_are_flagged_and_the_record_is_kept(export: Read, tail: str, flag: tuple[str, str]) -> None:
    assert flag in export.flags(f"26-000{tail}")


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        pytest.param(14, "name", "no-name", id="110 no name"),
        pytest.param(15, "name", "control-character", id="111 NUL in the name"),
        pytest.param(19, "", "columns", id="114 five columns of seventeen"),
        pytest.param(20, "name", "no-name", id="115 a formula for a name"),
        pytest.param(21, "booked_at", "impossible-time", id="116 a thirteenth month"),
        pytest.param(31, "", "quoting", id="126 unescaped quotes"),
    ],
)
def test_unusable_rows_are_refused_with_their_line(export: Read, line: int, field: str, code: str) -> None:
    assert (line, field, code) in [(f.line, f.field, f.code) for f in export.faults]


def test_nothing_else_is_refused_and_every_row_is_accounted_for(export: Read) -> None:
    summary = export.pull.summary
    assert len(export.faults) == 6
    assert summary.rows == summary.records + summary.refused + summary.duplicates == 28
    assert (summary.duplicates, summary.updates, summary.skipped) == (1, 1, 2)
    assert summary.complete


def test_the_wrong_count_in_the_closing_line_is_remarked_upon(export: Read) -> None:
    assert export.pull.summary.remarks == ["the closing line counts 27 rows, the file has 28"]


def test_the_same_record_twice_is_skipped(export: Read) -> None:
    assert len(export.of("26-000105")) == 1


def test_a_differing_record_of_the_same_booking_is_an_update(export: Read) -> None:
    first, second = export.of("26-000101")
    assert (first.op, first.kind, first.custody) == (Op.ADD, EventKind.BOOKED, Custody.IN_CUSTODY)
    assert (second.op, second.kind, second.custody) == (Op.UPDATE, EventKind.RELEASED, Custody.RELEASED)
    assert first.content_hash != second.content_hash
    assert (len(first.charges), len(second.charges)) == (2, 1)


def test_aliases_are_identities_with_the_same_other_facts(export: Read) -> None:
    record, *aliases = export.one("26-000102").identities
    assert [(a.last, a.first) for a in aliases] == [("PENA", "MARISOL"), ("ORTEGA", "MARI")]
    assert {a.birth_date for a in aliases} == {record.birth_date} == {"1988-04-12"}


def test_identity_fields_are_read_as_declared(export: Read) -> None:
    assert export.one("26-000121").identities[0] == Identity(
        first="DESHAWN", middle="MARCUS", last="WHITFIELD", suffix="SR", birth_date="1953-06-20", sex="M",
        street="1410 ALDER ST APT 7", city="ANYTOWN", state="WA", zip="00101",
    )  # fmt: skip


def test_masked_number_keeps_its_last_four_digits(export: Read) -> None:
    assert export.one("26-000104").identities[0].ssn4 == "4417"


@pytest.mark.parametrize("tail", ["112", "113"])
def test_placeholder_numbers_are_unknown(export: Read, tail: str) -> None:
    assert export.one(f"26-000{tail}").identities[0].ssn4 == ""


@pytest.mark.parametrize(
    ("tail", "born"), [("107", ""), ("108", "1968-07-04"), ("112", ""), ("120", "1994-08-19"), ("122", ""), ("124", "")]
)
def test_birth_dates(export: Read, tail: str, born: str) -> None:
    assert export.one(f"26-000{tail}").identities[0].birth_date == born


def test_line_break_inside_quotes_is_one_record_on_one_line(export: Read) -> None:
    assert export.one("26-000109").identities[0].street == "C/O MISSION 77 3RD ST"
    assert export.one("26-000112").source_line == 16, "lines are those of the file, not of the records"


def test_summer_time_ends_takes_the_earlier_and_begins_moves_forward(export: Read) -> None:
    twice, never = export.one("26-000117").booked_at, export.one("26-000118").booked_at
    assert twice is not None
    assert never is not None
    assert (str(twice), twice.quality) == ("2026-11-01T08:30:00Z", TimeQuality.AMBIGUOUS)
    assert (str(never), never.quality) == ("2026-03-08T10:30:00Z", TimeQuality.NONEXISTENT)


def test_a_booking_from_the_future_has_no_time_that_could_pass_as_fresh(export: Read) -> None:
    assert export.one("26-000119").booked_at is None


def test_values_are_trimmed_and_na_is_unknown(export: Read) -> None:
    person = export.one("26-000120").identities[0]
    assert (person.first, person.phone) == ("HODAN", "")


def test_one_name_is_a_last_name(export: Read) -> None:
    assert (export.one("26-000123").identities[0].last, export.one("26-000123").identities[0].first) == ("Prince", "")


def test_release_before_booking_is_kept_as_a_release(export: Read) -> None:
    event = export.one("26-000125")
    assert (event.kind, event.identities[0].suffix) == (EventKind.RELEASED, "III")


def test_twins_and_fathers_are_their_own_bookings(export: Read) -> None:
    assert export.one("26-000106").identities[0].first == "ROLAND"
    assert export.one("26-000121").person_id == export.of("26-000101")[0].person_id


def test_windows_1252_when_it_is_declared(sample: Sample) -> None:
    found = read(sample("jms_csv/jms_export_cp1252.csv"), changed("jms_export", encoding="cp1252"))
    assert [e.identities[0].last for e in found.events] == ["PEÑA", "MUÑOZ", "D\u2019ANGELO"]
    assert found.faults == []


def test_windows_1252_that_nobody_declared_is_refused_row_by_row(sample: Sample) -> None:
    found = read(sample("jms_csv/jms_export_cp1252.csv"), "jms_export")
    assert [(f.line, f.code) for f in found.faults] == [(2, "encoding"), (3, "encoding"), (4, "encoding")]


def test_utf16_when_it_is_declared(sample: Sample) -> None:
    found = read(sample("jms_csv/jms_export_utf16.csv"), changed("jms_export", encoding="utf-16"))
    assert (len(found.events), found.faults) == (1, [])


def test_utf16_that_nobody_declared_stops_the_file(sample: Sample) -> None:
    with pytest.raises(FeedMalformed, match=r"feed jail.*declares utf-8.*utf-16"):
        read(sample("jms_csv/jms_export_utf16.csv"), "jms_export")


def test_header_only_is_a_legal_empty_run(sample: Sample) -> None:
    found = read(sample("jms_csv/jms_export_empty.csv"), "jms_export")
    assert (found.records, found.faults, found.pull.summary.complete) == ([], [], True)


def test_zero_bytes_is_a_failed_export(sample: Sample) -> None:
    with pytest.raises(FeedMalformed, match="0 bytes"):
        read(sample("jms_csv/jms_export_zero_bytes.csv"), "jms_export")


def test_renamed_columns_stop_the_file_and_are_named(sample: Sample) -> None:
    with pytest.raises(FeedMalformed) as stopped:
        read(sample("jms_csv/jms_export_columns_renamed.csv"), "jms_export")
    assert "'Booking #' is missing (is it now 'Booking Number'?)" in str(stopped.value)
    assert "'DOB' is missing (is it now 'Birth Date'?)" in str(stopped.value)


def test_no_refusal_flag_or_repr_repeats_a_person(export: Read, sample: Sample) -> None:
    said = "\n".join(
        [str(f) for f in export.faults]
        + [repr(f) for e in export.events for f in e.flags]
        + [repr(e) for e in export.events]
        + export.pull.summary.remarks
        + [export.pull.name, repr(export.pull)]
    ).upper()
    persons = [i for e in export.events for i in e.identities]
    values = {getattr(i, f.name).upper() for i in persons for f in fields(i) if f.name not in {"sex", "state", "city"}}
    raw = {"OKAFOR", "DOROFEYEV", "HYPERLINK", "BILLY", "CROW", "05/05/1990", "02/30/1984", "15/09/1986", "P41209"}
    assert [value for value in values | raw if len(value) > 2 and value in said] == []
