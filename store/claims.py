"""Who runs which slot of which job: two schedulers never run one twice, and never two at once.

A slot is held for a while (the lease) and its holder renews it. A holder that died stops renewing: then another
worker takes the same slot over. Without a lease a slot is taken for good.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, select, text, update

from store.database import Database
from store.once import insert_once
from store.tables import run_claim


def claim(
    database: Database, job: str, slot: datetime, worker: str, now: datetime, *, lease_until: datetime | None = None
) -> bool:
    """Take the slot, or take it over from a worker that died; False where another has it, or works on an earlier one."""
    row = {"job": job, "slot": slot, "claimed_at": now, "worker": worker, "lease_until": lease_until}
    with database.write() as conn:
        _alone(conn)
        if lease_until is not None and _somebody_works(conn, job, worker, now):
            return False
        return insert_once(conn, run_claim, **row) or _taken_over(conn, row, now)


def renew(database: Database, job: str, slot: datetime, worker: str, lease_until: datetime) -> bool:
    """Hold the slot for longer; False where another worker has taken it over."""
    with database.write() as conn:
        held = update(run_claim).where(_of(job, slot), run_claim.c.worker == worker, run_claim.c.finished_at.is_(None))
        return conn.execute(held.values(lease_until=lease_until)).rowcount == 1


def finish(database: Database, job: str, slot: datetime, worker: str, now: datetime) -> None:
    """The slot's work is done. Whoever lost the slot meanwhile has nothing to say here."""
    with database.write() as conn:
        conn.execute(update(run_claim).where(_of(job, slot), run_claim.c.worker == worker).values(finished_at=now))


def release(database: Database, job: str, slot: datetime, worker: str, *, free_from: datetime | None) -> None:
    """The work failed: from then on whoever asks may try; with None nobody, and the next slot is the next try."""
    with database.write() as conn:
        conn.execute(
            update(run_claim).where(_of(job, slot), run_claim.c.worker == worker).values(lease_until=free_from)
        )


def _alone(conn: Connection) -> None:
    """Claims are decided one after another: SQLite's writers are anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("LOCK TABLE run_claim IN SHARE ROW EXCLUSIVE MODE"))


def _somebody_works(conn: Connection, job: str, worker: str, now: datetime) -> bool:
    busy = (run_claim.c.job == job, run_claim.c.worker != worker, run_claim.c.finished_at.is_(None))
    return bool(conn.execute(select(exists().where(*busy, run_claim.c.lease_until > now))).scalar())


def _taken_over(conn: Connection, row: dict[str, object], now: datetime) -> bool:
    abandoned = run_claim.c.finished_at.is_(None), run_claim.c.lease_until <= now
    taken = update(run_claim).where(_of(row["job"], row["slot"]), *abandoned).values(**row)
    return conn.execute(taken).rowcount == 1


def _of(job: object, slot: object) -> ColumnElement[bool]:
    return and_(run_claim.c.job == job, run_claim.c.slot == slot)
