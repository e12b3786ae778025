"""The log as a file that can be checked without this program, and proofs as files.

Line 1 is a heading, then come checkpoints (so that a rewritten entry can be narrowed down), then the entries in order, each with the hash that was kept of it when it was written.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from sqlalchemy import Connection, select

from audit.checkpoint import Checkpoint, latest
from audit.errors import ProofRefused
from audit.leaves import canonical
from audit.log import AuditLog, StoredEntry, stored_entries
from audit.note import Note
from store.tables import audit_checkpoint

MOST_CHECKPOINTS = 1024
"""In the heading: enough to narrow a careful forgery down to a thousandth of the log, few enough to check at once."""


def log_lines(conn: Connection, origin: str, size: int) -> Iterator[bytes]:
    """The first `size` entries as lines of an exported log, each ended by a newline. What is missing is left out."""
    yield canonical({"format": "warmlink-audit-log", "origin": origin, "v": 1}) + b"\n"
    for note in _checkpoints(conn, size):
        yield canonical({"checkpoint": note}) + b"\n"
    for stored in stored_entries(conn, 0, size):
        yield line(stored)


def line(stored: StoredEntry) -> bytes:
    """One entry as it stands in an exported log."""
    return b'{"entry":' + stored.entry + b',"leaf":"' + stored.leaf_hash.hex().encode() + b'"}\n'


def export(conn: Connection, origin: str, out: BinaryIO) -> str:
    """Write the log up to its newest checkpoint and give that checkpoint. ProofRefused when none was issued yet."""
    note = latest(conn)
    if note is None:
        raise ProofRefused("the audit log has no checkpoint yet; publish one first")
    out.writelines(log_lines(conn, origin, _head(note).size))
    return note


def inclusion_file(conn: Connection, log: AuditLog, position: int) -> str:
    """A proof that entry `position` is in the log (C2SP tlog-proof), against the newest checkpoint."""
    note = latest(conn)
    if note is None or _head(note).size <= position:
        raise ProofRefused(f"no checkpoint covers entry {position} yet; publish one first")
    steps = log.inclusion(conn, position, _head(note).size)
    return _proof(["c2sp.org/tlog-proof@v1", f"index {position}"], steps, note)


def consistency_file(conn: Connection, log: AuditLog, older: str) -> str:
    """A proof that the log of an older checkpoint only grew into the newest one (body of a tlog-witness request)."""
    note = latest(conn)
    if note is None:
        raise ProofRefused("the audit log has no checkpoint yet; publish one first")
    old = _head(older).size
    return _proof([f"old {old}"], log.consistency(conn, old, _head(note).size), note)


def entry_line(conn: Connection, position: int) -> bytes:
    """The line of one entry, to go with its inclusion proof."""
    for stored in stored_entries(conn, position, position + 1):
        return line(stored)
    raise ProofRefused(f"the audit log has no entry {position}")


def _checkpoints(conn: Connection, size: int) -> Iterator[str]:
    known = select(audit_checkpoint.c.size, audit_checkpoint.c.note).where(audit_checkpoint.c.size <= size)
    spacing, last = max(1, size // MOST_CHECKPOINTS), 0
    for at, note in conn.execute(known.order_by(audit_checkpoint.c.size)).all():
        if at - last >= spacing:
            last = at
            yield note


def _head(note: str) -> Checkpoint:
    return Checkpoint.parse(Note.parse(note).text)


def _proof(heading: Sequence[str], steps: Sequence[bytes], note: str) -> str:
    lines = [*heading, *(b64encode(step).decode() for step in steps)]
    return "\n".join(lines) + "\n\n" + note
