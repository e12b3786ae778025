"""The timeline of a thread: everything that happened about one booking of one client to one recipient, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from audit.leaves import Kind, leaf
from config import Refuse
from records import AlertRef, OrgId
from service.engine import Engine
from service.tracing import trace
from store.tables import alert, client, decision, link


class NoSuchThread(Refuse):
    """There is no such thread, or not for this officer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `sort` is decided, made, tried, or what was done; `who` a member of staff or nobody."""

    at: datetime
    sort: str
    what: str
    who: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """The thread to one recipient, oldest first."""

    alert: str
    recipient: str
    booking: str
    client: str
    steps: tuple[Step, ...]


def timeline(engine: Engine, ref: str, org: OrgId | None, by: str) -> Timeline:
    """Of the thread that this alert belongs to. The look is in the log. Raises NoSuchThread."""
    with engine.database.read() as conn:
        found = conn.execute(
            select(alert.c.thread, alert.c.recipient, link.c.booking, link.c.client, client.c.org, link.c.ref)
            .join(link, link.c.ref == alert.c.link)
            .join(client, client.c.ref == link.c.client)
            .where(alert.c.ref == ref)
        ).one_or_none()
        if found is None or org not in {None, found.org}:
            raise NoSuchThread("there is no such thread")
        thread, recipient = found.thread, found.recipient
        same = (alert.c.thread == thread, alert.c.recipient == recipient)
        alerts = conn.execute(select(alert.c.ref, alert.c.kind, alert.c.created_at).where(*same)).all()
        asked = conn.execute(
            select(decision).where(decision.c.link == found.ref, decision.c.recipient == recipient)
        ).all()
    with engine.database.write() as conn:
        looked = leaf(Kind.VIEW, by=by, screen="explain", client=found.client, booking=found.booking, alert=ref)
        engine.audit.append(conn, [looked], engine.clock())
    steps = [Step(d.at, "decided", f"{d.stage} {d.decision}", recipient, tuple(d.reason_codes)) for d in asked]
    for one in alerts:
        traced = trace(engine, AlertRef(one.ref))
        steps.append(Step(one.created_at, "made", one.kind, recipient))
        steps += [Step(t.at, "tried", f"{t.channel} {t.result}", "", (t.code,) if t.code else ()) for t in traced.tries]
        steps += [Step(h.at, h.what, h.code, h.by) for h in traced.happenings]
    return Timeline(ref, recipient, found.booking, found.client, tuple(sorted(steps, key=lambda s: s.at)))
