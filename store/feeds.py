"""What we know of each feed: how far it was read, each delivery, each row that was set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from store.tables import delivery, feed_state, quarantine


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One line of the operator's status page."""

    feed: str
    state: str
    cursor: str | None
    baseline_at: datetime | None
    last_poll_at: datetime | None
    last_ok_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was not read, by place and reason. Never holds a value."""

    ref: str
    line: int
    field: str
    code: str
    reason: str


def status(conn: Connection, feed: str) -> FeedStatus:
    row = conn.execute(select(feed_state).where(feed_state.c.feed == feed)).one_or_none()
    if row is None:
        return FeedStatus(feed, "new", None, None, None, None, None)
    return FeedStatus(feed, row.state, row.cursor, row.baseline_at, row.last_poll_at, row.last_ok_at, row.last_error)


def note(conn: Connection, feed: str, **values: object) -> None:
    """Set columns of the feed's state, making the row when it is not there."""
    changed = conn.execute(update(feed_state).where(feed_state.c.feed == feed).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(feed_state).values({"feed": feed, "state": "new", **values}))


def delivery_state(conn: Connection, ref: str) -> str | None:
    state: str | None = conn.execute(select(delivery.c.state).where(delivery.c.ref == ref)).scalar_one_or_none()
    return state


def begin_delivery(conn: Connection, ref: str, feed: str, now: datetime) -> None:
    """Remember that a delivery is being read; a second call after a crash changes nothing."""
    if delivery_state(conn, ref) is None:
        conn.execute(insert(delivery).values(ref=ref, feed=feed, received_at=now, state="open", counts={}))


def end_delivery(conn: Connection, ref: str, state: str, counts: Mapping[str, int], now: datetime) -> None:
    conn.execute(
        update(delivery).where(delivery.c.ref == ref).values(state=state, counts=dict(counts), completed_at=now)
    )


def set_aside(conn: Connection, feed: str, delivery_ref: str, rows: Sequence[SetAside], now: datetime) -> int:
    """Keep the refused rows of a delivery; those already kept by an interrupted run are not kept twice."""
    have = set(conn.execute(select(quarantine.c.ref).where(quarantine.c.delivery == delivery_ref)).scalars())
    fresh = [row for row in rows if row.ref not in have]
    if fresh:
        conn.execute(
            insert(quarantine),
            [
                {
                    "ref": r.ref,
                    "feed": feed,
                    "delivery": delivery_ref,
                    "line": r.line,
                    "field": r.field,
                    "code": r.code,
                    "reason": r.reason,
                    "at": now,
                    "state": "open",
                }
                for r in fresh
            ],
        )
    return len(fresh)


def open_quarantine(conn: Connection) -> Mapping[str, int]:
    """How many rows of each feed wait for a person."""
    rows = conn.execute(
        select(quarantine.c.feed, func.count()).where(quarantine.c.state == "open").group_by(quarantine.c.feed)
    )
    return {feed: count for feed, count in rows}  # noqa: C416 - rows are not tuples to mypy
