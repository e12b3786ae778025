"""Candidates of a batch of bookings become weighed pairs: one for each booking and client, with its best rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, EncodedBatch
from matcher.compare import U8, Cuts, View
from matcher.frequency import F64
from matcher.index import RosterIndex
from matcher.kernels import Implementation, implementation
from matcher.levels import FIELDS
from matcher.weigh import Measures, Weighed

PAIRS_AT_ONCE = 100_000
"""Row pairs compared in one go, so that memory stays bounded in exhaustive mode."""
Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True, repr=False)
class Scored:
    """The best row pair of each (booking, client) pair, sorted by booking, then client."""

    booking: I32
    client: I32
    booking_row: I32
    row: I32
    """The client's row that fitted best."""
    levels: U8
    """(fields, pairs)."""
    bits: F64
    weight: F64
    compared: NDArray[np.int64]
    """For each booking, how many clients were compared."""


def score(bookings: EncodedBatch, index: RosterIndex, required: Pairs = (), above: float = -math.inf) -> Scored:
    """Compares and weighs every candidate. Pairs not above `above` bits are counted and dropped, unless required."""
    kernel = implementation(index.kernel)
    left, right = kernel.view(bookings.rows.matrix(), bookings.tables), index.view()
    lowest = -math.inf if required else above
    by = Measures(Cuts.of(index.model), index.scales(), index.same_names(left), lowest)
    if not required and not index.exhaustive and _single(bookings, index):
        return _of_single_rows(bookings, index, kernel, left, by)
    people = bookings.person_of_row()
    compared = np.zeros(len(bookings), np.int64)
    pieces = []
    for i, j in _row_pairs(bookings, index, required):
        for lo in range(0, max(len(i), 1), PAIRS_AT_ONCE):
            at = slice(lo, lo + PAIRS_AT_ONCE)
            pieces.append(kernel.weigh(left, i[at], right, j[at], by))
        compared += _compared(people[i], index.people_of(j), len(bookings))
    return _best(people, index, pieces, compared, (set(required), above))


def _single(bookings: EncodedBatch, index: RosterIndex) -> bool:
    """Whether everybody has one identity: then a row is a person, and no pair of people has several pairs of rows."""
    return not index.has_aliases() and len(bookings.rows) == len(bookings)


def _of_single_rows(
    bookings: EncodedBatch, index: RosterIndex, kernel: Implementation, left: View, by: Measures
) -> Scored:
    """The same where everybody has one identity: pairs come in order, and each is the best of its people."""
    found = index.candidates(bookings)
    i, j, right = found.booking_rows, found.roster_rows, index.view()
    at = (slice(lo, lo + PAIRS_AT_ONCE) for lo in range(0, max(len(i), 1), PAIRS_AT_ONCE))
    kept = _joined([kernel.weigh(left, i[part], right, j[part], by) for part in at])
    compared = np.bincount(i, minlength=len(bookings))
    return Scored(kept.i, index.people_of(kept.j), kept.i, kept.j, kept.levels, kept.bits, kept.weight, compared)


def _joined(pieces: Sequence[Weighed]) -> Weighed:
    if len(pieces) == 1:
        return pieces[0]
    i, j, weight = (np.concatenate([getattr(p, name) for p in pieces]) for name in ("i", "j", "weight"))
    levels, bits = (np.concatenate([getattr(p, name) for p in pieces], axis=1) for name in ("levels", "bits"))
    return Weighed(i, j, levels, bits, weight)


def _row_pairs(bookings: EncodedBatch, index: RosterIndex, required: Pairs) -> Iterator[tuple[I32, I32]]:
    """Row pairs to compare: all at once from the blocks, some bookings at a time in exhaustive mode."""
    if not index.exhaustive:
        found = index.candidates(bookings)
        yield _all_rows(bookings, index, found.booking_rows, found.roster_rows, required)
        return
    index.accept(bookings.header)
    step = max(1, PAIRS_AT_ONCE // max(1, len(index)))
    people = range(0, len(bookings), step)
    for lo in people:
        yield index.every_pair(int(bookings.starts[lo]), int(bookings.starts[min(lo + step, len(bookings))]))


def _all_rows(bookings: EncodedBatch, index: RosterIndex, i: I32, j: I32, required: Pairs) -> tuple[I32, I32]:
    """Candidate row pairs, widened to every pair of identities of two people where either has aliases."""
    if not required and _single(bookings, index):
        return i, j
    mine = np.diff(bookings.starts)
    a, b = bookings.person_of_row()[i], index.people_of(j)
    several = (mine[a] > 1) | (index.spans_of(b)[1] > 1)
    wanted = np.array(required, np.int64).reshape(-1, 2)
    if not several.any() and not len(wanted):
        return i, j
    people = np.concatenate([(a[several].astype(np.int64) << 32) | b[several], (wanted[:, 0] << 32) | wanted[:, 1]])
    pairs = np.unique(people)
    a, b = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
    first, theirs = index.spans_of(b)
    sizes = mine[a].astype(np.int64) * theirs
    which = np.repeat(np.arange(len(pairs)), sizes)
    inner = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows_i = bookings.starts[a[which]] + inner // theirs[which]
    rows_j = first[which] + inner % theirs[which]
    single = ~several
    return (
        np.concatenate([i[single], rows_i]).astype(np.int32),
        np.concatenate([j[single], rows_j]).astype(np.int32),
    )


def _compared(booking: I32, client: I32, n: int) -> NDArray[np.int64]:
    pairs = np.sort((booking.astype(np.int64) << 32) | client)
    fresh = np.concatenate(([True], pairs[1:] != pairs[:-1])) if len(pairs) else np.zeros(0, bool)
    return np.bincount(pairs[fresh] >> 32, minlength=n)


def _best(
    people: I32,
    index: RosterIndex,
    pieces: Sequence[Weighed],
    compared: NDArray[np.int64],
    keep: tuple[set[tuple[int, int]], float],
) -> Scored:
    """Best row pair for each (booking, client); ties go to the earlier rows."""
    all_of = _joined(pieces)
    i, j, weight, levels, bits = all_of.i, all_of.j, all_of.weight, all_of.levels, all_of.bits
    booking, client = people[i], index.people_of(j)
    order = np.lexsort((j, i, -weight, client, booking))
    b, c = booking[order], client[order]
    head = np.ones(len(order), bool)
    head[1:] = (b[1:] != b[:-1]) | (c[1:] != c[:-1])
    required, above = keep
    at = order[head]
    if required:
        wanted = [pair in required for pair in zip(booking[at].tolist(), client[at].tolist(), strict=True)]
        at = at[np.array(wanted, bool) | (weight[at] > above)]
    return Scored(booking[at], client[at], i[at], j[at], levels[:, at], bits[:, at], weight[at], compared)


def nothing_scored(bookings: int) -> Scored:
    """What scoring against an empty roster comes to."""
    none, fields = np.zeros(0, np.int32), len(FIELDS)
    levels, bits = np.zeros((fields, 0), np.uint8), np.zeros((fields, 0))
    return Scored(none, none, none, none, levels, bits, np.zeros(0), np.zeros(bookings, np.int64))
