"""The bytes of an encoded batch: a fixed order of little-endian arrays behind a magic, a header and their lengths.

Two layouts: a large batch has its blocking keys in order, pass by pass, so that an index need not sort them. Both are read;
a small batch, of one person above all, is written as it always was.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import POINTERS, TABLE_SHAPES, EncodedBatch, EncodingHeader, Rows, Tables
from matcher.blocks import Order, ordered, unordered
from matcher.errors import BadSegment
from matcher.passes import PASSES, SLOTS, slot_ranges

MAGIC = b"WLfl1\x01"
ORDERED = b"WLfl1\x02"
LARGE = 1_000
"""Rows from which on the keys are written in order."""


def pack(batch: EncodedBatch) -> bytes:
    """Header as JSON, then starts, tables, row columns, and blocking keys; in order, with their places, in a large batch."""
    arrays: list[NDArray[Any]] = [batch.starts.astype("<i4")]
    arrays += [getattr(batch.tables, name).astype(dtype, copy=False) for name, (dtype, _) in TABLE_SHAPES.items()]
    arrays += [_little(getattr(batch.rows, f.name)) for f in fields(Rows)]
    large = len(batch.rows) >= LARGE
    arrays += [_little(a) for pair in ordered(batch.blocks) for a in pair] if large else [_little(batch.blocks)]
    sizes = struct.pack(f"<{len(arrays)}I", *(len(a) for a in arrays))
    return b"".join([opening(batch.header, large=large), sizes, *(np.ascontiguousarray(a).tobytes() for a in arrays)])


def opening(header: EncodingHeader, *, large: bool = False) -> bytes:
    """What every segment of this header begins with."""
    head = json.dumps(asdict(header), sort_keys=True, separators=(",", ":")).encode()
    return (ORDERED if large else MAGIC) + struct.pack("<H", len(head)) + head


def header_of(data: bytes) -> EncodingHeader:
    """What a segment is of, without reading the rest. Raises BadSegment."""
    reader = _Reader(data)
    _is_large(reader)
    return _header(reader)


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


def _is_large(reader: _Reader) -> bool:
    found = bytes(reader.take(len(MAGIC)))
    if found not in {MAGIC, ORDERED}:
        raise BadSegment(
            "not an encoding segment, or one of another layout: encode these people anew with this release"
        )
    return found == ORDERED


def _header(reader: _Reader) -> EncodingHeader:
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
    batch, order = _unpacked(data)
    return replace(batch, blocks=unordered(order, len(batch.rows))) if order else batch


def unpack_for_index(data: bytes) -> tuple[EncodedBatch, Order]:
    """The batch in `data`, perhaps without its blocking keys, and these in order. Raises as `unpack` does."""
    batch, order = _unpacked(data)
    return batch, order or ordered(batch.blocks)


def _unpacked(data: bytes) -> tuple[EncodedBatch, Order]:
    """The batch, and the keys in order where they were written so: then they are missing in the batch."""
    reader = _Reader(data)
    large = _is_large(reader)
    header = _header(reader)
    count = 1 + len(TABLE_SHAPES) + len(fields(Rows)) + (2 * len(PASSES) if large else 1)
    sizes = list(struct.unpack(f"<{count}I", reader.take(4 * count)))
    starts = reader.array("<i4", sizes.pop(0))
    tables = Tables(**{n: reader.array(d, sizes.pop(0), w) for n, (d, w) in TABLE_SHAPES.items()})
    rows = Rows(**{f.name: reader.array("<i4" if f.name in POINTERS else "<u4", sizes.pop(0)) for f in fields(Rows)})
    blocks = np.zeros((len(rows), 0), np.uint32) if large else reader.array("<u4", sizes.pop(0), SLOTS)
    arrays = [reader.array("<u4", size) for size in sizes]
    if reader.at != len(data):
        raise BadSegment("encoding segment: bytes after the end")
    batch, order = EncodedBatch(header, starts, tables, rows, blocks), list(zip(arrays[::2], arrays[1::2], strict=True))
    _check(batch)
    _check_order(order, len(rows))
    return batch, order


def _check_order(order: Order, rows: int) -> None:
    """Keys in order, none of them 0, each in a place that is there."""
    for (keys, at), (_, lo, hi) in zip(order, slot_ranges(), strict=False):
        if len(keys) != len(at) or (len(at) and at.max() >= rows * (hi - lo)):
            raise BadSegment("encoding segment: blocking keys without a place")
        if len(keys) and (not keys[0] or (keys[1:] < keys[:-1]).any()):
            raise BadSegment("encoding segment: blocking keys out of order")


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
