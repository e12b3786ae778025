"""A circuit breaker for each channel: while the other side is down, its entries wait untouched instead of failing.

Without it a receiver that is away for hours would use up the tries of everything that waits for it, and would meet the
whole queue at once when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Trip:
    """When a breaker opens and for how long: doubling from `rest` to `longest` while probes fail."""

    after: int = 3
    """Faults in a row."""
    rest: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=10)


@dataclass(slots=True)
class Breaker:
    """The state of one channel: closed, open until an instant, or half open for a single probe."""

    trip: Trip = field(default_factory=Trip)
    failures: int = 0
    open_until: datetime | None = None

    def lets_through(self, now: datetime) -> bool:
        """Closed, or the rest is over: then the next entry is the probe."""
        return self.open_until is None or now >= self.open_until

    def succeeded(self) -> None:
        self.failures, self.open_until = 0, None

    def failed(self, now: datetime) -> None:
        self.failures += 1
        beyond = self.failures - self.trip.after
        if beyond >= 0:
            self.open_until = now + min(self.trip.rest * 2 ** min(beyond, 20), self.trip.longest)


@dataclass(slots=True)
class Breakers:
    """One breaker for each channel name, made when first needed. Kept in memory: a new process probes afresh."""

    trip: Trip = field(default_factory=Trip)
    _of: dict[str, Breaker] = field(default_factory=dict)

    def of(self, channel: str) -> Breaker:
        return self._of.setdefault(channel, Breaker(self.trip))

    def closed(self, channels: Iterable[str], now: datetime) -> frozenset[str]:
        """Those of `channels` that may be used now."""
        return frozenset(name for name in channels if self.of(name).lets_through(now))
