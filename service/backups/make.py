"""Making a backup: one moment of the database, sealed, read back, and noted in the audit log."""

from __future__ import annotations

import gzip
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from config import Retry
from service.backups import journal, rows
from service.backups.note import SUFFIX, BackupDamaged, BackupNote, listed, note_path
from service.backups.sealed import SealedReader, SealedWriter, key_name
from service.engine import Engine, key_ring
from service.reports import party
from store import acts, migrate
from store.keys import KeyRing


class BackupUnwritable(Retry):
    """The folder cannot be written: no room, no permission, not mounted."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, and how many old backups and files of the journal went."""

    path: Path
    note: BackupNote
    pruned: int


def make(engine: Engine, by: str, environment: Mapping[str, str]) -> Made:
    """Write a backup, read it back whole, note it in the log, ship the journal and remove what is too old."""
    folder, now = engine.settings.at(engine.settings.backup.folder), engine.clock()
    ring = key_ring(engine.settings, engine.database, environment)
    path = folder / f"warmlink-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = _write(engine, path, ring)
        if read_back(path, ring) != note.rows:
            raise BackupDamaged(f"{path.name} does not hold what was written to it")
        note.write(note_path(path))
    except OSError as fault:
        raise BackupUnwritable(f"the backup cannot be written to {folder}: {fault.strerror}") from fault
    stated = leaf(
        Kind.EXPORT,
        report="backup",
        format="json",
        by=party(by),
        rows=sum(note.rows.values()),
        content_hash=note.sha256,
    )
    with engine.database.write() as conn:
        engine.audit.append(conn, [stated], now)
    journal.ship(engine)
    return Made(path, note, prune(engine))


def prune(engine: Engine) -> int:
    """Remove backups that are too old, but never the newest, and the journal's files that none of the others needs."""
    known = listed(engine.settings.at(engine.settings.backup.folder))
    oldest = engine.clock() - timedelta(days=engine.settings.backup.keep_days)
    old = [each for each in known[:-1] if each.note.made_at < oldest]
    for each in old:
        each.path.unlink()
        note_path(each.path).unlink()
    covered = min((each.note.log_size for each in known if each not in old), default=0)
    journal.prune(engine.settings.at(engine.settings.backup.journal), covered)
    acts.forget(engine.shelf.database, covered)
    return len(old)


def _write(engine: Engine, path: Path, ring: KeyRing) -> BackupNote:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        with engine.database.snapshot() as conn:
            head = engine.audit.head(conn)
            counts = _dump(conn, file, ring, engine)
        file.flush()
        os.fsync(file.fileno())
    with part.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    part.replace(path)
    return BackupNote(
        made_at=engine.clock(),
        version=migrate.current(engine.database) or "",
        origin=engine.audit.origin,
        log_size=head.size,
        log_root=head.root.hex(),
        rows=dict(counts),
        sha256=digest,
        size=path.stat().st_size,
        key=key_name(ring),
    )


def _dump(conn: Connection, file: BinaryIO, ring: KeyRing, engine: Engine) -> Counter[str]:
    with (
        SealedWriter(file, ring, engine.random) as sealed,
        gzip.GzipFile(fileobj=sealed, mode="wb", mtime=0) as packed,
    ):
        return rows.dump(conn, packed.write)


@contextmanager
def lines(path: Path, ring: KeyRing) -> Iterator[Iterator[bytes]]:
    """The lines of a backup, opened. Raises KeyUnavailable, BackupDamaged."""
    with path.open("rb") as file, SealedReader(file, ring) as sealed, io.BufferedReader(sealed) as buffered:
        try:
            with gzip.GzipFile(fileobj=buffered, mode="rb") as packed:
                yield iter(packed)
        except (EOFError, gzip.BadGzipFile) as fault:
            raise BackupDamaged(f"{path.name} ends too early") from fault


def read_back(path: Path, ring: KeyRing) -> Mapping[str, int]:
    with lines(path, ring) as opened:
        return dict(rows.count(opened))
