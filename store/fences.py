"""The fence after a restore: the database knows less than has happened, so nothing leaves until a person says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from store.tables import outbox, restore_fence, sent_before

INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Fence:
    """Since when, from a backup of when, and how many consent entries that came after it are lost.

    `unaccounted` names what is not known to have come back, in codes: a person has to see to it before anything leaves.
    """

    restored_at: datetime
    backup_at: datetime
    lost_consents: int
    unaccounted: tuple[str, ...] = ()

    @property
    def shut(self) -> bool:
        """Whether a revocation may be among what is missing, so that nothing may be opened either."""
        return bool(self.lost_consents or self.unaccounted)


@dataclass(frozen=True, slots=True)
class Held:
    """Outbox entries of one channel that are held. `sent` of them went out after the backup was made, by the log's word."""

    channel: str
    count: int
    sent: int
    oldest: datetime


def standing(conn: Connection) -> Fence | None:
    row = conn.execute(select(restore_fence).where(restore_fence.c.released_at.is_(None))).first()
    if row is None:
        return None
    return Fence(row.restored_at, row.backup_at, row.lost_consents, tuple(row.unaccounted.split()))


def put_up(conn: Connection, fence: Fence) -> None:
    conn.execute(
        insert(restore_fence).values(
            restored_at=fence.restored_at, backup_at=fence.backup_at, lost_consents=fence.lost_consents
        )
    )


def note(conn: Connection, *, lost_consents: int, unaccounted: Iterable[str]) -> None:
    """What came of the restore, into the fence that stands. A fence that stood when the backup was made had its own reasons."""
    up = restore_fence.c.released_at.is_(None)
    known = {
        code for text in conn.execute(select(restore_fence.c.unaccounted).where(up)).scalars() for code in text.split()
    }
    values = {"lost_consents": lost_consents, "unaccounted": " ".join(sorted(known.union(unaccounted)))}
    conn.execute(update(restore_fence).where(up).values(**values))


def take_down(conn: Connection, by: str, now: datetime) -> None:
    up = restore_fence.c.released_at.is_(None)
    conn.execute(update(restore_fence).where(up).values(released_at=now, released_by=by))


def note_sent(conn: Connection, entry: str, channel: str, at: datetime) -> None:
    """The log says that this outbox entry was delivered. Once is enough."""
    if conn.execute(select(sent_before.c.outbox).where(sent_before.c.outbox == entry)).first() is None:
        conn.execute(insert(sent_before).values(outbox=entry, channel=channel, at=at))


def was_sent(conn: Connection, entry: str) -> bool:
    return conn.execute(select(sent_before.c.outbox).where(sent_before.c.outbox == entry)).first() is not None


def hold(conn: Connection) -> int:
    """Hold whatever waits to be sent. Returns how many entries are held by this."""
    waiting = outbox.c.state.in_(("queued", "leased"))
    return conn.execute(
        update(outbox).where(waiting).values(state="held", lease_until=None, fence=outbox.c.fence + 1)
    ).rowcount


def held(conn: Connection) -> list[Held]:
    rows = conn.execute(
        select(outbox.c.channel, func.count(), func.count(sent_before.c.outbox), func.min(outbox.c.next_at))
        .outerjoin(sent_before, sent_before.c.outbox == outbox.c.ref)
        .where(outbox.c.state == "held")
        .group_by(outbox.c.channel)
        .order_by(outbox.c.channel)
    )
    return [Held(*row) for row in rows]


def held_refs(conn: Connection) -> list[tuple[str, str]]:
    """Each held entry and its alert, the longest waiting first."""
    rows = conn.execute(
        select(outbox.c.ref, outbox.c.alert).where(outbox.c.state == "held").order_by(outbox.c.next_at, outbox.c.ref)
    )
    return [(row.ref, row.alert) for row in rows]


def let_go(conn: Connection, now: datetime) -> int:
    """Queue what is held. Returns how many entries that are."""
    return conn.execute(update(outbox).where(outbox.c.state == "held").values(state="queued", next_at=now)).rowcount
