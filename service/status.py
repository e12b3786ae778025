"""One page for the operator: is everything running, and what waits for a person. No name is on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from service import clock_guard
from service.backups.note import latest
from service.caseload import NO_BIRTH_DATE
from service.engine import Engine
from service.pulse import states
from store import feeds, fences, findings, lost_consents, operation
from store.feeds import FeedStatus
from store.fences import Fence
from store.tables import audit_checkpoint, outbox, run_claim


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The state of an installation, in counts, codes and instants."""

    at: datetime
    feeds: tuple[FeedStatus, ...]
    quarantine: dict[str, int]
    clients: int
    undated: int
    """Clients without a birth date: nobody can be told of a booking of theirs until their roster has one."""
    tally: dict[str, dict[str, int]]
    oldest_waiting: datetime | None
    audit_size: int
    audit_root: str
    healthy: bool
    clock_behind_s: float = 0
    """Seconds by which the clock was set back since work was last done; while it is, nothing is decided or sent."""
    shadow: bool = False
    fence: Fence | None = None
    """Up since a restore: what waits is held until a person lets it go."""
    shut_clients: int = 0
    """Clients nobody is told about because a restore lost what they said last about consent."""
    last_cycle_at: datetime | None = None
    checkpoint_at: datetime | None = None
    """When a checkpoint was last published everywhere."""
    backup_at: datetime | None = None


def status(engine: Engine) -> StatusPage:
    with engine.database.read() as conn:
        head = engine.audit.head(conn)
        found = states(engine, conn, engine.clock())
        waiting = select(func.min(outbox.c.next_at)).where(outbox.c.state.in_(("queued", "leased")))
        tally = findings.tally(conn)
        fence, behind = fences.standing(conn), clock_guard.read(engine, conn).behind
        newest, shut = latest(engine), lost_consents.outstanding(conn)[1]
        return StatusPage(
            at=engine.clock(),
            feeds=found,
            quarantine=dict(feeds.open_quarantine(conn)),
            clients=engine.listed.count(conn),
            undated=feeds.open_with_code(conn, NO_BIRTH_DATE),
            tally=tally,
            oldest_waiting=conn.execute(waiting).scalar(),
            audit_size=head.size,
            audit_root=head.root.hex(),
            healthy=all(f.state in {"ok", "new"} for f in found)
            and not tally["outbox"].get("dead")
            and fence is None
            and not shut
            and not behind,
            shut_clients=shut,
            clock_behind_s=behind.total_seconds(),
            shadow=operation.in_shadow(conn),
            fence=fence,
            last_cycle_at=conn.execute(select(func.max(run_claim.c.finished_at))).scalar(),
            checkpoint_at=conn.execute(select(func.max(audit_checkpoint.c.published_at))).scalar(),
            backup_at=newest.made_at if newest else None,
        )
