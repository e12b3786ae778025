"""Rule books by their hash, kept from the first decision that was made under them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from store.tables import rule_book


def keep(conn: Connection, book_hash: str, canonical: bytes, now: datetime) -> None:
    """Keep a rule book in the transaction of the decision that uses it. One that is known is left as it is."""
    if conn.execute(select(rule_book.c.hash).where(rule_book.c.hash == book_hash)).first() is None:
        # Two first decisions may both get here: one of them inserts, the other finds it there.
        make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        row = make(rule_book).values(hash=book_hash, canonical=canonical, first_used_at=now)
        conn.execute(row.on_conflict_do_nothing())


def get(conn: Connection, book_hash: str) -> bytes | None:
    """The canonical bytes, as they are kept: whoever uses them compares their hash first."""
    found = conn.execute(select(rule_book.c.canonical).where(rule_book.c.hash == book_hash)).scalar_one_or_none()
    return None if found is None else bytes(found)
