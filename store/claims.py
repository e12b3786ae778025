"""Who runs which slot of which job: two schedulers never run one twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, update

from store.database import Database
from store.errors import AlreadyDone
from store.tables import run_claim


def claim(database: Database, job: str, slot: datetime, worker: str, now: datetime) -> bool:
    """Take the slot, or learn that another process has it."""
    try:
        with database.write() as conn:
            conn.execute(insert(run_claim).values(job=job, slot=slot, claimed_at=now, worker=worker))
    except AlreadyDone:
        return False
    return True


def finish(database: Database, job: str, slot: datetime, now: datetime) -> None:
    with database.write() as conn:
        conn.execute(update(run_claim).where(run_claim.c.job == job, run_claim.c.slot == slot).values(finished_at=now))
