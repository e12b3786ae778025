"""Who stands in for whom at a client, and who said that a client is not theirs. Opaque references and staff ids only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from records import ClientRef, StaffId
from store.tables import alert, duty

DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Duty:
    """`covering`: answers for the client, half-open in time, for one thread. `declined`: has said that they do not.

    `listed` names the assignments that the roster showed then; when it shows others, a `declined` no longer counts.
    """

    ref: str
    client: ClientRef
    staff: StaffId
    role: str
    since: datetime
    until: datetime | None = None
    thread: str | None = None
    listed: str | None = None


def add(conn: Connection, made: Duty) -> None:
    conn.execute(insert(duty).values(**asdict(made)))


def of_client(conn: Connection, client: ClientRef) -> list[Duty]:
    """Every duty that has not ended, in the order in which they began."""
    rows = conn.execute(
        select(duty).where(duty.c.client == client, duty.c.until.is_(None)).order_by(duty.c.since, duty.c.ref)
    )
    return [Duty(**row) for row in rows.mappings()]


def standing(conn: Connection, thread: str) -> set[StaffId]:
    """Who covers because of this thread."""
    rows = conn.execute(select(duty.c.staff).where(duty.c.thread == thread, duty.c.until.is_(None)))
    return {StaffId(name) for name in rows.scalars()}


def end(conn: Connection, client: ClientRef, who: StaffId, now: datetime) -> None:
    """All that one person stood in for at a client is over."""
    mine = (duty.c.client == client) & (duty.c.staff == who) & duty.c.until.is_(None)
    conn.execute(update(duty).where(mine).values(until=now))


def end_idle(conn: Connection, now: datetime) -> None:
    """Where nothing of a thread is open any more, nobody covers because of it."""
    live = select(alert.c.thread).where(alert.c.state.not_in(("closed", "withdrawn")))
    idle = duty.c.until.is_(None) & duty.c.thread.is_not(None) & duty.c.thread.not_in(live)
    conn.execute(update(duty).where(idle).values(until=now))


def end_thread(conn: Connection, thread: str, now: datetime) -> None:
    """The thread is over, and with it every duty that it brought."""
    conn.execute(update(duty).where(duty.c.thread == thread, duty.c.until.is_(None)).values(until=now))
