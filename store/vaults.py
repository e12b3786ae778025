"""Data keys in the database: made once per purpose, wrapped by the key-encryption key, destroyed when asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from store.envelope import DataKey, RandomBytes, Vault, unwrap, wrap
from store.keys import KeyRing
from store.locator import Locator
from store.tables import data_key

STANDING = "standing"
"""The purpose of the key that seals what is kept: clients, consents, bookings that matched."""


def create(conn: Connection, ring: KeyRing, random: RandomBytes, now: datetime, purpose: str = STANDING) -> str:
    """Make and keep a new data key; it becomes the current one of its purpose."""
    secret = random(32)
    key = DataKey(Locator(ring.locator).ref("data-key", purpose, random(16).hex()), secret)
    conn.execute(insert(data_key).values(id=key.id, purpose=purpose, wrapped=wrap(key, ring.kek), created_at=now))
    return key.id


def load(conn: Connection, ring: KeyRing, random: RandomBytes, purpose: str = STANDING) -> Vault | None:
    """A vault that opens every key that still exists and seals with the newest of `purpose`; None if there is none."""
    rows = conn.execute(
        select(data_key.c.id, data_key.c.purpose, data_key.c.wrapped)
        .where(data_key.c.wrapped.is_not(None))
        .order_by(data_key.c.created_at, data_key.c.id)
    ).all()
    current = [row.id for row in rows if row.purpose == purpose]
    if not current:
        return None
    return Vault({row.id: unwrap(row.id, row.wrapped, ring.kek) for row in rows}, current[-1], random)


def destroy(conn: Connection, key_id: str, now: datetime) -> None:
    """Forget a data key: everything it sealed is unreadable from now on, in backups of the values too."""
    conn.execute(update(data_key).where(data_key.c.id == key_id).values(wrapped=None, destroyed_at=now))
