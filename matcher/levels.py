"""The agreement levels of each compared field: one closed vocabulary for model, kernels, links and explanations.

Level 0 of every field is `missing`: one side does not say, which is evidence for nothing. The other levels of a
field partition the pairs in which both sides say something. Some fields have several such partitions, by
what there is to compare: an initial beside a name, a year beside a date, a town where no street is known.
"""

from __future__ import annotations

from enum import IntEnum


class Name(IntEnum):
    """First, middle and last name."""

    MISSING = 0
    EXACT = 1
    NICKNAME = 2
    """Both can stand for one formal name (BILL, WILLIAM), or are spellings of one name."""
    INITIAL = 3
    PART = 4
    """Half of a double or hyphenated name agrees."""
    CLOSE = 5
    """A Dice similarity as one typing error leaves it."""
    SIMILAR = 6
    SWAPPED = 7
    """Agrees with another name field of the other side."""
    DIFFER = 8
    OTHER_INITIAL = 9
    """One side is an initial and the other side does not begin with it."""


class Dob(IntEnum):
    MISSING = 0
    EXACT = 1
    DAY_MONTH_SWAPPED = 2
    DIGIT = 3
    """One digit differs, or two neighbours changed places."""
    TWO_PARTS = 4
    """Two of year, month and day agree."""
    PARTIAL = 5
    """One side knows the year or the month only, and so far it agrees."""
    DIFFER = 6
    OTHER_PARTIAL = 7
    """One side knows the year or the month only, and it does not agree."""


class Ssn4(IntEnum):
    MISSING = 0
    EXACT = 1
    DIGIT = 2
    DIFFER = 3


class Plain(IntEnum):
    """Fields that agree or do not: phone, sex, suffix."""

    MISSING = 0
    EXACT = 1
    DIFFER = 2


class Address(IntEnum):
    MISSING = 0
    STREET = 1
    """House number and street name agree."""
    STREET_CLOSE = 2
    """The house number agrees and the street name is similar."""
    STREET_NAME = 3
    """The street name agrees, the house number does not or is unknown."""
    MOVED_ZIP = 4
    """Another street in the same zip."""
    MOVED_CITY = 5
    MOVED = 6
    ZIP = 7
    """No street known on one side; the zip agrees."""
    CITY = 8
    ELSEWHERE = 9


FIELDS: dict[str, type[IntEnum]] = {
    "first": Name,
    "middle": Name,
    "last": Name,
    "suffix": Plain,
    "dob": Dob,
    "sex": Plain,
    "ssn4": Ssn4,
    "phone": Plain,
    "address": Address,
}
"""Compared fields in the order in which weights are added up."""

FIELD_NUMBER = {name: i for i, name in enumerate(FIELDS)}
PARTITIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    **{name: (tuple(range(1, len(levels))),) for name, levels in FIELDS.items()},
    **dict.fromkeys(("first", "middle", "last"), ((1, 2, 4, 5, 6, 7, 8), (3, 9))),
    "dob": ((1, 2, 3, 4, 6), (5, 7)),
    "address": ((1, 2, 3, 4, 5, 6), (7, 8, 9)),
}
"""For each field the sets of levels over which m, and u, add up to one: agreement given what there was to compare."""


def label(field: str, level: int) -> str:
    """The name of a level as it appears in links and explanations."""
    return FIELDS[field](level).name.lower()
