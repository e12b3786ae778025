"""Joining and cutting batches: tables stacked, then equal entries merged and unused ones left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, POINTERS, TABLE_SHAPES, Arrays, EncodedBatch, Rows, Tables
from matcher.hashing import FILTER_WORDS


def concat(batches: Sequence[EncodedBatch]) -> EncodedBatch:
    """Many batches of one header as one. Raises HeaderMismatch on a mixture, ValueError on nothing."""
    if not batches:
        raise ValueError("nothing to join")
    for other in batches[1:]:
        batches[0].header.require(other.header)
    tables, moved = _stack(batches)
    offsets = np.cumsum([0, *(len(b.rows) for b in batches)])
    starts = [b.starts[:-1] + off for b, off in zip(batches, offsets[:-1], strict=True)] + [offsets[-1:]]
    whole = EncodedBatch(
        batches[0].header,
        np.concatenate(starts).astype(np.int32),
        tables,
        Rows(*(np.concatenate([getattr(r, f.name) for r in moved]) for f in fields(Rows))),
        np.concatenate([b.blocks for b in batches]),
    )
    return compact(whole)


def shift(pointers: I32, by: int) -> I32:
    """Table pointers moved behind `by` entries; unknown stays unknown."""
    return np.where(pointers < 0, np.int32(-1), pointers + np.int32(by)).astype(np.int32)


def _stack(batches: Sequence[EncodedBatch]) -> tuple[Tables, list[Rows]]:
    """All tables below one another, and each batch's rows pointing into the stack."""
    bases = dict.fromkeys(TABLE_SHAPES, 0)
    parts: list[I32] = []
    moved: list[Rows] = []
    for batch in batches:
        parts.append(shift(batch.tables.name_parts, bases["name_filters"]))
        pointers: Arrays = {c: shift(getattr(batch.rows, c), bases[t]) for c, t in POINTERS.items()}
        moved.append(replace(batch.rows, **pointers))
        for name in bases:
            bases[name] += len(getattr(batch.tables, name))
    tables: Arrays = {
        n: np.concatenate([getattr(b.tables, n) for b in batches]) for n in TABLE_SHAPES if n != "name_parts"
    }
    return Tables(name_parts=np.concatenate(parts), **tables), moved


def _distinct(table: NDArray[Any], keep: I32) -> tuple[NDArray[Any], I32]:
    """Entries of `table` that `keep` names, equal ones once and in order of their bytes, and old pointer -> new."""
    mapping = np.full(len(table) + 1, -1, np.int32)
    if not len(keep):
        return table[:0], mapping
    used = np.unique(keep)
    raw = np.ascontiguousarray(table[used]).view(f"V{table.itemsize * table.shape[1]}").ravel()
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    mapping[used] = inverse
    return table[used[first]], mapping


def compact(batch: EncodedBatch) -> EncodedBatch:
    """The same people with table entries that nobody uses left out and equal ones merged."""
    rows, tables = batch.rows, batch.tables
    kept: Arrays = {}
    columns: Arrays = {}
    for table in ("street_filters", "dobs", "ssns"):
        names = [c for c, t in POINTERS.items() if t == table]
        used = np.concatenate([getattr(rows, c) for c in names])
        kept[table], to = _distinct(getattr(tables, table), used[used >= 0])
        columns |= {c: to[getattr(rows, c)] for c in names}
    used = np.concatenate([rows.first, rows.middle, rows.last])
    used = used[used >= 0]
    used = np.unique(np.concatenate([used, tables.name_parts[used].ravel()]))
    merged, to = _merge_names(tables, used[used >= 0])
    columns |= {c: to[getattr(rows, c)] for c in ("first", "middle", "last")}
    return replace(batch, tables=Tables(**merged, **kept), rows=replace(rows, **columns))


def _merge_names(tables: Tables, used: I32) -> tuple[Arrays, I32]:
    """Name entries are equal when filter and parts are: DELACRUZ and DE LA CRUZ share a filter, not their parts."""
    filters, parts = tables.name_filters, tables.name_parts[used]
    part_filters = np.where(parts[..., None] >= 0, filters[parts], np.uint64(0))
    key = np.concatenate([filters[used], part_filters.reshape(len(used), 2 * FILTER_WORDS)], axis=1)
    to = np.full(len(filters) + 1, -1, np.int32)
    to[used] = _distinct(key, np.arange(len(used), dtype=np.int32))[1][:-1]
    first_use = np.full(int(to.max(initial=-1)) + 1, -1, np.int32)
    first_use[to[used][::-1]] = used[::-1]
    names: Arrays = {
        "name_filters": filters[first_use],
        "name_parts": to[tables.name_parts[first_use]],
        "name_groups": tables.name_groups[first_use],
        "name_classes": tables.name_classes[first_use],
    }
    return names, to
