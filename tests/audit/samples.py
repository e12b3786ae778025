"""Leaves and references that mean nothing, for every test of this room."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection, text

from audit.leaves import Kind, Leaf, leaf

ORIGIN = "audit.example.org/warmlink"
AT = datetime(2026, 10, 6, 8, 0, tzinfo=UTC)

Grow = Callable[[Sequence[int]], str]
"""Appends so many leaves, signs, appends the next so many, signs ...; gives the last checkpoint."""

Lines = Callable[[], list[bytes]]
"""The exported log, line by line."""


def ref(*parts: object) -> str:
    """A reference such as the store's locator makes."""
    return b32encode(sha256(repr(parts).encode()).digest())[:26].decode().lower()


def hashed(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()


def verdicts(count: int, start: int = 0) -> list[Leaf]:
    return [
        leaf(Kind.VERDICT, booking=ref("booking", n), verdict="NONE", model=hashed("model"))
        for n in range(start, start + count)
    ]


def as_owner(conn: Connection) -> None:
    """What an attacker who owns the database does first: the triggers that let entries stand are taken away."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("ALTER TABLE audit_leaf DISABLE TRIGGER USER"))
    else:
        for event in ("update", "delete", "replace"):
            conn.execute(text(f"DROP TRIGGER IF EXISTS audit_leaf_no_{event}"))
