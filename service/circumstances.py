"""What else the rules must know of a client: opt-outs, agreed restrictions, a guardian, a merger, a death.

Kept in the client's append-only consent history, sealed. The newest entry counts; earlier ones stay for the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from config import Refuse
from consent import ClientFacts
from consent.facts import places
from consent.vocabulary import Scope
from records import ClientRef
from service.consent_history import client_of
from service.engine import Engine
from store import consents, lost_consents

NONE: Mapping[str, Any] = {
    "emancipated_at": None,
    "status": "active",
    "died_at": None,
    "merged_from": [],
    "merged_into": None,
    "guardian": None,
    "opt_outs": [],
    "restrictions": [],
    "global_revocations": [],
}
"""The client object of the published schema, without what the roster says: id, dob and assignments."""

_FACTS = TypeAdapter(ClientFacts)


def of_client(conn: Connection, engine: Engine, client: ClientRef, at: datetime) -> Mapping[str, Any]:
    """The circumstances on file at that instant."""
    stated = [
        entry.record["circumstances"]
        for entry in consents.history(conn, engine.vault, client)
        if "circumstances" in entry.record and entry.recorded_at <= at
    ]
    return stated[-1] if stated else NONE


def record(engine: Engine, number: str, stated: Mapping[str, Any], *, org: str | None, by: str) -> None:
    """Put a client's circumstances on file. Raises Refuse with the places that cannot be read."""
    _check(stated)
    now = engine.clock()
    with engine.database.write() as conn:
        _append(conn, engine, client_of(conn, engine, number, org), stated, by=by, now=now)


def opt_out(engine: Engine, number: str, scope: Scope, *, org: str | None, by: str) -> None:
    """The client wants no part of this from now on."""
    now = engine.clock()
    with engine.database.write() as conn:
        client = client_of(conn, engine, number, org)
        before = of_client(conn, engine, client, now)
        added = {"scope": scope.value, "from": now.isoformat(), "until": None}
        _append(conn, engine, client, {**before, "opt_outs": [*before["opt_outs"], added]}, by=by, now=now)


def opt_in(engine: Engine, number: str, *, org: str | None, by: str) -> None:
    """Every opt-out of the client ends now. It does not stand for a consent."""
    now = engine.clock()
    with engine.database.write() as conn:
        client = client_of(conn, engine, number, org)
        before = of_client(conn, engine, client, now)
        ended = [{**o, "until": o["until"] or now.isoformat()} for o in before["opt_outs"]]
        _append(conn, engine, client, {**before, "opt_outs": ended}, by=by, now=now)


def _append(
    conn: Connection, engine: Engine, client: ClientRef, stated: Mapping[str, Any], *, by: str, now: datetime
) -> None:
    for lost in lost_consents.of_client(conn, client):
        if lost.consent == _name(engine, client, lost.seq):  # an earlier statement of the same kind
            lost_consents.recorded_again(conn, client, lost.consent, "recorded")
    name = _name(engine, client, consents.length(conn, client))
    seq = consents.append(conn, engine.vault, client, {"circumstances": dict(stated)}, ref=name, by=by, now=now)
    engine.audit.append(conn, [leaf(Kind.CONSENT, consent=name, client=client, change="recorded", by=by, seq=seq)], now)


def _name(engine: Engine, client: ClientRef, seq: int) -> str:
    return engine.locator.ref("circumstances", client, str(seq))


def _check(stated: Mapping[str, Any]) -> None:
    unknown = sorted(set(stated) - set(NONE))
    if unknown or set(NONE) - set(stated):
        raise Refuse(f"circumstances name exactly {', '.join(NONE)}")
    try:
        _FACTS.validate_python({"id": "x", "dob": "2000-01-01", "assignments": [], **stated})
    except ValidationError as fault:
        raise Refuse("circumstances: " + "; ".join(places(fault))) from None


def applied(stated: Mapping[str, Any]) -> Callable[[ClientFacts], ClientFacts]:
    """What a request's client object becomes with these circumstances."""
    read = _FACTS.validate_python({"id": "x", "dob": "2000-01-01", "assignments": [], **stated})
    changed = {name: getattr(read, name) for name in NONE}
    return lambda facts: replace(facts, **changed)
