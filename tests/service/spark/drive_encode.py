"""Encodes the same file here and on a cluster, one of whose workers is killed meanwhile."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from config import KeyUnavailable
from matcher import EncodedBatch, Encoder, LinkageKey, default_model
from service import encodings
from service.common_form import encoded_rows, rows
from service.encode import Work, run_encode
from service.link import run_link
from service.spark.encoding import Spreading
from tests.service.spark.cluster import credentials

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEY = LinkageKey("e", "k", bytes(range(7, 39)))

ROWS, PEOPLE = 100, 40
"""In one part, and in one segment."""
MODEL = default_model()


class Watched(Spreading):
    """Says when the ids are known and the encoding begins."""

    begun = threading.Event()

    def _repeated(self, *what: Any) -> Any:
        found = super()._repeated(*what)
        self.begun.set()
        return found


def encode_everywhere(folder: Path, spark: SparkSession, group: int) -> dict[str, Any]:
    """What came of it. `group` is the process group of the worker that is killed."""
    _as_parquet(folder)
    here = _encode(folder, "roster.csv", "here")
    said: dict[str, Any] = {"people": here.people, "parts": here.parts}
    in_parquet = _encode(folder, "roster.parquet", "here-parquet")
    for name, local in (("csv", here), ("parquet", in_parquet)):
        report = _encode(folder, f"roster.{name}", f"there-{name}", spread=Spreading(spark, "cluster"))
        said[f"report-{name}"] = report == local
    try:
        _encode(folder, "roster.csv", "refused", spread=Spreading(spark, "another"))
    except KeyUnavailable as refused:
        said["refused"] = str(refused)
    killer = threading.Thread(target=_kill_while_encoding, args=(credentials(folder, 1) / "held", group))
    killer.start()
    said["report-killed"] = _encode(folder, "roster.csv", "killed", spread=Watched(spark, "held")) == here
    killer.join()
    whole = EncodedBatch.concat([b for _, b in encoded_rows(folder / "roster.csv", "client_id", Encoder(KEY, MODEL))])
    for name in ("here", "here-parquet", "there-csv", "there-parquet", "killed"):
        said[name] = (
            EncodedBatch.concat([batch for _, batch in _folder(folder / name).read()]).to_bytes() == whole.to_bytes()
        )
    said["segments"] = [_segments(folder / name) == _segments(folder / "here") for name in ("there-csv", "killed")]
    run_link(folder / "there-csv", folder / "bookings.csv", folder / "linked.csv", model=MODEL, key=KEY)
    said["links"] = (folder / "linked.csv").read_bytes() == (folder / "links.csv").read_bytes()
    return said


def _as_parquet(folder: Path) -> None:
    table = list(rows(folder / "roster.csv", ()))
    columns = [pa.array(column) for column in zip(*(row for _, _, row in table), strict=True)]
    parquet.write_table(pa.table(columns, names=table[0][1]), folder / "roster.parquet", row_group_size=ROWS)


def _encode(folder: Path, source: str, out: str, spread: Any = None) -> Any:
    work = Work(folder / source, folder / out, "roster", PEOPLE)
    return run_encode(work, model=MODEL, key=KEY, random=os.urandom, rows_at_once=ROWS, spread=spread)


def _folder(path: Path) -> encodings.Folder:
    return encodings.Folder(path, "roster", Encoder(KEY, MODEL).header, encodings.vault_of(KEY, os.urandom))


def _segments(path: Path) -> list[tuple[list[str], bytes]]:
    """Ids and bytes of every segment, as they lie there but for the seal."""
    run = json.loads((path / encodings.LIST).read_text("utf-8"))["run"]
    written = replace(_folder(path), run=run)
    parts = len(list(path.glob("part-*.parquet")))
    return [(ids, batch.to_bytes()) for n in range(parts) for ids, batch in written.segments(n)]


def _kill_while_encoding(held: Path, group: int) -> None:
    """The second worker's credential is a pipe: it waits for us at every part, and at its first one to encode it is killed."""
    text = (held.with_name("cluster")).read_bytes()
    while True:
        try:
            pipe = os.open(held, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as nobody:
            if nobody.errno != errno.ENXIO:
                raise
            time.sleep(0.01)  # nobody reads it yet
            continue
        if Watched.begun.is_set():
            os.killpg(group, signal.SIGKILL)
            os.close(pipe)
            return
        os.write(pipe, text)
        os.close(pipe)
        time.sleep(0.05)  # until the reader has seen the end, so that it is not met twice
