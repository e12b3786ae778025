"""Clients at rest: one sealed envelope each, holding the roster entry and its encoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, insert, select, update

from records import ClientRef, EnrolmentStatus, RosterEntry
from store.envelope import Vault
from store.errors import AlreadyDone
from store.tables import client, client_revision

_ENTRY = TypeAdapter(RosterEntry)


@dataclass(frozen=True, slots=True)
class _Enrolment:
    status: EnrolmentStatus


@dataclass(frozen=True, slots=True)
class _Enrolled:
    """Of an entry, whether its client is looked for."""

    enrolments: tuple[_Enrolment, ...] = ()


_ENROLLED = TypeAdapter(_Enrolled)
_AT_ONCE = 500
"""Below every database's limit of bound values."""


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A client as they lie in the store, opened."""

    ref: ClientRef
    entry: RosterEntry
    encoding: bytes = field(repr=False)
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What the index holds of a client who is on a roster: nothing of who they are."""

    ref: ClientRef
    org: str
    statuses: tuple[EnrolmentStatus, ...]
    encoding: bytes = field(repr=False)


def _place(ref: ClientRef) -> str:
    return f"client/{ref}"


def _pack(entry: RosterEntry, encoding: bytes) -> bytes:
    body = _ENTRY.dump_json(entry)
    return len(body).to_bytes(4, "big") + body + encoding


def _unpack(plain: bytes) -> tuple[RosterEntry, bytes]:
    end = 4 + int.from_bytes(plain[:4], "big")
    return _ENTRY.validate_json(plain[4:end]), plain[end:]


def revise(conn: Connection) -> int:
    """A number for the changes of this transaction. Whoever draws the next one waits until this one is committed."""
    drawn = update(client_revision).values(value=client_revision.c.value + 1).returning(client_revision.c.value)
    return int(conn.execute(drawn).scalar_one())


def revision(conn: Connection) -> int:
    """The number of the last change."""
    return int(conn.execute(select(client_revision.c.value)).scalar_one())


def put(conn: Connection, vault: Vault, stored: StoredClient, now: datetime, *, pending: bool = False) -> None:
    """Keep a new or changed client. A purged client is not revived: AlreadyDone.

    `pending`: what follows from the change is still to be done; it stays so until `followed`.
    """
    if put_all(conn, vault, [stored], now, pending=pending):
        raise AlreadyDone(f"client {stored.ref} was purged and is not taken up again")


def put_all(
    conn: Connection, vault: Vault, stored: Iterable[StoredClient], now: datetime, *, pending: bool = False
) -> int:
    """The same for many, under one revision. Returns how many were left out because they were purged."""
    number, purged, source = revise(conn), 0, iter(stored)
    while chunk := list(islice(source, _AT_ONCE)):
        query = select(client.c.ref, client.c.purged_at).where(client.c.ref.in_([each.ref for each in chunk]))
        known = {row.ref: row.purged_at is None for row in conn.execute(query)}
        rows = [_row(vault, each, now, number) for each in chunk if known.get(each.ref, True)]
        purged += len(chunk) - len(rows)
        if new := [row | {"pending": pending} for row in rows if row["ref"] not in known]:
            conn.execute(insert(client), new)
        for row in rows:
            if row["ref"] in known:
                marked = {"pending": True} if pending else {}
                conn.execute(update(client).where(client.c.ref == row["ref"]).values(**row, **marked))
    return purged


def _row(vault: Vault, stored: StoredClient, now: datetime, revision: int) -> dict[str, object]:
    return {
        "ref": stored.ref,
        "org": stored.entry.org,
        "sealed": vault.seal(_pack(stored.entry, stored.encoding), place=_place(stored.ref)),
        "seen_at": now,
        "retired_at": None,
        "revision": revision,
    }


def retire(conn: Connection, refs: list[ClientRef], now: datetime) -> None:
    """The roster no longer lists these clients: they stop matching, their history stays."""
    gone = {"retired_at": now, "revision": revise(conn)} if refs else {}
    for start in range(0, len(refs), _AT_ONCE):
        chunk = refs[start : start + _AT_ONCE]
        conn.execute(update(client).where(client.c.ref.in_(chunk)).values(**gone))


def pending(conn: Connection) -> Sequence[ClientRef]:
    """Clients whose change has not been followed up, in a stable order."""
    rows = conn.execute(select(client.c.ref).where(client.c.pending.is_(True)).order_by(client.c.ref))
    return [ClientRef(ref) for ref in rows.scalars()]


def followed(conn: Connection, ref: ClientRef) -> None:
    conn.execute(update(client).where(client.c.ref == ref).values(pending=False))


def get(conn: Connection, vault: Vault, ref: ClientRef) -> StoredClient | None:
    row = conn.execute(select(client).where(client.c.ref == ref)).one_or_none()
    return None if row is None else _opened(row, vault)


def count(conn: Connection) -> int:
    """Clients who are on a roster now."""
    listed = select(func.count()).select_from(client).where(client.c.sealed.is_not(None), client.c.retired_at.is_(None))
    return int(conn.execute(listed).scalar_one())


@dataclass(slots=True)
class Count:
    """How many clients no roster has dropped, counted anew only when one of them changed: a page asks often, a roster changes daily."""

    revision: int = -1
    number: int = 0

    def count(self, conn: Connection) -> int:
        now = revision(conn)  # read first: a change that comes between is counted, and counted again
        if now != self.revision:
            query = select(func.count()).select_from(client).where(client.c.retired_at.is_(None))
            self.revision, self.number = now, int(conn.execute(query).scalar_one())
        return self.number


def every(conn: Connection, vault: Vault, org: str | None = None) -> Iterator[StoredClient]:
    """All clients that were not purged, retired ones marked so, in a stable order."""
    query = select(client).where(client.c.sealed.is_not(None)).order_by(client.c.ref)
    chosen = query if org is None else query.where(client.c.org == org)
    for row in conn.execute(chosen.execution_options(yield_per=_AT_ONCE)):  # half a million are not held at once
        if (opened := _opened(row, vault)) is not None:
            yield opened


def listed(conn: Connection, vault: Vault) -> Iterator[Listed]:
    """Clients who are on a roster now, in a stable order. Of what is sealed only the standing is read: half a million in seconds."""
    query = select(client.c.ref, client.c.org, client.c.sealed).order_by(client.c.ref)
    there = query.where(client.c.sealed.is_not(None), client.c.retired_at.is_(None))
    for row in conn.execute(there.execution_options(yield_per=_AT_ONCE)):
        yield _listed(row, vault)


def changed(conn: Connection, vault: Vault, since: int) -> Iterator[tuple[ClientRef, Listed | None]]:
    """Clients who changed after that revision, None where they were purged or are on no roster, in a stable order."""
    for row in conn.execute(select(client).where(client.c.revision > since).order_by(client.c.ref)):
        gone = row.sealed is None or row.retired_at is not None
        yield ClientRef(row.ref), None if gone else _listed(row, vault)


def _listed(row: Any, vault: Vault) -> Listed:
    plain = vault.open(row.sealed, place=_place(row.ref))
    end = 4 + int.from_bytes(plain[:4], "big")
    statuses = tuple(each.status for each in _ENROLLED.validate_json(plain[4:end]).enrolments)
    return Listed(ClientRef(row.ref), row.org, statuses, plain[end:])


def _opened(row: Any, vault: Vault) -> StoredClient | None:
    if row.sealed is None:
        return None
    ref = ClientRef(row.ref)
    return StoredClient(ref, *_unpack(vault.open(row.sealed, place=_place(ref))), retired=row.retired_at is not None)
