"""What was said last of what is in force, and every model that was ever worked by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from store.tables import in_force, known_keys, linkage_model

ENCODED, LOST = "encoded", "encoded-lost"
"""What stored encodings are of, and how many stays could not be encoded so: kept by `service.reencoding`."""


def known(conn: Connection) -> dict[str, str]:
    """By name: a hash, or a name that an organisation gave."""
    return {row.name: row.value for row in conn.execute(select(in_force.c.name, in_force.c.value))}


def keep(conn: Connection, now: Mapping[str, str], at: datetime) -> None:
    """Of these names alone: what is said of others stands."""
    conn.execute(delete(in_force).where(in_force.c.name.in_(list(now))))
    conn.execute(insert(in_force), [{"name": name, "value": value, "at": at} for name, value in now.items()])


def keep_keys(conn: Connection, version: str, keys: str, at: datetime) -> None:
    """Which settings this version of the program knows, for the one that follows it."""
    conn.execute(delete(known_keys).where(known_keys.c.version == version))
    conn.execute(insert(known_keys).values(version=version, listed=keys, at=at))


def keys_of(conn: Connection, version: str) -> str | None:
    found: str | None = conn.execute(
        select(known_keys.c.listed).where(known_keys.c.version == version)
    ).scalar_one_or_none()
    return found


def last_keys(conn: Connection) -> str | None:
    """Of the program that worked here last; None where that one did not say."""
    if not conn.dialect.has_table(conn, known_keys.name):
        return None
    newest = select(known_keys.c.listed).order_by(known_keys.c.at.desc()).limit(1)
    found: str | None = conn.execute(newest).scalar_one_or_none()
    return found


def keep_model(conn: Connection, model_hash: str, text: bytes, at: datetime) -> None:
    """The model's file, so that a link can be looked into years later. A second time changes nothing."""
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = make(linkage_model).values(hash=model_hash, text=text, first_used_at=at)
    conn.execute(row.on_conflict_do_nothing())


def model(conn: Connection, model_hash: str) -> bytes | None:
    """The file of the model with this hash, if it was ever worked by here."""
    found: bytes | None = conn.execute(
        select(linkage_model.c.text).where(linkage_model.c.hash == model_hash)
    ).scalar_one_or_none()
    return found
