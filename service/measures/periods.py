"""Calendar periods by their labels: months (2026-10), quarters (2026-Q4) and years (2026), which nest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from config import Refuse

LABEL = "[0-9]{4}(-(0[1-9]|1[0-2]|Q[1-4]))?"
"""A regular expression."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the calendar."""

    year: int
    month: int

    @classmethod
    def parse(cls, label: str) -> Month:
        return cls(int(label[:4]), int(label[5:]))

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> Month:
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    def plus(self, months: int) -> Month:
        years, month = divmod(self.month - 1 + months, 12)
        return Month(self.year + years, month + 1)

    def begins(self, zone: ZoneInfo) -> datetime:
        """Its first instant."""
        return datetime(self.year, self.month, 1, tzinfo=zone)

    def ends(self, zone: ZoneInfo) -> datetime:
        """The first instant that is no longer in it."""
        return self.plus(1).begins(zone)

    @property
    def quarter(self) -> str:
        return f"{self.year:04}-Q{(self.month + 2) // 3}"

    @property
    def last_of_quarter(self) -> bool:
        return self.month % 3 == 0

    @property
    def last_of_year(self) -> bool:
        return self.month == 12


def check(label: str) -> str:
    """The label, if it is one. Raises Refuse."""
    if not re.fullmatch(LABEL, label):
        raise Refuse("a period looks like 2026-10, 2026-Q4 or 2026")
    return label


def parts(label: str) -> tuple[str, ...]:
    """What a quarter or a year is made of: three months, four quarters; nothing for a month."""
    if len(label) == 4:
        return tuple(f"{label}-Q{quarter}" for quarter in range(1, 5))
    if "Q" in label:
        first = int(label[-1]) * 3 - 2
        return tuple(f"{label[:4]}-{month:02}" for month in range(first, first + 3))
    return ()


def first_instant(label: str, zone: ZoneInfo) -> datetime:
    """When the period begins."""
    while within := parts(label):
        label = within[0]
    return Month.parse(label).begins(zone)


def period_of(at: datetime, like: str, zone: ZoneInfo) -> str:
    """The period that this moment falls into: a month, quarter or year, whichever `like` is."""
    month = Month.of(at, zone)
    return (
        str(month)
        if len(like) == len("2026-10") and "Q" not in like
        else month.quarter
        if "Q" in like
        else f"{month.year:04}"
    )
