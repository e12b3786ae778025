"""Whether a feed is alive: no news is not the same as no arrests. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise
from statistics import median

from connectors.schema import Semantics

_LATE = 2
_SILENT = 3
"""Cadences without a delivery. A single missed one is ordinary; after three somebody has to look."""


class Pulse(Enum):
    """How a feed is."""

    UNKNOWN = "unknown"
    """Nothing is declared or known about its cadence."""
    OK = "ok"
    LATE = "late"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Beat:
    """A feed's state. `missed_window`: the source had already dropped news before we asked again."""

    pulse: Pulse
    since: timedelta | None
    missed_window: bool = False


def beat(last_delivery: datetime | None, last_poll: datetime | None, now: datetime, semantics: Semantics) -> Beat:
    """The state of a feed, from when it last delivered and when we last asked with success."""
    since = now - last_delivery if last_delivery else None
    window = semantics.window_minutes
    missed = bool(window and last_poll and now - last_poll > timedelta(minutes=window))
    return Beat(_pulse(since, semantics.cadence_minutes), since, missed)


def _pulse(since: timedelta | None, cadence_minutes: int | None) -> Pulse:
    if cadence_minutes is None or since is None:
        return Pulse.UNKNOWN
    cadence = timedelta(minutes=cadence_minutes)
    if since > _SILENT * cadence:
        return Pulse.SILENT
    return Pulse.LATE if since > _LATE * cadence else Pulse.OK


def guess_cadence(deliveries: Sequence[datetime]) -> timedelta | None:
    """The usual time between deliveries: the median of the gaps. None for fewer than three deliveries."""
    ordered = sorted(set(deliveries))
    if len(ordered) < _SILENT:
        return None
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    return timedelta(seconds=round(median(gap.total_seconds() for gap in gaps)))
