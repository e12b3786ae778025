"""What the operator does about what waits: reads a row again, gives it up, sends again what gave up. Nobody is seen by it."""

from __future__ import annotations

from sqlalchemy import select

from alerts import dead_letters
from audit.leaves import Kind, leaf
from config import Refuse
from service import feed_commands
from service.engine import Engine
from service.feed_commands import Replayed
from store import feeds
from store.tables import outbox


class NothingWaits(Refuse):
    """What was to be mended does not wait any more, or never did."""


def retry_row(engine: Engine, row: str, by: str) -> Replayed:
    """Read the delivery of a row again, after mapping or programmes were mended. Raises NothingWaits, and what the file raises."""
    with engine.database.read() as conn:
        _waiting(feeds.set_aside_row(conn, row))
    return feed_commands.retry(engine, row, by)


def discard_row(engine: Engine, row: str, by: str) -> None:
    """Nobody will mend this row. Raises NothingWaits."""
    with engine.database.read() as conn:
        _waiting(feeds.set_aside_row(conn, row))
    feed_commands.discard(engine, row, by)


def retry_dead(engine: Engine, channel: str, code: str) -> int:
    """Queue again what gave up on one channel for one reason. Returns how many; each is in the log."""
    now = engine.clock()
    gave_up = select(outbox.c.ref, outbox.c.alert).where(outbox.c.state == "dead", outbox.c.channel == channel)
    same = outbox.c.last_code == code if code else outbox.c.last_code.is_(None)
    with engine.database.write() as conn:
        rows = conn.execute(gave_up.where(same).order_by(outbox.c.ref)).all()
        for row in rows:
            dead_letters.retry(conn, row.ref, now=now)
        revived = [
            leaf(Kind.DELIVERY, alert=row.alert, channel=channel, result="retry", outbox=row.ref, code="by_hand")
            for row in rows
        ]
        engine.audit.append(conn, revived, now)
    if not rows:
        raise NothingWaits("nothing waits there any more")
    return len(rows)


def _waiting(row: object) -> None:
    if row is None or getattr(row, "state", "") != "open":
        raise NothingWaits("no such row waits any more")
