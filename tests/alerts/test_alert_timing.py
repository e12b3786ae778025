"""Are nights quiet on every calendar, notices paced, and unanswered alerts carried up without bursts?"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.breaker import Breaker, Breakers, Trip
from alerts.routing import Role
from alerts.timing import CLIMBS, Pace, due_climb, is_quiet, next_push
from records import QuietHours

CHICAGO = "America/Chicago"
NIGHT = QuietHours(time(21), time(7), CHICAGO)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("at", "quiet", "expected"),
    [
        pytest.param("2026-01-15T18:00", NIGHT, "2026-01-15T18:00", id="noon goes at once"),
        pytest.param("2026-01-16T03:00", NIGHT, "2026-01-16T13:00", id="21:00 waits till 7:00"),
        pytest.param("2026-01-16T12:59:59", NIGHT, "2026-01-16T13:00", id="a second before the end"),
        pytest.param("2026-01-16T13:00", NIGHT, "2026-01-16T13:00", id="the end itself is not quiet"),
        pytest.param("2026-03-08T05:00", NIGHT, "2026-03-08T12:00", id="the short night"),
        pytest.param("2026-11-01T04:00", NIGHT, "2026-11-01T13:00", id="the long night"),
        pytest.param(
            "2026-03-08T07:00", QuietHours(time(22), time(2, 30), CHICAGO), "2026-03-08T08:00", id="ends in the gap"
        ),
        pytest.param(
            "2026-11-01T05:00", QuietHours(time(22), time(1, 30), CHICAGO), "2026-11-01T06:30", id="ends twice: first"
        ),
        pytest.param(
            "2026-11-01T07:10", QuietHours(time(22), time(1, 30), CHICAGO), "2026-11-01T07:30", id="ends twice: second"
        ),
        pytest.param(
            "2026-01-15T19:00", QuietHours(time(12), time(14), CHICAGO), "2026-01-15T20:00", id="quiet at midday"
        ),
        pytest.param("2026-01-15T19:00", QuietHours(time(9), time(9), CHICAGO), "2026-01-15T19:00", id="empty"),
    ],
)
def test_a_push_waits_for_the_morning_of_its_recipient(at: str, quiet: QuietHours, expected: str) -> None:
    assert next_push(utc(at), quiet) == utc(expected)


TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 30)),
    since=TIMES,
    until=TIMES,
    zone=st.sampled_from([CHICAGO, "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_a_push_goes_at_the_first_minute_that_is_not_quiet(at: datetime, since: time, until: time, zone: str) -> None:
    quiet, now = QuietHours(since, until, zone), at.replace(tzinfo=UTC)
    goes = next_push(now, quiet)
    assert goes >= now
    assert not is_quiet(goes, quiet)
    if goes > now:
        assert is_quiet(goes - timedelta(minutes=1), quiet) or goes - timedelta(minutes=1) < now


def test_urgent_goes_at_once() -> None:
    at = utc("2026-01-16T03:00")
    assert next_push(at, NIGHT, urgent=True) == at
    assert next_push(at, None) == at


def test_fifty_alerts_in_an_hour_are_few_notices_and_none_is_lost() -> None:
    """One alert a minute; a notice that waits stands for all that gathers meanwhile."""
    pace, start = Pace(limit=4), utc("2026-01-15T18:00")
    sent: list[datetime] = []
    for minute in range(50):
        at = start + timedelta(minutes=minute)
        goes = pace.next_notice(sent, at)
        if goes not in sent:
            sent.append(goes)
    assert len([s for s in sent if s < start + timedelta(hours=1)]) == 4
    assert sent[-1] == start + timedelta(hours=1)
    assert len(sent) == 5


@given(st.lists(st.integers(0, 300), max_size=60))
def test_no_window_holds_more_than_the_limit(minutes: list[int]) -> None:
    pace, start, sent = Pace(limit=3), utc("2026-01-15T18:00"), list[datetime]()
    for minute in sorted(minutes):
        at = start + timedelta(minutes=minute)
        goes = pace.next_notice(sent, at)
        if goes not in sent:
            sent.append(goes)
    for first in sent:
        assert len([s for s in sent if first <= s < first + pace.window]) <= 3


@pytest.mark.parametrize(
    ("hours", "done", "expected"),
    [
        pytest.param(0.5, 0, None, id="too early"),
        pytest.param(1, 0, Role.ASSIGNED, id="reminder"),
        pytest.param(3, 1, None, id="already reminded"),
        pytest.param(4, 1, Role.SUPERVISOR, id="supervisor"),
        pytest.param(8, 2, Role.ON_CALL, id="on call"),
        pytest.param(60, 3, None, id="the end of the ladder"),
        pytest.param(60, 0, Role.ON_CALL, id="after a stand-still only the highest"),
    ],
)
def test_the_ladder(hours: float, done: int, expected: Role | None) -> None:
    start = utc("2026-01-15T18:00")
    step = due_climb(start, start + timedelta(hours=hours), done=done, answered=False)
    assert (step[1].role if step else None) == expected
    if step:
        assert due_climb(start, start + timedelta(hours=hours), done=step[0], answered=False) is None
        assert due_climb(start, start + timedelta(hours=hours), done=done, answered=True) is None


def test_the_shipped_ladder_only_climbs() -> None:
    assert [c.after for c in CLIMBS] == sorted(c.after for c in CLIMBS)


def test_a_breaker_opens_rests_probes_and_closes() -> None:
    breaker, now = (
        Breaker(Trip(after=2, rest=timedelta(seconds=10), longest=timedelta(seconds=30))),
        utc("2026-01-15T18:00"),
    )
    breaker.failed(now)
    assert breaker.lets_through(now)
    breaker.failed(now)
    assert not breaker.lets_through(now + timedelta(seconds=9))
    now += timedelta(seconds=10)
    assert breaker.lets_through(now)
    breaker.failed(now)
    assert not breaker.lets_through(now + timedelta(seconds=19))
    for _ in range(5):
        breaker.failed(now)
    assert breaker.lets_through(now + timedelta(seconds=30))
    breaker.succeeded()
    breaker.failed(now)
    assert breaker.lets_through(now)


def test_one_channel_does_not_trip_another() -> None:
    breakers, now = Breakers(Trip(after=1)), utc("2026-01-15T18:00")
    breakers.of("mail").failed(now)
    assert breakers.closed(["mail", "webhook"], now) == {"webhook"}
