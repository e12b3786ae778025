"""Encoding on a cluster whose workers are trusted with the key: each reads its own part of the file, and seals what it writes.

Through Spark itself pass numbers of parts, lines and people, and keyed digests of ids; no text of a row, no encoding and no key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from config import KeyUnavailable, Retry, TellPerson, WarmlinkError
from matcher import Encoder, LinkageKey, Model
from matcher.kernels import Kernel
from service.common_form import BadRow, fault
from service.encode import PartDone, Work, encode_part
from service.encodings import Folder, vault_of
from service.hygiene import seal_process
from service.parts import Part, rows_of
from service.spark.handover import SealedKey, credential_at

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Batches = Iterator[pa.RecordBatch]
IDS = "digest binary, part long, line long"
DONE = "part long, people long, bad string, fault string"
_IDS = pa.schema([("digest", pa.binary()), ("part", pa.int64()), ("line", pa.int64())])
_DONE = pa.schema([("part", pa.int64()), ("people", pa.int64()), ("bad", pa.string()), ("fault", pa.string())])
Lines = Mapping[int, frozenset[int]]
"""Of each part, lines whose id stands earlier in the file."""


class PartFailed(Retry):
    """A worker could not read or write a part. Says which and what kind of fault, never what the part held."""


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker is told. It opens nothing without the worker's own credential."""

    work: Work
    parts: tuple[Part, ...]
    model: str
    key: SealedKey
    credential: str
    kernel: Kernel

    def opened(self) -> LinkageKey:
        """The linkage key, in a process that is not dumped. Raises KeyUnavailable."""
        seal_process()
        return self.key.opened(credential_at(self.credential, os.environ))


@dataclass(frozen=True, slots=True)
class Spreading:
    """Encodes the parts of a file on the cluster. `credential` is where the workers, and this process, find the cluster's."""

    spark: SparkSession
    credential: str

    def __call__(
        self, work: Work, parts: Sequence[Part], key: LinkageKey, model: Model, kernel: Kernel
    ) -> list[PartDone]:
        """Raises KeyUnavailable where a worker has no key, TellPerson for a file at fault, Retry where the cluster is."""
        if not parts:
            return []
        sealed = SealedKey.of(key, credential_at(self.credential, os.environ))
        seen_from_anywhere = replace(work, source=work.source.resolve(), out=work.out.resolve())
        job = Job(seen_from_anywhere, tuple(parts), model.to_json(), sealed, self.credential, kernel)
        numbers = self.spark.range(0, len(parts), 1, len(parts))
        rows = numbers.mapInArrow(encoding(job, self._repeated(job, numbers)), DONE).collect()
        if failed := sorted(row.fault for row in rows if row.fault):
            raise _told(failed[0])
        return [_part_done(work, row) for row in rows]

    def _repeated(self, job: Job, numbers: Any) -> Lines:
        """Lines whose id stands earlier in the file, found by digests under the linkage key."""
        from pyspark.sql import functions as f

        where = f.sort_array(f.collect_list(f.struct("part", "line"))).alias("where")
        found = numbers.mapInArrow(digests(job), IDS).groupBy("digest").agg(where).where(f.size("where") > 1).collect()
        again: dict[int, set[int]] = {}
        for row in found:
            for part, line in row.where[1:]:
                again.setdefault(part, set()).add(line)
        return {part: frozenset(lines) for part, lines in again.items()}


def digests(job: Job) -> Callable[[Batches], Batches]:
    """For each row that can be used: a digest of its id. Rows of a part at fault are left to `encoding`, which says so."""

    def run(batches: Batches) -> Batches:
        for part in _parts(job, batches):
            try:
                found = list(_digests(job, part))
            except WarmlinkError:
                continue
            except Exception as error:  # noqa: BLE001 - what a library says of a row may be the row
                raise PartFailed(f"part {part.number} could not be read ({type(error).__name__})") from None
            columns = list(zip(*found, strict=True)) or [(), (), ()]
            yield pa.RecordBatch.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, _IDS, strict=True)], schema=_IDS
            )

    return run


def _digests(job: Job, part: Part) -> Iterator[tuple[bytes, int, int]]:
    key, column = job.opened().derive("segments/ids", 32), job.work.id_column
    for line, heading, row in rows_of(job.work.source, part, job.work.needed):
        at = {name: i for i, name in enumerate(heading)}
        if not fault(at, row, column):
            yield blake2b(row[at[column]].strip().encode(), key=key, digest_size=16).digest(), part.number, line


def encoding(job: Job, again: Lines) -> Callable[[Batches], Batches]:
    """Encodes and writes parts. What a person has to mend comes back as an answer: trying four times would not mend it."""

    def run(batches: Batches) -> Batches:
        for part in _parts(job, batches):
            try:
                done = _encoded(job, part, again.get(part.number, frozenset()))
                answer = part.number, done.people, json.dumps([(b.line, b.reason) for b in done.bad]), ""
            except KeyUnavailable as missing:
                answer = part.number, 0, "[]", f"key: {missing}"
            except TellPerson as wrong:
                answer = part.number, 0, "[]", f"file: {wrong}"
            except Exception as error:  # noqa: BLE001 - what a library says of a row may be the row
                raise PartFailed(f"part {part.number} could not be encoded ({type(error).__name__})") from None
            yield pa.RecordBatch.from_arrays(
                [pa.array([v], f.type) for v, f in zip(answer, _DONE, strict=True)], schema=_DONE
            )

    return run


def _encoded(job: Job, part: Part, again: frozenset[int]) -> PartDone:
    key = job.opened()
    encoder = Encoder(key, Model.from_json(job.model), kernel=job.kernel)
    into = Folder(job.work.out, job.work.kind, encoder.header, vault_of(key, os.urandom), job.work.run)
    return encode_part(job.work, part, encoder, into, lambda line, _: line in again)


def _parts(job: Job, batches: Batches) -> Iterator[Part]:
    for batch in batches:
        for number in batch["id"].to_pylist():
            yield job.parts[number]


def _part_done(work: Work, row: Any) -> PartDone:
    return PartDone(row.part, row.people, tuple(BadRow(work.source.name, n, why) for n, why in json.loads(row.bad)))


def _told(said: str) -> WarmlinkError:
    kind, _, words = said.partition(": ")
    return KeyUnavailable(f"on a worker: {words}") if kind == "key" else TellPerson(words)
