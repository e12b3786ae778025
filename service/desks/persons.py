"""Searching by person: every booking that a jail gave one person number, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from audit.leaves import Kind, leaf
from records import OrgId
from service.engine import Engine
from service.explain import agencies
from store.tables import alert, booking, booking_person, client, link


@dataclass(frozen=True, slots=True)
class PersonBooking:
    """One booking under the number, as far as it concerns the officer's organisation. `told` counts alerts that were delivered."""

    booking: str
    state: str
    first_seen_at: datetime
    verdicts: tuple[str, ...]
    told: int


REACHED = ("delivered", "opened", "acknowledged", "closed")
MOST = 100


def search_person(engine: Engine, number: str, org: OrgId | None, by: str) -> Sequence[PersonBooking]:
    """Bookings of the jail's (or the state's, or the FBI's) person number, the newest first. The look is in the log.

    A number that a jail folded into another finds what stands under the other.
    """
    wanted = number.strip()
    names = [engine.locator.ref("person", "jail", whose, wanted) for whose in dict.fromkeys(agencies(engine))]
    names += [engine.locator.ref("person", kind, "", wanted) for kind in ("state", "fbi")]
    with engine.database.write() as conn:
        looked = leaf(Kind.VIEW, by=by, screen="explain")
        engine.audit.append(conn, [looked], engine.clock())
        return _bookings(conn, names, org)


def _bookings(conn: Connection, names: Sequence[str], org: OrgId | None) -> Sequence[PersonBooking]:
    under = select(booking_person.c.booking).where(booking_person.c.person.in_(names))
    rows = conn.execute(
        select(booking)
        .where(booking.c.ref.in_(under))
        .order_by(booking.c.first_seen_at.desc(), booking.c.ref)
        .limit(MOST)
    ).all()
    return [
        PersonBooking(r.ref, r.state, r.first_seen_at, _verdicts(conn, r.ref, org), _told(conn, r.ref, org))
        for r in rows
    ]


def _verdicts(conn: Connection, ref: str, org: OrgId | None) -> tuple[str, ...]:
    query = select(link.c.verdict).join(client, client.c.ref == link.c.client)
    query = query.where(link.c.booking == ref, link.c.superseded_at.is_(None)).order_by(link.c.ref)
    return tuple(conn.execute(query if org is None else query.where(client.c.org == org)).scalars())


def _told(conn: Connection, ref: str, org: OrgId | None) -> int:
    query = select(alert.c.ref).join(link, link.c.ref == alert.c.link).join(client, client.c.ref == link.c.client)
    query = query.where(link.c.booking == ref, alert.c.state.in_(REACHED))
    return len(conn.execute(query if org is None else query.where(client.c.org == org)).all())
