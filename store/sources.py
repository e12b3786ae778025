"""What each feed last said of each booking: feeds are compared with themselves, never one with another.

A series is what one feed says of one agency's booking number, in order. Its events are chained: each is named after its
content and the one before it, so that a booking may go from A to B and back to A, and a replay still finds itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from records import BookingEvent, BookingRef
from store.bookings import pack, unpack
from store.envelope import Vault
from store.errors import KeyDestroyed
from store.tables import booking_event, booking_source, delivery

_AT_ONCE = 500  # below every database's limit of bound values


@dataclass(frozen=True, slots=True)
class Said:
    """One event of a series: its name, its place, and the keyed content."""

    ref: str
    seq: int
    content: str


@dataclass(frozen=True, slots=True)
class Source:
    """One feed's view of one booking, opened. `event` is what it said last over what it said before."""

    series: str
    booking: BookingRef
    event: BookingEvent
    encoding: bytes = field(repr=False)
    received_at: datetime


def history(conn: Connection, series: Collection[str]) -> dict[str, list[Said]]:
    """What was taken in of each series, in order."""
    found: dict[str, list[Said]] = defaultdict(list)
    columns = (booking_event.c.series, booking_event.c.ref, booking_event.c.seq, booking_event.c.content)
    for chunk in _chunks(sorted(series)):
        query = select(*columns).where(booking_event.c.series.in_(chunk)).order_by(booking_event.c.seq)
        for name, ref, seq, content in conn.execute(query):
            found[name].append(Said(ref, seq, content))
    return found


@dataclass(frozen=True, slots=True)
class Taken:
    """One event of a series as it was taken in: of which stay, and when its delivery came first."""

    booking: BookingRef
    content: str
    kind: str
    received_at: datetime


def taken(conn: Connection, series: Collection[str]) -> dict[str, list[Taken]]:
    """What was taken in of each series, in order."""
    found: dict[str, list[Taken]] = defaultdict(list)
    columns = (booking_event.c.series, booking_event.c.booking, booking_event.c.content, booking_event.c.kind)
    joined = booking_event.join(delivery, delivery.c.ref == booking_event.c.delivery)
    for chunk in _chunks(sorted(series)):
        query = select(*columns, delivery.c.received_at).select_from(joined).where(booking_event.c.series.in_(chunk))
        for row in conn.execute(query.order_by(booking_event.c.seq)):
            found[row.series].append(Taken(BookingRef(row.booking), row.content, row.kind, row.received_at))
    return found


def get(conn: Connection, vault: Vault, series: str) -> Source | None:
    """The feed's view, or None if it never spoke of the booking or the content was destroyed."""
    row = conn.execute(select(booking_source).where(booking_source.c.series == series)).one_or_none()
    return None if row is None or row.sealed is None else _opened(vault, row)


def others(conn: Connection, vault: Vault, ref: BookingRef, series: str) -> list[Source]:
    """What other feeds say of the same booking."""
    query = select(booking_source).where(booking_source.c.booking == ref, booking_source.c.series != series)
    rows = conn.execute(query.order_by(booking_source.c.series))
    found = [_opened(vault, row) for row in rows if row.sealed is not None]
    return [source for source in found if source is not None]


def put(conn: Connection, vault: Vault, source: Source, feed: str, state: str) -> None:
    values = {
        "booking": source.booking,
        "sealed": vault.seal(pack(source.event, source.encoding), place=place_of(source.series)),
        "state": state,
        "received_at": source.received_at,
    }
    changed = conn.execute(update(booking_source).where(booking_source.c.series == source.series).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(booking_source).values(series=source.series, feed=feed, **values))


def listed(conn: Connection, feed: str, snapshot: str) -> set[str]:
    """The series of the feed that this snapshot listed as in custody and that are still open."""
    query = select(booking_source.c.series).where(
        booking_source.c.feed == feed, booking_source.c.snapshot == snapshot, booking_source.c.state == "open"
    )
    return set(conn.execute(query).scalars())


def mark(conn: Connection, series: Collection[str], snapshot: str) -> None:
    """Note that this snapshot lists these."""
    for chunk in _chunks(sorted(series)):
        conn.execute(update(booking_source).where(booking_source.c.series.in_(chunk)).values(snapshot=snapshot))


def _opened(vault: Vault, row: Any) -> Source | None:
    try:
        event, encoding = unpack(vault.open(row.sealed, place=place_of(row.series)))
    except KeyDestroyed:
        return None
    return Source(row.series, BookingRef(row.booking), event, encoding, row.received_at)


def place_of(series: str) -> str:
    """The place that a feed's view is bound to."""
    return f"booking_source/{series}"


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]
