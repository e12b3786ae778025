"""Fixed-width records: places are counted in bytes, as the mainframe that wrote them did."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO, Literal, Self

from pydantic import Field, field_validator, model_validator

from connectors.errors import FeedMalformed
from connectors.formats.lines import known_encoding
from connectors.rows import Item, Remark, Row, RowFault, Skip
from connectors.strict import Strict

Place = tuple[int, int]
"""First byte, counted from 1, and length in bytes."""


class FixedWidthFormat(Strict):
    """Records of one length, one a line. A line that ends inside a record was cut off and is refused."""

    type: Literal["fixed_width"] = "fixed_width"
    encoding: str = "latin-1"
    fields: dict[str, Place] = Field(description="Name to [first byte, length], counted from 1.")
    record_type: Place | None = Field(
        default=None, description="Where a record says what it is; left out, every line is a record."
    )
    detail: str = "D"
    others: tuple[str, ...] = Field(default=("H",), description="Record types that are known and hold nobody.")
    trailer: str = "T"
    trailer_count: Place | None = Field(default=None, description="Where the closing record counts the detail records.")
    trailer_required: bool = False
    pad: bool = Field(default=False, description="The sender strips blanks from the end of a line.")
    max_line: int = Field(default=100_000, ge=1)

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        return known_encoding(name)

    @model_validator(mode="after")
    def _places_exist(self) -> Self:
        for name, (start, length) in self.fields.items():
            if start < 1 or length < 1:
                raise ValueError(f"field '{name}' starts at byte 1 or later and is at least one byte long")
        return self

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:
        """Read rows; see `Format.rows`."""
        unknown = sorted(set(columns) - set(self.fields))
        if unknown:
            raise FeedMalformed(f"the layout has no field called {', '.join(unknown)}")
        count, trailer = 0, None
        for number, line in enumerate(self._lines(stream), start=1):
            if line is None:
                count += 1
                yield RowFault(number, "", "too-long", f"the line is longer than {self.max_line} bytes")
                continue
            kind = _cut(line, self.record_type) if self.record_type else self.detail.encode()
            if not line.strip(b" \t\x1a\x00"):
                yield Skip(number, "blank line")
            elif kind == self.trailer.encode() and self.record_type:
                trailer = line
                yield Skip(number, "trailer")
            elif kind != self.detail.encode():
                yield from self._other(number, kind)
                count += kind.decode("latin-1") not in self.others
            else:
                count += 1
                yield self._row(number, line)
        yield from self._verdict(trailer, count)

    def _lines(self, stream: BinaryIO) -> Iterator[bytes | None]:
        """Each line without its end; None for one over the bound, whose rest is dropped as it is read."""
        while line := stream.readline(self.max_line + 2):
            if line.endswith(b"\n") or len(line) <= self.max_line:
                yield line.rstrip(b"\r\n")
                continue
            while (rest := stream.readline(self.max_line)) and not rest.endswith(b"\n"):
                pass
            yield None

    def _row(self, number: int, line: bytes) -> Row | RowFault:
        needed = max(start + length - 1 for start, length in self.fields.values())
        if len(line) < needed:
            if not self.pad:
                return RowFault(number, "", "cut-off", f"the line has {len(line)} bytes, the record {needed}")
            line = line.ljust(needed)
        try:
            return Row(number, {name: _cut(line, place).decode(self.encoding) for name, place in self.fields.items()})
        except UnicodeDecodeError:
            return RowFault(number, "", "encoding", "the line holds bytes that the declared encoding does not have")

    def _other(self, number: int, kind: bytes) -> Iterator[Item]:
        if kind.decode("latin-1") in self.others:
            yield Skip(number, "header")
        else:
            yield RowFault(number, "", "record-type", "the record is of a type that the layout does not know")

    def _verdict(self, trailer: bytes | None, count: int) -> Iterator[Item]:
        if trailer is None:
            if self.trailer_required:
                raise FeedMalformed("the closing record is missing: the file was cut off")
            return
        said = _cut(trailer, self.trailer_count).strip() if self.trailer_count else b""
        if said.isdigit() and int(said) != count:
            yield Remark(f"the closing record counts {int(said)} records, the file has {count}")


def _cut(line: bytes, place: Place) -> bytes:
    start, length = place
    return line[start - 1 : start - 1 + length]
