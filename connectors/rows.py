"""What a format makes of bytes: rows of text, faults, and lines that are no records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One record as text by column. `line` is where it begins in its file, counted from 1.

    Formats with structure name a column by its path (`subject.name.last`, `PID-5.1`). The n-th of a repeated
    part is `path[n]`, counted from 0; the first may be written without `[0]`.
    """

    line: int
    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<row of {len(self.values)} columns at line {self.line}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why one row was set aside. `code` is stable and counted; nothing here repeats a value of the row."""

    line: int
    field: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A line that is no record: a blank, a repeated header, a trailer. Counted, so that nothing disappears."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about the whole file that a person should hear of, though its rows are good."""

    reason: str


Item = Row | RowFault | Skip | Remark


class Format(Protocol):
    """How bytes become rows. Streams: memory does not grow with the file, except where the format forbids it."""

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:
        """Read `stream` to its end. `columns` are those the mapping needs.

        Raises `FeedMalformed` when the file as a whole is not what was declared, for example when a header lacks
        one of `columns`. A fault of one row is yielded, never raised, and the rest of the file is still read.
        """
        ...
