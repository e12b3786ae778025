"""Which person numbers each booking carries, by keyed name, and what people said of a number and a client.

A reviewer's or clinician's word about a link is remembered for the jail's person number *and* the client, both ways. It
is derived from the reviews themselves, so that what is expunged is forgotten with its booking.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from records import BookingRef
from store.tables import booking_person, link, review


def put(conn: Connection, ref: BookingRef, persons: Collection[str]) -> None:
    """The numbers that the booking's feeds give it now. As they change, a merge that came between is forgotten."""
    own = select(booking_person.c.person).where(booking_person.c.booking == ref, booking_person.c.folded.is_(False))
    if set(persons) == set(conn.execute(own).scalars()):
        return
    conn.execute(delete(booking_person).where(booking_person.c.booking == ref))
    _add(conn, ref, persons, folded=False)


def fold(conn: Connection, old: str, new: str) -> int:
    """Two numbers became one: what is known under the old one is known under the new one too."""
    having = set(conn.execute(select(booking_person.c.booking).where(booking_person.c.person == new)).scalars())
    rows = conn.execute(select(booking_person.c.booking).where(booking_person.c.person == old)).scalars().all()
    fresh = [BookingRef(ref) for ref in rows if ref not in having]
    for ref in fresh:
        _add(conn, ref, [new], folded=True)
    return len(fresh)


def said(conn: Connection) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
    """Pairs (person number, client) that a person confirmed, and those that a person refused; the latest word counts."""
    query = (
        select(booking_person.c.person, link.c.client, review.c.state, review.c.decided_at)
        .join(link, link.c.booking == booking_person.c.booking)
        .join(review, review.c.link == link.c.ref)
        .where(review.c.state.in_(("confirmed", "refused")))
        .order_by(review.c.decided_at, review.c.link)
    )
    latest: dict[tuple[str, str], str] = {}
    rows: list[tuple[str, str, str, datetime]] = [tuple(row) for row in conn.execute(query)]
    for person, client, state, _ in rows:
        latest[person, client] = state
    return (
        frozenset(pair for pair, state in latest.items() if state == "confirmed"),
        frozenset(pair for pair, state in latest.items() if state == "refused"),
    )


def _add(conn: Connection, ref: BookingRef, persons: Collection[str], *, folded: bool) -> None:
    rows = [{"booking": ref, "person": person, "folded": folded} for person in sorted(persons)]
    if rows:
        conn.execute(insert(booking_person), rows)
