"""A large file in parts that can be read by themselves, wherever the file is seen: what lets encoding be spread over machines.

Parts follow from the file alone, so that every engine cuts it alike: row groups of Parquet, and so many rows of CSV.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import TellPerson
from service import tabular
from service.common_form import CHUNK, Row, read_csv, require, rows, with_columns

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file. `lo` and `hi` are bytes of CSV text, or row groups; `before` is how many lines or rows come earlier."""

    number: int
    lo: int
    hi: int
    before: int
    heading: tuple[str, ...] = ()


def parts(path: Path, needed: Sequence[str], at_once: int = CHUNK) -> list[Part]:
    """All parts, in order; `at_once` is how many rows of CSV make one. A zipped file is one part.

    Raises TellPerson for a file that cannot be read or lacks a needed column.
    """
    if path.suffix == tabular.SUFFIX:
        heading, sizes = tabular.groups(path)
        require(path, needed, heading)
        return [Part(n, n, n + 1, sum(sizes[:n])) for n in range(len(sizes))]
    if path.suffix == ".gz":
        return [Part(0, 0, 0, 0)]
    return list(_of_csv(path, needed, at_once))


def rows_of(path: Path, part: Part, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of one part, numbered as in the whole file. Raises TellPerson."""
    if path.suffix == tabular.SUFFIX:
        yield from with_columns(path, needed, tabular.rows(path, part.lo, part.before))
    elif path.suffix == ".gz":
        yield from rows(path, needed)
    else:
        yield from read_csv(path, _Lines(path, part.lo, part.hi), needed, part.heading, part.before)


class _Lines:
    """Lines of text between two bytes of a file; `at` is how far they were read."""

    def __init__(self, path: Path, lo: int = 0, hi: int | None = None) -> None:
        self.path, self.at, self.hi = path, lo, hi

    def __iter__(self) -> Iterator[str]:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.at)
                while (self.hi is None or self.at < self.hi) and (line := stream.readline()):
                    text = line.removeprefix(_BOM) if self.at == 0 else line
                    self.at += len(line)
                    yield text.decode("utf-8")
        except OSError as error:
            raise TellPerson(f"{self.path.name}: {error.strerror or 'cannot be opened'}") from error


def _of_csv(path: Path, needed: Sequence[str], at_once: int) -> Iterator[Part]:
    """A record may go over several lines, so that where one ends is known only to whoever reads all before it."""
    lines = _Lines(path)
    reader = csv.reader(lines)
    try:
        heading = tuple(name.strip().lower() for name in next(reader, []))
        require(path, needed, heading)
        number, lo, before, held = 0, lines.at, reader.line_num, 0
        for _ in reader:
            held += 1
            if held == at_once:
                yield Part(number, lo, lines.at, before, heading)
                number, lo, before, held = number + 1, lines.at, reader.line_num, 0
    except (UnicodeDecodeError, csv.Error) as error:
        raise TellPerson(f"{path.name}: unreadable after line {reader.line_num} ({type(error).__name__})") from error
    if held:
        yield Part(number, lo, lines.at, before, heading)
