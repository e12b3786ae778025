"""What one alert is written from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.content import AlertFacts, AlertKind, Clocks
from alerts.wording import Wording
from records.instant import Instant, TimeQuality


@dataclass(frozen=True, slots=True, repr=False)
class Telling:
    """The facts, what the decision allows of them and obliges to, the kind, the moment, the words and the clocks."""

    facts: AlertFacts
    allowed: frozenset[str]
    obligations: frozenset[str]
    kind: AlertKind
    now: datetime
    words: Wording
    clocks: Clocks

    def passed(self, instant: Instant) -> bool:
        """Whether the instant is over. One that is known by its day only lasts that day."""
        end = instant.at + timedelta(days=1) if instant.quality is TimeQuality.DATE_ONLY else instant.at
        return end <= self.now

    def __repr__(self) -> str:
        return f"<telling of a {self.kind.value} alert>"
