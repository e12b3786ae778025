"""Files that were read lie sealed: a drop folder must not become a store of names in plain text.

After a delivery is committed its file stands in `done/` for a moment. `sweep` seals each such file, chunk by chunk, into
`archive/` and removes the plain one; a sweep that was cut off is taken up by the next. `restore` gives the bytes
back for a replay.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from store.envelope import Vault

CHUNK = 60_000  # with its length this fills the largest size class of an envelope
SUFFIX = ".sealed"


def sweep(drop: Path, vault: Vault) -> int:
    """Seal every file of `drop/done` into `drop/archive`. Returns how many."""
    done = drop / "done"
    files = sorted(f for f in done.iterdir() if f.is_file()) if done.is_dir() else []
    for file in files:
        _seal(file, drop / "archive" / (file.name + SUFFIX), vault)
        file.unlink()
    return len(files)


def restore(sealed: Path, vault: Vault) -> Iterator[bytes]:
    """The bytes of an archived file, in order."""
    name = sealed.name.removesuffix(SUFFIX)
    with sealed.open("rb") as file:
        number = 0
        while head := file.read(4):
            yield vault.open(file.read(int.from_bytes(head, "big")), place=_place(name, number))
            number += 1


def _seal(plain: Path, target: Path, vault: Vault) -> None:
    """Written whole beside its place, then renamed: a file in the archive is never half a file."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with plain.open("rb") as source, part.open("wb") as out:
        for number, chunk in enumerate(iter(lambda: source.read(CHUNK), b"")):
            sealed = vault.seal(chunk, place=_place(plain.name, number))
            out.write(len(sealed).to_bytes(4, "big") + sealed)
        out.flush()
        os.fsync(out.fileno())
    part.replace(target)


def _place(name: str, number: int) -> str:
    return f"archive/{name}/{number}"
