"""Dates, times, names and numbers: against the standard library where it has an answer, against the table where not."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.convert.dates import Span, compile_format, day_reader, time_reader
from connectors.convert.names import ORDERS, is_formula, name_reader
from connectors.convert.values import split_place, ssn_last4, tidy
from records import TimeQuality

TODAY = date(2026, 10, 8)
PACIFIC = ZoneInfo("America/Los_Angeles")
FORMS = ["%Y%m%d%H%M%S", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %I:%M %p", "%d-%b-%Y %H%M", "%Y%m%d%H%M%S%z"]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2068, 1, 1)), st.sampled_from(FORMS))
def test_times_are_read_as_the_standard_library_reads_them(moment: datetime, form: str) -> None:
    aware = moment.replace(tzinfo=UTC)
    text = aware.strftime(form)
    found, _ = time_reader([form])(text, ZoneInfo("UTC"))
    expected = datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes on the next line but one
    assert found is not None
    assert found.at == (expected if expected.tzinfo else expected.replace(tzinfo=UTC))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
def test_local_times_are_marked_exactly_where_the_clock_jumps(moment: datetime) -> None:
    found, doubt = time_reader(["iso"])(moment.isoformat(timespec="minutes"), PACIFIC)
    assert found is not None
    local = moment.replace(second=0, microsecond=0)
    back = found.at.astimezone(PACIFIC).replace(tzinfo=None)
    twice = found.at.astimezone(PACIFIC).utcoffset() != (found.at + timedelta(hours=1)).astimezone(
        PACIFIC
    ).utcoffset() and ((found.at + timedelta(hours=1)).astimezone(PACIFIC).replace(tzinfo=None) == local)
    expected = TimeQuality.AMBIGUOUS if twice else TimeQuality.EXACT if back == local else TimeQuality.NONEXISTENT
    assert found.quality is expected
    assert bool(doubt) is (expected is not TimeQuality.EXACT)


@pytest.mark.parametrize(
    ("text", "forms", "at", "doubt"),
    [
        ("2026-10-06T22:41:00-07:00", ["iso"], "2026-10-07T05:41:00Z", ""),
        ("2026-10-07T10:15:00Z", ["iso"], "2026-10-07T10:15:00Z", ""),
        ("2026-10-06", ["iso"], "2026-10-06T07:00:00Z", ""),
        ("1791398400000", ["iso", "epoch-ms"], "2026-10-07T18:40:00Z", ""),
        ("1791398400", ["epoch-s"], "2026-10-07T18:40:00Z", ""),
        ("13/06/2026 15:20", ["%m/%d/%Y %H:%M"], None, "impossible-time"),
        ("20261007253000", ["%Y%m%d%H%M%S"], None, "impossible-time"),
        ("202", ["%Y%m%d%H%M%S"], None, "unreadable-time"),
        ("10/06/2026 13:00 PM", ["%m/%d/%Y %I:%M %p"], None, "impossible-time"),
        ("2026-W01-1", ["iso"], None, "unreadable-time"),
        ("2026-10-06T99:00", ["iso"], None, "impossible-time"),
        ("0001-01-01T00:00:00+14:00", ["iso"], None, "impossible-time"),
        ("9999-12-31T23:59:59", ["iso"], None, "impossible-time"),
        ("", ["iso"], None, ""),
    ],
)
def test_times(text: str, forms: list[str], at: str | None, doubt: str) -> None:
    found, why = time_reader(forms)(text, PACIFIC)
    assert (str(found) if found else None, why) == (at, doubt)


def test_a_promised_offset_that_is_missing_is_doubted() -> None:
    assert time_reader(["iso"], offset_expected=True)("2026-10-07T11:30:00", PACIFIC)[1] == "no-offset"


@pytest.mark.parametrize(
    ("text", "day", "doubt"),
    [
        ("1984-02-29", "1984-02-29", ""),
        ("1984-02-30", "", "impossible-date"),
        ("1963-1-5", "1963-01-05", ""),
        ("1990-02-XX", "1990-02", ""),
        ("1990-XX-XX", "1990", ""),
        ("1974", "1974", ""),
        ("1990-13", "", "impossible-date"),
        ("2984-01-01", "", "future"),
        ("1900-01-01", "", "placeholder"),
        ("1850", "", "impossible-date"),
        ("soon", "", "unreadable-date"),
        ("07/04/68", "1968-07-04", ""),
        ("07/04/16", "2016-07-04", ""),
        ("07/04/17", "1917-07-04", ""),
        ("09/30/1996", "1996-09-30", ""),
        ("9/30/96", "1996-09-30", ""),
        ("15/09/1986", "", "impossible-date"),
        ("1984-02-29T00:00:00Z", "1984-02-29", ""),
        ("", "", ""),
    ],
)
def test_days(text: str, day: str, doubt: str) -> None:
    assert day_reader(["iso", "%m/%d/%Y", "%m/%d/%y"], Span.of_births(TODAY, youngest=10))(text) == (day, doubt)


@given(st.text(max_size=30))
def test_no_text_crashes_the_readers_of_dates(text: str) -> None:
    day, doubt = day_reader(["iso", *["%m/%d/%Y", "%b %d %Y"]], Span.of_births(TODAY))(text)
    assert day == "" or re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", day)
    assert not (day and doubt)
    for forms in (["iso"], ["epoch-ms"], FORMS):
        found, why = time_reader(forms)(text, PACIFIC)
        assert not (found and why in {"impossible-time", "unreadable-time"})


def test_a_format_without_a_day_reads_a_partial_date() -> None:
    read = day_reader(["%Y%m%d", "%Y%m"], Span.of_births(TODAY))
    assert [read(text) for text in ("19840229", "198402", "198413", "1984")] == [
        ("1984-02-29", ""), ("1984-02", ""), ("", "impossible-date"), ("1984", ""),
    ]  # fmt: skip


def test_one_digit_only_where_a_separator_follows() -> None:
    assert compile_format("%m/%d/%Y").fullmatch("1/2/2026")
    assert not compile_format("%Y%m%d").fullmatch("2026102")


@pytest.mark.parametrize(
    ("order", "text", "parts"),
    [
        ("LAST, FIRST MIDDLE SUFFIX", "WHITFIELD, DESHAWN MARCUS JR", ("DESHAWN", "MARCUS", "WHITFIELD", "JR")),
        ("LAST, FIRST MIDDLE SUFFIX", "Whitfield Jr., Deshawn M", ("Deshawn", "M", "Whitfield", "Jr")),
        ("LAST, FIRST MIDDLE SUFFIX", "Hargrove,Rosalind", ("Rosalind", "", "Hargrove", "")),
        ("LAST, FIRST MIDDLE SUFFIX", "MUNOZ BARRERA, JOSE LUIS", ("JOSE", "LUIS", "MUNOZ BARRERA", "")),
        ("LAST, FIRST MIDDLE SUFFIX", "VAN DER BERG, ANNA-MARIE", ("ANNA-MARIE", "", "VAN DER BERG", "")),
        ("LAST, FIRST MIDDLE SUFFIX", "KEANE, RORY III", ("RORY", "", "KEANE", "III")),
        ("LAST, FIRST MIDDLE SUFFIX", "SMITH, JOHN, SR", ("JOHN", "", "SMITH", "SR")),
        ("LAST, FIRST MIDDLE SUFFIX", "Prince", ("", "", "Prince", "")),
        ("LAST, FIRST MIDDLE SUFFIX", "DOE,", ("", "", "DOE", "")),
        ("LAST, FIRST MIDDLE SUFFIX", "JR, SAMMY", ("SAMMY", "", "JR", "")),
        ("LAST, FIRST MIDDLE SUFFIX", "", ("", "", "", "")),
        ("FIRST MIDDLE LAST SUFFIX", "Kate Mary Ryan Jr", ("Kate", "Mary", "Ryan", "Jr")),
        ("FIRST MIDDLE LAST SUFFIX", "Deshawn Whitfield, Jr", ("Deshawn", "", "Whitfield", "Jr")),
        ("FIRST MIDDLE LAST SUFFIX", "Whitfield, Deshawn", ("Deshawn", "", "Whitfield", "")),
        ("LAST FIRST MIDDLE", "RYAN KATE MARY", ("KATE", "MARY", "RYAN", "")),
    ],
)
def test_names(order: str, text: str, parts: tuple[str, str, str, str]) -> None:
    assert tuple(name_reader(order)(text)) == parts


@given(st.text(max_size=40), st.sampled_from(ORDERS))
def test_no_letter_of_a_name_is_lost_or_invented(text: str, order: str) -> None:
    found = name_reader(order)(text)
    letters = [c for c in text if c.isalnum()]
    assert sorted(letters) == sorted(c for part in found for c in part if c.isalnum())
    assert repr(found) == "<name>"


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "+1", "@SUM(1)", "-cmd(1)"])
def test_formulas(text: str) -> None:
    assert is_formula(text)
    assert not is_formula(text[1:].lstrip("-=+@").strip("1") or "x")


@pytest.mark.parametrize(
    ("text", "last4", "doubt"),
    [
        ("XXX-XX-4417", "4417", ""),
        ("123-45-4417", "4417", ""),
        ("000004417", "4417", ""),
        ("4417", "4417", ""),
        ("0042", "0042", ""),
        ("12344417", "4417", ""),
        ("000-00-0000", "", "placeholder"),
        ("999-99-9999", "", "placeholder"),
        ("123-45-6789", "", "placeholder"),
        ("123-45-0000", "", "placeholder"),
        ("42", "", "unreadable-ssn"),
        ("none", "", ""),
        ("", "", ""),
    ],
)
def test_only_four_digits_of_a_number_survive(text: str, last4: str, doubt: str) -> None:
    assert ssn_last4(text) == (last4, doubt)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ANYTOWN WA 00101", ("ANYTOWN", "WA", "00101")),
        ("ANYTOWN WA", ("ANYTOWN", "WA", "")),
        ("Fort Dunmore, WA 00161-1234", ("Fort Dunmore", "WA", "00161")),
        ("ANYTOWN", ("ANYTOWN", "", "")),
        ("", ("", "", "")),
    ],
)
def test_places(text: str, place: tuple[str, str, str]) -> None:
    assert split_place(text) == place


@given(st.dictionaries(st.text(max_size=2), st.text(max_size=6), max_size=4))
def test_tidied_values_are_printable_and_trimmed(values: dict[str, str]) -> None:
    clean, spoilt = tidy(values, frozenset({"N/A"}))
    assert set(clean) == set(values)
    assert all(text == text.strip() and text != "N/A" for text in clean.values())
    odd = {unicodedata.category(c) for text in clean.values() for c in text if not c.isprintable()}
    assert odd <= {"Cn", "Co"}, "letters newer than our tables stay; controls, separators and formatting do not"
    assert all(clean[column] == "" for column in spoilt)
    assert tidy(clean)[0] == clean
