"""What was read lies sealed: a drop folder must not become a store of names in plain text.

Every delivery is kept under its opaque name, sealed chunk by chunk, for a replay. A file of a drop folder stands in `done/`
or `refused/` for a moment after it was read; `sweep` seals it and removes the plain one, and a sweep that was cut off is
taken up by the next. What is pulled or pushed never stands anywhere in the clear and is kept by `keep`.
"""

from __future__ import annotations

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


def restore(sealed: Path, vault: Vault) -> Iterator[bytes]:
    """The bytes of a sealed file, in order."""
    name = _name(sealed)
    with sealed.open("rb") as file:
        number = 0
        while head := file.read(4):
            yield vault.open(file.read(int.from_bytes(head, "big")), place=_place(name, number))
            number += 1


def write_sealed(source: BinaryIO, target: Path, vault: Vault) -> Path:
    """Seal beside `target`, to the disk; the caller gives it its name. A sealed file is never half a file."""
    part = target.with_name(f".{target.name}.part")
    with part.open("wb") as out:
        for number, chunk in enumerate(iter(lambda: source.read(CHUNK), b"")):
            sealed = vault.seal(chunk, place=_place(_name(target), number))
            out.write(len(sealed).to_bytes(4, "big") + sealed)
        out.flush()
        os.fsync(out.fileno())
    return part


def _seal(plain: Path, target: Path, vault: Vault) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    with plain.open("rb") as source:
        write_sealed(source, target, vault).replace(target)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_file()) if folder.is_dir() else []


def _name(sealed: Path) -> str:
    """The delivery's name: a spooled file has its place in the queue before it."""
    return sealed.name.removesuffix(SUFFIX).rpartition(".")[2]


def _place(name: str, number: int) -> str:
    return f"archive/{name}/{number}"
