"""Consent records at rest: an append-only, sealed history for each client."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from records import ClientRef
from store.envelope import Vault
from store.tables import consent_record


@dataclass(frozen=True, slots=True)
class RecordedConsent:
    """One entry of a client's consent history: the record as it stood, who entered it, and when."""

    client: ClientRef
    seq: int
    record: Mapping[str, Any]
    recorded_at: datetime
    recorded_by: str


def _place(client: ClientRef, seq: int) -> str:
    return f"consent/{client}/{seq}"


@dataclass(frozen=True, slots=True)
class Term:
    """Of which consent an entry speaks, by its keyed name, and when that ends by itself; None where it does not or is over."""

    form: str
    ends_at: datetime | None


def append(
    conn: Connection,
    vault: Vault,
    client: ClientRef,
    record: Mapping[str, Any],
    *,
    ref: str,
    by: str,
    now: datetime,
    term: Term | None = None,
) -> int:
    """Add to the history and return the place in it. Nothing is ever overwritten."""
    last = conn.execute(select(func.max(consent_record.c.seq)).where(consent_record.c.client == client)).scalar()
    seq = 0 if last is None else int(last) + 1
    sealed = vault.seal(json.dumps(record, sort_keys=True).encode(), place=_place(client, seq))
    conn.execute(
        insert(consent_record).values(
            ref=ref,
            client=client,
            seq=seq,
            sealed=sealed,
            recorded_at=now,
            recorded_by=by,
            form=term.form if term else None,
            ends_at=term.ends_at if term else None,
        )
    )
    return seq


def length(conn: Connection, client: ClientRef) -> int:
    """How many entries the client's history has."""
    return conn.execute(select(func.count()).where(consent_record.c.client == client)).scalar_one()


def length_at(conn: Connection, client: ClientRef, at: datetime) -> int:
    """How many entries of the history a decision at that instant can know of.

    One that is being recorded meanwhile, by another process with an earlier clock, is not among them whatever its time.
    """
    known = consent_record.c.client == client, consent_record.c.recorded_at <= at
    return conn.execute(select(func.count()).where(*known)).scalar_one()


def history(conn: Connection, vault: Vault, client: ClientRef) -> Sequence[RecordedConsent]:
    """The client's whole history in order. An empty one is a fact; a store that fails raises instead."""
    rows = conn.execute(_kept().where(consent_record.c.client == client).order_by(consent_record.c.seq))
    return [_opened(row, vault) for row in rows]


def beside(conn: Connection, vault: Vault, some: Collection[ClientRef]) -> Sequence[RecordedConsent]:
    """What was recorded of these clients beside their consents, by client and in order."""
    ours = _kept().where(consent_record.c.client.in_(some), consent_record.c.form.is_(None))
    return [_opened(row, vault) for row in conn.execute(ours.order_by(consent_record.c.client, consent_record.c.seq))]


def _kept() -> Select[Any]:
    return select(consent_record).where(consent_record.c.sealed.is_not(None))


def _opened(row: Any, vault: Vault) -> RecordedConsent:
    client = ClientRef(row.client)
    record = json.loads(vault.open(row.sealed, place=_place(client, row.seq)))
    return RecordedConsent(client, row.seq, record, row.recorded_at, row.recorded_by)
