"""Files of a drop folder that were read before, for `feed replay` and for a retry after a mapping was mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from connectors.delivery import Cursor
from connectors.errors import FeedUnavailable
from connectors.transports.folder import FolderDrop

REASON = ".reason"
"""Ending of the note beside a refused file."""


@dataclass(frozen=True, slots=True, repr=False)
class KeptFile:
    """A file in `done/` or `refused/`. Acknowledged, a refused one moves to `done/`; refused again, it stays."""

    _path: Path
    name: str
    source_hash: str

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def size(self) -> int:
        return self._path.stat().st_size

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.source_hash)

    def open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise FeedUnavailable(f"the kept file cannot be read ({error.strerror})") from error

    def acknowledge(self) -> None:
        if self._path.parent.name == "refused" and self._path.exists():
            home = self._path.parent.parent / "done"
            home.mkdir(mode=0o700, exist_ok=True)
            self._path.rename(home / self._path.name)
            self._path.with_name(self._path.name + REASON).unlink(missing_ok=True)

    def refuse(self, reason: str) -> None:
        if self._path.parent.name == "refused":
            self._path.with_name(self._path.name + REASON).write_text(reason + "\n", encoding="utf-8")


def kept_files(drop: FolderDrop) -> Iterator[KeptFile]:
    """Every file that was refused or read, refused ones first. Read them with `Connector.receive`."""
    for folder in ("refused", "done"):
        home = drop.path / folder
        for path in sorted(home.iterdir()) if home.is_dir() else ():
            if path.is_file() and not path.name.endswith(REASON):
                with path.open("rb") as stream:
                    digest = file_digest(stream, "sha256").hexdigest()
                yield KeptFile(path, drop.label(path.name.partition("-")[2], digest), digest)


def kept_file(drop: FolderDrop, source_hash: str) -> KeptFile | None:
    """The kept file with this hash, if it is still there."""
    return next((kept for kept in kept_files(drop) if kept.source_hash == source_hash), None)
