"""What was read lies sealed: a drop folder must not become a store of names in plain text.

Every delivery is kept under its opaque name, sealed chunk by chunk under its day's key, for a replay within the match window. A file of a drop folder stands in `done/`
or `refused/` for a moment after it was read; `sweep` seals it and removes the plain one, and a sweep that was cut off is
taken up by the next. What is pulled or pushed never stands anywhere in the clear and is kept by `keep`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from store.envelope import Vault

CHUNK = 60_000  # with its length this fills the largest size class of an envelope
SUFFIX = ".sealed"
_NOTE = ".reason"  # beside a refused file; the reason is in the store too


def sweep(drop: Path, vault: Vault, name_of: Callable[[str], str]) -> int:
    """Seal every file that was read or refused into `drop/archive`, named by `name_of` its SHA-256. Returns how many."""
    files = [f for folder in ("done", "refused") for f in _files(drop / folder)]
    for file in files:
        if file.suffix != _NOTE:
            with file.open("rb") as source:
                digest = file_digest(source, "sha256").hexdigest()
            _seal(file, kept(drop, name_of(digest)), vault)
        file.unlink()
    return sum(file.suffix != _NOTE for file in files)


def keep(drop: Path, name: str, source: BinaryIO, vault: Vault) -> None:
    """Keep what did not come as a file. Once it returns it is on the disk; a second time changes nothing."""
    target = kept(drop, name)
    if not target.exists():
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = write_sealed(source, target, vault)
        part.replace(target)


def kept(drop: Path, name: str) -> Path:
    """Where the delivery of that name lies, if it is there."""
    return drop / "archive" / f"{name}{SUFFIX}"


def all_kept(drop: Path) -> list[Path]:
    """Every archived delivery of a feed."""
    return [file for file in _files(drop / "archive") if file.suffix == SUFFIX]


def restore(sealed: Path, vault: Vault) -> Iterator[bytes]:
    """The bytes of a sealed file, in order."""
    name = delivery_of(sealed)
    with sealed.open("rb") as file:
        number = 0
        while head := file.read(4):
            yield vault.open(file.read(int.from_bytes(head, "big")), place=_place(name, number))
            number += 1


def reader(sealed: Path, vault: Vault) -> BinaryIO:
    """The bytes of a sealed file as a stream: one piece of it is in memory at a time."""
    return io.BufferedReader(_Pieces(restore(sealed, vault)))


def write_sealed(source: BinaryIO, target: Path, vault: Vault) -> Path:
    """Seal beside `target`, to the disk; the caller gives it its name. A sealed file is never half a file."""
    part = target.with_name(f".{target.name}.part")
    with part.open("wb") as out:
        sealing = Sealing(out, target, vault)
        for chunk in iter(lambda: source.read(CHUNK), b""):
            sealing.write(chunk)
        sealing.finish()
    return part


class Sealing:
    """Seals what comes in pieces of any size into an open file, which will bear the name of `target`."""

    def __init__(self, out: BinaryIO, target: Path, vault: Vault) -> None:
        self._out, self._name, self._vault = out, delivery_of(target), vault
        self._kept, self._number = bytearray(), 0

    def write(self, piece: bytes) -> None:
        self._kept += piece
        while len(self._kept) >= CHUNK:
            self._seal(CHUNK)

    def finish(self) -> None:
        """Once it returns, everything is on the disk."""
        if self._kept:
            self._seal(len(self._kept))
        self._out.flush()
        os.fsync(self._out.fileno())

    def _seal(self, size: int) -> None:
        sealed = self._vault.seal(bytes(self._kept[:size]), place=_place(self._name, self._number))
        self._out.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1
        del self._kept[:size]


class _Pieces(io.RawIOBase):
    """Pieces of bytes as the raw end of a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed wants its private buffer protocol
        self._rest = self._rest or next(self._pieces, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _seal(plain: Path, target: Path, vault: Vault) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    with plain.open("rb") as source:
        write_sealed(source, target, vault).replace(target)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_file()) if folder.is_dir() else []


def delivery_of(sealed: Path) -> str:
    """The name of the delivery that lies in a file: a spooled file has its place in the queue before it."""
    return sealed.name.removesuffix(SUFFIX).rpartition(".")[2]


def _place(name: str, number: int) -> str:
    return f"archive/{name}/{number}"
