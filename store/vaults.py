"""Keys in the database: data keys, and after a rotation the secrets that outlive a master key. All wrapped by the key-encryption key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from config.errors import KeyUnavailable
from store.envelope import DataKey, RandomBytes, Vault, unwrap, wrap
from store.keys import KeyRing
from store.locator import Locator
from store.tables import data_key

STANDING = "standing"
"""The purpose of the key that seals what is kept: clients, consents, accounts' secrets."""
_SECRETS = "secret/"
LOCATOR = "secret/locator"
SHELF = "secret/shelf"
"""What wraps the keys of the shelf: see `store.shelf`."""
EPOCH = "epoch/"
"""Followed by the epoch's name: the root of its linkage keys."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key as it is listed: never its secret."""

    id: str
    purpose: str
    created_at: datetime
    destroyed_at: datetime | None


def create(conn: Connection, ring: KeyRing, random: RandomBytes, now: datetime, purpose: str = STANDING) -> str:
    """Make and keep a new data key; it becomes the current one of its purpose."""
    return keep(conn, ring, random, now, purpose=purpose, secret=random(32))


def keep(conn: Connection, ring: KeyRing, random: RandomBytes, now: datetime, *, purpose: str, secret: bytes) -> str:
    """Keep a 32-byte secret, wrapped, under a purpose."""
    key = DataKey(Locator(ring.locator).ref("data-key", purpose, random(16).hex()), secret)
    conn.execute(insert(data_key).values(id=key.id, purpose=purpose, wrapped=wrap(key, ring.kek), created_at=now))
    return key.id


def load(conn: Connection, ring: KeyRing, random: RandomBytes, purpose: str = STANDING) -> Vault | None:
    """A vault that opens every key that still exists and seals with the newest of `purpose`; None if there is none."""
    rows = [row for row in _existing(conn) if not row.purpose.startswith((_SECRETS, EPOCH))]
    current = [row.id for row in rows if row.purpose == purpose]
    if not current:
        return None
    return Vault({row.id: unwrap(row.id, row.wrapped, ring.kek) for row in rows}, current[-1], random)


def settled(conn: Connection, ring: KeyRing) -> KeyRing:
    """The ring with what the database keeps: locator and epochs that outlived a master key."""
    held = {row.purpose: unwrap(row.id, row.wrapped, ring.kek).secret for row in _existing(conn) if _kept(row.purpose)}
    epochs = {purpose.removeprefix(EPOCH): secret for purpose, secret in held.items() if purpose.startswith(EPOCH)}
    return replace(ring, locator=held.get(LOCATOR, ring.locator), epochs=epochs)


def shelf_secret(conn: Connection, ring: KeyRing) -> DataKey | None:
    """The secret that wraps the shelf's keys, and the name under which the shelf knows it."""
    rows = [row for row in _existing(conn) if row.purpose == SHELF]
    return unwrap(rows[-1].id, rows[-1].wrapped, ring.kek) if rows else None


def lock(conn: Connection) -> None:
    """Let no other process add or change a key until this transaction ends."""
    conn.execute(select(data_key.c.id).with_for_update()).all()


def opens(conn: Connection, ring: KeyRing) -> bool:
    """Whether the keys in the database are wrapped by this ring's key-encryption key."""
    rows = _existing(conn)
    try:
        return all(unwrap(row.id, row.wrapped, ring.kek) for row in rows[-1:])
    except KeyUnavailable:
        return False


def rewrap(
    conn: Connection, old: KeyRing, new: KeyRing, random: RandomBytes, now: datetime, *, first_epoch: str
) -> int:
    """Wrap every key anew, and keep what used to be derived from the old master key. Returns how many keys there are.

    `old` is settled, `new` freshly derived. In the caller's transaction: all keys, or none.
    """
    kept = {row.purpose for row in _existing(conn)}
    if LOCATOR not in kept:
        keep(conn, old, random, now, purpose=LOCATOR, secret=old.locator)
    if not old.epochs:
        root = old.linkage_root(first_epoch)
        keep(conn, old, random, now, purpose=EPOCH + first_epoch, secret=root)
    rows = _existing(conn)
    for row in rows:
        key = unwrap(row.id, row.wrapped, old.kek)
        conn.execute(update(data_key).where(data_key.c.id == row.id).values(wrapped=wrap(key, new.kek)))
    return len(rows)


def listed(conn: Connection) -> Sequence[HeldKey]:
    """Every key there is or was."""
    rows = conn.execute(select(data_key).order_by(data_key.c.created_at, data_key.c.id))
    return [HeldKey(row.id, row.purpose, row.created_at, row.destroyed_at) for row in rows]


def destroy(conn: Connection, key_id: str, now: datetime) -> None:
    """Forget a data key: everything it sealed is unreadable from now on, but in a backup of this database that still has the key."""
    conn.execute(update(data_key).where(data_key.c.id == key_id).values(wrapped=None, destroyed_at=now))


def _kept(purpose: str) -> bool:
    return purpose == LOCATOR or purpose.startswith(EPOCH)


def _existing(conn: Connection) -> Sequence[_Row]:
    rows = conn.execute(
        select(data_key.c.id, data_key.c.purpose, data_key.c.wrapped)
        .where(data_key.c.wrapped.is_not(None))
        .order_by(data_key.c.created_at, data_key.c.id)
    )
    return [_Row(row.id, row.purpose, row.wrapped) for row in rows]


@dataclass(frozen=True, slots=True, repr=False)
class _Row:
    id: str
    purpose: str
    wrapped: bytes
