"""Batch linkage of two files in the common form, over encodings only and without a database.

The text of a chunk is encoded and dropped before the next is read; what stays in memory are encodings and ids.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol, TextIO

from config.errors import TellPerson
from matcher import EncodedBatch, Encoder, LinkageKey, Model, Prior, RosterIndex, Verdict, link_file
from matcher.evaluate import Accuracy, accuracy
from matcher.verdict import BookingLinks
from service import tabular

CHUNK = 50_000
"""Rows read and encoded at once."""
STEP = 5_000
"""Bookings decided between two reports of progress."""

COLUMNS = {
    "first": "first_name", "middle": "middle_name", "last": "last_name", "suffix": "suffix", "birth_date": "dob",
    "sex": "sex", "ssn4": "ssn_last4", "phone": "phone", "street": "street", "city": "city", "state": "state", "zip": "zip",
}  # fmt: skip
"""Identity field -> column of the common form. Only the names are required."""
HEADINGS = ("booking_id", "client_id", "verdict", "match_weight", "probability", "margin", "levels")


class Writer(Protocol):
    """The part of a CSV writer that is used here."""

    def writerow(self, row: Iterable[object], /) -> object: ...


Encoded = Iterator[tuple[list[str], EncodedBatch]]
Narrowed = Callable[[Encoded, Callable[[], Encoded]], tuple[RosterIndex, int]]
"""Gives an index that answers the bookings as one of the whole roster would, and how many pairs were compared for it."""

Progress = Callable[[str, int], None]
"""Told the stage (`roster`, `bookings`, `link`) and how many rows of it are done."""


def _silent(_stage: str, _done: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out: where and why, never what it said."""

    file: str
    line: int
    reason: str


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
    progress: Progress = _silent,
    narrowed: Narrowed | None = None,
) -> LinkReport:
    """Links `bookings` to `roster` and writes one line per link worth looking at to `out`.

    Raises TellPerson for a file that cannot be read or lacks a required column; single bad rows are counted and
    named by line in the report.
    """
    encoder, bad, booked = Encoder(key, model, kernel=kernel), list[BadRow](), list[str]()
    clients = _Intake(roster, "roster", encoder, bad, progress).batches("client_id")
    compared: int | None = None
    if narrowed is not None:
        index, compared = narrowed(clients, lambda: encoded_rows(bookings, "booking_id", encoder))
    else:
        index = RosterIndex(model, exhaustive=exhaustive, kernel=kernel)
        for ids, batch in clients:
            index.add(batch, ids)
    tally = _Tally()
    with _table(out) as writer:
        writer.writerow(HEADINGS)
        read = _Intake(bookings, "bookings", encoder, bad, progress).batches("booking_id")
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
    with _opened(path, _writing) as stream:
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


def encoded_rows(path: Path, id_column: str, encoder: Encoder) -> Iterator[tuple[list[str], EncodedBatch]]:
    """Ids and encodings of a file's good rows, a chunk at a time; bad rows are left out. Raises TellPerson."""
    yield from _Intake(path, id_column, encoder, [], _silent).batches(id_column)


def open_table(path: Path) -> TextIO:
    """A text file to read, unzipped where its name says so; a byte-order mark is skipped."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _writing(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


@contextmanager
def _opened(path: Path, how: Callable[[Path], TextIO]) -> Iterator[TextIO]:
    try:
        stream = how(path)
    except OSError as error:
        raise TellPerson(f"{path.name}: {error.strerror or 'cannot be opened'}") from error
    with stream:
        yield stream


def _rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, list[str], list[str]]]:
    """Line number, heading and fields of each row. Raises TellPerson where the file is not such a table."""
    if path.suffix == tabular.SUFFIX:
        yield from _with_columns(path, required, tabular.rows(path))
        return
    with _opened(path, open_table) as stream:
        reader = csv.reader(stream)
        try:
            heading = [name.strip().lower() for name in next(reader, [])]
            missing = [name for name in required if name not in heading]
            if missing:
                raise TellPerson(f"{path.name}: no column {', '.join(missing)}")
            for row in reader:
                yield reader.line_num, heading, row
        except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
            raise TellPerson(
                f"{path.name}: unreadable after line {reader.line_num} ({type(error).__name__})"
            ) from error


def _with_columns(
    path: Path, required: Sequence[str], rows: Iterator[tuple[int, list[str], list[str]]]
) -> Iterator[tuple[int, list[str], list[str]]]:
    for number, heading, row in rows:
        if missing := [name for name in required if name not in heading]:
            raise TellPerson(f"{path.name}: no column {', '.join(missing)}")
        yield number, heading, row


@dataclass(frozen=True, slots=True)
class _Intake:
    """How the rows of one file are read, checked and encoded."""

    path: Path
    stage: str
    encoder: Encoder
    bad: list[BadRow]
    progress: Progress

    def batches(self, id_column: str) -> Iterator[tuple[list[str], EncodedBatch]]:
        """Ids and encodings of the file's good rows, a chunk at a time."""
        rows = _rows(self.path, (id_column, COLUMNS["first"], COLUMNS["last"]))
        seen: set[str] = set()
        done = 0
        while chunk := list(islice(rows, CHUNK)):
            heading = chunk[0][1]
            at = {name: i for i, name in enumerate(heading)}
            good = [row for line, _, row in chunk if self._good(line, at, row, id_column, seen)]
            done += len(chunk)
            if good:
                columns = dict(zip(heading, map(list, zip(*good, strict=True)), strict=True))
                yield [i.strip() for i in columns[id_column]], _encode(self.encoder, columns)
            self.progress(self.stage, done)

    def _good(self, line: int, at: dict[str, int], row: list[str], id_column: str, seen: set[str]) -> bool:
        """Whether a row can be used; if not, why not is noted."""
        if reason := _fault(at, row, id_column, seen):
            self.bad.append(BadRow(self.path.name, line, reason))
        else:
            seen.add(row[at[id_column]].strip())
        return not reason


def _fault(at: dict[str, int], row: list[str], id_column: str, seen: set[str]) -> str:
    if len(row) != len(at):
        return "wrong number of fields" if row else "empty line"
    identifier = row[at[id_column]].strip()
    if not identifier:
        return f"no {id_column}"
    if identifier in seen:
        return f"{id_column} seen before"
    named = row[at[COLUMNS["first"]]].strip() or row[at[COLUMNS["last"]]].strip()
    return "" if named else "no name"


def _encode(encoder: Encoder, columns: dict[str, list[str]]) -> EncodedBatch:
    """Encodes a chunk; each name among the aliases is one more identity with the row's other facts."""
    text = {name: columns[column] for name, column in COLUMNS.items() if column in columns}
    aliases = columns.get("aliases")
    if not aliases or not any(aliases):
        return encoder.encode_columns(text)
    names = [[a.split(None, 1) for a in value.split("|") if a.strip()] if value else [] for value in aliases]
    counts = [1 + len(found) for found in names]
    spread = {name: [v for v, n in zip(column, counts, strict=True) for _ in range(n)] for name, column in text.items()}
    at = 0
    for found in names:
        for k, (first, *rest) in enumerate(found, 1):
            spread["first"][at + k], spread["last"][at + k] = first, " ".join(rest)
            if "middle" in spread:
                spread["middle"][at + k] = ""
        at += 1 + len(found)
    return encoder.encode_columns(spread, counts)


def true_pairs(path: Path) -> set[tuple[str, str]]:
    """The true (booking, client) pairs."""
    pairs = set()
    for _, heading, row in _rows(path, ("booking_id", "client_id")):
        if len(row) == len(heading):
            pairs.add((row[heading.index("booking_id")].strip(), row[heading.index("client_id")].strip()))
    return pairs
