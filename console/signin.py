"""Signing in and staying signed in. Every attempt is in the audit log before its answer is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from config import Refuse
from console.proofs import Passwords, code_step, new_token, new_totp_secret, token_hash
from console.rights import Principal, rights_of
from service.engine import Engine
from store import accounts
from store.accounts import Account

Method = Literal["password", "passkey", "oidc", "demo"]

FREE_TRIES = 5
LONGEST_LOCK = timedelta(hours=1)
WINDOW = timedelta(minutes=15)
PER_LOGIN, PER_ADDRESS = 20, 100
"""Tries within a window. A whole office may share an address; whoever guesses needs thousands."""
FLOW_LIFE = timedelta(minutes=10)


class SignInRefused(Refuse):
    """No. The same words for every reason: which one it was is in the audit log."""


REFUSED = "that was not right, or there were too many tries; wait a little and try again"


@dataclass(frozen=True, slots=True)
class Pending:
    """The password was right; the second factor is to come. `secret` is set for whoever sets theirs up now."""

    flow: str
    login: str
    secret: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """The one door. `address` is where a request comes from; only a keyed name of it is kept."""

    engine: Engine
    passwords: Passwords

    def password(self, login: str, password: str, address: str) -> Pending:
        """The first of two proofs. Raises SignInRefused."""
        now, login = self.engine.clock(), login.strip().casefold()
        with self.engine.database.write() as conn:
            account = accounts.by_login(conn, login)
            shut = self._too_many(conn, login, address, now) or (account is not None and _barred(account, now))
            right = self.passwords.right(account.password_hash if account else None, password)
            if account is None or shut or not right:
                self._failed(conn, account, "password", "locked" if shut else "wrong_password", now)
                pending = None
            else:
                pending = self._pending(conn, account, now)
        if pending is None:
            raise SignInRefused(REFUSED)
        return pending

    def pending(self, flow: str) -> Pending:
        """What a flow waits for, to show its form again. Raises SignInRefused when it is over."""
        with self.engine.database.write() as conn:
            return self._resumed(conn, flow)[1]

    def code(self, flow: str, code: str) -> str:
        """The second proof: a one-time code, once. Gives the token of a new session."""
        now, given = self.engine.clock(), code.replace(" ", "")
        with self.engine.database.write() as conn:
            token = None
            account, pending = self._resumed(conn, flow)
            secret = pending.secret or accounts.totp(conn, self.engine.vault, account.id)
            step = code_step(secret, given, now) if secret else None
            if step is None or _barred(account, now):
                self._failed(conn, account, "password", "wrong_code", now)
            elif self._spent(conn, account, pending, step):
                accounts.take_flow(conn, self.engine.vault, token_hash(flow), "second_factor", now)
                token = self.begin(conn, account, "password")
            else:
                self._failed(conn, account, "password", "used_code", now)
        if token is None:
            raise SignInRefused(REFUSED)
        return token

    def begin(self, conn: Connection, account: Account, method: Method) -> str:
        """A new session in the caller's transaction, whatever was proven before it."""
        now = self.engine.clock()
        token = new_token(self.engine.random)
        accounts.change(conn, account.id, failures=0, locked_until=None)
        accounts.begin_session(conn, token_hash(token), account.id, method, now)
        known = "password" if method == "demo" else method
        self.engine.audit.append(conn, [leaf(Kind.LOGIN, method=known, result="ok", by=name_of(account))], now)
        return token

    def principal(self, token: str) -> Principal | None:
        """Who holds this token, while the session is neither idle nor old nor ended, and the account in force."""
        now, settings = self.engine.clock(), self.engine.settings.console
        with self.engine.database.read() as conn:
            found = accounts.get_session(conn, token_hash(token))
            account = accounts.get(conn, found.account) if found else None
        if found is None or account is None or account.disabled_at is not None:
            return None
        idle, age = now - found.seen_at, now - found.began_at
        if idle >= timedelta(minutes=settings.idle_minutes) or age >= timedelta(hours=settings.session_hours):
            return None
        if idle >= timedelta(minutes=1):  # once a minute is enough to know who is idle
            with self.engine.database.write() as conn:
                accounts.touch_session(conn, token_hash(token), seen_at=now)
        return Principal(account, found, token, rights_of(account.roles))

    def end(self, token: str) -> None:
        with self.engine.database.write() as conn:
            accounts.touch_session(conn, token_hash(token), ended_at=self.engine.clock())

    def prove_again(self, who: Principal, password: str) -> bool:
        """Before something that a stolen session must not do. A wrong password counts like one at the door."""
        now = self.engine.clock()
        with self.engine.database.write() as conn:
            account = accounts.get(conn, who.account.id)
            if account is None or _barred(account, now):
                return False
            right = self.passwords.right(account.password_hash, password)
            if right:
                accounts.touch_session(conn, token_hash(who.token), proven_at=now)
            else:
                self._failed(conn, account, "password", "wrong_password", now)
        return right

    def _pending(self, conn: Connection, account: Account, now: datetime) -> Pending:
        flow = new_token(self.engine.random)
        secret = None if account.has_totp else new_totp_secret(self.engine.random)
        content = {"secret": secret.hex() if secret else ""}
        until = now + FLOW_LIFE
        accounts.begin_flow(
            conn, self.engine.vault, token_hash(flow), "second_factor", content, until=until, account_id=account.id
        )
        return Pending(flow, account.login, secret)

    def _resumed(self, conn: Connection, flow: str) -> tuple[Account, Pending]:
        now = self.engine.clock()
        found = accounts.take_flow(conn, self.engine.vault, token_hash(flow), "second_factor", now, keep=True)
        account = accounts.get(conn, found[0]) if found and found[0] else None
        if found is None or account is None:
            raise SignInRefused(REFUSED)
        kept = found[1]["secret"]
        return account, Pending(flow, account.login, bytes.fromhex(kept) if kept and not account.has_totp else None)

    def _spent(self, conn: Connection, account: Account, pending: Pending, step: int) -> bool:
        if pending.secret is not None:
            accounts.set_totp(conn, self.engine.vault, account.id, pending.secret)
        return accounts.spend_code(conn, account.id, step)

    def _too_many(self, conn: Connection, login: str, address: str, now: datetime) -> bool:
        """Counts the attempt, and says whether it is one too many from this address or for this login."""
        ref = self.engine.locator.ref
        limits = {
            ref("login-attempt", "login", login): PER_LOGIN,
            ref("login-attempt", "address", address): PER_ADDRESS,
        }
        for key in limits:
            accounts.note_attempt(conn, key, now, forget=now - WINDOW)
        return any(accounts.attempts(conn, key, now - WINDOW) > most for key, most in limits.items())

    def _failed(self, conn: Connection, account: Account | None, method: str, code: str, now: datetime) -> None:
        if account is not None:
            failures = account.failures + 1
            accounts.change(conn, account.id, failures=failures, locked_until=_lock(failures, now))
        self.note_failure(conn, name_of(account) if account else None, method, code)

    def note_failure(self, conn: Connection, by: str | None, method: str, code: str) -> None:
        """Into the log: who tried, where that is known, and why it was refused."""
        failed = leaf(Kind.LOGIN, method=method, result="failed", by=by, code=code)
        self.engine.audit.append(conn, [failed], self.engine.clock())


def name_of(account: Account) -> str:
    return account.staff or account.login


def _lock(failures: int, now: datetime) -> datetime | None:
    """None for the first tries, then a minute, two, four, and so on up to an hour."""
    beyond = failures - FREE_TRIES
    return None if beyond < 0 else now + min(timedelta(minutes=2 ** min(beyond, 10)), LONGEST_LOCK)


def _barred(account: Account, now: datetime) -> bool:
    return account.disabled_at is not None or (account.locked_until is not None and now < account.locked_until)
