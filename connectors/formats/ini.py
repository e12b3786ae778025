"""Event files of `Key=Value` lines, as some jail systems drop one for each event."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO, Literal

from pydantic import Field, field_validator

from connectors.errors import FeedMalformed
from connectors.formats.lines import known_encoding, open_text, text_lines
from connectors.rows import Item, Row, RowFault
from connectors.strict import Strict


class IniFormat(Strict):
    """One record for each `[section]`, or one for the file if it has none. Keys keep their case."""

    type: Literal["ini"] = "ini"
    encoding: str = "cp1252"
    comments: str = Field(default=";#", description="A line that begins with one of these holds nothing.")
    max_line: int = Field(default=100_000, ge=80)

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        return known_encoding(name)

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:
        """Read rows; see `Format.rows`. A key twice in one section refuses the section: which value is right is a guess."""
        section: _Section | None = None
        seen: set[str] = set()
        for number, line in text_lines(open_text(stream, self.encoding), self.max_line):
            text = line if isinstance(line, RowFault) else line.strip(" \t\r\n\x1a")
            if isinstance(text, str) and (not text or text[0] in self.comments):
                continue
            if isinstance(text, str) and text.startswith("[") and text.endswith("]"):
                if section is not None:
                    yield section.row()
                section = _Section(number)
                continue
            section = section or _Section(number)
            section.add(text)
            seen.update(section.values)
        if section is not None:
            yield section.row()
        missing = sorted(set(columns) - seen)
        if len(missing) == len(columns) and columns:
            raise FeedMalformed(f"none of the expected keys is in the file, not even '{missing[0]}'")


class _Section:
    def __init__(self, number: int) -> None:
        self._number = number
        self._fault: RowFault | None = None
        self.values: dict[str, str] = {}

    def add(self, line: str | RowFault) -> None:
        if isinstance(line, RowFault):
            self._fault = self._fault or line
            return
        key, equals, value = line.partition("=")
        name = key.strip()
        if not equals:
            self._spoil("not-a-setting", "a line is neither a section nor Key=Value")
        elif name in self.values:
            self._spoil("repeated-key", "a key stands twice in one section")
        else:
            self.values[name] = value.strip()

    def _spoil(self, code: str, reason: str) -> None:
        self._fault = self._fault or RowFault(self._number, "", code, reason)

    def row(self) -> Row | RowFault:
        return self._fault or Row(self._number, self.values)
