"""Is the compiled kernel right: the same levels as the numpy reference, bit for bit, on anything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import link
from matcher.compare import Cuts, View, compare
from matcher.errors import KernelUnavailable
from matcher.kernels import comparison
from records import Identity
from tests.matcher.people import ENCODER, MODEL, crowd, identities, person, roster


@settings(max_examples=60, deadline=None)
@given(st.lists(identities(), min_size=1, max_size=8), st.lists(identities(), min_size=1, max_size=8))
def test_fast_equals_numpy(left: list[Identity], right: list[Identity]) -> None:
    a, b = (ENCODER.encode([[p] for p in side]) for side in (left, right))
    i, j = (g.ravel().astype(np.int32) for g in np.meshgrid(np.arange(len(a)), np.arange(len(b))))
    views = View.of(a.rows.matrix(), a.tables), View.of(b.rows.matrix(), b.tables)
    cuts = Cuts(MODEL.close, MODEL.similar)
    slow, fast = (kernel(views[0], i, views[1], j, cuts) for kernel in (compare, comparison("fast")))
    assert np.array_equal(slow.levels, fast.levels)
    for entry in ("first", "middle", "last"):
        assert np.array_equal(getattr(slow, entry), getattr(fast, entry))


def test_links_are_equal_to_the_last_bit() -> None:
    booked = ENCODER.encode([[p] for p in crowd(80)])
    assert link(booked, roster(person())) == link(booked, roster(person(), kernel="fast"))


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(KernelUnavailable, match="numpy and fast"):
        comparison("quick")
