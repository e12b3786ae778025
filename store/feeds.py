"""What we know of each feed: how far it was read, each delivery, each row that was set aside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    last_delivery_at: datetime | None = None
    snapshot: str | None = None
    """The last delivery that listed everybody."""
    gap_at: datetime | None = None
    """When it was noticed that the source had dropped news before we asked. Stands until a person clears it."""
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was not read, by place and reason. Never holds a value."""

    ref: str
    line: int
    field: str
    code: str
    reason: str


def status(conn: Connection, feed: str) -> FeedStatus:
    row = conn.execute(select(feed_state).where(feed_state.c.feed == feed)).mappings().one_or_none()
    return FeedStatus(feed, "new", None, None, None, None, None) if row is None else FeedStatus(**row)


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


def end_delivery(
    conn: Connection, ref: str, state: str, counts: Mapping[str, int], now: datetime, *, reason: str | None = None
) -> None:
    """`reason` is why it was refused, in our own words."""
    values = {"state": state, "counts": dict(counts), "completed_at": now, "reason": reason}
    conn.execute(update(delivery).where(delivery.c.ref == ref).values(**values))


def came_again(conn: Connection, ref: str, now: datetime) -> None:
    """The delivery was an old one: see `KnownDelivery.again`."""
    count = func.coalesce(delivery.c.again, 0) + 1
    conn.execute(update(delivery).where(delivery.c.ref == ref).values(again=count, again_at=now))


@dataclass(frozen=True, slots=True)
class KnownDelivery:
    """A file, page or message that was received."""

    ref: str
    feed: str
    received_at: datetime
    state: str
    counts: Mapping[str, int]
    reason: str | None
    again: int | None = None
    """How often it said only what was known before, and of some bookings less than was known since: an old file."""
    again_at: datetime | None = None


_DELIVERY = (
    delivery.c.ref,
    delivery.c.feed,
    delivery.c.received_at,
    delivery.c.state,
    delivery.c.counts,
    delivery.c.reason,
    delivery.c.again,
    delivery.c.again_at,
)


def get_delivery(conn: Connection, ref: str) -> KnownDelivery | None:
    row = conn.execute(select(*_DELIVERY).where(delivery.c.ref == ref)).one_or_none()
    return None if row is None else KnownDelivery(*row)


def deliveries(conn: Connection, feed: str) -> Sequence[KnownDelivery]:
    """Everything the feed delivered, the oldest first."""
    query = select(*_DELIVERY).where(delivery.c.feed == feed).order_by(delivery.c.received_at, delivery.c.ref)
    return [KnownDelivery(*row) for row in conn.execute(query)]


def moments(conn: Connection, feed: str, most: int) -> Sequence[datetime]:
    """When the feed's latest deliveries came, the newest first."""
    query = select(delivery.c.received_at).where(delivery.c.feed == feed).order_by(delivery.c.received_at.desc())
    return conn.execute(query.limit(most)).scalars().all()


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


def set_asides(conn: Connection, feed: str | None = None) -> Sequence[Any]:
    """Rows that wait for a person, the newest first."""
    query = select(quarantine).where(quarantine.c.state == "open").order_by(quarantine.c.at.desc(), quarantine.c.line)
    return conn.execute(query if feed is None else query.where(quarantine.c.feed == feed)).all()


def set_aside_row(conn: Connection, ref: str) -> Any:
    return conn.execute(select(quarantine).where(quarantine.c.ref == ref)).one_or_none()


def settle_retried(conn: Connection, delivery_ref: str, still: Collection[str]) -> int:
    """The delivery was read again: rows that are good now wait no longer. Returns how many still do."""
    waiting = conn.execute(
        select(quarantine.c.ref).where(quarantine.c.delivery == delivery_ref, quarantine.c.state == "open")
    ).scalars()
    good = [ref for ref in waiting if ref not in set(still)]
    for start in range(0, len(good), 500):
        chunk = good[start : start + 500]
        conn.execute(update(quarantine).where(quarantine.c.ref.in_(chunk)).values(state="retried"))
    return len(set(still))


def settle_asides(conn: Connection, state: str, *, ref: str) -> int:
    """One row waits no longer: `retried` or `discarded`."""
    one = (quarantine.c.ref == ref, quarantine.c.state == "open")
    return conn.execute(update(quarantine).where(*one).values(state=state)).rowcount


def replaced_asides(conn: Connection, feed: str, newest: str) -> int:
    """A newer snapshot says everything again, so what was set aside of an older one waits no longer."""
    older = (quarantine.c.feed == feed, quarantine.c.delivery != newest, quarantine.c.state == "open")
    return conn.execute(update(quarantine).where(*older).values(state="retried")).rowcount


def open_with_code(conn: Connection, code: str) -> int:
    """How many rows wait for a person for this reason."""
    query = select(func.count()).select_from(quarantine)
    return conn.execute(query.where(quarantine.c.state == "open", quarantine.c.code == code)).scalar_one()


def open_quarantine(conn: Connection) -> Mapping[str, int]:
    """How many rows of each feed wait for a person."""
    rows = conn.execute(
        select(quarantine.c.feed, func.count()).where(quarantine.c.state == "open").group_by(quarantine.c.feed)
    )
    return {feed: count for feed, count in rows}  # noqa: C416 - rows are not tuples to mypy
