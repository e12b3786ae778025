"""The standing roster: encoded rows, a block index in memory, and changes without a rebuild.

Additions go to an overlay that is searched beside the base and folded into it as it grows; a removed client is
a tombstone that no later call sees. Blocks above their pass's cap are skipped and counted, never silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, POINTERS, TABLE_SHAPES, Arrays, EncodedBatch, EncodingHeader, Rows, Tables
from matcher.blocks import BlockIndex, Found, Order, ordered
from matcher.compare import View, fingerprints
from matcher.frequency import Frequencies, covering
from matcher.hashing import U64
from matcher.interning import Column, Interned, References
from matcher.kernels import Kernel, implementation
from matcher.model import Model
from matcher.segment import unpack_for_index
from matcher.weigh import Scales


class RosterIndex:
    """Encoded clients, found by block. One writer; reading while writing needs a lock around both.

    `exhaustive` compares every booking with every client: complete, for small rosters. `kernel` names the
    implementation of lookup and comparison; both give the same bits.
    """

    def __init__(self, model: Model, *, exhaustive: bool = False, kernel: Kernel = "numpy") -> None:
        self.model = model
        self.exhaustive = exhaustive
        self.kernel = kernel
        self.header: EncodingHeader | None = None
        self._tables = {name: Column(dtype.newbyteorder("="), width) for name, (dtype, width) in TABLE_SHAPES.items()}
        self._known = {name: Interned() for name in ("name_filters", "street_filters", "dobs", "ssns")}
        self._rows = Column(np.int32, len(fields(Rows)))
        self._person, self._starts, self._orgs = Column(np.int32), Column(np.int32), Column(np.int32)
        self._org_names: dict[str, int] = {"": 0}
        self._refs = References()
        self._blocks = BlockIndex(model.caps)
        self._view: View | None = None
        self._frequencies: Frequencies | None = None
        self._scales: Scales | None = None

    @property
    def kernel(self) -> Kernel:
        return self._kernel

    @kernel.setter
    def kernel(self, name: Kernel) -> None:
        self._kernel, self._view = name, None

    def __len__(self) -> int:
        return self._refs.live

    def __contains__(self, ref: str) -> bool:
        return self._refs.find(ref) is not None

    def __repr__(self) -> str:
        return f"<roster index of {len(self)} clients>"

    def add(self, batch: EncodedBatch, client_refs: Sequence[str], orgs: Sequence[str] | None = None) -> None:
        """Adds one client per person of `batch`. `orgs` names each client's organisation, where there are several.

        Raises HeaderMismatch for encodings of another key, epoch, version or schema; ValueError for references
        that do not fit the batch or are already there.
        """
        self._add(batch, ordered(batch.blocks), client_refs, orgs)

    def load(self, segment: bytes, client_refs: Sequence[str], orgs: Sequence[str] | None = None) -> None:
        """Adds the clients of a segment, as `EncodedBatch.to_bytes` wrote it. Raises as `add` does, and BadSegment."""
        self._add(*unpack_for_index(segment), client_refs, orgs)

    def _add(self, batch: EncodedBatch, keys: Order, client_refs: Sequence[str], orgs: Sequence[str] | None) -> None:
        self.accept(batch.header)
        if len(client_refs) != len(batch):
            raise ValueError(f"{len(client_refs)} client references for {len(batch)} people")
        base, row_base = len(self._refs), len(self._person)
        self._refs.add(client_refs)
        self._append_rows(batch)
        self._person.append(batch.person_of_row() + np.int32(base))
        self._starts.append(batch.starts[:-1] + np.int32(row_base))
        codes = [self._org_names.setdefault(o, len(self._org_names)) for o in orgs] if orgs else [0] * len(batch)
        self._orgs.append(np.array(codes, np.int32))
        self._blocks.add(keys, row_base)
        self._view = None
        if self._frequencies is not None and len(self._person) > 1.1 * self._frequencies.measured_rows:
            self._frequencies = None

    def remove(self, ref: str) -> None:
        """Forgets one client at once: no later call returns them. Raises KeyError for an unknown one."""
        self._refs.remove(ref)

    def replace(self, ref: str, batch: EncodedBatch, org: str = "") -> None:
        """Puts a changed client in place of the old one; adds where there was none."""
        self.accept(batch.header)
        if ref in self:
            self.remove(ref)
        self.add(batch, [ref], [org])

    def refs(self) -> list[str]:
        """The clients that are in the index now."""
        return self._refs.texts()

    def view(self) -> View:
        """Rows and tables as arrays, for the kernels."""
        if self._view is None:
            tables = Tables(**{name: column.values for name, column in self._tables.items()})
            self._view = implementation(self.kernel).view(self._rows.values, tables)
        return self._view

    def frequencies(self) -> Frequencies:
        """How common values and agreements are in this roster. Measured anew once it has grown by a tenth."""
        if self._frequencies is None:
            person = self._person.values
            alive, compare = self._refs.alive[person], implementation(self.kernel).compare
            self._frequencies = Frequencies.measure(self.view(), person, alive, self.model, compare)
        self._frequencies = covering(self._frequencies, self.view().tables)
        return self._frequencies

    def scales(self) -> Scales:
        """What each level is worth by the model, in this roster."""
        measured = self.frequencies()
        if self._scales is None or self._scales.frequencies is not measured:
            self._scales = Scales(self.model, measured)
        return self._scales

    def candidates(self, bookings: EncodedBatch) -> Found:
        """Row pairs that share a blocking key, aliases included, and what each pass contributed."""
        self.accept(bookings.header)
        found = self._blocks.pairs(bookings.blocks, implementation(self.kernel).gather)
        if self._refs.live == len(self._refs):
            return found
        live = self._refs.alive[self._person.values[found.roster_rows]]
        return replace(found, booking_rows=found.booking_rows[live], roster_rows=found.roster_rows[live])

    def every_pair(self, lo: int, hi: int) -> tuple[I32, I32]:
        """Booking rows lo to hi beside every row of the roster, for exhaustive mode."""
        rows = np.flatnonzero(self._refs.alive[self._person.values]).astype(np.int32)
        return np.repeat(np.arange(lo, hi, dtype=np.int32), len(rows)), np.tile(rows, hi - lo)

    def pairs_by_pass(self, bookings: EncodedBatch) -> dict[str, tuple[I32, I32]]:
        """Row pairs that each blocking pass proposes by itself, for evaluation."""
        self.accept(bookings.header)
        found = {}
        for name, (i, j) in self._blocks.pairs_by_pass(bookings.blocks).items():
            live = self._refs.alive[self._person.values[j]]
            found[name] = (i[live], j[live])
        return found

    def same_names(self, view: View) -> I32:
        """For each entry of another side's name table the equal entry of this roster's, or -1."""
        names = self._known["name_filters"]
        return implementation(self.kernel).same(view.name_prints, names.prints, names.numbers)

    def people_of(self, rows: I32) -> I32:
        """Number of the client each row belongs to."""
        found: I32 = self._person.values[rows]
        return found

    def spans_of(self, people: I32) -> tuple[I32, I32]:
        """First row of each client, and how many rows it has."""
        starts = self._starts.values
        ends = np.where(people + 1 < len(starts), starts[np.minimum(people + 1, len(starts) - 1)], len(self._person))
        return starts[people], (ends - starts[people]).astype(np.int32)

    def has_aliases(self) -> bool:
        return len(self._person) != len(self._refs)

    def number_of(self, ref: str) -> int | None:
        """Number of a client, None where there is none."""
        return self._refs.find(ref)

    def ref_of(self, person: int) -> str:
        return self._refs.text(person)

    def org_of(self, person: int) -> int:
        """A number for the client's organisation; 0 where none was named."""
        return int(self._orgs.values[person])

    def bytes_per_client(self) -> float:
        """Memory held, per client: rows, tables, references and block index."""
        columns = [*self._tables.values(), self._rows, self._person, self._starts, self._orgs]
        held = sum(c.nbytes for c in columns) + sum(k.nbytes for k in self._known.values())
        held += self._blocks.nbytes() + self._refs.nbytes
        if self._frequencies is not None:
            held += self._frequencies.nbytes
        return held / max(1, len(self._refs))

    def accept(self, header: EncodingHeader) -> None:
        """Raises HeaderMismatch for encodings of another key, epoch, version or schema than the roster's."""
        if self.header is None:
            self.header = header
        self.header.require(header)

    def _append_rows(self, batch: EncodedBatch) -> None:
        moved = {name: self._merge(name, getattr(batch.tables, name)) for name in ("street_filters", "dobs", "ssns")}
        moved["name_filters"] = self._merge_names(batch.tables)
        pointers: Arrays = {
            name: np.append(moved[table], np.int32(-1))[getattr(batch.rows, name)] for name, table in POINTERS.items()
        }
        self._rows.append(replace(batch.rows, **pointers).matrix())

    def _merge(self, name: str, table: NDArray[Any]) -> I32:
        """Adds the table's new entries; returns where each entry is now."""
        to, new = self._known[name].add(fingerprints(table.astype(np.uint64, copy=False)))
        self._tables[name].append(table[new])
        return to

    def _merge_names(self, tables: Tables) -> I32:
        """Names are equal when filter and parts are. Parts point to entries, which may be new themselves."""
        to, new = self._known["name_filters"].add(_name_prints(tables))
        entries: Arrays = {n: getattr(tables, n) for n in ("name_filters", "name_groups", "name_classes")}
        for column, values in entries.items():
            self._tables[column].append(values[new])
        self._tables["name_parts"].append(np.append(to, np.int32(-1))[tables.name_parts[new]])
        return to


def _name_prints(tables: Tables) -> U64:
    """Digests of names as whole and parts."""
    whole = np.append(fingerprints(tables.name_filters), np.uint64(0))
    return fingerprints(np.stack([whole[:-1], whole[tables.name_parts[:, 0]], whole[tables.name_parts[:, 1]]], axis=1))
