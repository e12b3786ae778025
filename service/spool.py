"""What was pushed to us waits sealed for the next cycle, so that no sender can tell by our answer what came of it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from connectors import Cursor
from service import archive
from service.archive import SUFFIX
from store.envelope import Vault


@dataclass(frozen=True, slots=True)
class SealedSpool:
    """A queue of sealed deliveries in `drop/spool`, in the order in which they were put there."""

    drop: Path
    vault: Vault = field(repr=False)

    @property
    def folder(self) -> Path:
        return self.drop / "spool"

    def put(self, name: str, content: bytes) -> None:
        """Once it returns, the delivery is on the disk and will be read. What waits already is not put twice."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(file.name.endswith(f".{name}{SUFFIX}") for file in self._waiting()):
            return
        number = max((int(file.name.partition(".")[0]) for file in self._waiting()), default=0)
        part = archive.write_sealed(io.BytesIO(content), self.folder / f"{name}{SUFFIX}", self.vault)
        while True:
            number += 1
            try:
                os.link(part, self.folder / f"{number:012d}.{name}{SUFFIX}")  # never replaces another one
            except FileExistsError:
                continue
            break
        part.unlink()
        self._to_disk()

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[SpooledDelivery]:  # noqa: ARG002 - what lies there is what is to be read
        for file in self._waiting():
            yield SpooledDelivery(self.drop, file, b"".join(archive.restore(file, self.vault)))

    def _waiting(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(f for f in self.folder.iterdir() if f.name.endswith(SUFFIX) and not f.name.startswith("."))

    def _to_disk(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True, repr=False)
class SpooledDelivery:
    """One sealed delivery, opened in memory. Settled either way it lies in the archive."""

    drop: Path
    file: Path
    content: bytes

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def name(self) -> str:
        return f"delivery {self.file.name.split('.')[1]}"

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def source_hash(self) -> str:
        return sha256(self.content).hexdigest()

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.source_hash)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)

    def acknowledge(self) -> None:
        target = archive.kept(self.drop, self.file.name.split(".")[1])
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if self.file.exists():
            self.file.replace(target)

    def refuse(self, reason: str) -> None:  # noqa: ARG002 - the reason is in the store
        self.acknowledge()
