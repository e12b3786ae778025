"""Broken glass: a clinician who is not assigned says why they must know now, for a few hours, and is reviewed for it.

The declaration rests sealed in the client's history, the fact of it in the audit log; whether it opens anything is for the
consent rules to say, each time anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from audit.places import chunks
from config import Refuse
from consent import NO_CONTEXT, BreakGlass, ContextFacts
from consent.review import GlassUse, open_until
from records import ClientRef, StaffId
from service.consent_history import UnknownClient, client_of
from service.engine import Engine
from store import clients, consents, staff


@dataclass(frozen=True, slots=True)
class Declared:
    """What the clinician is told: until when it stands, and that somebody will ask."""

    declaration: str
    until: datetime


def declare(engine: Engine, number: str, by: StaffId, reason: str, *, org: str | None) -> Declared:
    """Break the glass for one client. Raises Refuse for a stranger and for a reason that says too little."""
    now = engine.clock()
    policy = engine.rulebook.policy(engine.settings.consent.jurisdiction)
    if len(reason.strip()) < policy.break_glass_min_reason_chars:
        raise Refuse(f"say why in at least {policy.break_glass_min_reason_chars} characters")
    with engine.database.read() as conn:
        if staff.get(conn, by) is None:
            raise Refuse("the directory has no such member of staff")
    client = _client(engine, number, by, org)
    with engine.database.write() as conn:
        until = open_until(GlassUse("", by, now), policy)
        name = _name(engine, client, by, now)
        stated = {"break_glass": {"by": by, "reason": reason.strip(), "at": now.isoformat()}}
        consents.append(conn, engine.vault, client, stated, ref=name, by=by, now=now)
        made = leaf(Kind.BREAK_GLASS, declaration=name, by=by, client=client, expires_at=until)
        engine.audit.append(conn, [made], now)
    return Declared(name, until)


def _client(engine: Engine, number: str, by: StaffId, org: str | None) -> ClientRef:
    """Whoever tries a number that no roster lists is in the log too: it may be a search for who is a client."""
    try:
        with engine.database.read() as conn:
            return client_of(conn, engine, number, org)
    except UnknownClient:
        refused = leaf(Kind.REFUSED_ATTEMPT, action="break_glass", reasons=["NOT_YOURS"], by=by)
        with engine.database.write() as conn:
            engine.audit.append(conn, [refused], engine.clock())
        raise


def context(conn: Connection, engine: Engine, client: ClientRef, recipient: StaffId, at: datetime) -> ContextFacts:
    """What surrounds a question: the recipient's own declaration while it stands, and nothing otherwise."""
    policy = engine.rulebook.policy(engine.settings.consent.jurisdiction)
    standing = timedelta(hours=policy.break_glass_ttl_hours)
    for entry in reversed(consents.history(conn, engine.vault, client)):
        said: Any = entry.record.get("break_glass")
        if said and said["by"] == recipient and timedelta(0) <= at - entry.recorded_at < standing:
            stated = BreakGlass(declared_by=recipient, reason=said["reason"], at=entry.recorded_at)
            return replace(NO_CONTEXT, break_glass=stated)
    return NO_CONTEXT


def reason_for(engine: Engine, client: ClientRef, declaration: str) -> str | None:
    """What was said, of a client who is known: one history is read, however many clients there are."""
    with engine.database.read() as conn:
        for entry in consents.history(conn, engine.vault, client):
            said: Any = entry.record.get("break_glass")
            if said and declaration == _name(engine, client, said["by"], entry.recorded_at):
                return str(said["reason"])
    return None


def reasons(engine: Engine, some: Collection[ClientRef]) -> dict[str, str]:
    """By declaration what was said, of these clients."""
    with engine.database.read() as conn:
        kept = [entry for refs in chunks(sorted(some)) for entry in consents.beside(conn, engine.vault, refs)]
    said = [(entry, entry.record["break_glass"]) for entry in kept if entry.record.get("break_glass")]
    return {_name(engine, e.client, each["by"], e.recorded_at): str(each["reason"]) for e, each in said}


def _name(engine: Engine, client: ClientRef, by: str, at: datetime) -> str:
    return engine.locator.ref("break-glass", client, by, at.isoformat())


def reason_of(engine: Engine, declaration: str) -> str | None:
    """What was said, for whoever reviews it."""
    with engine.database.read() as conn:
        everyone = [client.ref for client in clients.every(conn, engine.vault)]
    found = (reason_for(engine, client, declaration) for client in everyone)
    return next((reason for reason in found if reason is not None), None)
