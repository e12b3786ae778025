"""Takes checkpoints out of the database, to places that whoever can write the database cannot write.

A checkpoint is signed and kept in one transaction, handed to every sink, and marked as published only when all of
them have it. A sink that already holds another checkpoint of the same size, or a longer one, says so: that is what a
forked log or a restored backup looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from audit.checkpoint import Checkpoint, issue, last_published, mark_published, replace_note, unpublished
from audit.cosigner import Cosigner
from audit.errors import SinkContradicts, SinkUnavailable
from audit.leaves import Kind, leaf
from audit.log import AuditLog
from audit.note import Note, Signer, VerifierKey
from config.durable import write_whole
from config.errors import Retry, TellPerson
from store.database import Database

NEWEST = "newest.checkpoint"


class Sink(Protocol):
    """A place outside the database. `keep` returns once the note would survive a power cut; it may be called again
    with a note that is already there. Raises SinkUnavailable or SinkContradicts.
    """

    @property
    def name(self) -> str: ...

    def keep(self, note: str) -> None: ...


@dataclass(frozen=True, slots=True)
class FolderSink:
    """A folder, best on other storage and under another account: one file for each checkpoint, and the newest."""

    name: str
    folder: Path

    def keep(self, note: str) -> None:
        checkpoint = Checkpoint.parse(Note.parse(note).text)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            newest = self._read(NEWEST)
            self._refuse_fork(checkpoint, self._read(_file_name(checkpoint)), newest)
            self._write(_file_name(checkpoint), note)
            if newest is None or newest.size <= checkpoint.size:
                self._write(NEWEST, note)
        except OSError as fault:
            raise SinkUnavailable(f"checkpoint sink {self.name} cannot be written: {fault.strerror}") from fault

    def _refuse_fork(self, ours: Checkpoint, same_size: Checkpoint | None, newest: Checkpoint | None) -> None:
        if same_size is not None and same_size != ours:
            raise SinkContradicts(
                f"checkpoint sink {self.name} holds another checkpoint of size {ours.size}: the log was rewritten"
            )
        if newest is not None and newest.size > ours.size and same_size is None:
            raise SinkContradicts(
                f"checkpoint sink {self.name} holds a checkpoint of size {newest.size}, longer than {ours.size}:"
                " the log was cut or an old backup was restored"
            )

    def _read(self, name: str) -> Checkpoint | None:
        path = self.folder / name
        return Checkpoint.parse(Note.parse(path.read_text("utf-8")).text) if path.exists() else None

    def _write(self, name: str, note: str) -> None:
        write_whole(self.folder / name, note.encode())


def publish(
    database: Database,
    log: AuditLog,
    signer: Signer,
    sinks: Sequence[Sink],
    at: datetime,
    *,
    retired: Sequence[VerifierKey] = (),
    witness: Cosigner | None = None,
) -> list[int]:
    """Sign what is new and bring every checkpoint that waits to every sink. Gives the sizes that were published.

    Safe to repeat after any failure: a checkpoint waits in the database until all sinks have it. Without a sink it
    waits too, because a checkpoint that only the database holds proves nothing. A sink that fails keeps no other from
    its copy; its fault is raised afterwards. A witness that does not answer leaves its line out, and stops nothing.
    """
    with database.write() as conn:
        issue(conn, signer, at, retired)
        waiting = unpublished(conn)
    published = []
    for note in waiting if sinks else ():
        shown = _witnessed(database, log, note, witness) if witness else note
        _keep(sinks, shown)
        published.append(_confirm(database, log, shown, sinks, at))
    return published


def _keep(sinks: Sequence[Sink], note: str) -> None:
    """To all of them; what a person must hear of first, if several fail."""
    faults: list[Retry | TellPerson] = []
    for sink in sinks:
        try:
            sink.keep(note)
        except (Retry, TellPerson) as fault:
            faults.append(fault)
    if faults:
        raise min(faults, key=lambda fault: isinstance(fault, Retry))


def _witnessed(database: Database, log: AuditLog, note: str, witness: Cosigner) -> str:
    """The note with the witness's line, which is kept; the note as it is where the witness does not answer now."""
    with database.read() as conn:
        last = last_published(conn)
        try:
            shown = witness.cosign(note, last, lambda old, new: log.consistency(conn, old, new))
        except Retry:
            return note
    with database.write() as conn:
        replace_note(conn, Checkpoint.parse(Note.parse(note).text).size, shown)
    return shown


def _confirm(database: Database, log: AuditLog, note: str, sinks: Sequence[Sink], at: datetime) -> int:
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    stated = [
        leaf(Kind.CHECKPOINT_PUBLISHED, size=checkpoint.size, root=checkpoint.root.hex(), sink=sink.name)
        for sink in sinks
    ]
    with database.write() as conn:
        mark_published(conn, checkpoint.size, at)
        log.append(conn, stated, at)
    return checkpoint.size


def _file_name(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.size:012d}.checkpoint"
