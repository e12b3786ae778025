"""Is the compiled kernel right: the same levels as the numpy reference, bit for bit, on anything."""

from dataclasses import fields
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import EncodedBatch, Encoder, RosterIndex, link
from matcher.blocks import Passes
from matcher.compare import Cuts, View, compare
from matcher.errors import KernelUnavailable
from matcher.fast import comparing, few, hashing, lookup, packing, weighing
from matcher.kernels import implementation
from matcher.passes import PASSES, SLOTS, slot_ranges
from matcher.score import score
from records import Identity
from tests.matcher.people import ENCODER, KEY, MODEL, crowd, identities, person, roster

FAST_ENCODER = Encoder(KEY, MODEL, kernel="fast")
NUMPY_INDEX, FAST_INDEX = (
    roster(
        *(
            Identity(first=f, last=v, birth_date=d)
            for f in ("Maria", "Bill", "Mary Ann", "Jose")
            for v in ("Smith", "García López", "Ng")
            for d in ("1980-02-03", "")
        ),
        exhaustive=exhaustive,
        kernel=kernel,
    )
    for exhaustive, kernel in ((True, "numpy"), (True, "fast"))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(identities(), min_size=1, max_size=8), st.lists(identities(), min_size=1, max_size=8))
def test_fast_equals_numpy(left: list[Identity], right: list[Identity]) -> None:
    a, b = (ENCODER.encode([[p] for p in side]) for side in (left, right))
    i, j = (g.ravel().astype(np.int32) for g in np.meshgrid(np.arange(len(a)), np.arange(len(b))))
    views = View.of(a.rows.matrix(), a.tables), View.of(b.rows.matrix(), b.tables)
    cuts = Cuts.of(MODEL)
    slow, fast = (kernel(views[0], i, views[1], j, cuts) for kernel in (compare, implementation("fast").compare))
    assert np.array_equal(slow.levels, fast.levels)
    for entry in ("first", "middle", "last"):
        assert np.array_equal(getattr(slow, entry), getattr(fast, entry))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(identities(), min_size=1, max_size=2), min_size=1, max_size=6), st.floats(-60, 20))
def test_fast_keeps_and_weighs_the_same_pairs_to_the_last_bit(people: list[list[Identity]], above: float) -> None:
    slow, fast = (score(ENCODER.encode(people), index, (), above) for index in (NUMPY_INDEX, FAST_INDEX))
    for column in fields(slow):
        assert np.array_equal(getattr(slow, column.name), getattr(fast, column.name)), column.name


@settings(max_examples=30, deadline=None)
@given(st.lists(identities(), max_size=8))
def test_fast_sees_a_side_alike(people: list[Identity]) -> None:
    batch = ENCODER.encode([[p] for p in people])
    slow, fast = (implementation(k).view(batch.rows.matrix(), batch.tables) for k in ("numpy", "fast"))
    for column in ("name_prints", "name_sizes", "street_prints", "street_sizes"):
        assert np.array_equal(getattr(slow, column), getattr(fast, column))
    assert np.array_equal(NUMPY_INDEX.same_names(slow), FAST_INDEX.same_names(fast))


def test_links_are_equal_to_the_last_bit() -> None:
    booked = ENCODER.encode([[p] for p in crowd(80)])
    assert link(booked, roster(person())) == link(booked, roster(person(), kernel="fast"))
    assert link(booked, roster(exhaustive=True)) == link(booked, roster(exhaustive=True, kernel="fast"))


_KEYS = st.sampled_from([0, 1, 2, 7, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(_KEYS.filter(bool), max_size=300), min_size=2, max_size=2),
    st.lists(st.tuples(_KEYS, _KEYS), max_size=40),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_fast_lookup_finds_what_bisection_finds(
    held: list[list[int]], asked: list[tuple[int, int]], cap: int, shuffled: Random
) -> None:
    spread = [n * 2654435761 % 2**32 for n in range(1, 2000)]  # enough for several buckets
    held = [[*held[0], *([7] * 90), *spread], [*held[1], *spread[::3]]]  # with a block long enough to be bisected
    parts = [np.sort(np.array([k << 32 | n for n, k in enumerate(keys)], np.uint64)) for keys in held]
    known = [*held[0], *held[1]]
    rows = [(a, shuffled.choice(known) if known and b % 2 else b) for a, b in asked]
    asking = np.zeros((len(rows), SLOTS), np.uint32)
    base, overlay = ([[np.zeros(0, np.uint64)] for _ in PASSES] for _ in range(2))
    for n, (each, lo, hi) in enumerate(slot_ranges()):
        if each.name in {"phone+initial", "lane+name"}:  # two passes, so that some pairs are found twice
            asking[:, lo:hi] = np.array(rows, np.uint32).reshape(-1, 2)
            base[n], overlay[n] = [parts[0]], [parts[1]]
    caps = dict.fromkeys(MODEL.caps, cap)
    assert Passes.of(base).split > 1
    slow, fast = (
        implementation(kernel).gather(Passes.of(base), Passes.of(overlay), asking, caps) for kernel in ("numpy", "fast")
    )
    for column in ("booking_rows", "roster_rows"):
        assert np.array_equal(getattr(slow, column), getattr(fast, column))
    assert slow.report == fast.report


@settings(max_examples=40, deadline=None)
@given(st.lists(identities(), max_size=8))
def test_fast_encodings_are_the_same_bytes(people: list[Identity]) -> None:
    rows = [[p] for p in people]
    assert FAST_ENCODER.encode(rows).to_bytes() == ENCODER.encode(rows).to_bytes()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(identities(), min_size=1, max_size=3), max_size=2))
def test_a_few_people_are_encoded_to_the_same_bytes(people: list[list[Identity]]) -> None:
    assert FAST_ENCODER.encode(people).to_bytes() == ENCODER.encode(people).to_bytes()


@pytest.mark.parametrize(("encoder", "index"), [(ENCODER, NUMPY_INDEX), (FAST_ENCODER, FAST_INDEX)])
def test_nobody_is_encoded_and_links_to_nobody(encoder: Encoder, index: RosterIndex) -> None:
    """A delivery may bring nothing new."""
    nobody = encoder.encode([])
    assert nobody.to_bytes() == ENCODER.encode([]).to_bytes()
    assert link(nobody, index) == []


def test_encodings_that_were_read_are_linked_by_what_is_compiled_already() -> None:
    """Arrays of a segment are read-only and anywhere in memory: no other code may have to be compiled for them."""
    rows = [[person(last=name, street=f"{n} Elm St")] for n, name in enumerate(("Smith", "Jones", "Ibarra"))]
    stored = EncodedBatch.from_bytes(ENCODER.encode(rows).to_bytes())
    assert not stored.tables.name_filters.flags.writeable
    index = RosterIndex(MODEL, kernel="fast")
    index.add(stored, ["a", "b", "c"])
    assert [r.links[0].client for r in link(stored, index)] == ["a", "b", "c"]
    assert FAST_ENCODER.encode(rows).to_bytes() == stored.to_bytes()
    entries = (
        hashing._siphash,
        few.keyed_values,
        few.block_keys,
        lookup._gather,
        comparing._compare,
        weighing._weighed,
    )
    assert [len(entry.signatures) for entry in (*entries, packing._pack, packing._same)] == [1] * 8


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(KernelUnavailable, match="numpy and fast"):
        implementation("quick")
