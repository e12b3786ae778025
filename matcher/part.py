"""Some clients of a larger roster, weighed and counted as the whole roster would: what lets linkage be spread over machines.

A booking's result depends on its candidates and on three facts of the whole roster: how many clients there are, how
common each value is (`Measure`), and which blocks are over their cap (`sizes`, `blanked`). Given these, a part proposes
and weighs exactly the pairs that the whole roster would among its own clients, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, EncodedBatch, EncodingHeader
from matcher.compare import View, fingerprints
from matcher.frequency import Frequencies, NameRarity, ValueRarity, street_keys
from matcher.hashing import U32
from matcher.index import RosterIndex, _name_prints
from matcher.interning import Interned
from matcher.kernels import Kernel
from matcher.link import floor_bits
from matcher.model import Model
from matcher.passes import slot_ranges
from matcher.prior import HIGHEST_SHARE
from matcher.score import score

Keys = tuple[U32, ...]
"""For each pass, blocking keys, sorted and distinct."""
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False)
class Measure:
    """What is to be known of a whole roster to weigh a part of it. Holds digests and counts, no filters and no ids."""

    clients: int
    header: EncodingHeader
    frequencies: Frequencies
    names: Interned
    dobs: Interned
    streets: Interned

    @classmethod
    def of(cls, index: RosterIndex) -> Measure:
        """Of an index of all clients; it needs no blocks. Raises ValueError for an empty one."""
        if index.header is None:
            raise ValueError("an empty roster has nothing to measure")
        known = index._known  # noqa: SLF001 - the two modules are one thing in two files
        held = index.frequencies()
        return cls(len(index), index.header, held, known["name_filters"], known["dobs"], known["street_filters"])


class PartOfRoster(RosterIndex):
    """An index of some clients of a measured roster. Its length is that of the whole: priors depend on it."""

    def __init__(self, model: Model, whole: Measure, *, kernel: Kernel = "numpy") -> None:
        super().__init__(model, kernel=kernel)
        self.header = whole.header
        self._whole = whole

    def __len__(self) -> int:
        return self._whole.clients

    def frequencies(self) -> Frequencies:
        """The whole roster's, by this part's own table entries; behind them stand the whole's (see `same_names`)."""
        view = self.view()
        if self._frequencies is None or len(self._frequencies.dob) != len(view.tables.dobs):
            self._frequencies = _translated(self._whole, view)
        return self._frequencies

    def same_names(self, view: View) -> I32:
        """A booking's name may be one of the whole roster's that nobody here has: it is found all the same."""
        found = self._whole.names.find(_name_prints(view.tables))
        own = np.int32(len(self.view().tables.name_filters))
        return np.where(found >= 0, found + own, np.int32(-1)).astype(np.int32)


def _translated(whole: Measure, view: View) -> Frequencies:
    tables, held = view.tables, whole.frequencies
    names = whole.names.find(_name_prints(tables))
    dobs = whole.dobs.find(fingerprints(tables.dobs.astype(np.uint64, copy=False)))
    return replace(
        held,
        first=_appended(held.first, names),
        middle=_appended(held.middle, names),
        last=_appended(held.last, names),
        dob=held.dob[dobs],
        street=_streets(whole, view),
    )


def _appended(held: NameRarity, names: I32) -> NameRarity:
    return replace(held, bits=np.append(held.bits[names], held.bits), known=np.append(held.known[names], held.known))


def _streets(whole: Measure, view: View) -> ValueRarity:
    """Counts of the whole roster's addresses, under the numbers that streets have here."""
    rows, at = view.rows, np.arange(len(view.matrix))
    here = street_keys(rows, at)
    there = np.append(whole.streets.find(fingerprints(view.tables.street_filters)), np.int32(-1))[rows.street]
    theirs = (there.astype(np.uint64) << np.uint64(32)) | rows.number
    here, first = np.unique(here[here != 0], return_index=True) if (here != 0).any() else (here[:0], at[:0])
    theirs = theirs[rows.street >= 0][first]
    ranked = whole.frequencies.street.sorted
    counts = np.searchsorted(ranked, theirs, side="right") - np.searchsorted(ranked, theirs)
    return replace(whole.frequencies.street, sorted=np.repeat(here, counts))


def asked(bookings: Sequence[EncodedBatch]) -> Keys:
    """The blocks that these bookings look into."""
    return tuple(_filled([b.blocks[:, lo:hi].ravel() for b in bookings]) for _, lo, hi in slot_ranges())


def _filled(blocks: Sequence[U32]) -> U32:
    keys: U32 = np.unique(np.concatenate([np.zeros(1, np.uint32), *blocks]))
    return keys[1:]


def sizes(part: EncodedBatch, keys: Keys) -> tuple[Counts, ...]:
    """How many entries each of these blocks has in this part of the roster."""
    found = []
    for wanted, (_, lo, hi) in zip(keys, slot_ranges(), strict=True):
        ranked = np.sort(part.blocks[:, lo:hi].ravel())
        found.append(np.searchsorted(ranked, wanted, side="right") - np.searchsorted(ranked, wanted))
    return tuple(found)


def over_cap(keys: Keys, counts: Sequence[Counts], model: Model) -> Keys:
    """Blocks that are larger, in the whole roster, than their pass looks into."""
    caps = (model.caps[each.name] for each, _, _ in slot_ranges())
    return tuple(k[n > cap] for k, n, cap in zip(keys, counts, caps, strict=True))


def blanked(part: EncodedBatch, full: Keys) -> EncodedBatch:
    """The same clients without the blocks that are over their cap in the whole roster."""
    blocks = part.blocks.copy()
    for keys, (_, lo, hi) in zip(full, slot_ranges(), strict=True):
        if len(keys):
            held = blocks[:, lo:hi]
            held[np.isin(held, keys)] = 0
    return replace(part, blocks=blocks)


def survivors(bookings: EncodedBatch, part: RosterIndex) -> tuple[I32, int]:
    """Clients (by number in `part`) whom some booking may be of, and how many pairs were compared to find them."""
    scored = score(bookings, part, (), floor_bits(part, HIGHEST_SHARE))
    return np.unique(scored.client).astype(np.int32), int(scored.compared.sum())
