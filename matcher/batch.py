"""Encodings of many people as flat arrays: what the index holds, what rests (sealed) in the store.

Values repeat, so each distinct value is encoded once in a table and rows point into the tables. A person is a
run of consecutive rows: the name of record, then the aliases. Everything here is a pseudonym, not a secret kept:
bytes of a batch belong inside an authenticated envelope, never beside one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import HeaderMismatch
from matcher.hashing import FILTER_WORDS, U32, U64
from matcher.nicknames import GROUPS_KEPT

I32 = NDArray[np.int32]
Arrays = dict[str, NDArray[Any]]

DOB_TOKENS = 15
"""Columns of the birth-date table; see `matcher.encode.dob_table`."""
SSN_TOKENS = 6


@dataclass(frozen=True, slots=True)
class EncodingHeader:
    """What two encodings must share to be compared."""

    version: str
    key_id: str
    epoch: str
    schema_hash: str

    def require(self, other: EncodingHeader) -> None:
        """Raises HeaderMismatch, naming the first parameter that differs."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                raise HeaderMismatch(f"encodings differ in {field.name}: {mine} and {theirs} are never compared")


@dataclass(frozen=True, slots=True, repr=False)
class Tables:
    """Distinct values. `*_filters` are (n, 8) words; `name_parts` are rows of the name table or -1."""

    name_filters: U64
    name_parts: I32
    name_groups: U32
    name_classes: NDArray[np.uint8]
    """(names, 2): commonness as given name and as surname, see `matcher.nicknames.commonness`."""
    street_filters: U64
    dobs: U32
    ssns: U32


@dataclass(frozen=True, slots=True, repr=False)
class Rows:
    """One entry for each identity. Signed columns point into a table (-1: unknown), unsigned are tokens (0: unknown)."""

    first: I32
    middle: I32
    last: I32
    dob: I32
    ssn4: I32
    street: I32
    number: U32
    zip: U32
    city: U32
    phone: U32
    sex: U32
    suffix: U32

    def __len__(self) -> int:
        return len(self.first)

    def matrix(self) -> I32:
        """All columns side by side, (rows, 12): one row is one cache line when pairs are compared."""
        return np.stack([getattr(self, name).view(np.int32) for name in COLUMNS], axis=1)

    @classmethod
    def of(cls, matrix: I32) -> Rows:
        """Columns of a row matrix, without copying."""
        signed, tokens = matrix.T, matrix.view(np.uint32).T
        return cls(*(signed[k] if name in POINTERS else tokens[k] for k, name in enumerate(COLUMNS)))

    def take(self, at: NDArray[Any] | slice) -> Rows:
        return Rows(*(getattr(self, name)[at] for name in COLUMNS))


TABLE_SHAPES: dict[str, tuple[np.dtype[Any], int]] = {
    "name_filters": (np.dtype("<u8"), FILTER_WORDS),
    "name_parts": (np.dtype("<i4"), 2),
    "name_groups": (np.dtype("<u4"), GROUPS_KEPT),
    "name_classes": (np.dtype("u1"), 2),
    "street_filters": (np.dtype("<u8"), FILTER_WORDS),
    "dobs": (np.dtype("<u4"), DOB_TOKENS),
    "ssns": (np.dtype("<u4"), SSN_TOKENS),
}
POINTERS = {
    "first": "name_filters", "middle": "name_filters", "last": "name_filters",
    "dob": "dobs", "ssn4": "ssns", "street": "street_filters",
}  # fmt: skip
"""Row columns that point into a table, and which."""
COLUMNS = tuple(f.name for f in fields(Rows))
TOKENS = tuple(name for name in COLUMNS if name not in POINTERS)


@dataclass(frozen=True, slots=True, repr=False)
class EncodedBatch:
    """Encodings of `len(batch)` people under one header."""

    header: EncodingHeader
    starts: I32
    """(people + 1,): person i has the rows starts[i] to starts[i + 1]."""
    tables: Tables
    rows: Rows
    blocks: U32
    """(rows, SLOTS): blocking keys, 0 where a row has none."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __repr__(self) -> str:
        return f"<encodings of {len(self)} people, epoch {self.header.epoch}>"

    __str__ = __repr__

    def person_of_row(self) -> I32:
        """For each row, the person it belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def one(self, i: int) -> EncodedBatch:
        """Person `i` alone, with only the table entries that person uses."""
        if not 0 <= i < len(self):
            raise IndexError(f"person {i} of {len(self)}")
        return self.slice(i, i + 1)

    def slice(self, lo: int, hi: int) -> EncodedBatch:
        """People `lo` to `hi`, with only the table entries they use."""
        at = slice(int(self.starts[lo]), int(self.starts[hi]))
        starts = (self.starts[lo : hi + 1] - self.starts[lo]).astype(np.int32)
        from matcher.compact import compact

        return compact(replace(self, starts=starts, rows=self.rows.take(at), blocks=self.blocks[at]))

    def to_bytes(self) -> bytes:
        """A compact serialisation; equal batches give equal bytes. Seal it before it rests anywhere."""
        from matcher.segment import pack

        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes, expected: EncodingHeader | None = None) -> EncodedBatch:
        """Reads and checks what `to_bytes` wrote.

        Raises BadSegment where the bytes are damaged, HeaderMismatch where they are of another key, epoch,
        version or schema than `expected`.
        """
        from matcher.segment import unpack

        batch = unpack(data)
        if expected is not None:
            expected.require(batch.header)
        return batch

    @staticmethod
    def header_of(data: bytes) -> EncodingHeader:
        """What a segment's header says, without reading the rest. Raises BadSegment."""
        from matcher.segment import header_of

        return header_of(data)

    @classmethod
    def join(cls, segments: Sequence[bytes], header: EncodingHeader) -> EncodedBatch:
        """Many segments of one header as one batch: `concat` of each, many times as fast where they are small.

        Raises BadSegment where one is damaged or of another header, ValueError on nothing.
        """
        from matcher.joining import join

        return join(segments, header)

    @classmethod
    def concat(cls, batches: Sequence[EncodedBatch]) -> EncodedBatch:
        """Many batches of one header as one. Raises HeaderMismatch on a mixture, ValueError on nothing."""
        from matcher.compact import concat

        return concat(batches)
