"""Does a thread tell the story of one stay, each thing once?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.content import AlertFacts, AlertKind, FacilityContact
from alerts.threads import OPENING, next_kind, sameness
from records import EventKind
from tests.alerts.conftest import instant

A, T, C, R, W, X = (
    AlertKind.ARREST,
    AlertKind.TRANSFER,
    AlertKind.COURT_DATE,
    AlertKind.RELEASE,
    AlertKind.RELEASE_WITHDRAWN,
    AlertKind.RETRACTION,
)


@pytest.mark.parametrize(
    ("said", "event", "expected"),
    [
        pytest.param([], EventKind.BOOKED, A, id="first news"),
        pytest.param([A], EventKind.BOOKED, None, id="the same news from a second feed"),
        pytest.param([A], EventKind.TRANSFERRED, T, id="a transfer is not an arrest"),
        pytest.param([], EventKind.TRANSFERRED, None, id="a transfer of someone never told of"),
        pytest.param([A], EventKind.COURT_DATE, C, id="hearing"),
        pytest.param([A, C], EventKind.RELEASED, R, id="release"),
        pytest.param([], EventKind.RELEASED, R, id="consent for releases only"),
        pytest.param([A, R], EventKind.RELEASED, None, id="release again"),
        pytest.param([A, R], EventKind.BOOKED, W, id="back on the list: the release was wrong"),
        pytest.param([A, R], EventKind.AMENDED, W, id="amended and in custody after a release"),
        pytest.param([A, R, W], EventKind.RELEASED, R, id="released after all"),
        pytest.param([A, R, W], EventKind.BOOKED, None, id="nothing new"),
        pytest.param([A], EventKind.AMENDED, None, id="an amendment is no news"),
        pytest.param([A], EventKind.CANCELLED, X, id="booked in error"),
        pytest.param([A], EventKind.SEALED, X, id="sealed"),
        pytest.param([], EventKind.CANCELLED, None, id="who heard nothing hears nothing"),
        pytest.param([A, X], EventKind.BOOKED, None, id="a retracted thread stays shut"),
        pytest.param([AlertKind.ALREADY_IN_CUSTODY], EventKind.BOOKED, None, id="told as already in custody"),
    ],
)
def test_what_comes_next(said: list[AlertKind], event: EventKind, expected: AlertKind | None) -> None:
    assert next_kind(event, said) is expected


@given(st.lists(st.sampled_from(EventKind), max_size=30))
def test_any_order_of_events_makes_a_story(events: list[EventKind]) -> None:
    said: list[AlertKind] = []
    for event in events:
        kind = next_kind(event, said)
        if kind:
            said.append(kind)
    assert sum(kind in OPENING for kind in said) <= 1
    assert X not in said[:-1]
    about_custody = [kind for kind in said if kind in {R, W}]
    assert all(one is not two for one, two in pairwise(about_custody))


def test_what_is_the_same_and_what_is_not(facts: AlertFacts) -> None:
    elsewhere = replace(facts, facility=FacilityContact("Elsewhere"))
    later = replace(facts, next_court_at=instant(2026, 4, 1, 15))
    assert sameness(A, facts) == sameness(A, elsewhere)
    assert sameness(T, facts) != sameness(T, elsewhere)
    assert sameness(C, facts) != sameness(C, later)
    assert sameness(C, facts) == sameness(C, elsewhere)
    assert sameness(R, facts, [A]) != sameness(R, facts, [A, R, W])
    assert sameness(R, facts, [A]) == sameness(R, facts, [A, C])
    assert len({sameness(kind, facts)[0] for kind in AlertKind}) == len(AlertKind)
