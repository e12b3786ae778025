"""XML records, NIEM among them: no document type, no entity, no network, bounded size; flattened to paths of local names."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator
from typing import BinaryIO, Literal

from lxml import etree
from pydantic import Field

from connectors.errors import FeedMalformed
from connectors.formats.documents import MEGABYTE
from connectors.rows import Item, Row, RowFault
from connectors.strict import Strict

_DEPTH = 60


class XmlFormat(Strict):
    """One record for each element called `record`, whatever its namespace and prefix.

    A path leaves out namespaces and the record's own name: `Booking.ActivityDate.DateTime`; an attribute is `path.@name`.
    The document itself says its encoding, as XML does.
    """

    type: Literal["xml"] = "xml"
    record: str = Field(min_length=1, description="Local name of the element that holds one record.")
    max_megabytes: int = Field(default=64, ge=1, le=4096)

    def rows(self, stream: BinaryIO, columns: Collection[str] = ()) -> Iterator[Item]:  # noqa: ARG002 - any element may be absent in any record
        """Read rows; see `Format.rows`. The line of a row is that of its element. What was read is freed at once."""
        found = False
        try:
            for element in self._records(stream):
                found = True
                yield _row(element)
                _free(element)
        except etree.XMLSyntaxError as error:
            line = error.lineno or 0
            raise FeedMalformed(
                f"this is not XML, or it was cut off, at line {line}"
            ) from None  # the library's error quotes the document
        if not found:
            raise FeedMalformed(f"there is no element '{self.record}' in the document")

    def _records(self, stream: BinaryIO) -> Iterator[etree._Element]:
        events = etree.iterparse(
            _Bounded(stream, self.max_megabytes * MEGABYTE),
            events=("start", "end"),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        begun = False
        for event, element in events:
            if not begun:
                begun = True
                _refuse_doctype(element)
            if event == "end" and isinstance(element.tag, str) and _local(element.tag) == self.record:
                yield element


class _Bounded(io.RawIOBase):
    """A stream that fails, rather than ends, at its limit."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream, self._left, self._limit = stream, limit, limit

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(min(size, 1 << 16) if size > 0 else 1 << 16)
        self._left -= len(chunk)
        if self._left < 0:
            raise FeedMalformed(f"the document is larger than {self._limit // MEGABYTE} MB")
        return chunk


def _refuse_doctype(element: etree._Element) -> None:
    document = element.getroottree().docinfo
    if document.internalDTD is not None:
        raise FeedMalformed("the document brings a DOCTYPE: entities and outside files are not read")


def _row(element: etree._Element) -> Row | RowFault:
    values: dict[str, str] = {}
    line = element.sourceline if isinstance(element.sourceline, int) else 0
    if not _flatten("", element, values, _DEPTH):
        return RowFault(line, "", "too-deep", f"the record is nested deeper than {_DEPTH} levels")
    return Row(line, values)


def _flatten(path: str, element: etree._Element, into: dict[str, str], depth: int) -> bool:
    if depth == 0:
        return False
    prefix = path + "." if path else ""
    for name, value in element.attrib.items():
        into[f"{prefix}@{_local(str(name))}"] = str(value)
    seen: Counter[str] = Counter()
    for child in element:
        if not isinstance(child.tag, str):
            continue  # an entity that was not resolved, in a document without a DOCTYPE: it has no text
        name = _local(child.tag)
        number, seen[name] = seen[name], seen[name] + 1
        if not _flatten(f"{prefix}{name}[{number}]" if number else f"{prefix}{name}", child, into, depth - 1):
            return False
    if not seen and element.text and path:
        into[path] = element.text
    return True


def _local(tag: str) -> str:
    """A name without its namespace, or without a prefix that nobody declared."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def _free(element: etree._Element) -> None:
    """Drop a finished record and what stands before it, so that memory stays flat however many there are."""
    parent = element.getparent()
    element.clear()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]
