"""The operator's desk: is everything running, and what waits for a person. Nobody can be seen from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from alerts.enrolment import Expiring, expiring
from service.backups import BackupNote, latest
from service.desks.certificates import Certificate, ending
from service.engine import Engine
from service.status import StatusPage, status
from store.tables import audit_checkpoint, delivery, outbox, quarantine, run_claim

MOST = 50
"""Rows of one list on the page."""
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SetAsideRow:
    """A row that could not be read, by place and reason; never what was in it."""

    ref: str
    feed: str
    line: int
    field: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Outbox entries of one channel that are in one state for one reason."""

    channel: str
    state: str
    code: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file or page that a feed gave us."""

    feed: str
    received_at: datetime
    state: str
    counts: dict[str, int]
    again: int = 0
    """How often it came again when more was known already."""
    again_at: datetime | None = None


_LATEST = 12
"""Deliveries that are shown."""


@dataclass(frozen=True, slots=True)
class Job:
    """The latest run of one scheduled job. `finished_at` None: it runs now, or its process died in it."""

    name: str
    slot: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class OperationsPage:
    """Everything on the operator's one page."""

    status: StatusPage
    quarantine: tuple[SetAsideRow, ...]
    """The latest; `status.quarantine` counts all, by feed."""
    undelivered: tuple[Undelivered, ...]
    deliveries: tuple[Delivery, ...]
    expiring: tuple[Expiring, ...]
    certificates: tuple[Certificate, ...]
    """Those that ended, end soon, or cannot be read."""
    jobs: tuple[Job, ...]
    backup: BackupNote | None
    """The newest whole backup; None where there is none."""
    checkpoint_at: datetime | None
    checkpoint_size: int


def operations(engine: Engine) -> OperationsPage:
    now = engine.clock()
    page = status(engine)
    with engine.database.view() as conn:
        set_aside = conn.execute(
            select(quarantine)
            .where(quarantine.c.state == "open")
            .order_by(quarantine.c.at.desc(), quarantine.c.line)
            .limit(MOST)
        ).all()
        counted = (outbox.c.channel, outbox.c.state, outbox.c.last_code)
        stuck = conn.execute(
            select(*counted, func.count(), func.min(outbox.c.next_at))
            .where(outbox.c.state.in_(("queued", "leased", "dead", "held")))
            .group_by(*counted)
            .order_by(outbox.c.channel)
        ).all()
        newest = conn.execute(select(audit_checkpoint).order_by(audit_checkpoint.c.size.desc()).limit(1)).one_or_none()
        return OperationsPage(
            status=page,
            quarantine=tuple(SetAsideRow(r.ref, r.feed, r.line, r.field, r.reason, r.at) for r in set_aside),
            undelivered=tuple(Undelivered(r[0], r[1], r[2] or "", r[3], r[4]) for r in stuck),
            deliveries=tuple(
                Delivery(r.feed, r.received_at, r.state, dict(r.counts), r.again or 0, r.again_at)
                for r in _latest(conn)
            ),
            expiring=expiring(conn, now=now, within=SOON),
            certificates=ending(engine.settings, now, SOON),
            jobs=_jobs(conn),
            backup=latest(engine),
            checkpoint_at=newest.at if newest else None,
            checkpoint_size=newest.size if newest else 0,
        )


def _jobs(conn: Connection) -> tuple[Job, ...]:
    """Of each job the newest slot: one look into the index for each."""
    names = conn.execute(select(run_claim.c.job).distinct().order_by(run_claim.c.job)).scalars().all()
    newest = [
        conn.execute(select(run_claim).where(run_claim.c.job == name).order_by(run_claim.c.slot.desc()).limit(1)).one()
        for name in names
    ]
    return tuple(Job(row.job, row.slot, row.finished_at) for row in newest)


def _latest(conn: Connection) -> list[Any]:
    """What was heard last, for the first time or again: each is found by itself, so that an index serves."""
    first = select(delivery).order_by(delivery.c.received_at.desc()).limit(_LATEST)
    again = select(delivery).where(delivery.c.again_at.is_not(None)).order_by(delivery.c.again_at.desc()).limit(_LATEST)
    found = {row.ref: row for query in (first, again) for row in conn.execute(query)}
    newest_first = sorted(found.values(), key=lambda row: (row.again_at or row.received_at, row.feed), reverse=True)
    return newest_first[:_LATEST]
