"""Going on with a log from an older copy of the database: entries that were kept elsewhere are put back, and nothing is forked.

What is put back must make up every checkpoint that was published of it. A log that cannot reach the newest published
checkpoint may not go on under the same name: somebody outside holds the proof that it was longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, insert, select, update

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.errors import LeafRefused, LogBroken
from audit.leaves import Entry, decode
from audit.log import leaf_hashes, read_frontier, rows_of
from audit.merkle import Frontier, leaf_hash
from audit.note import VerifierKey
from store.tables import audit_checkpoint, audit_head, audit_leaf

_CHUNK = 1000


def adopt(
    conn: Connection, kept: Iterable[bytes], notes: Sequence[str], keys: Sequence[VerifierKey], at: datetime
) -> list[Entry]:
    """Append entries that this log wrote before, byte for byte, and the checkpoints that were published of it.

    In the caller's transaction. Gives the entries. Raises LogBroken where one is out of its place, where a checkpoint
    says otherwise, or where the newest checkpoint cannot be reached.
    """
    published = {each.size: (each, note) for each, note in ((open_checkpoint(note, keys), note) for note in notes)}
    frontier = read_frontier(conn)
    _check_older(conn, frontier, published)
    taken: list[Entry] = []
    for chunk in _chunks(kept):
        hashes = [leaf_hash(entry) for entry in chunk]
        taken += [_in_place(entry, frontier.size + n) for n, entry in enumerate(chunk)]
        conn.execute(insert(audit_leaf), rows_of(frontier.size, chunk, hashes))
        for hashed in hashes:
            frontier = frontier.extend([hashed])
            if frontier.size in published:
                _keep(conn, frontier, *published[frontier.size], at)
    conn.execute(update(audit_head).values(size=frontier.size, frontier=frontier.pack()))
    if published and max(published) > frontier.size:
        raise LogBroken(
            f"the log ends at {frontier.size} entries and a checkpoint of {max(published)} was published:"
            " bring the journal that belongs to it"
        )
    return taken


def _chunks(kept: Iterable[bytes]) -> Iterator[list[bytes]]:
    reader = iter(kept)
    while chunk := list(islice(reader, _CHUNK)):
        yield chunk


def _in_place(entry: bytes, position: int) -> Entry:
    try:
        read = decode(entry)
    except LeafRefused as fault:
        raise LogBroken(f"what was kept of entry {position} is not an entry of the audit log") from fault
    if read.position != position:
        raise LogBroken(f"what was kept as entry {position} is entry {read.position}")
    return read


def _check_older(conn: Connection, now: Frontier, published: dict[int, tuple[Checkpoint, str]]) -> None:
    """The newest checkpoint that the copy itself reaches must be of this log."""
    size = max((each for each in published if each <= now.size), default=0)
    if size and Frontier().extend(leaf_hashes(conn, 0, size)).root() != published[size][0].root:
        raise LogBroken(f"the published checkpoint of {size} entries is of another log than this copy")


def _keep(conn: Connection, frontier: Frontier, checkpoint: Checkpoint, note: str, at: datetime) -> None:
    if frontier.root() != checkpoint.root:
        raise LogBroken(f"the entries that were kept do not make up the published checkpoint of {checkpoint.size}")
    known = select(audit_checkpoint.c.size).where(audit_checkpoint.c.size == checkpoint.size)
    if conn.execute(known).first() is None:
        values = {"size": checkpoint.size, "frontier": frontier.pack(), "note": note, "at": at, "published_at": at}
        conn.execute(insert(audit_checkpoint).values(**values))
