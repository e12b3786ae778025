"""Batch linkage of two files in the common form, over encodings only and without a database.

The text of a chunk is encoded and dropped before the next is read; what stays in memory are encodings and ids.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TextIO

from matcher import EncodedBatch, Encoder, LinkageKey, Model, Prior, RosterIndex, Verdict, link_file
from matcher.evaluate import Accuracy, accuracy
from matcher.verdict import BookingLinks
from service import encodings, tabular
from service.common_form import BadRow, Encoded, Intake, Progress, opened, rows, silent

STEP = 5_000
"""Bookings decided between two reports of progress."""

HEADINGS = ("booking_id", "client_id", "verdict", "match_weight", "probability", "margin", "levels")


class Writer(Protocol):
    """The part of a CSV writer that is used here."""

    def writerow(self, row: Iterable[object], /) -> object: ...


Narrowed = Callable[[Encoded, Callable[[], Encoded]], tuple[RosterIndex, int]]
"""Gives an index that answers the bookings as one of the whole roster would, and how many pairs were compared for it."""


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What a batch linkage did. `accuracy` is there when the truth was given."""

    clients: int
    bookings: int
    candidates: int
    links: dict[Verdict, int]
    """Links written, by verdict."""
    verdicts: dict[Verdict, int]
    """Bookings, by their best link's verdict."""
    bad_rows: tuple[BadRow, ...]
    model_hash: str
    accuracy: Accuracy | None = None


@dataclass(slots=True)
class _Tally:
    candidates: int = 0
    bookings: int = 0
    links: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    verdicts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    found: list[tuple[str, str, Verdict, float]] = field(default_factory=list)


def run_link(
    roster: Path,
    bookings: Path,
    out: Path,
    truth: Path | None = None,
    *,
    model: Model,
    key: LinkageKey,
    exhaustive: bool = False,
    kernel: Literal["numpy", "fast"] = "numpy",
    prior: Prior = "estimate",
    progress: Progress = silent,
    narrowed: Narrowed | None = None,
) -> LinkReport:
    """Links `bookings` to `roster` and writes one line per link worth looking at to `out`.

    Both are files in the common form, or folders of encodings under this key. Raises HeaderMismatch for encodings of another key,
    epoch or schema, TellPerson for a file that cannot be read or lacks a required column; single bad rows are counted and
    named by line in the report.
    """
    encoder, bad, booked = Encoder(key, model, kernel=kernel), list[BadRow](), list[str]()
    clients, events = _People(roster, "roster", key, encoder), _People(bookings, "bookings", key, encoder)
    compared: int | None = None
    if narrowed is not None:
        index, compared = narrowed(clients.read(bad, progress), lambda: events.read([]))
    else:
        index = RosterIndex(model, exhaustive=exhaustive, kernel=kernel)
        for ids, batch in clients.read(bad, progress):
            index.add(batch, ids)
    tally = _Tally()
    with _table(out) as writer:
        writer.writerow(HEADINGS)
        read = events.read(bad, progress)
        # All are read before the first is decided: by then the ids are complete.
        for result, booking in zip(link_file(noted(read, booked), index, prior), booked, strict=True):
            _write(writer, booking, result, tally)
            if tally.bookings % STEP == 0:
                progress("link", tally.bookings)
    measured = accuracy(tally.found, true_pairs(truth)) if truth else None
    return LinkReport(
        len(index),
        tally.bookings,
        tally.candidates if compared is None else compared,
        tally.links,
        tally.verdicts,
        tuple(bad),
        model.hash,
        measured,
    )


@dataclass(frozen=True, slots=True)
class _People:
    """A file to be encoded, or a folder of encodings of before."""

    path: Path
    kind: encodings.Kind
    key: LinkageKey
    encoder: Encoder

    def read(self, bad: list[BadRow], progress: Progress = silent) -> Encoded:
        """Ids and encodings; rows that were left out now are noted."""
        if encodings.is_folder(self.path):
            vault = encodings.vault_of(self.key, os.urandom)
            return encodings.Folder(self.path, self.kind, self.encoder.header, vault).read()
        intake = Intake(self.path, self.kind, self.encoder, bad, progress)
        return intake.batches(encodings.ID_COLUMNS[self.kind])


def noted(batches: Iterable[tuple[list[str], EncodedBatch]], ids: list[str]) -> Iterator[EncodedBatch]:
    """The batches, with their ids written into `ids` as they pass."""
    for some, batch in batches:
        ids.extend(some)
        yield batch


@contextmanager
def _table(path: Path) -> Iterator[Writer]:
    """A table to write, Parquet or CSV by its name."""
    if path.suffix == tabular.SUFFIX:
        writer = tabular.ParquetWriter(path)
        yield writer
        writer.close()
        return
    with opened(path, _writing) as stream:
        yield csv.writer(stream, lineterminator="\n")


def _write(writer: Writer, booking: str, result: BookingLinks, tally: _Tally) -> None:
    tally.bookings += 1
    tally.candidates += result.candidates
    tally.verdicts[result.verdict] += 1
    for each in result.links:
        tally.links[each.verdict] += 1
        tally.found.append((booking, each.client, each.verdict, each.probability))
        numbers = (f"{each.weight:.3f}", f"{each.probability:.6g}", f"{each.margin:.3f}")
        writer.writerow((booking, each.client, each.verdict.value, *numbers, each.levels_text))


def _writing(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def true_pairs(path: Path) -> set[tuple[str, str]]:
    """The true (booking, client) pairs."""
    pairs = set()
    for _, heading, row in rows(path, ("booking_id", "client_id")):
        if len(row) == len(heading):
            pairs.add((row[heading.index("booking_id")].strip(), row[heading.index("client_id")].strip()))
    return pairs
