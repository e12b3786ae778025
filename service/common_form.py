"""Files in the common form: a heading, then one person a line. Read a chunk at a time, checked, encoded and dropped."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from config.errors import TellPerson
from matcher import EncodedBatch, Encoder
from service import tabular

CHUNK = 50_000
"""Rows read and encoded at once."""

COLUMNS = {
    "first": "first_name", "middle": "middle_name", "last": "last_name", "suffix": "suffix", "birth_date": "dob",
    "sex": "sex", "ssn4": "ssn_last4", "phone": "phone", "street": "street", "city": "city", "state": "state", "zip": "zip",
}  # fmt: skip
"""Identity field -> column of the common form. Only the names are required."""

Encoded = Iterator[tuple[list[str], EncodedBatch]]
"""Ids and encodings, a chunk of people at a time."""
Row = tuple[int, list[str], list[str]]
"""Line number, heading and fields."""
Progress = Callable[[str, int], None]
"""Told the stage (`roster`, `bookings`, `link`) and how many rows of it are done."""


def silent(_stage: str, _done: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out: where and why, never what it said."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """Whether an id was seen before in the same file: the first row of an id counts."""

    seen: set[str] = field(default_factory=set)

    def __call__(self, _line: int, identifier: str) -> bool:
        before = len(self.seen)
        self.seen.add(identifier)
        return len(self.seen) == before


@dataclass(frozen=True, slots=True)
class Intake:
    """How the rows of one file are read, checked and encoded."""

    path: Path
    stage: str
    encoder: Encoder
    bad: list[BadRow]
    progress: Progress = silent
    repeated: Callable[[int, str], bool] = field(default_factory=Repeated)

    def batches(self, id_column: str) -> Encoded:
        """Ids and encodings of the file's good rows. Raises TellPerson."""
        return self.encoded(rows(self.path, required(id_column)), id_column)

    def encoded(self, source: Iterator[Row], id_column: str) -> Encoded:
        """The same of these rows of it."""
        done = 0
        while chunk := list(islice(source, CHUNK)):
            heading = chunk[0][1]
            at = {name: i for i, name in enumerate(heading)}
            good = [row for line, _, row in chunk if self._good(line, at, row, id_column)]
            done += len(chunk)
            if good:
                columns = dict(zip(heading, map(list, zip(*good, strict=True)), strict=True))
                yield [i.strip() for i in columns[id_column]], _encode(self.encoder, columns)
            self.progress(self.stage, done)

    def _good(self, line: int, at: dict[str, int], row: list[str], id_column: str) -> bool:
        """Whether a row can be used; if not, why not is noted."""
        reason = fault(at, row, id_column)
        if not reason and self.repeated(line, row[at[id_column]].strip()):
            reason = f"{id_column} seen before"
        if reason:
            self.bad.append(BadRow(self.path.name, line, reason))
        return not reason


def encoded_rows(path: Path, id_column: str, encoder: Encoder) -> Encoded:
    """Ids and encodings of a file's good rows, a chunk at a time; bad rows are left out. Raises TellPerson."""
    yield from Intake(path, id_column, encoder, []).batches(id_column)


def required(id_column: str) -> tuple[str, ...]:
    """The columns that a file of people cannot do without."""
    return id_column, COLUMNS["first"], COLUMNS["last"]


def fault(at: dict[str, int], row: list[str], id_column: str) -> str:
    """Why a row cannot be used, seen by itself; empty if it can."""
    if len(row) != len(at):
        return "wrong number of fields" if row else "empty line"
    if not row[at[id_column]].strip():
        return f"no {id_column}"
    named = row[at[COLUMNS["first"]]].strip() or row[at[COLUMNS["last"]]].strip()
    return "" if named else "no name"


def open_table(path: Path) -> TextIO:
    """A text file to read, unzipped where its name says so; a byte-order mark is skipped."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def opened(path: Path, how: Callable[[Path], TextIO]) -> Iterator[TextIO]:
    """A file that `how` opens. Raises TellPerson."""
    try:
        stream = how(path)
    except OSError as error:
        raise TellPerson(f"{path.name}: {error.strerror or 'cannot be opened'}") from error
    with stream:
        yield stream


def rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """Each row of a table. Raises TellPerson where the file is not such a table."""
    if path.suffix == tabular.SUFFIX:
        yield from with_columns(path, needed, tabular.rows(path))
        return
    with opened(path, open_table) as stream:
        yield from read_csv(path, stream, needed)


def read_csv(
    path: Path, lines: Iterable[str], needed: Sequence[str], heading: Sequence[str] = (), before: int = 0
) -> Iterator[Row]:
    """Rows of CSV text. Without a `heading` the first line is it; with one, `before` lines of the file came earlier."""
    reader = csv.reader(lines)
    try:
        names = list(heading) or [name.strip().lower() for name in next(reader, [])]
        require(path, needed, names)
        for row in reader:
            yield before + reader.line_num, names, row
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise TellPerson(
            f"{path.name}: unreadable after line {before + reader.line_num} ({type(error).__name__})"
        ) from error


def with_columns(path: Path, needed: Sequence[str], source: Iterable[Row]) -> Iterator[Row]:
    """The rows of a table that has these columns. Raises TellPerson."""
    for number, heading, row in source:
        require(path, needed, heading)
        yield number, heading, row


def require(path: Path, needed: Sequence[str], heading: Sequence[str]) -> None:
    """Raises TellPerson where a table lacks a column."""
    if missing := [name for name in needed if name not in heading]:
        raise TellPerson(f"{path.name}: no column {', '.join(missing)}")


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
