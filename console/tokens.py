"""Tokens for scripts: made by their owner, shown once, good for one role, and over at a set day.

A token acts as its account and in no more than the one role that it was made for: its organisation is the account's, and it
ends with the account. It never counts as a person who has just shown who they are, so it makes no keys and no other tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.leaves import Kind, leaf
from config import Refuse
from console.people import changed_leaf
from console.proofs import new_token, token_hash
from console.rights import Principal, Role, rights_of
from console.signin import PER_ADDRESS, WINDOW, name_of
from service.engine import Engine
from store import accounts, api_tokens
from store.accounts import Session
from store.api_tokens import ApiToken

PREFIX = "wl_"
"""So that a token that was left lying in a file is found by those who look for such."""
LONGEST = timedelta(days=366)
VISIT = timedelta(minutes=15)
"""A script that was silent for so long comes anew, and the log says so."""


class TokenRefused(Refuse):
    """No token can be made so."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The door for scripts."""

    engine: Engine

    def make(self, who: Principal, role: Role, label: str, days: int) -> str:
        """The token, to be shown this once. Raises TokenRefused for a role that is not the owner's, or too long a life."""
        if role.value not in who.account.roles:
            raise TokenRefused("a token gets a role that its owner has")
        if not label.strip() or not timedelta(days=1) <= timedelta(days=days) <= LONGEST:
            raise TokenRefused("a token has a name, and ends within a year")
        now, secret = self.engine.clock(), PREFIX + new_token(self.engine.random)
        ref = self.engine.locator.ref("api-token", token_hash(secret))
        made = ApiToken(ref, who.account.id, role.value, label.strip()[:64], now, now + timedelta(days=days))
        with self.engine.database.write() as conn:
            api_tokens.add(conn, token_hash(secret), made)
            self.engine.audit.append(conn, [changed_leaf(who.name, who.account.id, "api-token.made")], now)
        return secret

    def revoke(self, by: str, account: str, ref: str | None = None) -> None:
        """End one token of the account, or all of them."""
        now = self.engine.clock()
        with self.engine.database.write() as conn:
            if api_tokens.revoke(conn, account, now, ref=ref):
                self.engine.audit.append(conn, [changed_leaf(by, account, "api-token.revoked")], now)

    def of(self, account: str) -> tuple[ApiToken, ...]:
        with self.engine.database.read() as conn:
            return tuple(api_tokens.of_account(conn, account))

    def principal(self, secret: str, address: str) -> Principal | None:
        """Who a token speaks for, while it and its account are in force and the account still has the role."""
        now = self.engine.clock()
        with self.engine.database.read() as conn:
            found = api_tokens.by_hash(conn, token_hash(secret))
            account = accounts.get(conn, found.account) if found else None
        if found is None or account is None or account.disabled_at is not None or not found.in_force(now):
            self._refused(name_of(account) if account else None, address)
            return None
        if found.used_at is None or now - found.used_at >= timedelta(minutes=1):
            self._used(found, name_of(account), now)
        role = (found.role,) if found.role in account.roles else ()
        visit = Session(account.id, "token", found.made_at, now, found.made_at - LONGEST)
        return Principal(account, visit, secret, rights_of(role))

    def _used(self, token: ApiToken, name: str, now: datetime) -> None:
        with self.engine.database.write() as conn:
            api_tokens.touch(conn, token.ref, now)
            if token.used_at is None or now - token.used_at >= VISIT:
                came = leaf(Kind.LOGIN, method="token", result="ok", by=name)
                self.engine.audit.append(conn, [came], now)

    def _refused(self, name: str | None, address: str) -> None:
        """Into the log, while it is not flooded: beyond the limit of an address the refusals are only given."""
        now, key = self.engine.clock(), self.engine.locator.ref("login-attempt", "token", address)
        with self.engine.database.write() as conn:
            if accounts.attempts(conn, key, now - WINDOW) >= PER_ADDRESS:
                return
            accounts.note_attempt(conn, key, now, forget=now - WINDOW)
            refused = leaf(Kind.LOGIN, method="token", result="failed", by=name, code="wrong_token")
            self.engine.audit.append(conn, [refused], now)
