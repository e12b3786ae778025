"""Bookings at rest: the last known state of each stay, sealed, with the encoding it was matched by and no name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select, update

from records import BookingEvent, BookingRef, Custody, EventKind
from store.envelope import Vault
from store.errors import KeyDestroyed
from store.tables import booking, booking_event, booking_person, booking_source

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


_AT_ONCE = 500
"""References in one query: databases limit how many values one may carry."""


def place_of(ref: BookingRef) -> str:
    """The place that a booking's content is bound to."""
    return f"booking/{ref}"


def pack(event: BookingEvent, encoding: bytes) -> bytes:
    """Event and encoding as one text to be sealed, without a name in it."""
    body = _EVENT.dump_json(replace(event, identities=()))
    return len(body).to_bytes(4, "big") + body + encoding


def unpack(plain: bytes) -> tuple[BookingEvent, bytes]:
    """What `pack` packed."""
    end = 4 + int.from_bytes(plain[:4], "big")
    return _EVENT.validate_json(plain[4:end]), plain[end:]


def known_event(conn: Connection, ref: str) -> bool:
    """Whether this very event was taken in before."""
    return conn.execute(select(booking_event.c.ref).where(booking_event.c.ref == ref)).one_or_none() is not None


def get(conn: Connection, vault: Vault, ref: BookingRef) -> StoredBooking | None:
    """The booking, or None if it was never received or its content was destroyed."""
    row = conn.execute(select(booking).where(booking.c.ref == ref)).one_or_none()
    if row is None or row.sealed is None:
        return None
    return _opened(vault, row)


def _opened(vault: Vault, row: Any) -> StoredBooking | None:
    ref = BookingRef(row.ref)
    try:
        event, encoding = unpack(vault.open(row.sealed, place=place_of(ref)))
    except KeyDestroyed:
        return None  # in every copy of the database: it is as if the content had been overwritten
    return StoredBooking(ref, event, encoding, row.state, row.baseline)


def several(conn: Connection, vault: Vault, refs: Sequence[BookingRef]) -> dict[BookingRef, StoredBooking]:
    """As `get`, for several at once; without those that were never received or whose content was destroyed."""
    found = {}
    for start in range(0, len(refs), _AT_ONCE):
        wanted = booking.c.ref.in_(refs[start : start + _AT_ONCE])
        for row in conn.execute(select(booking).where(wanted, booking.c.sealed.is_not(None))):
            event, encoding = unpack(vault.open(row.sealed, place=place_of(BookingRef(row.ref))))
            found[BookingRef(row.ref)] = StoredBooking(BookingRef(row.ref), event, encoding, row.state, row.baseline)
    return found


def state_of(conn: Connection, ref: BookingRef) -> str | None:
    state: str | None = conn.execute(select(booking.c.state).where(booking.c.ref == ref)).scalar_one_or_none()
    return state


def last_touched(conn: Connection, ref: BookingRef) -> datetime | None:
    """When the booking last changed, also of one whose content was destroyed; None if it was never received."""
    found: datetime | None = conn.execute(select(booking.c.updated_at).where(booking.c.ref == ref)).scalar_one_or_none()
    return found


def put(conn: Connection, vault: Vault, stored: StoredBooking, now: datetime) -> None:
    """Keep the new state of a booking."""
    values = {
        "sealed": vault.seal(pack(stored.event, stored.encoding), place=place_of(stored.ref)),
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
    conn.execute(update(booking_source).where(booking_source.c.booking == ref).values(sealed=None, state=state))
    conn.execute(delete(booking_person).where(booking_person.c.booking == ref))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in what one feed says of one booking number: see `store.sources`."""

    series: str
    seq: int
    content: str


def add_event(
    conn: Connection,
    ref: str,
    booking_ref: BookingRef,
    event: BookingEvent,
    *,
    place: Place,
    not_news: Sequence[str],
    delivery: str,
    now: datetime,
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
            series=place.series,
            seq=place.seq,
            content=place.content,
            not_news=list(not_news),
        )
    )


_KEPT = (
    "booked_at",
    "next_court_at",
    "release_planned_at",
    "facility",
    "person_id",
    "charges",
    "state_id",
    "fbi_number",
    "holds",
    "court_type",
    "medical_hold",
)
_OF_RELEASE = ("released_at", "release_reason", "release_inferred")


def merged(before: BookingEvent | None, event: BookingEvent) -> BookingEvent:
    """The new event over what was known: what the new one does not say stays as it was.

    A release that is blank again stays too, because most feeds leave out what they said before; an event of kind
    RELEASE_WITHDRAWN clears it. Whoever was a juvenile stays one until a source gives evidence to the contrary.
    """
    if before is None:
        return event
    kept = {name: getattr(before, name) for name in _KEPT if not getattr(event, name)}
    if event.kind is not EventKind.RELEASE_WITHDRAWN and event.released_at is None:
        kept |= {name: getattr(before, name) for name in _OF_RELEASE}
    if event.custody is Custody.UNKNOWN:
        kept["custody"] = before.custody
    if before.released_at and event.kind not in {EventKind.RELEASED, EventKind.RELEASE_WITHDRAWN}:
        kept["custody"] = before.custody if event.released_at is None else event.custody
    if before.juvenile and not (event.court_type or any(len(i.birth_date) == _WHOLE_DAY for i in event.identities)):
        kept["juvenile"] = True
    moved = event.facility and before.facility and event.facility != before.facility
    return replace(event, **kept, previous_facility=before.facility if moved else before.previous_facility)


_WHOLE_DAY = len("YYYY-MM-DD")


def open_bookings(conn: Connection, vault: Vault) -> Iterator[StoredBooking]:
    """Every stay that has not ended, for matching backwards when a client is added."""
    rows = conn.execute(
        select(booking).where(booking.c.state == "open", booking.c.sealed.is_not(None)).order_by(booking.c.ref)
    )
    for row in rows:
        stored = _opened(vault, row)
        if stored is not None:
            yield stored
