"""The standing roster: encoded rows, a block index in memory, and changes without a rebuild.

Additions go to an overlay that is searched beside the base and folded into it as it grows; a removed client is
a tombstone until the next fold. Blocks above their pass's cap are skipped and counted, never silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, POINTERS, TABLE_SHAPES, Arrays, EncodedBatch, EncodingHeader, Rows, Tables
from matcher.blocks import BlockIndex, PassReport
from matcher.compare import View, fingerprints
from matcher.frequency import Frequencies
from matcher.model import Model


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs worth comparing: rows of the bookings, rows of the roster, and what each pass contributed."""

    booking_rows: I32
    roster_rows: I32
    report: tuple[PassReport, ...]


class _Column:
    """An array that grows by doubling."""

    def __init__(self, dtype: Any, width: int = 0) -> None:
        self._store: NDArray[Any] = np.zeros((0, width) if width else 0, dtype)
        self._size = 0

    def append(self, values: NDArray[Any]) -> None:
        need = self._size + len(values)
        if need > len(self._store):
            room = need if not self._size else max(need, self._size + self._size // 4)
            grown = np.empty((room, *self._store.shape[1:]), self._store.dtype)
            grown[: self._size] = self._store[: self._size]
            self._store = grown
        self._store[self._size : need] = values
        self._size = need

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        return self._store[: self._size]


class RosterIndex:
    """Encoded clients, found by block. One writer; reading while writing needs a lock around both.

    `exhaustive` compares every booking with every client: exact, and sensible below about 100,000 clients.
    """

    def __init__(self, model: Model, *, exhaustive: bool = False, kernel: str = "numpy") -> None:
        self.model = model
        self.exhaustive = exhaustive
        self.kernel = kernel
        self.header: EncodingHeader | None = None
        self._tables = {name: _Column(dtype.newbyteorder("="), width) for name, (dtype, width) in TABLE_SHAPES.items()}
        self._known: dict[str, dict[int, int]] = {
            name: {} for name in TABLE_SHAPES if name not in {"name_parts", "name_groups", "name_classes"}
        }
        self._rows = {f.name: _Column(np.int32 if f.name in POINTERS else np.uint32) for f in fields(Rows)}
        self._person = _Column(np.int32)
        self._alive = _Column(np.bool_)
        self._starts = _Column(np.int32)
        self._orgs = _Column(np.int32)
        self._org_names: dict[str, int] = {"": 0}
        self._refs: list[str] = []
        self._at: dict[str, int] | None = None
        self._dead = 0
        self._blocks = BlockIndex()
        self._view: View | None = None
        self._frequencies: Frequencies | None = None

    def __len__(self) -> int:
        return len(self._refs) - self._dead

    def __repr__(self) -> str:
        return f"<roster index of {len(self)} clients>"

    def add(self, batch: EncodedBatch, client_refs: Sequence[str], orgs: Sequence[str] | None = None) -> None:
        """Adds one client per person of `batch`. `orgs` names each client's organisation, where there are several.

        Raises HeaderMismatch for encodings of another key, epoch, version or schema; ValueError for references
        that do not fit the batch or are already there.
        """
        self._accept(batch.header)
        if len(client_refs) != len(batch):
            raise ValueError(f"{len(client_refs)} client references for {len(batch)} people")
        numbers = self._numbers()
        if len(set(client_refs)) != len(client_refs) or any(r in numbers for r in client_refs):
            raise ValueError("a client reference is in the index already; use replace")
        base, row_base = len(self._refs), len(self._person)
        self._append_rows(batch)
        self._person.append(batch.person_of_row() + np.int32(base))
        self._starts.append(batch.starts[:-1] + np.int32(row_base))
        self._alive.append(np.ones(len(batch), bool))
        codes = [self._org_names.setdefault(o, len(self._org_names)) for o in orgs] if orgs else [0] * len(batch)
        self._orgs.append(np.array(codes, np.int32))
        self._refs.extend(client_refs)
        numbers.update({ref: base + i for i, ref in enumerate(client_refs)})
        self._blocks.add(batch.blocks, row_base)
        self._view = None
        self._stale()

    def remove(self, ref: str) -> None:
        """Forgets one client at once: no later call returns them. Raises KeyError for an unknown one."""
        at = self._numbers().pop(ref)
        self._alive.values[at] = False
        self._dead += 1

    def replace(self, ref: str, batch: EncodedBatch, org: str = "") -> None:
        """Puts a changed client in place of the old one; adds where there was none."""
        self._accept(batch.header)
        if ref in self._numbers():
            self.remove(ref)
        self.add(batch, [ref], [org])

    def refs(self) -> list[str]:
        """The clients that are in the index now."""
        return list(self._numbers())

    def __contains__(self, ref: str) -> bool:
        return ref in self._numbers()

    def view(self) -> View:
        """Rows and tables as arrays, for the kernels."""
        if self._view is None:
            rows = Rows(**{name: column.values for name, column in self._rows.items()})
            self._view = View.of(rows, Tables(**{name: column.values for name, column in self._tables.items()}))
        return self._view

    def frequencies(self) -> Frequencies:
        """How common values and agreements are in this roster. Measured anew once it has grown by a tenth."""
        if self._frequencies is None:
            live = self._alive.values[self._person.values]
            self._frequencies = Frequencies.measure(self.view(), self._person.values, live, self.model)
        return self._frequencies

    def candidates(self, bookings: EncodedBatch) -> Candidates:
        """Row pairs that share a blocking key, aliases included; every pair in exhaustive mode."""
        self._accept(bookings.header)
        if self.exhaustive:
            rows = np.flatnonzero(self._alive.values[self._person.values]).astype(np.int32)
            i = np.repeat(np.arange(len(bookings.rows), dtype=np.int32), len(rows))
            return Candidates(i, np.tile(rows, len(bookings.rows)), ())
        i, j, report = self._blocks.pairs(bookings.blocks)
        live = self._alive.values[self._person.values[j]]
        return Candidates(i[live], j[live], report)

    def same_names(self, tables: Tables) -> I32:
        """For each entry of another name table the equal entry of this roster's, or -1."""
        known = self._known["name_filters"]
        prints = _name_prints(tables).tolist()
        return np.fromiter((known.get(p, -1) for p in prints), np.int32, len(prints))

    def people_of(self, rows: I32) -> I32:
        """Number of the client each row belongs to."""
        found: I32 = self._person.values[rows]
        return found

    def starts(self) -> I32:
        """(clients + 1,): rows starts[k] to starts[k + 1] are client k's."""
        return np.append(self._starts.values, np.int32(len(self._person)))

    def has_aliases(self) -> bool:
        return len(self._person) != len(self._refs)

    def number_of(self, ref: str) -> int | None:
        """Number of a client, None where there is none."""
        return self._numbers().get(ref)

    def ref_of(self, person: int) -> str:
        return self._refs[person]

    def org_of(self, person: int) -> int:
        """A number for the client's organisation; 0 where none was named."""
        return int(self._orgs.values[person])

    def bytes_per_row(self) -> float:
        """Memory held by arrays, per client."""
        columns = [*self._tables.values(), *self._rows.values(), self._person, self._alive, self._starts, self._orgs]
        held = sum(c._store.nbytes for c in columns) + self._blocks.nbytes()  # noqa: SLF001 - its own column class
        return held / max(1, len(self._refs))

    def _numbers(self) -> dict[str, int]:
        if self._at is None:
            self._at = {}
        return self._at

    def _accept(self, header: EncodingHeader) -> None:
        if self.header is None:
            self.header = header
        self.header.require(header)

    def _stale(self) -> None:
        if self._frequencies is not None and len(self._person) > 1.1 * self._frequencies.measured_rows:
            self._frequencies = None

    def _append_rows(self, batch: EncodedBatch) -> None:
        moved = {name: self._merge(name, batch.tables) for name in ("street_filters", "dobs", "ssns")}
        moved["name_filters"] = self._merge_names(batch.tables)
        for name, column in self._rows.items():
            values = getattr(batch.rows, name)
            if name in POINTERS:
                to = moved[POINTERS[name]]
                values = np.where(values >= 0, to[values], np.int32(-1)) if len(to) else values
            column.append(values)

    def _merge(self, name: str, tables: Tables) -> I32:
        """Adds the table's new entries; returns where each entry is now."""
        table = getattr(tables, name)
        prints = fingerprints(table.astype(np.uint64))
        return self._intern(name, prints, {name: table})

    def _intern(self, name: str, prints: NDArray[np.uint64], entries: dict[str, NDArray[Any]]) -> I32:
        known = self._known[name]
        before = len(known)
        to = np.fromiter((known.setdefault(p, len(known)) for p in prints.tolist()), np.int32, len(prints))
        fresh = np.unique(to, return_index=True)
        new = np.sort(fresh[1][fresh[0] >= before])
        for column, values in entries.items():
            self._tables[column].append(values[new])
        return to

    def _merge_names(self, tables: Tables) -> I32:
        """Names are equal when filter and parts are. Parts point to entries, which may be new themselves."""
        prints = _name_prints(tables)
        entries: Arrays = {
            "name_filters": tables.name_filters,
            "name_groups": tables.name_groups,
            "name_classes": tables.name_classes,
        }
        before = len(self._tables["name_filters"])
        to = self._intern("name_filters", prints, entries)
        new = np.flatnonzero(to >= before)
        order = np.unique(to[new], return_index=True)[1]
        parts = tables.name_parts[new[order]]
        self._tables["name_parts"].append(np.where(parts >= 0, to[parts], np.int32(-1)).astype(np.int32))
        return to


def _name_prints(tables: Tables) -> NDArray[np.uint64]:
    """Digests of names as whole and parts."""
    whole = np.append(fingerprints(tables.name_filters), np.uint64(0))
    return fingerprints(np.stack([whole[:-1], whole[tables.name_parts[:, 0]], whole[tables.name_parts[:, 1]]], axis=1))
