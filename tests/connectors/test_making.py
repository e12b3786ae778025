"""Is what is made quickly the very object that the class itself would have made?"""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, astuple, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.convert.making import maker
from connectors.rows import Row
from records import BookingEvent, Enrolment, EventKind, FeedId, Identity, Instant, Op, Personal, ProgramId, RosterEntry

NOW = Instant(datetime(2026, 12, 1, tzinfo=UTC), "America/New_York")
VALUES: list[tuple[Any, tuple[Any, ...]]] = [
    (Identity, ("a", "b", "c")),
    (Instant, (datetime(2026, 12, 1, tzinfo=UTC),)),
    (Personal, ("a",)),
    (Row, (7, {"a": "b"})),
    (BookingEvent, (FeedId("f"), "agency", "n", Op.ADD, EventKind.BOOKED, (Identity("a"),), "hash", NOW, "p")),
    (RosterEntry, ("org", "client", (Identity("a"),), Personal("a"), (Enrolment(ProgramId("p")),))),
]


@pytest.mark.parametrize(("cls", "given"), VALUES, ids=[cls.__name__ for cls, _ in VALUES])
def test_it_is_the_same_object(cls: Any, given: tuple[Any, ...]) -> None:
    made, right = maker(cls)(*given), cls(*given)
    assert type(made) is cls
    assert (made, repr(made), astuple(made)) == (right, repr(right), astuple(right))
    if cls is not Row:  # a row holds a dictionary, so neither of them has a hash
        assert hash(made) == hash(right)
    assert copy.copy(made) == replace(made) == pickle.loads(pickle.dumps(made)) == right
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(cls)[0].name, "other")


def test_only_classes_can_be_made() -> None:
    with pytest.raises(TypeError):
        maker(lambda: None)
