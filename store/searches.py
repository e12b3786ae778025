"""Searches by name while they live: what is looked for, sealed, until it is answered; then what was found, sealed, for a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from records import OrgId
from store.envelope import Vault
from store.tables import name_search


@dataclass(frozen=True, slots=True)
class Search:
    """One search. `content` is the encoding that is looked for, or, once it is answered, what was found."""

    ref: str
    by: str
    org: OrgId | None
    answered: bool
    content: bytes


def _place(ref: str) -> str:
    return f"name-search/{ref}"


def add(conn: Connection, vault: Vault, search: Search, now: datetime) -> None:
    sealed = vault.seal(search.content, place=_place(search.ref))
    conn.execute(insert(name_search).values(ref=search.ref, by=search.by, org=search.org, asked_at=now, sealed=sealed))


def asked(conn: Connection, by: str, since: datetime) -> int:
    """How many searches this person began since then."""
    mine = (name_search.c.by == by, name_search.c.asked_at >= since)
    return int(conn.execute(select(func.count()).select_from(name_search).where(*mine)).scalar_one())


def waiting(conn: Connection, vault: Vault) -> Sequence[Search]:
    """Those that nobody answered yet, the oldest first."""
    query = select(name_search).where(name_search.c.answered_at.is_(None)).order_by(name_search.c.asked_at)
    return [_opened(row, vault) for row in conn.execute(query)]


def get(conn: Connection, vault: Vault, ref: str) -> Search | None:
    row = conn.execute(select(name_search).where(name_search.c.ref == ref)).one_or_none()
    return None if row is None else _opened(row, vault)


def answer(conn: Connection, vault: Vault, ref: str, found: bytes, now: datetime) -> None:
    """Keep what was found in the place of what was looked for. Whoever comes second changes nothing."""
    sealed = vault.seal(found, place=_place(ref))
    mine = (name_search.c.ref == ref, name_search.c.answered_at.is_(None))
    conn.execute(update(name_search).where(*mine).values(sealed=sealed, answered_at=now))


def forget(conn: Connection, before: datetime) -> None:
    conn.execute(delete(name_search).where(name_search.c.asked_at < before))


def _opened(row: Any, vault: Vault) -> Search:
    return Search(row.ref, row.by, row.org, row.answered_at is not None, vault.open(row.sealed, place=_place(row.ref)))
