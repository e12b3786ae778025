"""Bookings at rest: the last known state of each stay, sealed, with the encoding it was matched by and no name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select, update

from records import BookingEvent, BookingRef, EventKind
from store.envelope import Vault
from store.tables import booking, booking_event

_EVENT = TypeAdapter(BookingEvent)

STATE_AFTER = {
    EventKind.RELEASED: "released",
    EventKind.CANCELLED: "void",
    EventKind.SEALED: "sealed",
}
"""The state a booking enters; any other event leaves it open. Void and sealed are final."""

FINAL = frozenset({"void", "sealed"})


@dataclass(frozen=True, slots=True)
class StoredBooking:
    """A stay as it lies in the store, opened. `event.identities` is empty: only the encoding is kept."""

    ref: BookingRef
    event: BookingEvent
    encoding: bytes = field(repr=False)
    state: str = "open"
    baseline: bool = False


def _place(ref: BookingRef) -> str:
    return f"booking/{ref}"


def _pack(event: BookingEvent, encoding: bytes) -> bytes:
    body = _EVENT.dump_json(replace(event, identities=()))
    return len(body).to_bytes(4, "big") + body + encoding


def _unpack(plain: bytes) -> tuple[BookingEvent, bytes]:
    end = 4 + int.from_bytes(plain[:4], "big")
    return _EVENT.validate_json(plain[4:end]), plain[end:]


def known_event(conn: Connection, ref: str) -> bool:
    """Whether this very event was taken in before: the test that makes a replay do nothing."""
    return conn.execute(select(booking_event.c.ref).where(booking_event.c.ref == ref)).one_or_none() is not None


def known_events(conn: Connection, refs: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(refs), 500):
        chunk = refs[start : start + 500]
        found.update(conn.execute(select(booking_event.c.ref).where(booking_event.c.ref.in_(chunk))).scalars())
    return found


def get(conn: Connection, vault: Vault, ref: BookingRef) -> StoredBooking | None:
    """The booking, or None if it was never received or its content was destroyed."""
    row = conn.execute(select(booking).where(booking.c.ref == ref)).one_or_none()
    if row is None or row.sealed is None:
        return None
    event, encoding = _unpack(vault.open(row.sealed, place=_place(ref)))
    return StoredBooking(ref, event, encoding, row.state, row.baseline)


def state_of(conn: Connection, ref: BookingRef) -> str | None:
    state: str | None = conn.execute(select(booking.c.state).where(booking.c.ref == ref)).scalar_one_or_none()
    return state


def put(conn: Connection, vault: Vault, stored: StoredBooking, now: datetime) -> None:
    """Keep the new state of a booking."""
    values = {
        "sealed": vault.seal(_pack(stored.event, stored.encoding), place=_place(stored.ref)),
        "state": stored.state,
        "updated_at": now,
    }
    changed = conn.execute(update(booking).where(booking.c.ref == stored.ref).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(booking).values(ref=stored.ref, first_seen_at=now, baseline=stored.baseline, **values))


def close(conn: Connection, ref: BookingRef, state: str, now: datetime) -> None:
    """The booking ends and its content stays where it is, under a legal hold."""
    changed = conn.execute(update(booking).where(booking.c.ref == ref).values(state=state, updated_at=now))
    if changed.rowcount == 0:
        destroy(conn, ref, state, now)


def destroy(conn: Connection, ref: BookingRef, state: str, now: datetime) -> None:
    """Drop the content and keep the tombstone, so that a stale feed cannot bring it back."""
    changed = conn.execute(update(booking).where(booking.c.ref == ref).values(sealed=None, state=state, updated_at=now))
    if changed.rowcount == 0:
        conn.execute(
            insert(booking).values(ref=ref, sealed=None, state=state, first_seen_at=now, updated_at=now, baseline=False)
        )


def add_event(
    conn: Connection, ref: str, booking_ref: BookingRef, event: BookingEvent, *, delivery: str, now: datetime
) -> None:
    """Record that the event was taken in. A second time hits the primary key."""
    conn.execute(
        insert(booking_event).values(
            ref=ref,
            booking=booking_ref,
            feed=event.feed,
            delivery=delivery,
            op=event.op.value,
            kind=event.kind.value,
            at=now,
        )
    )


def merged(before: BookingEvent | None, event: BookingEvent) -> BookingEvent:
    """The new event over what was known: what the new one does not say stays as it was."""
    if before is None:
        return event
    kept = {
        name: getattr(before, name)
        for name in (
            "booked_at",
            "released_at",
            "next_court_at",
            "facility",
            "person_id",
            "charges",
            "state_id",
            "holds",
        )
        if not getattr(event, name)
    }
    return replace(event, **kept)


def open_bookings(conn: Connection, vault: Vault) -> Iterator[StoredBooking]:
    """Every stay that has not ended, for matching backwards when a client is added."""
    rows = conn.execute(
        select(booking).where(booking.c.state == "open", booking.c.sealed.is_not(None)).order_by(booking.c.ref)
    )
    for row in rows:
        ref = BookingRef(row.ref)
        event, encoding = _unpack(vault.open(row.sealed, place=_place(ref)))
        yield StoredBooking(ref, event, encoding, row.state, row.baseline)
