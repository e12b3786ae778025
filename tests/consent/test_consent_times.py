"""Are times read as the specification says? Days of 23 and 25 hours, ends that are whole days, birthdays in leap years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.times import (
    Unreadable,
    birthday,
    end,
    read_day,
    read_instant,
    read_moment,
    start,
    within,
    write_moment,
    zone,
)

CHICAGO = zone("America/Chicago")
ZONES = st.sampled_from(["UTC", "America/Chicago", "America/Phoenix", "America/Havana", "Asia/Beirut", "Pacific/Apia"])
offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
instants = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=offsets)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 7, 4), 24)])
def test_a_day_has_the_hours_it_has(day: date, hours: int) -> None:
    assert end(day, CHICAGO) - start(day, CHICAGO) == timedelta(hours=hours)


def test_an_end_covers_its_day_and_an_instant_does_not_include_itself() -> None:
    assert end(date(2026, 3, 8), CHICAGO) == datetime(2026, 3, 9, 5, tzinfo=UTC)
    last = datetime(2026, 3, 9, 5, tzinfo=UTC)
    assert within(last - timedelta(microseconds=1), None, date(2026, 3, 8), CHICAGO)
    assert not within(last, None, date(2026, 3, 8), CHICAGO)
    assert within(last, last, None, CHICAGO)
    assert not within(last, None, last, CHICAGO)


def test_a_midnight_that_does_not_exist_is_the_first_instant_there_is() -> None:
    havana = zone("America/Havana")  # the clock goes from 23:59:59 to 01:00:00
    assert start(date(2026, 3, 8), havana) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert end(date(2026, 3, 7), havana) == start(date(2026, 3, 8), havana)


@given(st.dates(date(1950, 1, 1), date(2099, 1, 1)), ZONES)
def test_days_follow_each_other_without_gap_or_overlap(day: date, name: str) -> None:
    local = zone(name)
    assert start(day, local) < end(day, local) == start(day + timedelta(days=1), local)


@given(instants | st.dates())
def test_what_is_written_reads_back(moment: datetime | date) -> None:
    assert read_moment(write_moment(moment)) == moment


@given(instants)
def test_an_instant_is_the_same_in_every_offset(instant: datetime) -> None:
    assert read_instant(instant.isoformat()) == instant
    assert read_instant(instant) == instant
    assert read_instant(instant.isoformat()).tzinfo is UTC


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader_or_gets_into_its_message(text: str) -> None:
    secret = f"{text}~Quimby"
    with pytest.raises(Unreadable) as fault:
        read_moment(secret)
    assert "Quimby" not in str(fault.value)


@pytest.mark.parametrize(
    "text", ["2026-03-10T15:00:00.5Z", "2026-03-10T15:00Z", "2026-03-10T15:00:00,250+05:30", "2026-03-10T15:00:00-05"]
)
def test_forms_of_iso_8601_that_are_whole(text: str) -> None:
    assert read_instant(text).tzinfo is UTC


def test_a_day_is_no_instant_and_an_instant_no_day() -> None:
    with pytest.raises(Unreadable):
        read_instant("2026-03-10")
    with pytest.raises(Unreadable):
        read_day("2026-03-10T15:00:00Z")
    assert read_day("2026-03-10") == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("born", "age", "day"),
    [
        (date(2008, 2, 29), 18, date(2026, 3, 1)),
        (date(2008, 2, 29), 12, date(2020, 2, 29)),
        (date(2010, 9, 20), 18, date(2028, 9, 20)),
        (date(9990, 1, 1), 18, date.max),
    ],
)
def test_birthdays(born: date, age: int, day: date) -> None:
    assert birthday(born, age) == day


def test_only_a_day_is_lengthened_by_grace() -> None:
    instant = datetime(2026, 3, 10, tzinfo=UTC)
    assert end(instant, CHICAGO, 30) == instant
    assert end(date(2026, 3, 8), CHICAGO, 1) == datetime(2026, 3, 10, 5, tzinfo=UTC)
    assert end(date.max, CHICAGO) > datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "US", "a\x00b"])
def test_a_zone_that_is_none(name: str) -> None:
    with pytest.raises(Unreadable):
        zone(name)
