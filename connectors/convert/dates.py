"""Days of birth and moments of booking: declared formats only, nothing guessed, every doubt named.

The format language is that of `strptime` (%Y %y %m %d %H %I %M %S %f %p %b %B %z) plus words: `iso`,
`epoch-s` and `epoch-ms` for moments, `serial` (a spreadsheet's day number) for days. `%m` and `%d` also take one digit, unless another number follows without a separator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from connectors.convert.making import maker
from records import Instant, TimeQuality

Doubt = str
"""A stable code for what is wrong with a value; empty when nothing is."""

DateReader = Callable[[str], tuple[str, Doubt]]
"""Text to `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; an impossible value becomes empty, with the doubt."""

TimeReader = Callable[[str, ZoneInfo], tuple[Instant | None, Doubt]]
"""Text and the zone it was written in, to an instant."""

_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}  # fmt: skip
_WIDE = {
    "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d{2})", "m": r"(?P<m>\d{1,2})", "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})", "I": r"(?P<I>\d{1,2})", "M": r"(?P<M>\d{2})", "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,6})", "p": r"(?P<p>[AaPp])\.?[Mm]\.?", "b": r"(?P<b>[A-Za-z]{3})[A-Za-z]*\.?",
    "B": r"(?P<b>[A-Za-z]{3})[A-Za-z]*\.?", "z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
}  # fmt: skip
_TIGHT = {k: v.replace(r"\d{1,2}", r"\d{2}") for k, v in _WIDE.items()}
_ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?", re.ASCII)
_PARTIAL = re.compile(r"(?P<Y>\d{4})(?:-(?P<m>\d{2}|XX))?(?:-XX)?", re.ASCII | re.IGNORECASE)
_SERIAL = re.compile(r"(\d{5})", re.ASCII)
_SERIAL_ZERO = date(1899, 12, 30)
"""Day 0 of a spreadsheet's serial dates, with its invented 29 February 1900 already behind us."""
_DAYS = {"iso": _ISO_DAY, "serial": _SERIAL}
WORDS = frozenset({"iso", "epoch-s", "epoch-ms", "serial"})
"""Names of formats that need no directives."""
_OLDEST = 120
_REMEMBERED = 65_536
"""More days than a hundred and twenty years have."""


def compile_format(form: str) -> re.Pattern[str]:
    """A strict pattern for one format. Raises `ValueError` for a directive that is not supported."""
    parts = re.split(r"(%.)", form)  # literal, directive, literal, directive ... literal
    built = [re.escape(parts[0])]
    for index in range(1, len(parts), 2):
        before = index > 1 and not parts[index - 1]
        after = index + 2 < len(parts) and not parts[index + 1]
        shapes = _TIGHT if before or after else _WIDE
        if parts[index][1] not in shapes:
            raise ValueError(f"'{parts[index]}' is not supported in a date format")
        built += shapes[parts[index][1]], re.escape(parts[index + 1])
    return re.compile("".join(built), re.ASCII)


def check_format(form: str, *, of_moments: bool) -> None:
    """Raise `ValueError` for a format that cannot say what it is for: a moment needs its day, a day its four-digit year or itself."""
    if form in WORDS:
        return
    groups = set(compile_format(form).groupindex)
    whole = groups & {"Y", "y"} and groups & {"m", "b"} and "d" in groups
    if not whole and (of_moments or "Y" not in groups or groups - {"Y", "m"}):
        raise ValueError(f"'{form}' does not say year, month and day")


def conflicting(forms: Iterable[str]) -> bool:
    """Whether two formats read the same text as different days: that would be a guess, so it is not allowed."""
    orders = {"".join(re.findall("%([mdbB])", form)).replace("B", "b") for form in forms}
    return {"md", "dm"} <= orders


@dataclass(frozen=True, slots=True)
class Span:
    """Which days are possible, and the last year that a two-digit year can mean."""

    earliest: date
    latest: date
    newest_year: int

    @classmethod
    def of_births(cls, today: date, youngest: int = 0) -> Span:
        """Nobody is older than 120 (1900-01-01 and its kind are placeholders), nor younger than `youngest` by a guess."""
        return cls(date(today.year - _OLDEST, 1, 1), today, today.year - youngest)

    @classmethod
    def of_care(cls, today: date) -> Span:
        """Enrolments may be planned, and end in a far year that means never."""
        return cls(date(1900, 1, 1), date.max, today.year + 20)


def day_reader(forms: Iterable[str], span: Span) -> DateReader:
    """A reader of days. Partial dates (`1990-02-XX`, `1974`) are legal in any feed.

    Remembers what it read, for as long as the reader lives: few dates, many rows.
    """
    patterns = [_DAYS.get(form) or compile_format(form) for form in forms]
    known: dict[str, tuple[str, Doubt]] = {}

    def read(text: str) -> tuple[str, Doubt]:
        if not text:
            return "", ""
        found = known.get(text)
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[text] = _read_day(text, patterns, span)
        return found

    return read


def _read_day(text: str, patterns: Iterable[re.Pattern[str]], span: Span) -> tuple[str, Doubt]:
    for pattern in patterns:
        match = pattern.fullmatch(text)
        if match is not None:
            return _checked_day(match, span)
    partial = _PARTIAL.fullmatch(text)
    return ("", "unreadable-date") if partial is None else _partial_day(partial, span)


def _partial_day(match: re.Match[str], span: Span) -> tuple[str, Doubt]:
    """A month or a year. Both `_PARTIAL` and a format without `%d` call their groups Y and m."""
    got = match.groupdict()
    year, month = int(got["Y"]), (got.get("m") or "XX").upper().zfill(2)
    if not span.earliest.year <= year <= span.latest.year or (month != "XX" and not 1 <= int(month) <= 12):
        return "", "impossible-date"
    return f"{year:04d}" if month == "XX" else f"{year:04d}-{month}", ""


def _checked_day(match: re.Match[str], span: Span) -> tuple[str, Doubt]:
    if "d" not in match.re.groupindex and match.re.groupindex:
        return _partial_day(match, span)
    try:
        day = _day_of(match, span.newest_year)
    except (ValueError, OverflowError):
        return "", "impossible-date"
    if day > span.latest:
        return "", "future"
    return (day.isoformat(), "") if day >= span.earliest else ("", "placeholder")


def _day_of(match: re.Match[str], newest: int) -> date:
    if match.re is _SERIAL:
        return _SERIAL_ZERO + timedelta(days=int(match[1]))
    if match.re is _ISO_DAY:
        return date(int(match[1]), int(match[2]), int(match[3]))
    return date(*_parts(match, newest))


def _parts(match: re.Match[str], newest: int) -> tuple[int, int, int]:
    got = match.groupdict()
    month = int(got["m"]) if got.get("m") else _MONTHS.get((got.get("b") or "").lower(), 0)
    if got.get("Y"):
        return int(got["Y"]), month, int(got["d"])
    century = newest - newest % 100
    year = century + int(got["y"])
    return (year if year <= newest else year - 100), month, int(got["d"])


_instant = maker(Instant)
_EXACT = TimeQuality.EXACT


def time_reader(forms: Iterable[str], *, offset_expected: bool = False) -> TimeReader:
    """A reader of moments. A text without offset is local to the zone given with it.

    `offset_expected`: the feed promises offsets, so one that lacks it is read as local time and doubted.
    Ambiguous and skipped local times are read as `records.TimeQuality` says, and doubted.
    """
    steps = [_TIMES.get(form) or _by_pattern(compile_format(form)) for form in forms]

    def read(text: str, zone: ZoneInfo) -> tuple[Instant | None, Doubt]:
        if not text:
            return None, ""
        try:
            for step in steps:
                if (got := step(text)) is not None:
                    moment, whole_day = got
                    if moment.tzinfo is not None:
                        return _instant(moment.astimezone(UTC), zone.key, _EXACT), ""
                    return _localised(moment, zone, whole_day=whole_day, offset_expected=offset_expected)
        except (ValueError, OverflowError):  # also a time of the year 1 or 9999 that its zone moves out of the calendar
            return None, "impossible-time"
        return None, "unreadable-time"

    return read


def _localised(
    moment: datetime, zone: ZoneInfo, *, whole_day: bool, offset_expected: bool
) -> tuple[Instant | None, Doubt]:
    local = moment.replace(tzinfo=zone)
    early, late = local.utcoffset(), local.replace(fold=1).utcoffset()
    doubt = "no-offset" if offset_expected else ""
    if early is None or late is None or early == late:
        return _instant(local.astimezone(UTC), zone.key, TimeQuality.DATE_ONLY if whole_day else _EXACT), doubt
    if whole_day:
        return Instant(local, zone.key, TimeQuality.DATE_ONLY), doubt
    quality = TimeQuality.AMBIGUOUS if early > late else TimeQuality.NONEXISTENT
    return Instant(local, zone.key, quality), quality.value + "-time"


_Step = Callable[[str], "tuple[datetime, bool] | None"]
"""Text to a moment and whether it names a day only; None if the text has another form, ValueError if impossible."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _iso_time(text: str) -> tuple[datetime, bool] | None:
    """The extended form only (`2026-10-06T22:41-07:00`): a bare number or a week date is some other feed's format."""
    if text[4:8:3] != "--" or text[10:11] not in _AFTER_DAY:
        return None
    return datetime.fromisoformat(text), len(text) == 10


_AFTER_DAY = frozenset(("", "T", " "))


def _epoch(digits: int, unit: timedelta) -> _Step:
    pattern = re.compile(rf"\d{{{digits}}}", re.ASCII)
    return lambda text: (_EPOCH + int(text) * unit, False) if pattern.fullmatch(text) else None


_TIMES: dict[str, _Step] = {
    "iso": _iso_time,
    "epoch-s": _epoch(10, timedelta(seconds=1)),
    "epoch-ms": _epoch(13, timedelta(milliseconds=1)),
}


def _by_pattern(pattern: re.Pattern[str]) -> _Step:
    names = set(pattern.groupindex)
    whole_day = not names & {"H", "I"}

    def step(text: str) -> tuple[datetime, bool] | None:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        got = match.groupdict("0")
        year, month, day = _parts(match, newest=2069)
        micros = int(got["f"].ljust(6, "0")) if "f" in names else 0
        moment = datetime(year, month, day, _hour(got), int(got.get("M", 0)), int(got.get("S", 0)), micros)  # noqa: DTZ001 - the zone comes next
        return (moment.replace(tzinfo=_offset(got["z"])) if "z" in names else moment), whole_day

    return step


def _hour(got: dict[str, str]) -> int:
    if "I" not in got:
        return int(got.get("H", 0))
    hour = int(got["I"])
    if not 1 <= hour <= 12:
        raise ValueError("a twelve-hour clock has hours 1 to 12")
    return hour % 12 + (12 if got.get("p", "a") in "pP" else 0)


def _offset(text: str) -> tzinfo | None:
    return datetime.strptime(text, "%z").tzinfo
