"""The words of the screens, in each language, and how it writes spans of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml

LANGUAGES = ("en", "es")


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Called with a key it gives the words; an unknown key is a mistake of ours and raises."""

    language: str
    phrases: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        phrase = self.phrases[key]
        return phrase.format(**values) if values else phrase

    def code(self, group: str, code: str) -> str:
        """The words for a code of ours; the code itself, made readable, where there are none."""
        return self.phrases.get(f"{group}.{code}", code.replace("_", " "))

    def count(self, key: str, number: int) -> str:
        """`key.one` or `key.many`, with the number in it."""
        return self(f"{key}.{'one' if number == 1 else 'many'}", n=number)

    def span(self, gap: timedelta) -> str:
        """The largest unit that fits, rounded down; the two largest below two days."""
        minutes = max(0, int(gap.total_seconds() // 60))
        if minutes < 1:
            return self("time.moment")
        hours, left = divmod(minutes, 60)
        if hours < 1:
            return self("time.minutes", n=minutes)
        if hours < 48:
            return self("time.hours", n=hours) if hours >= 12 or not left else self("time.both", h=hours, m=left)
        return self("time.days", n=hours // 24)

    def ago(self, at: datetime, now: datetime) -> str:
        gap = now - at
        if abs(gap) < timedelta(minutes=1):
            return self("time.now")
        return self("time.ago", span=self.span(gap)) if gap > timedelta(0) else self("time.ahead", span=self.span(-gap))

    def stamp(self, at: datetime | None, zone: ZoneInfo) -> str:
        """Local date and time with the zone's name at that instant."""
        if at is None:
            return self("time.never")
        local = at.astimezone(zone)
        days, months = self("time.weekdays").split(), self("time.months").split()
        day = self("time.date", weekday=days[local.weekday()], day=local.day, month=months[local.month - 1])
        return f"{day}, {local:%H:%M} {local.tzname()}"


@cache
def words(language: str) -> Words:
    """The packaged words of a language; English for one that is not there."""
    known = language if language in LANGUAGES else "en"
    text = files("console").joinpath("words", f"{known}.yaml").read_text("utf-8")
    return Words(known, dict(_flat("", yaml.safe_load(text))))


def _flat(prefix: str, node: Any) -> Any:
    for key, value in node.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(f"{name}.", value)
        else:
            yield name, str(value)
