"""The sentences of one language, and how that language writes dates, times and spans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict

from alerts.content import Language
from records.instant import Instant, TimeQuality


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Calendar(_Strict):
    """How dates, times and spans are written. `date`, `instant` and the like are format strings."""

    weekdays: tuple[str, str, str, str, str, str, str]
    months: tuple[str, ...]
    date: str
    instant: str
    halves: tuple[str, str]
    today: str
    tomorrow: str
    yesterday: str
    day_only: str
    doubtful: str
    ago: str
    ahead: str
    just_now: str
    day: tuple[str, str]
    hour: tuple[str, str]
    minute: tuple[str, str]
    join: str


class Named(_Strict):
    """A headline with the client's name, and one for recipients who may not have it."""

    named: str
    unnamed: str


class Dated(_Strict):
    """A step with its deadline, and the same step where the deadline may not be told or is not known."""

    dated: str
    plain: str


class Wording(_Strict):
    """One language's phrase file."""

    calendar: Calendar
    layout: Mapping[str, str]
    labels: Mapping[str, str]
    values: Mapping[str, str]
    custody: Mapping[str, str]
    kinds: Mapping[str, Named]
    steps: Mapping[str, str | Dated]
    notices: Mapping[str, str]
    purposes: Mapping[str, str]
    info: Mapping[str, str]

    def date(self, day: date) -> str:
        c = self.calendar
        return c.date.format(
            weekday=c.weekdays[day.weekday()], month=c.months[day.month - 1], day=day.day, year=day.year
        )

    def at(self, moment: datetime, zone: str) -> str:
        """Local date and time with the zone's abbreviation at that instant (CST or CDT)."""
        local = moment.astimezone(ZoneInfo(zone))
        return self.calendar.instant.format(
            date=self.date(local.date()),
            hour=(local.hour - 1) % 12 + 1,
            minute=local.minute,
            half=self.calendar.halves[local.hour >= 12],
            zone=local.tzname(),
        )

    def instant(self, instant: Instant) -> str:
        """As `at`, with a word about what the source left uncertain."""
        if instant.quality is TimeQuality.DATE_ONLY:
            day = instant.at.astimezone(ZoneInfo(instant.zone)).date()
            return self.calendar.day_only.format(date=self.date(day))
        written = self.at(instant.at, instant.zone)
        if instant.quality is TimeQuality.EXACT:
            return written
        return self.calendar.doubtful.format(instant=written)

    def when(self, instant: Instant, now: datetime) -> str:
        """An instant with its distance from now: hours for an exact time, days where only the day is known."""
        return f"{self.instant(instant)}, {self._distance(instant, now)}"

    def _distance(self, instant: Instant, now: datetime) -> str:
        if instant.quality is TimeQuality.DATE_ONLY:
            return self._days_away(instant, now)
        gap = now - instant.at
        if timedelta(0) <= gap < timedelta(minutes=1):
            return self.calendar.just_now
        pattern = self.calendar.ago if gap > timedelta(0) else self.calendar.ahead
        return pattern.format(span=self.span(abs(gap)))

    def _days_away(self, instant: Instant, now: datetime) -> str:
        zone = ZoneInfo(instant.zone)
        days = (instant.at.astimezone(zone).date() - now.astimezone(zone).date()).days
        near = {-1: self.calendar.yesterday, 0: self.calendar.today, 1: self.calendar.tomorrow}
        if days in near:
            return near[days]
        pattern = self.calendar.ahead if days > 0 else self.calendar.ago
        return pattern.format(span=_count(abs(days), self.calendar.day))

    def span(self, gap: timedelta) -> str:
        """The two largest units, rounded down: nobody at a phone needs the third."""
        minutes = max(1, int(gap.total_seconds() // 60))
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        c = self.calendar
        units = ((days, c.day), (hours, c.hour), (minutes, c.minute))
        first = next(i for i, (count, _) in enumerate(units) if count)
        return c.join.join(_count(count, words) for count, words in units[first : first + 2] if count)


def _count(count: int, words: tuple[str, str]) -> str:
    return f"{count} {words[count != 1]}"


@cache
def wording(language: Language) -> Wording:
    """The packaged phrases of a language."""
    text = files("alerts").joinpath("phrases", f"{language.value}.yaml").read_text("utf-8")
    return Wording.model_validate(yaml.safe_load(text))
