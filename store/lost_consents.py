"""Consents that were recorded after the backup from which an installation goes on: known to the log, gone from the store.

As long as one of a client's is missing, what is on file about that client is not what they said last, and nobody is told anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true

from records import ClientRef
from store.tables import lost_consent

ENDED = ("revoked", "superseded", "entered_in_error", "expired")
"""Changes after which a form permits nothing."""


@dataclass(frozen=True, slots=True)
class LostConsent:
    """An entry of a client's history. `consent` is the form's reference, or that of a statement of circumstances."""

    client: ClientRef
    consent: str
    seq: int
    change: str
    at: datetime


def add(conn: Connection, lost: Iterable[LostConsent]) -> None:
    """Of several entries of one form the last one counts."""
    for each in lost:
        _drop(conn, each.client, each.consent)
        values = {"client": each.client, "consent": each.consent, "seq": each.seq, "change": each.change}
        conn.execute(insert(lost_consent).values(lost_at=each.at, **values))


def of_client(conn: Connection, client: ClientRef) -> list[LostConsent]:
    rows = conn.execute(select(lost_consent).where(lost_consent.c.client == client).order_by(lost_consent.c.consent))
    return [LostConsent(client, row.consent, row.seq, row.change, row.lost_at) for row in rows]


def any_of(conn: Connection, client: ClientRef) -> bool:
    return conn.execute(select(lost_consent.c.consent).where(lost_consent.c.client == client)).first() is not None


def recorded_again(conn: Connection, client: ClientRef, consent: str, change: str) -> None:
    """It is on file again, as the provider has it now. An end that was lost is made good by an end alone: a file
    from before the revocation would otherwise bring the consent back to life.
    """
    _drop(conn, client, consent, true() if change in ENDED else lost_consent.c.change.not_in(ENDED))


def outstanding(conn: Connection) -> tuple[int, int]:
    """How many entries are still missing, and of how many clients."""
    query = select(func.count(), func.count(lost_consent.c.client.distinct())).select_from(lost_consent)
    entries, clients = conn.execute(query).one()
    return int(entries), int(clients)


def _drop(conn: Connection, client: ClientRef, consent: str, *where: ColumnElement[bool]) -> None:
    which = lost_consent.c.client == client, lost_consent.c.consent == consent
    conn.execute(delete(lost_consent).where(*which, *where))
