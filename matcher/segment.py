"""The bytes of an encoded batch: a fixed order of little-endian arrays behind a magic, a header and their lengths."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import POINTERS, TABLE_SHAPES, EncodedBatch, EncodingHeader, Rows, Tables
from matcher.errors import BadSegment
from matcher.passes import SLOTS

MAGIC = b"WLfl1\x01"


def pack(batch: EncodedBatch) -> bytes:
    """Header as JSON, then starts, tables, row columns, and blocking keys."""
    arrays: list[NDArray[Any]] = [batch.starts.astype("<i4")]
    arrays += [getattr(batch.tables, name).astype(dtype, copy=False) for name, (dtype, _) in TABLE_SHAPES.items()]
    arrays += [_little(getattr(batch.rows, f.name)) for f in fields(Rows)]
    arrays.append(_little(batch.blocks))
    sizes = struct.pack(f"<{len(arrays)}I", *(len(a) for a in arrays))
    return b"".join([opening(batch.header), sizes, *(np.ascontiguousarray(a).tobytes() for a in arrays)])


def opening(header: EncodingHeader) -> bytes:
    """What every segment of this header begins with."""
    head = json.dumps(asdict(header), sort_keys=True, separators=(",", ":")).encode()
    return MAGIC + struct.pack("<H", len(head)) + head


def header_of(data: bytes) -> EncodingHeader:
    """What a segment is of, without reading the rest. Raises BadSegment."""
    return _header(_Reader(data))


def _little(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(column.dtype.newbyteorder("<"), copy=False)


class _Reader:
    """Takes arrays off a byte string; anything short or left over is a damaged segment."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = memoryview(data), 0

    def take(self, size: int) -> memoryview:
        if self.at + size > len(self.data):
            raise BadSegment("encoding segment ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def array(self, dtype: str | np.dtype[Any], length: int, width: int = 0) -> NDArray[Any]:
        kind = np.dtype(dtype)
        raw = self.take(length * max(width, 1) * kind.itemsize)
        flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="), copy=False)
        return flat.reshape(length, width) if width else flat


def _header(reader: _Reader) -> EncodingHeader:
    if bytes(reader.take(len(MAGIC))) != MAGIC:
        raise BadSegment("not an encoding segment, or one of another layout")
    (size,) = struct.unpack("<H", reader.take(2))
    return _parsed(bytes(reader.take(size)))


@lru_cache(maxsize=64)  # half a million segments have a handful of headers
def _parsed(head: bytes) -> EncodingHeader:
    try:
        return EncodingHeader(**json.loads(head))
    except (ValueError, TypeError) as error:
        raise BadSegment("encoding segment: header unreadable") from error


def unpack(data: bytes) -> EncodedBatch:
    """The batch in `data`. Raises BadSegment for anything that `pack` cannot have written."""
    reader = _Reader(data)
    header = _header(reader)
    count = 1 + len(TABLE_SHAPES) + len(fields(Rows)) + 1
    sizes = list(struct.unpack(f"<{count}I", reader.take(4 * count)))
    starts = reader.array("<i4", sizes.pop(0))
    tables = Tables(**{n: reader.array(d, sizes.pop(0), w) for n, (d, w) in TABLE_SHAPES.items()})
    rows = Rows(**{f.name: reader.array("<i4" if f.name in POINTERS else "<u4", sizes.pop(0)) for f in fields(Rows)})
    blocks = reader.array("<u4", sizes.pop(0), SLOTS)
    if reader.at != len(data):
        raise BadSegment("encoding segment: bytes after the end")
    batch = EncodedBatch(header, starts, tables, rows, blocks)
    _check(batch)
    return batch


def _check(batch: EncodedBatch) -> None:
    """Lengths agree and no pointer leaves its table."""
    n, tables = len(batch.rows), batch.tables
    if not len(batch.starts) or batch.starts[0] != 0 or batch.starts[-1] != n or (np.diff(batch.starts) < 1).any():
        raise BadSegment("encoding segment: people do not cover the rows")
    if {len(getattr(batch.rows, f.name)) for f in fields(Rows)} != {n} or len(batch.blocks) != n:
        raise BadSegment("encoding segment: columns of different length")
    if not len(tables.name_filters) == len(tables.name_parts) == len(tables.name_groups) == len(tables.name_classes):
        raise BadSegment("encoding segment: name tables of different length")
    for column, table in POINTERS.items():
        _within(getattr(batch.rows, column), len(getattr(tables, table)), column)
    _within(tables.name_parts, len(tables.name_filters), "name_parts")


def _within(pointers: NDArray[Any], length: int, what: str) -> None:
    if pointers.size and (pointers.min() < -1 or pointers.max() >= length):
        raise BadSegment(f"encoding segment: {what} points outside its table")
