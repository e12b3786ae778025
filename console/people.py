"""Making accounts: by the administrator in the console, by the operator at the terminal, and for the demonstration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from sqlalchemy import Connection

from audit.leaves import Kind, Leaf, leaf
from config import Refuse
from console.rights import SEES_NOBODY, Role, may_be_combined
from records import StaffId
from service.engine import Engine
from store import accounts, staff
from store.accounts import Account
from store.envelope import RandomBytes

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class AccountRefused(Refuse):
    """The account cannot be made so. Nothing of it was."""


def add_account(
    engine: Engine, login: str, roles: Iterable[Role], password_hash: str | None, *,
    staff: str = "", org: str = "", subject: str | None = None, by: str,
) -> Account:  # fmt: skip
    """Make an account. `staff` is the directory's id of whoever receives alerts or reviews; their organisation is theirs.

    Raises AccountRefused for a login that is none, roles that must not be one person's, or somebody unknown.
    """
    name, given = login.strip().casefold(), frozenset(roles)
    if not _LOGIN.fullmatch(name):
        raise AccountRefused("a login is 2 to 64 small letters, digits, dots, dashes or an e-mail address")
    if not given or not may_be_combined(given):
        raise AccountRefused("who runs the machine or hands out accounts may not also look at clients")
    now = engine.clock()
    account_id = engine.locator.ref("account", name)
    with engine.database.write() as conn:
        if accounts.by_login(conn, name) is not None:
            raise AccountRefused("there is an account of this login")
        whose = _organisation(engine, conn, given, staff, org)
        language = _language(conn, staff)
        new = Account(account_id, name, staff or None, whose, tuple(sorted(r.value for r in given)), language, password_hash, subject=subject)  # fmt: skip
        accounts.add(conn, new, now)
        engine.audit.append(conn, [changed_leaf(by, account_id, "created")], now)
    return new


def _organisation(engine: Engine, conn: Connection, roles: frozenset[Role], staff_id: str, org: str) -> str | None:
    """The directory's word for those who are in it. Case managers and supervisors must be."""
    if staff_id:
        member = staff.get(conn, StaffId(staff_id))
        if member is None:
            raise AccountRefused("the staff directory has nobody of this id")
        return str(member.org)
    if roles & {Role.CASE_MANAGER, Role.SUPERVISOR}:
        raise AccountRefused("case managers and supervisors must be in the staff directory")
    known = {program.org for program in engine.settings.programs}
    if org and org not in known:
        raise AccountRefused("no programme belongs to an organisation of this name")
    return None if roles <= SEES_NOBODY else org or None


def _language(conn: Connection, staff_id: str) -> str:
    member = staff.get(conn, StaffId(staff_id)) if staff_id else None
    return member.language if member else "en"


def changed_leaf(by: str, account_id: str, *what: str) -> Leaf:
    """That an account changed, and which of its settings: never their values."""
    settings = [f"account.{name.replace('_', '-')}" for name in what]
    return leaf(Kind.CONFIG_CHANGE, config_hash=sha256(account_id.encode()).hexdigest(), settings=settings, by=by)


def new_password(random: RandomBytes) -> str:
    """Twenty letters that are not mistaken for one another: 99 bits."""
    letters = [_LETTERS[b % len(_LETTERS)] for b in random(200) if b < 256 - 256 % len(_LETTERS)][:20]
    return "-".join("".join(letters[i : i + 5]) for i in range(0, 20, 5))
