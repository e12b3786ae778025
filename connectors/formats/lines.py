"""Text lines out of bytes: the declared encoding, never a guess, and no line without a bound."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from connectors.errors import FeedMalformed
from connectors.rows import RowFault

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")

Line = tuple[int, "str | RowFault"]
"""Line number from 1, and its text with its line end, or why it cannot be read."""


def known_encoding(name: str) -> str:
    """The canonical name of a text encoding. Raises `ValueError` for one that Python does not know."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"there is no encoding called {name!r}") from None


def open_text(stream: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """Decode `stream` as declared. Raises `FeedMalformed` when its byte order mark says something else."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_Raw(stream))
    declared = known_encoding(encoding)
    marked = next((name for mark, name in _MARKS if buffered.peek(4).startswith(mark)), None)
    if marked and not declared.startswith(marked):
        raise FeedMalformed(
            f"the mapping declares {declared}, the file says by its byte order mark that it is {marked}"
        )
    codec = "utf-8-sig" if declared == "utf-8" else declared
    return io.TextIOWrapper(buffered, encoding=codec, errors="surrogateescape", newline="")


class _Raw(io.RawIOBase):
    """A plain stream as the raw end of a buffered reader, so that any `BinaryIO` can be peeked into."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed wants its private buffer protocol
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def text_lines(text: io.TextIOWrapper, limit: int) -> Iterator[Line]:
    """Each line with its number. A line over `limit` characters or with undecodable bytes is a fault; reading goes on."""
    number = 0
    try:
        while line := text.readline(limit):
            number += 1
            if len(line) >= limit and not line.endswith(("\n", "\r")):
                _discard_line(text, limit)
                yield number, RowFault(number, "", "too-long", f"the line is longer than {limit} characters")
            elif not line.isascii() and _UNDECODED.search(line):
                yield (
                    number,
                    RowFault(number, "", "encoding", "the line holds bytes that the declared encoding does not have"),
                )
            else:
                yield number, line
    except UnicodeError as error:
        raise FeedMalformed(f"after line {number} the bytes are not text in the declared encoding") from error
    finally:
        if not text.closed:
            text.detach()  # the stream is closed by whoever opened it, not when this wrapper is forgotten


def _discard_line(text: io.TextIOWrapper, limit: int) -> None:
    while (rest := text.readline(limit)) and not rest.endswith(("\n", "\r")):
        pass
