"""Nothing is decided by a clock that was set back.

By such a clock a consent, an assignment or a key that came into force yesterday is not in force yet, and nobody would ask again.
So what comes waits where it is until the clock is right, and then everything goes on by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from config import Refuse, Retry
from service.engine import Engine
from store import clock

LEAP = timedelta(days=1)
"""A longer step forward since the last work is worth a line in the log. It may be true: machines are switched off."""
_NOTED_EVERY = timedelta(seconds=1)


class ClockBehind(Retry):
    """The clock was set back. Everything waits, and goes on by itself as soon as it is right."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The clock beside the latest instant at which this installation worked."""

    now: datetime
    latest: datetime | None
    tolerance: timedelta

    @property
    def behind(self) -> timedelta:
        """By how much the clock was set back; zero while it is within the tolerance."""
        back = self.latest - self.now if self.latest is not None else timedelta()
        return back if back > self.tolerance else timedelta()

    @property
    def leapt(self) -> bool:
        return self.latest is not None and self.now - self.latest > LEAP

    def require_right(self) -> None:
        """Raises ClockBehind."""
        if self.behind:
            raise ClockBehind(
                f"the clock says {_utc(self.now)}, but work was done here at {_utc(self.latest)}: nothing is decided or"
                " sent until it is right again. Was the later time the wrong one? Then: warmlink clock accept"
            )


def read(engine: Engine, conn: Connection, now: datetime | None = None) -> Reading:
    """What the clock says, `now` unless the caller has asked it already."""
    tolerance = timedelta(seconds=engine.settings.clocks.set_back_seconds)
    return Reading(now or engine.clock(), clock.latest(conn), tolerance)


def check(engine: Engine) -> None:
    """At the start of a cycle and of each of its stages. Raises ClockBehind; else remembers how late it is."""
    with engine.database.read() as conn:
        seen = read(engine, conn)
    if seen.behind:
        engine.log.error("clock.behind", seconds=int(seen.behind.total_seconds()))
    seen.require_right()
    if seen.leapt and seen.latest is not None:
        engine.log.warning("clock.leapt", seconds=int((seen.now - seen.latest).total_seconds()))
    if seen.latest is None or seen.now - seen.latest >= _NOTED_EVERY:
        with engine.database.write() as conn:
            clock.advance(conn, seen.now)


def accept(engine: Engine, by: str) -> Reading:
    """A person says that the clock is right and what was noted was not: it had been set forward by mistake.

    Returns what was given up. Raises Refuse where nothing is wrong.
    """
    with engine.database.write() as conn:
        seen = read(engine, conn)
        if not seen.behind:
            raise Refuse("the clock is not behind: there is nothing to accept")
        clock.put(conn, seen.now)
        stated = leaf(Kind.CLOCK_ACCEPTED, by=by, since=seen.now, until=seen.latest)
        engine.audit.append(conn, [stated], seen.now)
    engine.log.warning("clock.accepted", worker=by)
    return seen


def _utc(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"
