"""Tokens for scripts. The database has their hashes, what they may do, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from store.tables import api_token


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token: `role` is the one role of its account that it acts in."""

    ref: str
    account: str
    role: str
    label: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def in_force(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


def add(conn: Connection, token_hash: str, new: ApiToken) -> None:
    conn.execute(
        insert(api_token).values(
            ref=new.ref,
            token_hash=token_hash,
            account=new.account,
            role=new.role,
            label=new.label,
            made_at=new.made_at,
            expires_at=new.expires_at,
        )
    )


def by_hash(conn: Connection, token_hash: str) -> ApiToken | None:
    row = conn.execute(select(api_token).where(api_token.c.token_hash == token_hash)).one_or_none()
    return None if row is None else _token(row)


def of_account(conn: Connection, account: str) -> Sequence[ApiToken]:
    """Every token that was ever made for the account, the newest first."""
    query = (
        select(api_token).where(api_token.c.account == account).order_by(api_token.c.made_at.desc(), api_token.c.ref)
    )
    return [_token(row) for row in conn.execute(query)]


def touch(conn: Connection, ref: str, now: datetime) -> None:
    conn.execute(update(api_token).where(api_token.c.ref == ref).values(used_at=now))


def revoke(conn: Connection, account: str, now: datetime, *, ref: str | None = None) -> int:
    """End one token of the account, or every one. Returns how many ended by this."""
    which = update(api_token).where(api_token.c.account == account, api_token.c.revoked_at.is_(None))
    if ref is not None:
        which = which.where(api_token.c.ref == ref)
    return conn.execute(which.values(revoked_at=now)).rowcount


def _token(row: Any) -> ApiToken:
    return ApiToken(row.ref, row.account, row.role, row.label, row.made_at, row.expires_at, row.used_at, row.revoked_at)
