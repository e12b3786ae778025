"""Delimited text taken apart into records: one bad quote costs its own row and no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Self

from connectors.formats.lines import Line
from connectors.rows import RowFault

csv.field_size_limit(
    2**31 - 1
)  # our own bound is `max_line` x `max_span`; the library's would end the file, not the row

Record = tuple[int, "list[str] | RowFault"]
"""The line on which it begins, and its fields; or why it cannot be read."""


class Records:
    """The records of a text. Lines without a quote, which is most of them, are split; the others go through `csv`.

    When a quote was never closed, `csv` swallows the lines after it. They are given back here and read again as
    records of their own.
    """

    def __init__(self, lines: Iterator[Line], delimiter: str, quote: str, max_span: int) -> None:
        self._source = lines
        self._delimiter, self._quote = delimiter, quote
        self._again: deque[Line] = deque()
        self._span = _Span(self, max_span)
        self._quoted = csv.reader(self._span, delimiter=delimiter, quotechar=quote or None, strict=True)

    def __iter__(self) -> Iterator[Record]:
        again, source, quote, delimiter = self._again, self._source, self._quote, self._delimiter
        while True:
            line = again.popleft() if again else next(source, None)
            if line is None:
                return
            number, text = line
            if isinstance(text, RowFault):
                yield number, text
            elif quote and quote in text:
                yield number, self._through_csv(line)
            else:
                bare = text.rstrip("\r\n")
                yield number, bare.split(delimiter) if bare else []

    def drop(self, count: int) -> None:
        """Pass over so many lines."""
        for _ in range(count):
            next(self._source, None)

    def next_line(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._source, None)

    def give_back(self, *lines: Line) -> None:
        """Read these again, each as the beginning of a record."""
        self._again.extendleft(reversed(lines))

    def only_first(self, number: int, code: str, reason: str) -> RowFault:
        """Give up on the first line of the record at hand; what was read of it beyond that is read again."""
        lines = self._span.lines
        if lines and lines[0][0] == number:
            self.give_back(*lines[1:])
        return RowFault(number, "", code, reason)

    def _through_csv(self, line: Line) -> list[str] | RowFault:
        self._span.lines.clear()
        self.give_back(line)
        try:
            return next(self._quoted)
        except (csv.Error, StopIteration):
            return self.only_first(line[0], "quoting", "the quotes do not pair up within the record")


class _Span:
    """Feeds `csv` with the lines of one record, and remembers them."""

    def __init__(self, records: Records, most: int) -> None:
        self._records, self._most = records, most
        self.lines: list[Line] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._records.next_line() if len(self.lines) < self._most else None
        if line is None:
            raise StopIteration
        if isinstance(line[1], RowFault):  # a line that cannot be read ends the record, and is told of in its turn
            self._records.give_back(line)
            raise StopIteration
        self.lines.append(line)
        return line[1]
