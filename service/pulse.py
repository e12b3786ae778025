"""Whether each feed is alive, as of now: no news is not the same as no arrests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from config import FeedSettings, WarmlinkError
from connectors.heartbeat import Beat, Pulse, beat, guess_cadence
from connectors.schema import Semantics
from service.engine import Engine
from store import feeds
from store.feeds import FeedStatus

_ENOUGH = 8
"""Deliveries of a snapshot feed that declares no cadence, before one is guessed from them."""
_LOOKED_AT = 64
"""Of the latest deliveries: a feed that changed its cadence is judged by the new one."""


def states(engine: Engine, conn: Connection, now: datetime) -> tuple[FeedStatus, ...]:
    """Each feed's status, with a state that says how it is now and not only how the last poll went.

    `late` where news should have come by now, `degraded` where the source dropped what we had not read.
    """
    return tuple(_state(engine, conn, feed, now) for feed in engine.settings.feeds)


def _state(engine: Engine, conn: Connection, feed: FeedSettings, now: datetime) -> FeedStatus:
    known = feeds.status(conn, feed.id)
    if known.state != "ok":
        return known
    if known.gap_at is not None:
        return replace(known, state="degraded")
    pulse = beat_of(engine, conn, feed, now).pulse
    return replace(known, state="late") if pulse in {Pulse.LATE, Pulse.SILENT} else known


def beat_of(engine: Engine, conn: Connection, feed: FeedSettings, now: datetime) -> Beat:
    """The feed's heartbeat. One whose mapping is broken has none: it is told of as refused."""
    known = feeds.status(conn, feed.id)
    try:
        semantics = engine.connector(feed).mapping.semantics
    except WarmlinkError:
        return Beat(Pulse.UNKNOWN, None)
    semantics = _with_cadence(semantics, feeds.moments(conn, feed.id, _LOOKED_AT))
    return beat(known.last_delivery_at, known.last_ok_at, now, semantics)


def _with_cadence(semantics: Semantics, deliveries: Sequence[datetime]) -> Semantics:
    """A list of everybody comes regularly, so that its cadence shows; changes come when they happen."""
    if semantics.cadence_minutes or semantics.delivers != "snapshot" or len(deliveries) < _ENOUGH:
        return semantics
    guessed = guess_cadence(deliveries)
    minutes = max(1, round(guessed.total_seconds() / 60)) if guessed else None
    return semantics.model_copy(update={"cadence_minutes": minutes})
