"""CSV and its kin: comma, tab or pipe, with a header that is checked before the first row is believed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO, Literal, Self

from pydantic import Field, field_validator, model_validator

from connectors.convert.making import maker
from connectors.errors import FeedMalformed
from connectors.formats.lines import known_encoding, open_text, text_lines
from connectors.formats.quoting import Records
from connectors.rows import Item, Remark, Row, RowFault, Skip
from connectors.strict import Strict

_row = maker(Row)


class CsvFormat(Strict):
    """Delimited text. Quoting follows RFC 4180 strictly: a stray quote costs its own row and no other."""

    type: Literal["csv"] = "csv"
    encoding: str = Field(
        default="utf-8", description="Declared, never guessed. A byte order mark that contradicts it is an error."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1, description="Empty: quotes are ordinary characters.")
    header_line: int = Field(
        default=1, ge=0, description="The line that names the columns; lines above it are skipped. 0: none."
    )
    columns: tuple[str, ...] = Field(default=(), description="Names in order, for a file without a header.")
    ignored: tuple[str, ...] = Field(
        default=(), description="Columns that are known and not wanted: no remark about them."
    )
    trailer: str = Field(
        default="", description="Pattern of a closing line; its group 1, if any, is the number of rows."
    )
    trailer_required: bool = Field(default=False, description="A file without its trailer was cut off.")
    max_line: int = Field(default=1_000_000, ge=80, description="Characters in one line.")
    max_span: int = Field(default=20, ge=1, description="Lines that one quoted record may cover.")

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        return known_encoding(name)

    @model_validator(mode="after")
    def _columns_come_from_somewhere(self) -> Self:
        if bool(self.columns) == bool(self.header_line):
            raise ValueError("give either 'header_line' (a file with a header) or 'columns' with header_line: 0")
        if self.trailer:
            re.compile(self.trailer)
        return self

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:
        """Read rows; see `Format.rows`. Columns that are not in the mapping are remarked upon once."""
        lines = text_lines(open_text(stream, self.encoding), self.max_line)
        records = Records(lines, self.delimiter, self.quote, self.max_span)
        header = self._header(records)
        yield from check_header(header, columns, self.ignored, self.delimiter)
        yield from self._records(records, header)

    def _header(self, records: Records) -> list[str]:
        if self.columns:
            return list(self.columns)
        records.drop(self.header_line - 1)
        _, fields = next(iter(records), (0, None))
        if fields is None or isinstance(fields, RowFault):
            raise FeedMalformed(f"line {self.header_line} is no header: it is missing or cannot be read")
        return [name.strip() for name in fields]

    def _records(self, records: Records, header: list[str]) -> Iterator[Item]:
        width, count, first = len(header), 0, header[0] if header else ""
        trailer = _Trailer(self.trailer)
        for number, fields in records:
            if isinstance(fields, RowFault):
                count += 1
                yield fields
            elif len(fields) == width and any(fields) and not (first in fields[0] and _repeats(fields, header)):
                count += 1
                yield _row(number, dict(zip(header, fields)), ())  # noqa: B905 - they are equally many
            elif trailer.matches(fields):
                yield Skip(number, "trailer")
            elif (reason := _no_record(fields, header)) is not None:
                yield Skip(number, reason)
            else:
                count += 1
                yield records.only_first(number, "columns", f"{len(fields)} columns of {width}")
        yield from trailer.verdict(count, required=self.trailer_required)


def _repeats(fields: Sequence[str], header: Sequence[str]) -> bool:
    return fields[0].strip() == header[0] and [f.strip() for f in fields] == list(header)


def _no_record(fields: Sequence[str], header: Sequence[str]) -> str | None:
    if not any(field.strip(" \t\r\n\x1a") for field in fields):
        return "blank line"
    return "repeated header" if _repeats(fields, header) else None


class _Trailer:
    """The closing line of a file, and whether its count agrees with what was read."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern) if pattern else None
        self._seen = False
        self._count: str | None = None

    def matches(self, fields: Sequence[str]) -> bool:
        found = self._pattern.search(fields[0]) if self._pattern and fields else None
        if found is None:
            return False
        self._seen = True
        self._count = found.group(1) if found.re.groups else None
        return True

    def verdict(self, rows: int, *, required: bool) -> Iterator[Item]:
        if self._pattern and required and not self._seen:
            raise FeedMalformed("the closing line is missing: the file was cut off")
        if self._count is not None and self._count.strip().isdecimal() and int(self._count) != rows:
            yield Remark(f"the closing line counts {int(self._count)} rows, the file has {rows}")


def check_header(
    header: Sequence[str], needed: Collection[str], ignored: Collection[str] = (), delimiter: str = ","
) -> Iterator[Remark]:
    """Compare what a file has with what the mapping needs.

    Raises `FeedMalformed` naming each missing column and what it may be called now. The names found in the file
    are repeated only if most of them are known: otherwise the first line may be a person, not a header.
    """
    missing = sorted(set(needed) - set(header))
    new = [name for name in header if name and name not in needed and name not in ignored]
    trusted = len(missing) * 2 <= len(needed)
    if missing and not trusted:
        raise FeedMalformed(_no_header(header, missing, delimiter))
    if missing:
        raise FeedMalformed(_renamed(missing, new))
    doubled = sorted({name for name in needed if header.count(name) > 1})
    if doubled:
        raise FeedMalformed(f"columns appear twice in the header: {', '.join(doubled)}")
    if needed and new:
        yield Remark(f"columns that the mapping does not know: {', '.join(new)}")


def _renamed(missing: Sequence[str], new: Sequence[str]) -> str:
    """Name each missing column, and the new one that is nearest to it or left over when all others are paired."""
    left = {name.casefold(): name for name in new}
    called: dict[str, str] = {}
    for name in missing:
        for near in difflib.get_close_matches(name.casefold(), list(left), n=1, cutoff=0.4):
            called[name] = left.pop(near)
    unpaired = [name for name in missing if name not in called]
    if len(unpaired) == len(left) == 1:
        called[unpaired[0]] = left.popitem()[1]
    hints = {name: f" (is it now '{called[name]}'?)" if name in called else "" for name in missing}
    return "; ".join(f"column '{name}' is missing{hints[name]}" for name in missing)


def _no_header(header: Sequence[str], missing: Sequence[str], delimiter: str) -> str:
    other = next(
        (c for c in ",|;\t" if c != delimiter and len(header) == 1 and header[0].count(c) >= len(missing) - 1), None
    )
    if other:
        return f"the header is one single column; is the delimiter {other!r} rather than {delimiter!r}?"
    return f"the first line is not the expected header: {len(missing)} columns are missing, among them '{missing[0]}'"
