"""A client's own: everything held about them, for them, and its destruction when they may ask for that."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from audit.leaves import Kind, leaf
from config import Refuse
from records import ClientRef
from service import offers, retention
from service.engine import Engine
from service.reports import party
from service.setup import write_secret
from service.subject_access import document
from store import findings, purges


def write_held(engine: Engine, client: ClientRef, path: Path, by: str) -> int:
    """Write what is held about a client to a new file that only its owner can read; the log says so first. Returns its size.

    The file holds names, bookings and consents in plain text: it is for the client, and for nobody's terminal.
    """
    with engine.database.read() as conn:
        text = json.dumps(document(engine, conn, client), indent=2, sort_keys=True, default=str) + "\n"
    stated = leaf(
        Kind.EXPORT,
        report="held",
        format="json",
        by=party(by),
        client=client,
        content_hash=sha256(text.encode()).hexdigest(),
    )
    with engine.database.write() as conn:
        engine.audit.append(conn, [stated], engine.clock())
    write_secret(path, text)
    return len(text)


def purge_client(engine: Engine, client: ClientRef, reason: str, by: str) -> int:
    """Destroy everything held about a client, and the bookings that are linked to nobody else. Returns how many bookings went.

    What waits in the outbox stops; what was delivered is shut and destroyed, and each who received it is told, without a
    name, that it does not stand. References, counts and the audit log stay: they name nobody. Raises Refuse where a legal hold covers the
    client or one of those bookings.
    """
    now = engine.clock()
    with engine.database.write() as conn:
        theirs = sorted(set(purges.bookings_of(conn, client)))
        alone = [ref for ref in theirs if set(purges.clients_of(conn, ref)) == {client}]
        if retention.held(conn, client, *alone):
            raise Refuse("a legal hold covers this client or a booking of theirs; `warmlink audit hold list` shows it")
        leaves = []
        for row in findings.links_with(conn, client):
            leaves += offers.retract(engine, conn, str(row.ref), reason="purged", now=now)
            findings.supersede(conn, str(row.ref), now)
        for ref in alone:
            purges.booking_content(conn, ref)
            leaves.append(leaf(Kind.PURGE, subject_kind="booking", purge_reason=reason, booking=ref, by=party(by)))
        purges.client_content(conn, client, now)
        leaves.append(leaf(Kind.PURGE, subject_kind="client", purge_reason=reason, client=client, by=party(by)))
        engine.audit.append(conn, leaves, now)
    engine.shelf.forget_bookings(alone)
    purges.sweep(engine.database)
    return len(alone)
