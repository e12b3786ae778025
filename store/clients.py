"""Clients at rest: one sealed envelope each, holding the roster entry and its encoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select, update

from records import ClientRef, RosterEntry
from store.envelope import Vault
from store.errors import AlreadyDone
from store.tables import client

_ENTRY = TypeAdapter(RosterEntry)


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A client as they lie in the store, opened."""

    ref: ClientRef
    entry: RosterEntry
    encoding: bytes = field(repr=False)
    retired: bool = False


def _place(ref: ClientRef) -> str:
    return f"client/{ref}"


def _pack(entry: RosterEntry, encoding: bytes) -> bytes:
    body = _ENTRY.dump_json(entry)
    return len(body).to_bytes(4, "big") + body + encoding


def _unpack(plain: bytes) -> tuple[RosterEntry, bytes]:
    end = 4 + int.from_bytes(plain[:4], "big")
    return _ENTRY.validate_json(plain[4:end]), plain[end:]


def put(conn: Connection, vault: Vault, stored: StoredClient, now: datetime, *, pending: bool = False) -> None:
    """Keep a new or changed client. A purged client is not revived: AlreadyDone.

    `pending`: what follows from the change is still to be done; it stays so until `followed`.
    """
    ref = stored.ref
    values = {
        "org": stored.entry.org,
        "sealed": vault.seal(_pack(stored.entry, stored.encoding), place=_place(ref)),
        "seen_at": now,
        "retired_at": None,
    }
    known = conn.execute(select(client.c.purged_at, client.c.pending).where(client.c.ref == ref)).one_or_none()
    if known is None:
        conn.execute(insert(client).values(ref=ref, pending=pending, **values))
    elif known.purged_at is not None:
        raise AlreadyDone(f"client {ref} was purged and is not taken up again")
    else:
        conn.execute(update(client).where(client.c.ref == ref).values(pending=pending or known.pending, **values))


def seen(conn: Connection, refs: list[ClientRef], now: datetime) -> None:
    """The roster still lists these clients, unchanged."""
    for start in range(0, len(refs), 500):  # below every database's limit of bound values
        conn.execute(update(client).where(client.c.ref.in_(refs[start : start + 500])).values(seen_at=now))


def retire(conn: Connection, refs: list[ClientRef], now: datetime) -> None:
    """The roster no longer lists these clients: they stop matching, their history stays."""
    for start in range(0, len(refs), 500):
        chunk = refs[start : start + 500]
        conn.execute(update(client).where(client.c.ref.in_(chunk)).values(retired_at=now))


def pending(conn: Connection) -> Sequence[ClientRef]:
    """Clients whose change has not been followed up, in a stable order."""
    rows = conn.execute(select(client.c.ref).where(client.c.pending.is_(True)).order_by(client.c.ref))
    return [ClientRef(ref) for ref in rows.scalars()]


def followed(conn: Connection, ref: ClientRef) -> None:
    conn.execute(update(client).where(client.c.ref == ref).values(pending=False))


def get(conn: Connection, vault: Vault, ref: ClientRef) -> StoredClient | None:
    row = conn.execute(select(client).where(client.c.ref == ref)).one_or_none()
    if row is None or row.sealed is None:
        return None
    return StoredClient(ref, *_unpack(vault.open(row.sealed, place=_place(ref))), retired=row.retired_at is not None)


def every(conn: Connection, vault: Vault, org: str | None = None) -> Iterator[StoredClient]:
    """All clients that were not purged, retired ones marked so, in a stable order."""
    query = select(client).where(client.c.sealed.is_not(None)).order_by(client.c.ref)
    for row in conn.execute(query if org is None else query.where(client.c.org == org)):
        ref = ClientRef(row.ref)
        entry, encoding = _unpack(vault.open(row.sealed, place=_place(ref)))
        yield StoredClient(ref, entry, encoding, retired=row.retired_at is not None)
