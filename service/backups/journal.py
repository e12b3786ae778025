"""The audit log's journal: its entries, as they are written, in files outside the database.

They hold codes, counts and opaque references, as the log does. A restore goes on from them, so that the log is
continued instead of forked, and so that it is known what was sent, sealed, revoked and destroyed after the backup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from audit.log import stored_entries
from config import Retry, TellPerson
from config.durable import write_whole
from service.engine import Engine
from store import acts

SUFFIX = ".entries"
MUCH = 5000
"""Entries that the journal may be behind before the doctor says so: more than a cycle of a large county writes."""


class JournalUnavailable(Retry):
    """Its folder cannot be written now."""


class JournalBroken(TellPerson):
    """A file of it is missing, or it says more than the log does."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file: entries of positions [start, stop)."""

    path: Path
    start: int
    stop: int


def segments(folder: Path) -> list[Segment]:
    """In order. Raises JournalBroken where one is missing between two others."""
    names = (
        [path for path in folder.glob(f"*{SUFFIX}") if path.stem.replace("-", "").isdigit()] if folder.is_dir() else []
    )
    found = sorted((Segment(path, *map(int, path.stem.split("-"))) for path in names), key=lambda each: each.start)
    for before, after in pairwise(found):
        if before.stop != after.start:
            raise JournalBroken(f"the journal lacks entries {before.stop} to {after.start}")
    return found


def end(folder: Path) -> int:
    """How many entries of the log it covers."""
    found = segments(folder)
    return found[-1].stop if found else 0


def entries(folder: Path, start: int) -> Iterator[bytes]:
    """The entries from position `start` on. Raises JournalBroken where it begins later, or a file was cut."""
    found = segments(folder)
    if found and found[0].start > start:
        raise JournalBroken(f"the journal begins at entry {found[0].start}, and the backup ends at {start}")
    for each in found:
        if each.stop > start:
            lines = each.path.read_bytes().splitlines()
            if len(lines) != each.stop - each.start:
                raise JournalBroken(f"{each.path.name} has {len(lines)} entries instead of {each.stop - each.start}")
            yield from lines[max(0, start - each.start) :]


def ship(engine: Engine) -> int:
    """Write what the log has and the journal has not. Returns how many entries. Raises JournalUnavailable, JournalBroken."""
    folder = engine.settings.at(engine.settings.backup.journal)
    with engine.database.read() as conn:
        size, start = engine.audit.head(conn).size, end(folder)
        if start > size:
            raise JournalBroken(
                f"the journal has {start} entries and the log {size}: an old database was put in place without `warmlink restore`"
            )
        lines = b"".join(each.entry + b"\n" for each in stored_entries(conn, start, size))
    if lines:
        _write(folder, f"{start:012d}-{size:012d}{SUFFIX}", lines)
    acts.beside(engine.shelf.database, size)  # afterwards: a copy of the shelf may lack what was written just now
    return size - start


def prune(folder: Path, covered: int) -> int:
    """Remove the files that no kept backup needs: all of their entries are in the oldest. The newest file stays."""
    old = [each for each in segments(folder)[:-1] if each.stop <= covered]
    for each in old:
        each.path.unlink()
    return len(old)


def _write(folder: Path, name: str, content: bytes) -> None:
    """Whole or not at all, and on the disk when it returns."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / name, content)
    except OSError as fault:
        raise JournalUnavailable(f"the journal cannot be written: {fault.strerror}") from fault
