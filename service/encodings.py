"""Encodings that rest in files: a folder of Parquet, each record a sealed segment of some thousand people and their ids.

They are sealed under a key that follows from the linkage key: whoever holds that can read them anyway, and nobody else can.
A folder is of one header (version, key, epoch and schema of the encoding), and whole once its list is there.
"""

from __future__ import annotations

import json
import os
import tempfile
from base64 import b32encode, b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from config import Refuse, TellPerson
from config.durable import write_whole
from matcher import EncodedBatch, EncodingHeader, LinkageKey
from service import tabular
from service.common_form import Encoded
from store.envelope import DataKey, RandomBytes, Vault
from store.errors import EnvelopeDamaged, KeyDestroyed

Kind = Literal["roster", "bookings"]
ID_COLUMNS: dict[Kind, str] = {"roster": "client_id", "bookings": "booking_id"}
LIST = "encodings.json"
PEOPLE = 2_000
"""In one segment."""


def vault_of(key: LinkageKey, random: RandomBytes) -> Vault:
    """Seals and opens segments of this key's encodings."""
    name = b32encode(key.derive("segments/name", 16))[:26].decode().lower()
    return Vault({name: DataKey(name, key.derive("segments", 32))}, name, random)


def is_folder(path: Path) -> bool:
    """Whether encodings lie there, and no text."""
    return path.is_dir()


@dataclass(frozen=True, slots=True)
class Folder:
    """Encodings of one kind, to be written or read. What is sealed is bound to the `run` that made it; who reads learns it from the list."""

    path: Path
    kind: Kind
    header: EncodingHeader
    vault: Vault
    run: str = ""

    def write(self, part: int, encoded: Encoded, people: int = PEOPLE) -> int:
        """Write one part, whole or not at all, in place of one of the same number. Returns how many people it holds."""
        sealed = [self._sealed(part, n, *segment) for n, segment in enumerate(_segments(encoded, people))]
        table = _table([(part, n, count, data) for n, (count, data) in enumerate(sealed)])
        target = self._file(part)
        handle, beside = tempfile.mkstemp(prefix=".part", dir=self.path)  # two workers may write the same part
        with os.fdopen(handle, "wb") as file:
            tabular.parquet().write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(target)
        return sum(count for count, _ in sealed)

    def finish(self, counts: list[int]) -> None:
        """Say that it is whole: how many people each part holds."""
        sealed = self.vault.seal(json.dumps(counts).encode(), place=self._place("list", self.run))
        said = {"header": asdict(self.header), "kind": self.kind, "run": self.run, "parts": b64encode(sealed).decode()}
        write_whole(self.path / LIST, (json.dumps(said, indent=1, sort_keys=True) + "\n").encode())

    def read(self) -> Encoded:
        """Ids and encodings, a part at a time.

        Raises HeaderMismatch where they are of another key, epoch, version or schema, Refuse for another kind, TellPerson
        where the folder is not whole or was altered.
        """
        run, counts = self._listed()
        written = replace(self, run=run)
        for number, people in enumerate(counts):
            ids, batches = list[str](), list[EncodedBatch]()
            for some, batch in written.segments(number):
                ids += some
                batches.append(batch)
            if len(ids) != people:
                raise TellPerson(f"{self.path.name}: part {number} is not the one that was written")
            if batches:
                yield ids, EncodedBatch.concat(batches)

    def _listed(self) -> tuple[str, list[int]]:
        """The run that made it, and how many people each part holds."""
        try:
            said = json.loads((self.path / LIST).read_text("utf-8"))
            header, kind, run = EncodingHeader(**said["header"]), said["kind"], str(said["run"])
            sealed = b64decode(said["parts"])
        except FileNotFoundError:
            raise TellPerson(f"{self.path.name}: no {LIST}: encoding it was not finished") from None
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise TellPerson(f"{self.path.name}: {LIST} cannot be read ({type(fault).__name__})") from None
        self.header.require(header)
        if kind != self.kind:
            raise Refuse(f"{self.path.name} holds encodings of {kind}, not of {self.kind}")
        return run, json.loads(self._opened(sealed, self._place("list", run)))

    def segments(self, part: int) -> Iterator[tuple[list[str], EncodedBatch]]:
        """Ids and encodings of one part of this run, as they were sealed. Raises as `read`."""
        for _, _, n, sealed in _records(self._file(part)):
            plain = self._opened(sealed, self._place(f"{part}/{n}", self.run))
            end = 4 + int.from_bytes(plain[:4], "big")
            yield json.loads(plain[4:end]), EncodedBatch.from_bytes(plain[end:], self.header)

    def _sealed(self, part: int, number: int, ids: list[str], batch: EncodedBatch) -> tuple[int, bytes]:
        listed = json.dumps(ids).encode()
        plain = len(listed).to_bytes(4, "big") + listed + batch.to_bytes()
        return len(ids), self.vault.seal(plain, place=self._place(f"{part}/{number}", self.run))

    def _opened(self, sealed: bytes, place: str) -> bytes:
        try:
            return self.vault.open(sealed, place=place)
        except (EnvelopeDamaged, KeyDestroyed):
            what = place.partition(f"/{self.kind}/")[2]
            raise TellPerson(f"{self.path.name}: {what} was altered, moved, or sealed under another key") from None

    def _place(self, what: str, run: str) -> str:
        return f"encodings/{run}/{self.kind}/{what}"

    def _file(self, part: int) -> Path:
        return self.path / f"part-{part:06d}.parquet"


def _segments(encoded: Encoded, people: int) -> Iterator[tuple[list[str], EncodedBatch]]:
    for ids, batch in encoded:
        for lo in range(0, len(batch), people):
            hi = min(lo + people, len(batch))
            yield ids[lo:hi], batch.slice(lo, hi)


def _table(records: list[tuple[int, int, int, bytes]]) -> Any:
    import pyarrow as pa

    kinds = (("part", pa.int32()), ("segment", pa.int32()), ("people", pa.int32()), ("sealed", pa.binary()))
    columns = list(zip(*records, strict=True)) or [()] * len(kinds)
    return pa.table([pa.array(c, k) for c, (_, k) in zip(columns, kinds, strict=True)], names=[n for n, _ in kinds])


def _records(file: Path) -> Iterator[tuple[Path, int, int, bytes]]:
    try:
        for batch in tabular.parquet().ParquetFile(file).iter_batches(64):
            for part, n, sealed in zip(*(batch[c].to_pylist() for c in ("part", "segment", "sealed")), strict=True):
                yield file, part, n, sealed
    except (OSError, ValueError, KeyError) as fault:
        raise TellPerson(f"{file.name}: cannot be read ({type(fault).__name__})") from None
