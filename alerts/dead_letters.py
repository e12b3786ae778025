"""What waits and what gave up, for the person who looks after the queue. Codes and opaque references only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alerts.errors import NotDead
from records.ids import AlertRef, StaffId
from store.tables import alert, attempt, outbox


@dataclass(frozen=True, slots=True)
class Entry:
    """One outbox entry as an operator sees it."""

    ref: str
    alert: AlertRef
    recipient: StaffId
    channel: str
    state: str
    attempts: int
    code: str
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Try:
    """One line of the delivery history."""

    at: datetime
    channel: str
    result: str
    code: str


def entries(conn: Connection, *, state: str | None = None) -> tuple[Entry, ...]:
    """The outbox, or the part of it in one state (`dead` for the dead letters), in the order of waiting."""
    query = select(outbox, alert.c.recipient).join(alert, alert.c.ref == outbox.c.alert)
    if state is not None:
        query = query.where(outbox.c.state == state)
    rows = conn.execute(query.order_by(outbox.c.next_at, outbox.c.ref))
    return tuple(
        Entry(
            row.ref,
            AlertRef(row.alert),
            StaffId(row.recipient),
            row.channel,
            row.state,
            row.attempts,
            row.last_code or "",
            row.next_at,
        )
        for row in rows
    )


def history(conn: Connection, ref: AlertRef) -> tuple[Try, ...]:
    """Every try of an alert on every channel, oldest first."""
    rows = conn.execute(
        select(attempt, outbox.c.channel)
        .join(outbox, outbox.c.ref == attempt.c.outbox)
        .where(outbox.c.alert == ref)
        .order_by(attempt.c.id)
    )
    return tuple(Try(row.at, row.channel, row.result, row.code or "") for row in rows)


def retry(conn: Connection, ref: str, *, now: datetime) -> None:
    """Queue a dead entry again with all its tries before it. Raises NotDead for any other entry."""
    revived = conn.execute(
        update(outbox)
        .where(outbox.c.ref == ref, outbox.c.state == "dead")
        .values(state="queued", attempts=0, fence=outbox.c.fence + 1, next_at=now, done_at=None)
        .returning(outbox.c.alert)
    ).scalar_one_or_none()
    if revived is None:
        raise NotDead(f"outbox entry {ref} is not among the dead letters")
    conn.execute(update(alert).where(alert.c.ref == revived, alert.c.state == "stuck").values(state="queued"))
    conn.execute(insert(attempt).values(outbox=ref, at=now, result="revived", code="by_hand"))


def retry_for(conn: Connection, recipient: StaffId, *, now: datetime) -> int:
    """Queue everything again that gave up on one person: they have a new key or address. Returns how many."""
    dead = [entry.ref for entry in entries(conn, state="dead") if entry.recipient == recipient]
    for ref in dead:
        retry(conn, ref, now=now)
    return len(dead)
