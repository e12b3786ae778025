"""Person numbers of jails and states, by keyed name, and what people said of them and a client."""

from __future__ import annotations

from sqlalchemy import Connection

from matcher import Constraints
from records import BookingEvent
from service.engine import Engine
from store import persons


def person_numbers(engine: Engine, event: BookingEvent) -> tuple[str, ...]:
    """The keyed names of an event's numbers. The jail's own is one within its agency only."""
    numbers = (
        ("jail", event.agency or event.feed, event.person_id or ""),
        ("state", "", event.state_id),
        ("fbi", "", event.fbi_number),
    )
    return tuple(engine.locator.ref("person", kind, whose, number) for kind, whose, number in numbers if number)


def fold(engine: Engine, conn: Connection, event: BookingEvent) -> int:
    """Two numbers of one jail became one. Returns for how many bookings that says something."""
    if not (event.person_id and event.old_person_id):
        return 0
    whose = event.agency or event.feed
    old, new = (engine.locator.ref("person", "jail", whose, n) for n in (event.old_person_id, event.person_id))
    return persons.fold(conn, old, new)


def constraints(conn: Connection) -> Constraints:
    """What reviewers and clinicians said: this number is that client, or is not."""
    must, cannot = persons.said(conn)
    return Constraints(must, cannot)
