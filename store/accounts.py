"""Accounts of the console, their sessions, and what they prove themselves with. Secrets rest hashed or sealed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from store.envelope import Vault
from store.tables import account, login_attempt, login_flow, passkey, session


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who may sign in. `org` None is an office of the whole installation. `has_totp` says if a second factor is set."""

    id: str
    login: str
    staff: str | None
    org: str | None
    roles: tuple[str, ...]
    language: str = "en"
    password_hash: str | None = field(default=None, repr=False)
    has_totp: bool = False
    subject: str | None = field(default=None, repr=False)
    failures: int = 0
    locked_until: datetime | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `proven_at` is when its person last showed who they are."""

    account: str
    method: str
    began_at: datetime
    seen_at: datetime
    proven_at: datetime


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential: its id (base64url), public key (COSE) and signature counter."""

    credential: str
    account: str
    public_key: bytes = field(repr=False)
    sign_count: int
    label: str
    added_at: datetime
    used_at: datetime | None = None


def add(conn: Connection, new: Account, now: datetime) -> None:
    """Raises AlreadyDone (when the transaction ends) where the login or subject is taken."""
    conn.execute(
        insert(account).values(
            id=new.id,
            login=new.login,
            staff=new.staff,
            org=new.org,
            roles=list(new.roles),
            password_hash=new.password_hash,
            totp_step=0,
            subject=new.subject,
            language=new.language,
            failures=0,
            created_at=now,
        )
    )


def get(conn: Connection, account_id: str) -> Account | None:
    return _one(conn, account.c.id == account_id)


def by_login(conn: Connection, login: str) -> Account | None:
    return _one(conn, account.c.login == login)


def by_subject(conn: Connection, subject: str) -> Account | None:
    return _one(conn, account.c.subject == subject)


def everyone(conn: Connection) -> Sequence[Account]:
    return [_account(row) for row in conn.execute(select(account).order_by(account.c.login))]


def change(conn: Connection, account_id: str, **values: object) -> None:
    conn.execute(update(account).where(account.c.id == account_id).values(**values))


def _one(conn: Connection, which: Any) -> Account | None:
    row = conn.execute(select(account).where(which)).one_or_none()
    return None if row is None else _account(row)


def _account(row: Any) -> Account:
    return Account(
        id=row.id,
        login=row.login,
        staff=row.staff,
        org=row.org,
        roles=tuple(row.roles),
        language=row.language,
        password_hash=row.password_hash,
        has_totp=row.sealed_totp is not None,
        subject=row.subject,
        failures=row.failures,
        locked_until=row.locked_until,
        disabled_at=row.disabled_at,
    )


def set_totp(conn: Connection, vault: Vault, account_id: str, secret: bytes | None) -> None:
    sealed = None if secret is None else vault.seal(secret, place=f"totp/{account_id}")
    change(conn, account_id, sealed_totp=sealed, totp_step=0)


def totp(conn: Connection, vault: Vault, account_id: str) -> bytes | None:
    """The secret of the second factor, opened; None if there is none."""
    sealed = conn.execute(select(account.c.sealed_totp).where(account.c.id == account_id)).scalar_one_or_none()
    return None if sealed is None else vault.open(sealed, place=f"totp/{account_id}")


def spend_code(conn: Connection, account_id: str, step: int) -> bool:
    """Use up the code of a time step; False if it, or a later one, was used before."""
    used = conn.execute(
        update(account).where(account.c.id == account_id, account.c.totp_step < step).values(totp_step=step)
    )
    return bool(used.rowcount)


def begin_session(conn: Connection, token_hash: str, account_id: str, method: str, now: datetime) -> None:
    conn.execute(
        insert(session).values(
            token_hash=token_hash, account=account_id, method=method, began_at=now, seen_at=now, proven_at=now
        )
    )


def get_session(conn: Connection, token_hash: str) -> Session | None:
    """A session that was not ended. Whether it is too old is for the caller's clock to say."""
    row = conn.execute(
        select(session).where(session.c.token_hash == token_hash, session.c.ended_at.is_(None))
    ).one_or_none()
    return None if row is None else Session(row.account, row.method, row.began_at, row.seen_at, row.proven_at)


def touch_session(conn: Connection, token_hash: str, **values: object) -> None:
    conn.execute(update(session).where(session.c.token_hash == token_hash).values(**values))


def end_sessions(conn: Connection, account_id: str, now: datetime) -> None:
    """Every session of the account ends: signed out everywhere."""
    conn.execute(
        update(session).where(session.c.account == account_id, session.c.ended_at.is_(None)).values(ended_at=now)
    )


def begin_flow(
    conn: Connection, vault: Vault, token_hash: str, purpose: str, content: dict[str, str], *, until: datetime,
    account_id: str | None = None,
) -> None:  # fmt: skip
    """Keep what a sign-in in two steps must remember between them."""
    sealed = vault.seal(json.dumps(content).encode(), place=f"flow/{token_hash}")
    values = {"purpose": purpose, "account": account_id, "sealed": sealed, "expires_at": until}
    conn.execute(insert(login_flow).values(token_hash=token_hash, **values))


def take_flow(
    conn: Connection, vault: Vault, token_hash: str, purpose: str, now: datetime, *, keep: bool = False
) -> tuple[str | None, dict[str, str]] | None:
    """Account and content of a flow, once (`keep` leaves it for another try); None if it is unknown or over."""
    row = conn.execute(
        select(login_flow).where(login_flow.c.token_hash == token_hash, login_flow.c.purpose == purpose)
    ).one_or_none()
    conn.execute(delete(login_flow).where(login_flow.c.expires_at <= now))
    if row is None or row.expires_at <= now:
        return None
    if not keep:
        conn.execute(delete(login_flow).where(login_flow.c.token_hash == token_hash))
    return row.account, json.loads(vault.open(row.sealed, place=f"flow/{token_hash}"))


def note_attempt(conn: Connection, key: str, at: datetime, *, forget: datetime) -> None:
    """Count an attempt to sign in; those before `forget` count no more."""
    conn.execute(delete(login_attempt).where(login_attempt.c.at < forget))
    conn.execute(insert(login_attempt).values(key=key, at=at))


def attempts(conn: Connection, key: str, since: datetime) -> int:
    query = select(func.count()).where(login_attempt.c.key == key, login_attempt.c.at >= since)
    return int(conn.execute(query).scalar_one())


def add_passkey(conn: Connection, new: Passkey) -> None:
    conn.execute(
        insert(passkey).values(
            credential=new.credential,
            account=new.account,
            public_key=new.public_key,
            sign_count=new.sign_count,
            label=new.label,
            added_at=new.added_at,
        )
    )


def get_passkey(conn: Connection, credential: str) -> Passkey | None:
    row = conn.execute(select(passkey).where(passkey.c.credential == credential)).one_or_none()
    return None if row is None else _passkey(row)


def passkeys_of(conn: Connection, account_id: str) -> Sequence[Passkey]:
    rows = conn.execute(select(passkey).where(passkey.c.account == account_id).order_by(passkey.c.added_at))
    return [_passkey(row) for row in rows]


def used_passkey(conn: Connection, credential: str, sign_count: int, now: datetime) -> None:
    conn.execute(update(passkey).where(passkey.c.credential == credential).values(sign_count=sign_count, used_at=now))


def drop_passkey(conn: Connection, account_id: str, credential: str) -> None:
    conn.execute(delete(passkey).where(passkey.c.account == account_id, passkey.c.credential == credential))


def _passkey(row: Any) -> Passkey:
    return Passkey(row.credential, row.account, row.public_key, row.sign_count, row.label, row.added_at, row.used_at)
