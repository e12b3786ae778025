"""Checkpoints (C2SP tlog-checkpoint): a signed statement of how long the log is and what its root is.

A checkpoint that is kept outside the database is what makes rewriting visible: no one can make a different log that
begins the same way. Before a checkpoint is signed, every entry since the last one is hashed again and the result
compared with the head; a log that was altered behind the program's back is not signed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from audit.errors import LeafRefused, LogBroken, NoteMalformed
from audit.leaves import Kind, decode
from audit.log import TreeHead, read_frontier, stored_entries, unpack_frontier
from audit.merkle import HASH_BYTES, Frontier, leaf_hash
from audit.note import Note, Signer, VerifierKey
from store.tables import audit_checkpoint


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head under the name of its log."""

    origin: str
    size: int
    root: bytes

    @property
    def head(self) -> TreeHead:
        return TreeHead(self.size, self.root)

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the body of a note. Extension lines are accepted and mean nothing here."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteMalformed("a checkpoint has three lines or more: origin, size, root")
        origin, size, root = lines[:3]
        if not (size.isascii() and size.isdigit() and str(int(size)) == size):
            raise NoteMalformed("the size in a checkpoint is a whole number without leading zeros")
        return cls(origin, int(size), _root(root))


def sign(head: TreeHead, signer: Signer) -> str:
    """The signed note of a tree head. The log's name and the key's name are the same."""
    text = Checkpoint(signer.name, head.size, head.root).text()
    return str(Note(text, (signer.sign(text),)))


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note, once one of the log's keys is seen to have signed it.

    Raises NoteMalformed, or SignatureRefused for a wrong signature, key or log.
    """
    parsed = Note.parse(note)
    signed_by = parsed.verified_by(keys)
    checkpoint = Checkpoint.parse(parsed.text)
    if all(key.name != checkpoint.origin for key in signed_by):
        raise NoteMalformed("the checkpoint is of another log than the key that signed it")
    return checkpoint


def issue(conn: Connection, signer: Signer, at: datetime, retired: Sequence[VerifierKey] = ()) -> str | None:
    """Sign the log as it stands and keep the checkpoint; call in a writing transaction, publish after it committed.

    `retired` are the keys that signed before this one. Gives None when nothing but notices of earlier publications was
    added since the last checkpoint. Raises LogBroken when entries since then do not make up the head, SignatureRefused
    when the last checkpoint is not one of ours.
    """
    now, before = read_frontier(conn), last_frontier(conn, (signer.verifier, *retired))
    if not _news_since(conn, before.size, now.size):
        return None
    _require_same(before.extend(_rehashed(conn, before.size, now.size)), now)
    note = sign(TreeHead(now.size, now.root()), signer)
    conn.execute(insert(audit_checkpoint).values(size=now.size, frontier=now.pack(), note=note, at=at))
    return note


def latest(conn: Connection) -> str | None:
    """The note of the newest checkpoint."""
    return conn.execute(select(audit_checkpoint.c.note).order_by(audit_checkpoint.c.size.desc()).limit(1)).scalar()


def unpublished(conn: Connection) -> list[str]:
    """Notes that no sink has confirmed yet, oldest first."""
    waiting = select(audit_checkpoint.c.note).where(audit_checkpoint.c.published_at.is_(None))
    return list(conn.execute(waiting.order_by(audit_checkpoint.c.size)).scalars())


def mark_published(conn: Connection, size: int, at: datetime) -> None:
    conn.execute(update(audit_checkpoint).where(audit_checkpoint.c.size == size).values(published_at=at))


def last_published(conn: Connection) -> int:
    """The size of the newest checkpoint that is outside; 0 for none."""
    known = select(func.max(audit_checkpoint.c.size)).where(audit_checkpoint.c.published_at.is_not(None))
    return conn.execute(known).scalar() or 0


def replace_note(conn: Connection, size: int, note: str) -> None:
    """Keep the same checkpoint with a further signature under it."""
    conn.execute(update(audit_checkpoint).where(audit_checkpoint.c.size == size).values(note=note))


def last_frontier(conn: Connection, keys: Sequence[VerifierKey]) -> Frontier:
    """The frontier of the newest checkpoint, checked against the root that was signed."""
    row = conn.execute(select(audit_checkpoint).order_by(audit_checkpoint.c.size.desc()).limit(1)).one_or_none()
    if row is None:
        return Frontier()
    frontier = unpack_frontier(row.size, bytes(row.frontier))
    signed = open_checkpoint(row.note, keys)
    if (signed.size, signed.root) != (frontier.size, frontier.root()):
        raise LogBroken(f"the kept frontier of checkpoint {row.size} does not give the root that was signed")
    return frontier


def _news_since(conn: Connection, start: int, stop: int) -> bool:
    """Whether there is more than notices of publication, each of which would otherwise ask for the next one."""
    if stop <= start:
        return stop < start  # shorter than what was signed: go on, and find it broken
    return any(_is_news(stored.entry) for stored in stored_entries(conn, start, stop))


def _is_news(entry: bytes) -> bool:
    try:
        return decode(entry).leaf.kind is not Kind.CHECKPOINT_PUBLISHED
    except LeafRefused:
        return True  # altered; the comparison with the head says so


def _rehashed(conn: Connection, start: int, stop: int) -> list[bytes]:
    return [leaf_hash(stored.entry) for stored in stored_entries(conn, start, stop)]


def _require_same(found: Frontier, kept: Frontier) -> None:
    if found != kept:
        raise LogBroken(
            f"the audit log does not make up its own head of {kept.size} entries;"
            " run `warmlink audit verify` to find the entry, and sign nothing until it is explained"
        )


def _root(text: str) -> bytes:
    try:
        root = b64decode(text, validate=True)
    except ValueError as fault:
        raise NoteMalformed("the root in a checkpoint is not base64") from fault
    if len(root) != HASH_BYTES:
        raise NoteMalformed("the root in a checkpoint is not a SHA-256 hash")
    return root
