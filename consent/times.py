"""Moments and periods as the specification reads them.

A moment is an instant (a datetime with an offset) or a day (a bare date). A day has no place on the time line until
a zone is given: as a start it means local midnight, as an end it covers that whole local day, however long it is.
Periods are half-open.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

Moment = datetime | date
"""An instant with an offset, or a local day."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:[0-5]\d)?)",
    re.ASCII,
)
_LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


class Unreadable(ValueError):  # noqa: N818 - says what the time is
    """A time that cannot be placed. Never carries the text it could not read."""


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises Unreadable for any other name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as fault:
        raise Unreadable("not a time zone of the IANA list") from fault


def read_moment(value: Any) -> Moment:
    """Read an instant (ISO 8601 with offset) or a bare date; datetime and date objects pass if they are whole."""
    if type(value) is str:
        return _parse(value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return value
    raise Unreadable("neither an instant nor a date")


def read_instant(value: Any) -> datetime:
    """Read an instant with an offset: a bare date will not do."""
    moment = read_moment(value)
    if isinstance(moment, datetime):
        return moment
    raise Unreadable("a date where an instant is needed")


def read_day(value: Any) -> date:
    """Read a bare date: an instant will not do."""
    moment = read_moment(value)
    if isinstance(moment, datetime):
        raise Unreadable("an instant where a date is needed")
    return moment


def write_moment(moment: Moment) -> str:
    """The text that `read_moment` reads back to the same moment."""
    return moment.isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=8192)
def _parse(text: str) -> Moment:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            return _in_utc(datetime.fromisoformat(text))
    except ValueError as fault:
        raise Unreadable("no such day or time") from fault
    raise Unreadable("neither an instant with an offset nor a date")


def _in_utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise Unreadable("an instant without an offset")
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # the last or first day of the calendar: comparisons still work
        return instant


@lru_cache(maxsize=8192)
def midnight(day: date, local: ZoneInfo) -> datetime:
    """The first instant of a local day (the later side of a gap, the earlier of a doubled hour)."""
    return _in_utc(datetime.combine(day, time.min, tzinfo=local))


def start(moment: Moment, local: ZoneInfo) -> datetime:
    """Where a period begins that starts at this moment."""
    if isinstance(moment, datetime):
        return moment if moment.tzinfo is UTC else _in_utc(moment)
    return midnight(moment, local)


def end(moment: Moment, local: ZoneInfo, grace_days: int = 0) -> datetime:
    """The first instant after a period that ends at this moment. Only a day is lengthened by `grace_days`."""
    if isinstance(moment, datetime):
        return moment if moment.tzinfo is UTC else _in_utc(moment)
    try:
        return midnight(moment + timedelta(days=1 + grace_days), local)
    except OverflowError:  # 9999-12-31 is how many systems write "for ever"
        return _LAST_INSTANT


def within(as_of: datetime, since: Moment | None, until: Moment | None, local: ZoneInfo) -> bool:
    """Whether `since` <= as_of < `until`; None leaves that side open."""
    if since is not None and as_of < start(since, local):
        return False
    return until is None or as_of < end(until, local)


def birthday(born: date, age: int) -> date:
    """The day on which someone reaches an age; born on 29 February, 1 March in common years."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        if born.year + age > date.max.year:
            return date.max
        return date(born.year + age, 3, 1)
