"""Clients who were booked again and again, for those who care for them: by thread, so that only the reader's own key says whom.

A clinician sees clients of whom they were told, as often as they were told, while the consent rules let them hear it today.
Each look is in the log, client by client, with the decision that allowed it. No officer, operator or steering group has this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from alerts.content import AlertKind
from audit.leaves import Kind, Leaf, leaf
from records import StaffId, StaffMember
from service.cases import case_of
from service.disclosure import evaluate
from service.engine import Engine
from service.facts import A_YEAR
from store import staff
from store.tables import alert, booking, link

_TOLD = ("delivered", "opened", "acknowledged", "closed")
_FIRST_NEWS = (AlertKind.ARREST, AlertKind.ALREADY_IN_CUSTODY)


@dataclass(frozen=True, slots=True)
class Repeated:
    """One client: how many bookings of the last twelve months the reader was told of, and their newest thread."""

    thread: str
    bookings: int
    latest: datetime


def repeat_contacts(engine: Engine, by: StaffId) -> tuple[Repeated, ...]:
    """The reader's clients with as many bookings in twelve months as `clocks.repeat_bookings` says, the most first."""
    now = engine.clock()
    with engine.database.write() as conn:
        member = staff.get(conn, by)
        if member is None:
            return ()
        rows = _told(conn, by, now - A_YEAR)
        leaves: list[Leaf] = []
        found = [
            Repeated(mine[-1].thread, len({row.booking for row in mine}), mine[-1].first_seen_at)
            for mine in (list(group) for _, group in groupby(rows, key=lambda row: str(row.client)))
            if len({row.booking for row in mine}) >= engine.settings.clocks.repeat_bookings
            and _allowed(engine, conn, mine[-1], member, leaves)
        ]
        engine.audit.append(conn, leaves, now)
    return tuple(sorted(found, key=lambda each: (-each.bookings, each.thread)))


def _told(conn: Connection, by: StaffId, since: datetime) -> list[Any]:
    """First news that reached the reader, of matches that stand, by client and then by time."""
    query = (
        select(link.c.client, link.c.booking, link.c.ref.label("link"), alert.c.thread, booking.c.first_seen_at)
        .join(link, link.c.ref == alert.c.link)
        .join(booking, booking.c.ref == link.c.booking)
        .where(alert.c.recipient == by, alert.c.state.in_(_TOLD), alert.c.kind.in_([k.value for k in _FIRST_NEWS]))
        .where(link.c.superseded_at.is_(None), link.c.verdict == "ALERT", booking.c.state.not_in(("void", "sealed")))
        .where(booking.c.first_seen_at > since)
        .order_by(link.c.client, booking.c.first_seen_at)
    )
    return list(conn.execute(query))


def _allowed(engine: Engine, conn: Connection, row: Any, member: StaffMember, leaves: list[Leaf]) -> bool:
    """Whether the rules let this person hear of the newest of these bookings now; what was decided and shown is said."""
    case = case_of(engine, conn, str(row.link))
    if case is None:
        return False
    answer = evaluate(engine, conn, case, member, stage="open", at=engine.clock())
    leaves.append(answer.leaf)
    if not answer.allows(AlertKind.ARREST):
        return False
    leaves.extend(_looked(row, member))
    return True


def _looked(row: Any, member: StaffMember) -> Iterator[Leaf]:
    yield leaf(Kind.VIEW, by=member.staff, screen="repeat_contacts", client=row.client, link=row.link)
