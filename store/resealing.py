"""Moving a booking's content from one key to another: what feeds said of it, and what it is known as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select, update

from records import BookingRef
from store.bookings import place_of
from store.envelope import Vault, key_of
from store.errors import KeyDestroyed
from store.sources import place_of as place_of_source
from store.tables import booking, booking_source


def reseal(conn: Connection, vault: Vault, ref: BookingRef, to: Vault) -> int:
    """Seal everything of this booking with `to`. Returns how many values were sealed anew; those whose key is gone stay as they are."""
    done = 0
    for column, row, place in _values(conn, ref):
        if row.sealed is None or key_of(row.sealed) == to.current:
            continue
        try:
            plain = vault.open(row.sealed, place=place)
        except KeyDestroyed:
            continue
        conn.execute(update(column.table).where(column == row[0]).values(sealed=to.seal(plain, place=place)))
        done += 1
    return done


def under(conn: Connection, key_id: str) -> list[BookingRef]:
    """The bookings of which something is sealed under this key."""
    found = {
        BookingRef(ref)
        for table, ref in ((booking, booking.c.ref), (booking_source, booking_source.c.booking))
        for ref in conn.execute(
            select(ref).where(func.substr(table.c.sealed, 2, len(key_id)) == key_id.encode())
        ).scalars()
    }
    return sorted(found)


def keys_in_use(conn: Connection) -> set[str]:
    """The names of the keys that bookings' content is sealed under."""
    parts = [select(func.substr(table.c.sealed, 2, 26)).distinct() for table in (booking, booking_source)]
    return {bytes(part).decode("ascii", "replace") for query in parts for part in conn.execute(query).scalars() if part}


def _values(conn: Connection, ref: BookingRef) -> Iterator[tuple[Any, Any, str]]:
    for row in conn.execute(select(booking.c.ref, booking.c.sealed).where(booking.c.ref == ref)).all():
        yield booking.c.ref, row, place_of(ref)
    query = select(booking_source.c.series, booking_source.c.sealed).where(booking_source.c.booking == ref)
    for row in conn.execute(query).all():
        yield booking_source.c.series, row, place_of_source(row.series)
