"""Moving a booking's content from one key to another: what feeds said of it, and what it is known as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from records import BookingRef
from store.bookings import pack, place_of, unpack
from store.envelope import Vault, key_of
from store.errors import KeyDestroyed
from store.sources import place_of as place_of_source
from store.tables import booking, booking_source

_AT_ONCE = 500


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


@dataclass(frozen=True, slots=True)
class HeldEncoding:
    """By what a stay is known (`series` is empty), or one feed's view of it."""

    booking: BookingRef
    series: str
    encoding: bytes = field(repr=False)
    release_inferred: bool = False


def encodings(conn: Connection, vault: Vault) -> Iterator[HeldEncoding]:
    """Of every stay whose content is still there, and of every feed's view of one."""
    stays = select(booking.c.ref, literal("").label("series"), booking.c.sealed).where(booking.c.sealed.is_not(None))
    views = select(booking_source.c.booking.label("ref"), booking_source.c.series, booking_source.c.sealed)
    for query in (stays.order_by(booking.c.ref), views.where(booking_source.c.sealed.is_not(None))):
        for row in conn.execute(query.execution_options(yield_per=_AT_ONCE)):
            place = place_of_source(row.series) if row.series else place_of(BookingRef(row.ref))
            try:
                event, encoding = unpack(vault.open(row.sealed, place=place))
            except KeyDestroyed:
                continue
            yield HeldEncoding(BookingRef(row.ref), row.series, encoding, event.release_inferred)


def encode_anew(conn: Connection, vault: Vault, ref: BookingRef, renewed: Mapping[bytes, bytes]) -> None:
    """Put new encodings in the place of old ones, each sealed under the key it was under: nothing lives longer for it."""
    for column, row, place in _values(conn, ref):
        if row.sealed is None:
            continue
        try:
            event, encoding = unpack(vault.open(row.sealed, place=place))
            if encoding in renewed:
                sealed = vault.like(row.sealed, place=place).seal(pack(event, renewed[encoding]), place=place)
                conn.execute(update(column.table).where(column == row[0]).values(sealed=sealed))
        except KeyDestroyed:
            continue


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
