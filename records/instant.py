"""Instants with a mark that says how far they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum


class TimeQuality(Enum):
    """How a source's local time became an instant."""

    EXACT = "exact"
    AMBIGUOUS = "ambiguous"
    """Fell into the hour that happens twice when summer time ends; the earlier instant was taken."""
    NONEXISTENT = "nonexistent-local"
    """Fell into the hour that is skipped when summer time begins; moved forward by the gap."""
    DATE_ONLY = "date-only"
    """The source gave a day; the instant is its local midnight."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time (UTC) with the zone its source lives in and the quality of the conversion."""

    at: datetime
    zone: str = "UTC"
    quality: TimeQuality = TimeQuality.EXACT

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("an instant needs an offset")
        object.__setattr__(self, "at", self.at.astimezone(UTC))

    def __str__(self) -> str:
        return self.at.isoformat(timespec="seconds").replace("+00:00", "Z")
