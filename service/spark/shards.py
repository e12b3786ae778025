"""Encodings as Parquet: each record is a segment of some thousand people, under the number of the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from matcher import EncodedBatch

SCHEMA = pa.schema([("number", pa.int64()), ("encoding", pa.binary())])
A_FILE = 16
"""Segments in one file; Spark reads several files at once."""


def write(batches: Iterable[EncodedBatch], folder: Path, people: int) -> Iterator[EncodedBatch]:
    """Write batches as they pass, cut into segments of `people`; gives them on."""
    folder.mkdir(parents=True)
    number, pending, files = 0, list[tuple[int, bytes]](), 0
    for batch in batches:
        for lo in range(0, len(batch), people):
            hi = min(lo + people, len(batch))
            pending.append((number + lo, batch.slice(lo, hi).to_bytes()))
            if len(pending) == A_FILE:
                files = _file(folder, files, pending)
        number += len(batch)
        yield batch
    if pending or not files:
        _file(folder, files, pending)


def _file(folder: Path, files: int, pending: list[tuple[int, bytes]]) -> int:
    numbers, segments = [n for n, _ in pending], [s for _, s in pending]
    pq.write_table(pa.table([numbers, segments], schema=SCHEMA), folder / f"part-{files:06d}.parquet")
    pending.clear()
    return files + 1
