"""Legal holds: what may not be destroyed until somebody lifts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from store.tables import legal_hold

EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class LegalHold:
    """One hold. `subject` is the reference of a client or booking, and None for one that covers everything."""

    ref: str
    subject_kind: str
    subject: str | None
    placed_at: datetime
    placed_by: str


def place(conn: Connection, hold: LegalHold) -> None:
    """Raises AlreadyDone (when the transaction ends) for a name that was used before."""
    values = {name: getattr(hold, name) for name in hold.__slots__}
    conn.execute(insert(legal_hold).values(**values))


def lift(conn: Connection, ref: str, by: str, now: datetime) -> bool:
    """False where no such hold is in force."""
    standing = (legal_hold.c.ref == ref, legal_hold.c.lifted_at.is_(None))
    return conn.execute(update(legal_hold).where(*standing).values(lifted_at=now, lifted_by=by)).rowcount == 1


def in_force(conn: Connection) -> Sequence[LegalHold]:
    """Oldest first."""
    rows = conn.execute(
        select(legal_hold).where(legal_hold.c.lifted_at.is_(None)).order_by(legal_hold.c.placed_at, legal_hold.c.ref)
    )
    return [LegalHold(r.ref, r.subject_kind, r.subject, r.placed_at, r.placed_by) for r in rows]
