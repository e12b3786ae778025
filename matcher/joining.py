"""Many small segments read as one batch: what `concat` of each would be, without a Python object for each array of each.

A standing roster rests as one segment a client. Opening them one by one took nine tenths of a start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, POINTERS, TABLE_SHAPES, EncodedBatch, EncodingHeader, Rows, Tables
from matcher.compact import compact, concat
from matcher.errors import BadSegment
from matcher.passes import SLOTS
from matcher.segment import ORDERED, opening

_LAYOUT: tuple[tuple[np.dtype[Any], int], ...] = (
    (np.dtype("<i4"), 1),
    *TABLE_SHAPES.values(),
    *((np.dtype("<i4" if f.name in POINTERS else "<u4"), 1) for f in fields(Rows)),
    (np.dtype("<u4"), SLOTS),
)
"""Type and width of each array, in the order of the bytes."""
_COUNT = len(_LAYOUT)
_WIDTHS = np.array([dtype.itemsize * width for dtype, width in _LAYOUT])
_NAMES = ("starts", *TABLE_SHAPES, *(f.name for f in fields(Rows)), "blocks")
_Sizes = dict[str, NDArray[np.int64]]
_Arrays = dict[str, NDArray[Any]]


def join(segments: Sequence[bytes], header: EncodingHeader) -> EncodedBatch:
    """The people of all segments, which are all of this header.

    Raises BadSegment where one is damaged or of another header (HeaderMismatch among large ones), ValueError for none.
    """
    if not segments:
        raise ValueError("nothing to join")
    if any(s.startswith(ORDERED) for s in segments):  # a large one is better read by itself
        return concat([EncodedBatch.from_bytes(s, header) for s in segments])
    sizes, arrays = _cut(segments, opening(header))
    starts = _starts(arrays["starts"], sizes)
    rows = {f.name: _pointed(f.name, arrays, sizes) for f in fields(Rows)}
    arrays["name_parts"] = _shifted(arrays["name_parts"].ravel(), sizes["name_filters"], 2 * sizes["name_parts"])
    arrays["name_parts"] = arrays["name_parts"].reshape(-1, 2)
    tables = Tables(**{name: arrays[name] for name in TABLE_SHAPES})
    return compact(EncodedBatch(header, starts, tables, Rows(**rows), arrays["blocks"]))


def _cut(segments: Sequence[bytes], head: bytes) -> tuple[_Sizes, _Arrays]:
    """How long each array of each segment is, and the arrays of all, one behind the other."""
    lo, hi = len(head), len(head) + 4 * _COUNT
    if any(not s.startswith(head) or len(s) < hi for s in segments):
        raise BadSegment("encoding segment: of another header, or it ends too early")
    counts = np.frombuffer(b"".join([s[lo:hi] for s in segments]), "<u4").reshape(-1, _COUNT).astype(np.int64)
    ends = (hi + np.cumsum(counts * _WIDTHS, axis=1)).T
    if (ends[-1] != [len(s) for s in segments]).any():
        raise BadSegment("encoding segment: its length is not what it says")
    sizes = dict(zip(_NAMES, counts.T, strict=True))
    _same(sizes)
    arrays, begins = {}, [hi] * len(segments)
    for name, (dtype, width), stops in zip(_NAMES, _LAYOUT, ends, strict=True):
        until = stops.tolist()
        raw = b"".join([s[a:b] for s, a, b in zip(segments, begins, until, strict=True)])
        flat = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False)
        arrays[name] = flat.reshape(-1, width) if width > 1 else flat
        begins = until
    return sizes, arrays


def _same(sizes: _Sizes) -> None:
    """Columns of one segment are of one length, and so are its name tables."""
    n = sizes["first"]
    if any((sizes[f.name] != n).any() for f in fields(Rows)) or (sizes["blocks"] != n).any():
        raise BadSegment("encoding segment: columns of different length")
    if any((sizes[name] != sizes["name_filters"]).any() for name in ("name_parts", "name_groups", "name_classes")):
        raise BadSegment("encoding segment: name tables of different length")


def _starts(starts: I32, sizes: _Sizes) -> I32:
    """Where each person's rows begin, among those of all. Each segment says it from 0 to the number of its rows."""
    if (sizes["starts"] < 1).any():
        raise BadSegment("encoding segment: people do not cover the rows")
    ends = np.cumsum(sizes["starts"])
    first, last = ends - sizes["starts"], ends - 1
    steps = np.diff(starts, append=np.int32(1))
    steps[last] = 1
    if starts[first].any() or (starts[last] != sizes["first"]).any() or (steps < 1).any():
        raise BadSegment("encoding segment: people do not cover the rows")
    rows_before = np.cumsum(sizes["first"]) - sizes["first"]
    moved = starts + np.repeat(rows_before, sizes["starts"])
    return np.append(np.delete(moved, last), sizes["first"].sum()).astype(np.int32)


def _pointed(column: str, arrays: _Arrays, sizes: _Sizes) -> NDArray[Any]:
    """A column; where it points into a table, into those of all segments."""
    if column not in POINTERS:
        return arrays[column]
    return _shifted(arrays[column], sizes[POINTERS[column]], sizes[column])


def _shifted(pointers: I32, lengths: NDArray[np.int64], counts: NDArray[np.int64]) -> I32:
    """`counts` pointers of each segment, into its table of so many entries, moved behind the entries of those before."""
    if (pointers < -1).any() or (pointers >= np.repeat(lengths, counts)).any():
        raise BadSegment("encoding segment: a pointer leaves its table")
    before = np.repeat(np.cumsum(lengths) - lengths, counts)
    return np.where(pointers < 0, np.int32(-1), pointers + before).astype(np.int32)
