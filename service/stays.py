"""Which stay an event is about: a jail uses a booking number again after years, and two jails use the same one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from records import BookingEvent, BookingRef
from service.engine import Engine
from store import bookings

REUSED_AFTER = timedelta(days=365)
"""From the last that was known of a stay. A booking under its number so much later is another stay."""


def names(engine: Engine, agency: str, number: str) -> Iterator[BookingRef]:
    """The names of the first, second, third ... stay under a number, whether or not there were so many."""
    yield BookingRef(engine.locator.ref("booking", agency, number))
    generation = 1
    while True:
        generation += 1
        yield BookingRef(engine.locator.ref("booking", agency, number, str(generation)))


def stay_of(engine: Engine, conn: Connection, event: BookingEvent) -> BookingRef:
    """One booking, however many feeds report it: its agency's number names it; without an agency, the feed's.

    An event without a booking time is about the latest stay.
    """
    latest = None
    for ref in names(engine, event.agency or event.feed, event.booking_number):
        known = _last_known(engine, conn, ref)
        if known is None:
            return ref if latest is None or event.booked_at is not None else latest
        if event.booked_at is not None and event.booked_at.at - known <= REUSED_AFTER:
            return ref
        latest = ref
    raise AssertionError("names are without end")


def _last_known(engine: Engine, conn: Connection, ref: BookingRef) -> datetime | None:
    """The latest instant of a stay: of its events, or where its content was destroyed, of its destruction."""
    touched = bookings.last_touched(conn, ref)
    stored = bookings.get(conn, engine.vault, ref) if touched else None
    if stored is None:
        return touched
    moments = [m.at for m in (stored.event.booked_at, stored.event.released_at) if m is not None]
    return max(moments, default=touched)
