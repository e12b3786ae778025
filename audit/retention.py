"""What may be destroyed, and when. The log itself never is: it holds codes and references, and outlives what they name.

Content (sealed values, their keys) goes when the law says so at once (sealed and expunged bookings), or when it is
older than the retention period. A legal hold stops both, until it is lifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from audit.leaves import Entry, Kind
from audit.report import text, years_before

AT_ONCE = frozenset({"sealed", "expunged", "cancelled", "match_window", "entered_in_error", "withdrawn"})
"""Reasons of a purge that do not wait for the retention period."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold. It covers what it names; one that names nothing covers everything."""

    ref: str
    since: datetime
    covers: frozenset[str]

    def stops(self, refs: Iterable[str]) -> bool:
        return not self.covers or not self.covers.isdisjoint(refs)


class Stop(Enum):
    """Why something may not be destroyed now."""

    LEGAL_HOLD = "legal_hold"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Retention:
    """Six years by default: 45 CFR 164.316(b)(2) and 164.528."""

    years: int = 6

    def stop(
        self, reason: str, refs: Sequence[str], *, last_used: datetime, now: datetime, holds: Iterable[Hold]
    ) -> Stop | None:
        """What stands in the way of purging `refs` (the thing, its client, its booking) for `reason`; None if nothing."""
        if any(hold.stops(refs) for hold in holds):
            return Stop.LEGAL_HOLD
        if reason not in AT_ONCE and last_used > years_before(now, self.years):
            return Stop.RETENTION
        return None


def holds_in_force(entries: Iterable[Entry]) -> tuple[Hold, ...]:
    """Legal holds that were placed and not lifted, oldest first."""
    holds: dict[str, Hold] = {}
    for entry in entries:
        if entry.leaf.kind is Kind.LEGAL_HOLD:
            ref = text(entry, "hold")
            if text(entry, "change") == "lifted":
                holds.pop(ref, None)
            else:
                covers = {text(entry, name) for name in ("subject", "client", "booking")} - {""}
                holds[ref] = Hold(ref, entry.at, frozenset(covers))
    return tuple(holds.values())
