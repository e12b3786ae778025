"""JSON: one document, or one a line; every record flattened to paths."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO, Literal

from pydantic import Field

from connectors.errors import FeedMalformed
from connectors.rows import Item, Row, RowFault, Skip
from connectors.strict import Strict

MEGABYTE = 1 << 20
_DEPTH = 30
"""Levels. A booking has five; a hundred thousand brackets are an attack on the stack."""


class JsonFormat(Strict):
    """Records in a JSON document. Read whole, so its size is bounded."""

    type: Literal["json"] = "json"
    records: str = Field(default="", description="Path of the list of records; empty: the document is the list.")
    lines: bool = Field(default=False, description="One document a line (NDJSON); then each line is a record.")
    max_megabytes: int = Field(default=64, ge=1, le=1024)

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:  # noqa: ARG002 - a path may be absent in any record
        """Read rows; see `Format.rows`. The line of a row is its place in the list, or in the file if `lines`."""
        if self.lines:
            yield from _from_lines(stream, self.max_megabytes * MEGABYTE)
            return
        document = parse_json(read_bounded(stream, self.max_megabytes))
        for number, record in enumerate(self._list(document), start=1):
            yield flattened_row(number, record)

    def _list(self, document: object) -> list[object]:
        found = document
        for step in filter(None, self.records.split(".")):
            found = found.get(step) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise FeedMalformed(f"there is no list of records at '{self.records or 'the top'}'")
        return found


def read_bounded(stream: BinaryIO, megabytes: int) -> bytes:
    """All of `stream`, or `FeedMalformed` if it is larger than anything that was agreed."""
    content = stream.read(megabytes * MEGABYTE + 1)
    if len(content) > megabytes * MEGABYTE:
        raise FeedMalformed(f"the document is larger than {megabytes} MB")
    return content


def parse_json(content: bytes, *, numbers_as_text: bool = True) -> Any:
    """A JSON document; numbers stay as they are written, or become numbers. Raises `FeedMalformed` without quoting the content."""
    as_written = str if numbers_as_text else None
    try:
        return json.loads(content, parse_int=as_written, parse_float=as_written, parse_constant=str)
    except RecursionError as error:
        raise FeedMalformed("the document is nested too deep") from error
    except ValueError as error:
        place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        page = " (it looks like a web page)" if content.lstrip()[:1] == b"<" else ""
        raise FeedMalformed(
            f"this is not JSON{page}, or it was cut off{place}"
        ) from None  # the library's error holds the document


def _from_lines(stream: BinaryIO, limit: int) -> Iterator[Item]:
    for number, record in json_lines(stream, limit):
        yield record if isinstance(record, RowFault | Skip) else flattened_row(number, record)


def json_lines(stream: BinaryIO, limit: int, *, numbers_as_text: bool = True) -> Iterator[tuple[int, object]]:
    """Each line's document with its number; a `Skip` for a blank one, a `RowFault` for one that is not JSON."""
    number = 0
    while line := stream.readline(limit):
        number += 1
        if len(line) == limit and not line.endswith(b"\n"):
            while (rest := stream.readline(limit)) and not rest.endswith(b"\n"):
                pass
            yield number, RowFault(number, "", "too-long", f"the line is longer than {limit} bytes")
        elif not line.strip():
            yield number, Skip(number, "blank line")
        else:
            try:
                yield number, parse_json(line, numbers_as_text=numbers_as_text)
            except FeedMalformed:
                yield number, RowFault(number, "", "not-json", "the line is not JSON, or it was cut off")


def flattened_row(number: int, record: object) -> Row | RowFault:
    """A record as paths to texts; `RowFault` if it is no object."""
    if not isinstance(record, dict):
        return RowFault(number, "", "wrong-shape", "the record is not an object")
    values: dict[str, str] = {}
    if not _flatten("", record, values, _DEPTH):
        return RowFault(number, "", "too-deep", f"the record is nested deeper than {_DEPTH} levels")
    return Row(number, values)


def _flatten(path: str, value: object, into: dict[str, str], depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return all(_flatten(f"{path}.{key}" if path else key, part, into, depth - 1) for key, part in value.items())
    if isinstance(value, list):
        return all(_flatten(f"{path}[{n}]" if n else path, part, into, depth - 1) for n, part in enumerate(value))
    if value is not None:
        into[path] = str(value).lower() if isinstance(value, bool) else str(value)
    return True
