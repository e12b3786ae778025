"""HL7 version 2 messages: single, in batches, or framed for MLLP; separators are read from each message's own header."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import BinaryIO, Literal

import hl7
from pydantic import Field, field_validator

from connectors.formats.lines import known_encoding, open_text, text_lines
from connectors.rows import Item, Remark, Row, RowFault, Skip
from connectors.strict import Strict

START, END = "\x0b", "\x1c"
"""MLLP frames a message between these two, the second followed by a carriage return."""
_FRAMING = f"\r\n {START}{END}"
_OPENERS = frozenset({"MSH", "FHS", "BHS", "BTS", "FTS"})
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")


class Hl7Format(Strict):
    """HL7 v2. A column is segment, field and component: `PID-5.1`; `PID-5` is short for its first component."""

    type: Literal["hl7"] = "hl7"
    encoding: str = Field(default="latin-1", description="Declared; MSH-18 is not believed, senders leave it wrong.")
    framed: bool = Field(default=False, description="The file holds MLLP frames.")
    max_message: int = Field(default=1 << 20, ge=100, description="Bytes.")

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        return known_encoding(name)

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:  # noqa: ARG002 - any field may be absent in any message
        """Read one row a message; see `Format.rows`. The line of a row is that of its MSH segment."""
        reader = _Reader(self.max_message, framed=self.framed)
        for number, line in text_lines(open_text(stream, self.encoding), self.max_message):
            yield from reader.fault(line) if isinstance(line, RowFault) else reader.feed(number, line)
        yield from reader.finish()


class _Reader:
    """Puts lines together to messages."""

    def __init__(self, limit: int, *, framed: bool) -> None:
        self._limit, self._framed = limit, framed
        self._message: _Message | None = None
        self._batch = _Batch()

    def feed(self, number: int, line: str) -> Iterator[Item]:
        segment = line.strip(_FRAMING)
        if segment[:3] in _OPENERS:
            yield from self._close(cut_off=self._framed)
            yield from self._open(number, segment)
        elif segment and self._message is None:
            yield RowFault(number, "", "no-header", "a segment stands before any message header")
        if segment and self._message is not None:
            self._message.add(segment)
        if self._framed and END in line:
            yield from self._close(cut_off=False)

    def fault(self, fault: RowFault) -> Iterator[Item]:
        """A line that cannot be read spoils its message; outside of any it is a fault of its own."""
        if self._message is None:
            yield fault
        else:
            self._message.spoil(fault.code, fault.reason)

    def finish(self) -> Iterator[Item]:
        yield from self._close(cut_off=self._framed)
        yield from self._batch.remarks()

    def _open(self, number: int, segment: str) -> Iterator[Item]:
        if segment.startswith("MSH"):
            self._message = _Message(number, self._limit)
            self._batch.messages += 1
        else:
            self._batch.note(segment)
            yield Skip(number, "batch envelope")

    def _close(self, *, cut_off: bool) -> Iterator[Item]:
        if self._message is not None:
            yield self._message.row(cut_off=cut_off)
        self._message = None


class _Message:
    """The segments of one message as they come in, and the first thing that was wrong with them."""

    def __init__(self, number: int, limit: int) -> None:
        self._number, self._room = number, limit
        self._segments: list[str] = []
        self._fault: RowFault | None = None

    def add(self, segment: str) -> None:
        self._room -= len(segment) + 1
        if self._room < 0:
            self.spoil("too-long", "the message is longer than was agreed")
        elif self._fault is None:
            self._segments.append(segment)

    def spoil(self, code: str, reason: str) -> None:
        self._segments.clear()
        self._fault = self._fault or RowFault(self._number, "", code, reason)

    def row(self, *, cut_off: bool) -> Row | RowFault:
        if cut_off:
            self.spoil("cut-off", "the message ends before its frame does")
        if self._fault is not None:
            return self._fault
        try:
            return Row(self._number, _flatten(hl7.parse("\r".join(self._segments) + "\r")))
        except (hl7.HL7Exception, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError):
            return RowFault(self._number, "MSH", "not-hl7", "the message cannot be taken apart by its own header")


class _Batch:
    """What a batch's closing segment promises, against what came."""

    def __init__(self) -> None:
        self.messages = 0
        self._promised: int | None = None

    def note(self, segment: str) -> None:
        fields = segment.split("|")
        if segment.startswith("BTS") and len(fields) > 1 and fields[1].isdecimal():
            self._promised = int(fields[1])

    def remarks(self) -> Iterator[Remark]:
        if self._promised is not None and self._promised != self.messages:
            yield Remark(f"the batch trailer counts {self._promised} messages, the batch has {self.messages}")


def _flatten(message: hl7.Message) -> dict[str, str]:
    """Every component under its path; the first segment of each name counts."""
    values: dict[str, str] = {}
    for segment in message:
        name = str(segment[0])
        if _SEGMENT.fullmatch(name) is None or f"{name}-" in values:
            continue
        values[f"{name}-"] = ""
        start = 1 if name != "MSH" else 3
        for index in range(start, len(segment)):
            for repetition, part in enumerate(segment[index]):
                _components(message, f"{name}-{index}" + (f"[{repetition}]" if repetition else ""), part, values)
    return {path: text for path, text in values.items() if text}


def _components(message: hl7.Message, path: str, part: object, values: dict[str, str]) -> None:
    """The first subcomponent of each component; the first component also under the path of the field."""
    components = [str(c) for c in part] if isinstance(part, hl7.Repetition) else [str(part)]
    for index, component in enumerate(components, start=1):
        text = unescape(component.partition(message.separators[-1])[0], message.separators, message.esc)
        if index == 1:
            values[path] = text
        values[f"{path}.{index}"] = text


def unescape(text: str, separators: str, escape: str) -> str:
    """Undo the escapes of HL7 v2, chapter 2.7. What is none, or is of no use here, stays as it is.

    The library has this too, but writes what it cannot decode into a log, and that is a name.
    """
    if not escape or escape not in text:
        return text
    mark = re.escape(escape)
    plain = dict(zip("FRST", separators[1:], strict=False)) | {"E": escape, "H": "", "N": "", ".br": "\n", ".sp": "\n"}

    def meant(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] == "X":
            return bytes.fromhex(code[1:]).decode("latin-1")
        return plain.get(code, found[0])

    return re.sub(rf"{mark}([FSTREHN]|X(?:[0-9A-Fa-f]{{2}})+|\.[a-z]{{2}}){mark}", meant, text)
