"""What a format makes of bytes: rows of text, faults, and lines that are no records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from records import Flag, StaffMember


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One record as text by column. `line` is where it begins in its file, counted from 1.

    Formats with structure name a column by its path (`subject.name.last`, `PID-5.1`). The first of a repeated part
    has no number, the further ones are `path[1]`, `path[2]` and so on. `flags` are the format's own doubts.
    """

    line: int
    values: Mapping[str, str]
    flags: tuple[Flag, ...] = ()

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


@dataclass(frozen=True, slots=True, repr=False)
class RawResource:
    """A whole resource that is handed on as it came: a consent, for the room that understands consents.

    `client_id` is the client it is about, where the source says so; `content` is the parsed JSON.
    """

    line: int
    type: str
    content: Mapping[str, object]
    client_id: str = ""

    def __repr__(self) -> str:
        return f"<{self.type} resource at line {self.line}>"

    __str__ = __repr__


Item = Row | RowFault | Skip | Remark | RawResource | StaffMember


class Format(Protocol):
    """How bytes become rows. Streams: memory does not grow with the file, except where the format forbids it."""

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:
        """Read `stream` to its end. `columns` are those the mapping needs.

        Raises `FeedMalformed` when the file as a whole is not what was declared, for example when a header lacks
        one of `columns`. A fault of one row is yielded, never raised, and the rest of the file is still read.
        """
        ...
