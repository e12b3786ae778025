"""What was pushed to us waits sealed for the next cycle, so that no sender can tell by our answer what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from config import Retry
from connectors import Cursor
from service import archive
from service.archive import SUFFIX, Sealing
from store.envelope import Vault

_LEFT_OVER = timedelta(days=1)
"""After which what never came to its end is cleared away."""


class CannotKeep(Retry):
    """There is no room for what was sent. The sender still has it and sends it again."""


class Incoming:
    """A delivery while it arrives: sealed piece by piece, so that it is never in the clear on a disk nor whole in memory.

    `name` is made up, since what arrives gets its name from its content. Raises CannotKeep.
    """

    def __init__(self, folder: Path, vault: Vault, name: str) -> None:
        self._file, self._vault, self._digest = folder / f".{name}{SUFFIX}", vault, sha256()
        self.size = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._out = self._file.open("wb")
        except OSError as fault:
            raise CannotKeep("what was sent cannot be kept") from fault
        self._sealing = Sealing(self._out, self._file, vault)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever became of it: it lies in the spool under its own name, or it was not taken."""
        self._out.close()
        self._file.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        try:
            self._sealing.write(piece)
        except OSError as fault:
            raise CannotKeep("what was sent cannot be kept") from fault

    def arrived(self) -> Arrived:
        """That was all of it."""
        try:
            self._sealing.finish()
        except OSError as fault:
            raise CannotKeep("what was sent cannot be kept") from fault
        return Arrived(self._file, self._vault, self._digest.hexdigest(), self.size)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery that was pushed, to be read through before it is kept or refused."""

    file: Path
    vault: Vault = field(repr=False)
    source_hash: str
    size: int
    name: str = "delivery"

    @property
    def cursor(self) -> Cursor:
        return Cursor("")

    def open(self) -> BinaryIO:
        return archive.reader(self.file, self.vault)

    def acknowledge(self) -> None:
        """The spool does that."""

    def refuse(self, reason: str) -> None:
        """The spool does that."""


@dataclass(frozen=True, slots=True)
class Seals:
    """What waits is sealed to last; what was read is archived under its day's key."""

    waiting: Vault = field(repr=False)
    archived: Callable[[], Vault] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedSpool:
    """A queue of sealed deliveries in `drop/spool`, in the order in which they were put there."""

    drop: Path
    seals: Seals = field(repr=False)

    @property
    def folder(self) -> Path:
        return self.drop / "spool"

    def incoming(self, name: str) -> Incoming:
        return Incoming(self.folder, self.seals.waiting, name)

    def put(self, name: str, source: BinaryIO) -> None:
        """Once it returns, the delivery is on the disk and will be read. What waits already is not put twice.

        Raises CannotKeep.
        """
        if any(file.name.endswith(f".{name}{SUFFIX}") for file in self._waiting()):
            return
        try:
            self._put(name, source)
        except OSError as fault:
            raise CannotKeep("what was sent cannot be kept") from fault

    def set_aside(self, name: str, source: BinaryIO) -> None:
        """Keep what is refused, sealed, for a person. Raises CannotKeep."""
        try:
            archive.keep(self.drop, name, source, self.seals.archived())
        except OSError as fault:
            raise CannotKeep("what was sent cannot be kept") from fault

    def _put(self, name: str, source: BinaryIO) -> None:
        number = max((int(file.name.partition(".")[0]) for file in self._waiting()), default=0)
        part = archive.write_sealed(source, self.folder / f"{name}{SUFFIX}", self.seals.waiting)
        while True:
            number += 1
            with suppress(FileExistsError):
                os.link(part, self.folder / f"{number:012d}.{name}{SUFFIX}")  # never replaces another one
                break
        part.unlink()
        self._to_disk()

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[SpooledDelivery]:  # noqa: ARG002 - what lies there is what is to be read
        self._clear_away(now)
        for file in self._waiting():
            yield SpooledDelivery.of(self.drop, file, self.seals)

    def _waiting(self) -> list[Path]:
        return [file for file in self._files() if not file.name.startswith(".")]

    def _files(self) -> list[Path]:
        return sorted(f for f in self.folder.iterdir() if SUFFIX in f.name) if self.folder.is_dir() else []

    def _clear_away(self, now: datetime) -> None:
        """What a process was killed over was never acknowledged, so its sender has it still."""
        for file in self._files():
            with suppress(OSError):
                if file.name.startswith(".") and now.timestamp() - file.stat().st_mtime > _LEFT_OVER.total_seconds():
                    file.unlink()

    def _to_disk(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True, repr=False)
class SpooledDelivery:
    """One sealed delivery, opened piece by piece. Settled either way it lies in the archive."""

    drop: Path
    file: Path
    seals: Seals
    source_hash: str
    size: int

    @classmethod
    def of(cls, drop: Path, file: Path, seals: Seals) -> SpooledDelivery:
        digest, size = sha256(), 0
        for piece in archive.restore(file, seals.waiting):
            digest.update(piece)
            size += len(piece)
        return cls(drop, file, seals, digest.hexdigest(), size)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def name(self) -> str:
        return f"delivery {self.file.name.split('.')[1]}"

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.source_hash)

    def open(self) -> BinaryIO:
        return archive.reader(self.file, self.seals.waiting)

    def acknowledge(self) -> None:
        with self.open() as source:
            archive.keep(self.drop, self.file.name.split(".")[1], source, self.seals.archived())
        self.file.unlink(missing_ok=True)

    def refuse(self, reason: str) -> None:  # noqa: ARG002 - the reason is in the store
        self.acknowledge()
