"""A client's own: everything held about them, for them (45 CFR 164.524), and its destruction when they may ask for that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from alerts import outbox
from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from records import AlertRef, BookingEvent, BookingRef, ClientRef, RosterEntry
from service import retention
from service.engine import Engine
from service.reports import party
from service.setup import write_secret
from store import bookings, clients, consents, findings, purges
from store.tables import link

_ENTRY, _EVENT = TypeAdapter(RosterEntry), TypeAdapter(BookingEvent)


def write_held(engine: Engine, client: ClientRef, path: Path, by: str) -> int:
    """Write what is held about a client to a new file that only its owner can read; the log says so first. Returns its size.

    The file holds names, bookings and consents in plain text: it is for the client, and for nobody's terminal.
    """
    with engine.database.read() as conn:
        document = json.dumps(held(engine, conn, client), indent=2, sort_keys=True, default=str) + "\n"
    stated = leaf(
        Kind.EXPORT,
        report="held",
        format="json",
        by=party(by),
        client=client,
        content_hash=sha256(document.encode()).hexdigest(),
    )
    with engine.database.write() as conn:
        engine.audit.append(conn, [stated], engine.clock())
    write_secret(path, document)
    return len(document)


def held(engine: Engine, conn: Connection, client: ClientRef) -> Mapping[str, Any]:
    """Roster entry, consents, bookings linked to the client, what was decided, and who was told."""
    known = clients.get(conn, engine.vault, client)
    return {
        "reference": client,
        "roster": None if known is None else _shown(_ENTRY.dump_python(known.entry, mode="python")),
        "consents": [
            dict(e.record) | {"recorded_at": e.recorded_at} for e in consents.history(conn, engine.vault, client)
        ],
        "links": [_link(engine, conn, row) for row in _links(conn, client)],
    }


def _links(conn: Connection, client: ClientRef) -> list[Any]:
    return list(conn.execute(select(link).where(link.c.client == client).order_by(link.c.at, link.c.ref)))


def _link(engine: Engine, conn: Connection, row: Any) -> dict[str, Any]:
    booking = bookings.get(conn, engine.vault, BookingRef(row.booking))
    return {
        "verdict": row.verdict,
        "fields": dict(row.levels),
        "linked_at": row.at,
        "no_longer_since": row.superseded_at,
        "booking": None if booking is None else _shown(_EVENT.dump_python(booking.event, mode="python")),
        "decisions": [
            {
                "at": d.at,
                "stage": d.stage,
                "recipient": d.recipient,
                "decision": d.decision,
                "reasons": list(d.reason_codes),
            }
            for d in _rows(findings.decisions_of(conn, row.ref))
        ],
        "alerts": [
            {
                "recipient": a.recipient,
                "kind": a.kind,
                "state": a.state,
                "made_at": a.created_at,
                "opened_at": a.opened_at,
            }
            for a in _rows(findings.alerts_for_link(conn, row.ref))
        ],
    }


def _rows(found: Any) -> Iterator[Any]:
    yield from found


def _shown(value: Any) -> Any:
    """Plain values, names revealed: this document is for the person they belong to."""
    if isinstance(value, Mapping):
        if value.keys() == {"_text"}:  # how a masked text is written down
            return value["_text"]
        return {str(k): _shown(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def purge_client(engine: Engine, client: ClientRef, reason: str, by: str) -> int:
    """Destroy everything held about a client, and the bookings that are linked to nobody else. Returns how many bookings went.

    What waits in the outbox stops. References, counts and the audit log stay: they name nobody. Raises Refuse where a legal hold
    covers the client or one of those bookings.
    """
    now, gone = engine.clock(), 0
    with engine.database.write() as conn:
        theirs = purges.bookings_of(conn, client)
        alone = [ref for ref in theirs if set(purges.clients_of(conn, ref)) == {client}]
        if retention.held(conn, client, *alone):
            raise Refuse("a legal hold covers this client or a booking of theirs; `warmlink audit hold list` shows it")
        leaves = list(_stopped(conn, client, now))
        for ref in alone:
            purges.booking_content(conn, ref)
            leaves.append(leaf(Kind.PURGE, subject_kind="booking", purge_reason=reason, booking=ref, by=party(by)))
            gone += 1
        purges.client_content(conn, client, now)
        leaves.append(leaf(Kind.PURGE, subject_kind="client", purge_reason=reason, client=client, by=party(by)))
        engine.audit.append(conn, leaves, now)
    engine.shelf.forget_bookings(alone)
    purges.sweep(engine.database)
    return gone


def _stopped(conn: Connection, client: ClientRef, now: Any) -> Iterator[Leaf]:
    """What was queued about the client is withdrawn."""
    for row in _links(conn, client):
        for alert in _rows(findings.alerts_for_link(conn, row.ref)):
            if alert.state == "queued" and outbox.withdraw(conn, AlertRef(alert.ref), now=now, code="purged"):
                findings.set_alert(conn, alert.ref, state="withdrawn", closed_at=now)
                yield leaf(Kind.DELIVERY, alert=alert.ref, channel="inbox", result="withdrawn", code="purged")
