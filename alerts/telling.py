"""What one alert is written from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.content import AlertFacts, AlertKind, Clocks
from alerts.wording import Wording


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

    def __repr__(self) -> str:
        return f"<telling of a {self.kind.value} alert>"
