"""A folder into which a jail or a provider drops files.

Guarantees, whatever moment the process dies at:
* A file is read only once it is complete: closed by the sender's rename or marker, or unchanged for a while.
* A file leaves the folder only by `acknowledge` or `refuse`, by one atomic rename, and never onto another file.
* A file that the sender replaced while we were reading is not moved: the new one is delivered next.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO, Literal

from connectors.delivery import Cursor
from connectors.errors import FeedRejected, FeedUnavailable

_SAFE_PART = re.compile(r"[-_.T0-9Z]*20\d{2}[-_.T0-9Z]*|[-_.]?\d{1,3}|")
"""What a wildcard may have matched and still be printed: a date or a small counter, never a name or a person's number."""


UNFINISHED = (
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".filepart",
    ".crdownload",
    ".uploading",
    ".writing",
    ".swp",
)
"""Endings that programs give to files they have not finished writing."""


@dataclass(frozen=True, slots=True)
class _Print:
    """Which bytes a path held: inode, size and time of change in nanoseconds."""

    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> _Print:
        seen = path.stat()
        return cls(seen.st_ino, seen.st_size, seen.st_mtime_ns)


@dataclass(slots=True)
class FolderDrop:
    """Polls `path` for files that match `pattern`.

    `complete`: how a sender says that a file is whole. `settled`: it has not changed for `settle`, judged by its own
    times or, if the file server's clock is wrong, by what earlier polls saw. `marker`: a file of the same name plus
    `marker` lies beside it. Names in `unfinished` and hidden files are never touched, whatever `pattern` says.
    """

    path: Path
    pattern: str = "*"
    complete: Literal["settled", "marker"] = "settled"
    settle: timedelta = timedelta(seconds=10)
    marker: str = ".done"
    order: Literal["modified", "name"] = "modified"
    unfinished: tuple[str, ...] = UNFINISHED
    afterwards: Literal["move", "delete"] = "move"
    """What becomes of a file that is acknowledged. `done/` holds names and birth dates until somebody empties it."""
    _seen: dict[str, tuple[_Print, datetime]] = field(default_factory=dict)

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[FolderDelivery]:  # noqa: ARG002 - what is left in the folder is the cursor
        """Complete files in a stable order. Raises `FeedUnavailable` when the folder cannot be read."""
        try:
            found = self._candidates()
        except OSError as error:
            raise FeedUnavailable(f"the drop folder cannot be read ({error.strerror})") from error
        self._seen = {name: self._first_seen(name, mark, now) for name, mark in found.items()}
        whole = [name for name, mark in found.items() if self._is_whole(name, mark, now, found)]
        whole.sort(key=lambda name: (found[name].modified if self.order == "modified" else 0, name))
        closed: FeedRejected | None = None
        for name in whole:
            try:
                delivery = self._delivery(name)
            except FeedRejected as error:
                closed = error  # the other files are read first, then somebody is told
                continue
            if delivery is not None:
                yield delivery
        if closed is not None:
            raise closed

    def _candidates(self) -> dict[str, _Print]:
        prints: dict[str, _Print] = {}
        for entry in os.scandir(self.path):
            if entry.name.startswith((".", "~")) or entry.name.lower().endswith(self.unfinished):
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    prints[entry.name] = _Print.of(Path(entry.path))
            except FileNotFoundError:
                continue
        return prints

    def _first_seen(self, name: str, mark: _Print, now: datetime) -> tuple[_Print, datetime]:
        before = self._seen.get(name)
        return before if before is not None and before[0] == mark else (mark, now)

    def _is_whole(self, name: str, mark: _Print, now: datetime, found: dict[str, _Print]) -> bool:
        if not fnmatch.fnmatchcase(name, self.pattern):
            return False
        if self.complete == "marker":
            return name + self.marker in found and not name.endswith(self.marker)
        quiet_since = now - self.settle
        if self._seen[name][1] <= quiet_since:
            return True
        try:
            changed = (self.path / name).stat().st_ctime_ns  # a sender can set the time of modification, not this one
        except OSError:
            return False
        return max(mark.modified, changed) / 1e9 <= quiet_since.timestamp()

    def _delivery(self, name: str) -> FolderDelivery | None:
        path = self.path / name
        try:
            mark = _Print.of(path)
            with path.open("rb") as stream:
                digest = file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise FeedRejected(f"{self.label(name, '')}: the file may not be read; check its owner and mode") from error
        except OSError as error:
            raise FeedUnavailable(f"{self.label(name, '')}: the file cannot be read ({error.strerror})") from error
        return FolderDelivery(self, path, mark, digest)

    def label(self, name: str, digest: str) -> str:
        """`name` for a log."""
        return safe_name(self.pattern, name, digest)


def safe_name(pattern: str, name: str, digest: str) -> str:
    """A file's name for a log. What the wildcards of `pattern` matched is replaced by the file's hash unless it is a date."""
    literal = [re.escape(part) for part in re.split(r"[*?]+", pattern)]
    found = re.fullmatch("(.*?)".join(literal), name)
    if found is not None and all(_SAFE_PART.fullmatch(part) for part in found.groups()):
        return name
    suffix = Path(name).suffix
    return f"file ~{digest[:8]}{suffix if suffix.isascii() and len(suffix) <= 5 else ''}"


@dataclass(frozen=True, slots=True, repr=False)
class FolderDelivery:
    """One file of a drop folder."""

    _folder: FolderDrop
    _path: Path
    _print: _Print
    source_hash: str

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def name(self) -> str:
        return self._folder.label(self._path.name, self.source_hash)

    @property
    def size(self) -> int:
        return self._print.size

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.source_hash)

    def open(self) -> BinaryIO:
        try:
            stream = self._path.open("rb")
        except OSError as error:
            raise FeedUnavailable(f"the file is gone or cannot be read ({error.strerror})") from error
        seen = os.fstat(stream.fileno())
        if _Print(seen.st_ino, seen.st_size, seen.st_mtime_ns) != self._print:
            stream.close()
            raise FeedUnavailable("the sender is still writing the file")
        return stream

    def acknowledge(self) -> None:
        """Move the file to `done/`, or delete it. A file that is still in the folder comes again.

        A file is deleted from `done/`, where it can be looked at again first: never one that was not read.
        """
        target = self._move("done")
        if target is not None and self._folder.afterwards == "delete":
            target.unlink(missing_ok=True)

    def refuse(self, reason: str) -> None:
        """Move the file to `refused/`, with the reason beside it."""
        target = self._move("refused")
        if target is not None:
            target.with_name(target.name + ".reason").write_text(reason + "\n", encoding="utf-8")

    def _move(self, folder: str) -> Path | None:
        """Rename first, look afterwards: what arrived in between is put back, so nothing is moved unread."""
        home = self._path.parent / folder
        target = home / f"{self.source_hash[:12]}-{self._path.name}"
        try:
            home.mkdir(mode=0o700, exist_ok=True)
            if not self._unchanged(self._path):
                return None
            self._path.rename(target)
            if not self._unchanged(target):
                self._put_back(target)
                return None
            if self._folder.complete == "marker":
                self._path.with_name(self._path.name + self._folder.marker).unlink(missing_ok=True)
        except OSError as error:
            raise FeedUnavailable(f"{self.name}: cannot be moved to {folder}/ ({error.strerror})") from error
        return target

    def _unchanged(self, path: Path) -> bool:
        try:
            return _Print.of(path) == self._print
        except FileNotFoundError:
            return False

    def _put_back(self, target: Path) -> None:
        """`link` never replaces: if the sender wrote yet another file meanwhile, this one gets a name of its own."""
        try:
            os.link(target, self._path)
        except FileExistsError:
            os.link(target, self._path.with_name(target.name))
        target.unlink()
