"""Entries of the audit log that a restore must not undo, kept on the shelf, where no backup of the main database holds them.

The journal has them too, a cycle later. What was revoked, sealed or purged between its last file and the loss of the
database is known from here alone. An entry is written before the transaction that it belongs to commits: if that one
fails, the entry says too much, and a restore then errs on the side of silence.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.shelf import COPIED, SEEN, is_of, shelf_act, shelf_mark


def remember(shelf: Database, entries: Sequence[tuple[int, bytes]]) -> None:
    """Keep entries (position, canonical bytes). They are on the disk when this returns."""
    with shelf.write() as conn:
        conn.execute(insert(shelf_act), [{"position": at, "entry": entry} for at, entry in entries])


def since(shelf: Database, position: int) -> list[bytes]:
    """The entries from that position on, in the order in which they were written; each once."""
    with shelf.read() as conn:
        query = select(shelf_act.c.entry).where(shelf_act.c.position >= position).order_by(shelf_act.c.id)
        return list(dict.fromkeys(bytes(entry) for entry in conn.execute(query).scalars()))


def beside(shelf: Database, size: int) -> None:
    """The log had so many entries, all of them in the journal, while this shelf lay beside it: it is no mere copy any more."""
    if _marks(shelf) == {SEEN: size}:
        return
    make = postgresql.insert if shelf.dialect == "postgresql" else sqlite.insert
    seen = make(shelf_mark).values(name=SEEN, value=size)
    with shelf.write() as conn:
        conn.execute(delete(shelf_mark).where(shelf_mark.c.name == COPIED))
        conn.execute(seen.on_conflict_do_update(index_elements=["name"], set_={"value": size}))


def kept(shelf: Database, secret: str) -> bool:
    """Whether this is the shelf of that installation, and of a version that keeps entries."""
    if not is_of(shelf, secret):
        return False
    with shelf.read() as conn:
        return inspect(conn).has_table(shelf_act.name)


def complete(shelf: Database, size: int) -> bool:
    """Whether it lay beside the log up to its end, which is not before `size`.

    False for one that was begun anew, and for a copy: what was revoked after it was made is not in it.
    """
    marks = _marks(shelf)
    return COPIED not in marks and marks.get(SEEN, -1) >= size


def forget(shelf: Database, before: int) -> None:
    """Those that every kept backup has in its own log are needed no more."""
    with shelf.write() as conn:
        conn.execute(delete(shelf_act).where(shelf_act.c.position < before))


def _marks(shelf: Database) -> dict[str, int]:
    with shelf.read() as conn:
        return {row.name: row.value for row in conn.execute(select(shelf_mark))}
