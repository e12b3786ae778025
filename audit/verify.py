"""The check of the log where it lies, with the same judge as outside: `audit.verifier` reads what would be exported.

What no checkpoint covers yet has no signature to hold it; it is still held against itself and against the head.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from audit.checkpoint import Checkpoint, last_frontier, latest
from audit.export import log_lines
from audit.facts import MAX_COUNT
from audit.log import read_frontier, stored_entries
from audit.merkle import Frontier, leaf_hash
from audit.note import Note, VerifierKey
from audit.places import place_of
from audit.verifier import Report as Verification
from audit.verifier import examine as verify
from store.tables import audit_leaf

__all__ = ["Verification", "verify", "verify_database"]

_PAGE = 2000


def verify_database(
    conn: Connection, origin: str, keys: Sequence[VerifierKey], anchor: str | None = None
) -> Verification:
    """Check the whole log in the database. `anchor` is a checkpoint that was kept elsewhere: without one, whoever holds
    the signing key could have replaced the log as a whole.
    """
    note, listed = latest(conn), "\n".join(map(str, keys))
    size = 0 if note is None else Checkpoint.parse(Note.parse(note).text).size
    if note is not None:
        signed = verify(log_lines(conn, origin, size), note, listed, anchor)
        if not signed.good:
            return signed
    elif anchor is not None:
        return Verification(good=False, words="entry 0 is missing: the log has no checkpoint, but an anchor exists")
    found = _tail(conn, last_frontier(conn, keys))
    return _findable(conn, found) if found.good else found


def _findable(conn: Connection, sound: Verification) -> Verification:
    """Sound entries that reports would miss, because what they are found by says otherwise than they do."""
    columns = (audit_leaf.c.position, audit_leaf.c.entry, audit_leaf.c.kind, audit_leaf.c.at, audit_leaf.c.client)
    page = select(*columns).where(audit_leaf.c.position >= bindparam("start")).order_by(audit_leaf.c.position)
    start = 0
    while rows := conn.execute(page.limit(_PAGE), {"start": start}).all():
        for row in rows:
            if row.kind is not None and (row.kind, row.at, row.client) != place_of(bytes(row.entry)):
                words = "stands, but what it is found by was changed: reports may miss it"
                return _bad(row.position, sound.proven, words)
        start = rows[-1].position + 1
    return sound


def _tail(conn: Connection, signed: Frontier) -> Verification:
    """From the newest checkpoint (already checked) to the head."""
    head, frontier = read_frontier(conn), signed
    for stored in stored_entries(conn, signed.size, MAX_COUNT):
        hashed = leaf_hash(stored.entry)
        if stored.position >= head.size:
            return _bad(stored.position, signed.size, "was put in: the log ends before it")
        if stored.position != frontier.size:
            break
        if hashed != stored.leaf_hash:
            return _bad(frontier.size, signed.size, "was changed: it does not fit the hash that was kept of it")
        frontier = frontier.extend([hashed])
    if frontier.size < head.size:
        return _bad(frontier.size, signed.size, "is missing")
    if frontier != head:
        words = "or a later one was changed: together they do not make up the head of the log"
        return _bad(signed.size, signed.size, words)
    words = f"{head.size} entries, {signed.size} of them signed, {head.size - signed.size} since the newest checkpoint"
    return Verification(good=True, words=words, entries=head.size, proven=signed.size)


def _bad(position: int, proven: int, words: str) -> Verification:
    return Verification(good=False, words=f"entry {position} {words}", proven=proven, bad=range(position, position + 1))
