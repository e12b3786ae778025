"""Blocking passes: which combinations of facts make two people worth comparing.

Every blocking key joins at least two facts under a keyed hash; a phonetic code or a birth year alone is never a
key. Keys of one pass share a namespace, so that swapped names, half of a double name and nicknames still meet.
"""

from __future__ import annotations

from dataclasses import dataclass

FACTS = (
    "dob", "year", "day", "first", "formal", "last", "part1", "part2", "head", "mid", "tail",
    "ssn4", "phone", "street", "number", "lane", "zip",
)  # fmt: skip
"""What passes are made of: `day` is month and day; `first`, `last`, `part1`, `part2` are phonetic codes; `formal` is
the code of the first formal name a nickname stands for; `head`, `mid` and `tail` are the initials of the
names; `street` is house number and street name, `number` and `lane` are each alone."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One blocking pass: each slot is a combination of facts and gives one key per identity."""

    name: str
    slots: tuple[tuple[str, ...], ...]


_PAIRS = (("first", "last"), ("formal", "last"), ("first", "part1"), ("first", "part2"))

PASSES: tuple[Pass, ...] = (
    Pass("dob+name", (("dob", "first"), ("dob", "formal"), ("dob", "last"), ("dob", "part1"), ("dob", "part2"))),
    Pass("dob+initial", (("dob", "head"), ("dob", "tail"))),
    Pass("dob+place", (("dob", "zip"), ("dob", "number"), ("dob", "lane"))),
    # A name that more clients share is no evidence by itself; the passes below join it with something else.
    Pass("first+last", _PAIRS),
    Pass("first+last+year", tuple((*pair, "year") for pair in _PAIRS)),
    Pass("first+last+day", tuple((*pair, "day") for pair in _PAIRS)),
    Pass("first+last+more", (("first", "last", "mid"), ("first", "last", "zip"))),
    # One name misspelt and no date: the other name, the first letter of the misspelt one, and the place.
    Pass("name+initial+zip", (("last", "head", "zip"), ("first", "tail", "zip"))),
    Pass("ssn4+more", (("ssn4", "year"), ("ssn4", "day"), ("ssn4", "first"), ("ssn4", "last"))),
    Pass("phone+initial", (("phone", "head"), ("phone", "tail"))),
    Pass("street+name", (("street", "first"), ("street", "last"), ("street", "year"))),
    Pass("lane+name", (("lane", "first"), ("lane", "last"))),
    Pass("number+zip", (("number", "zip", "head"), ("number", "zip", "tail"), ("number", "zip", "year"))),
)

SLOTS = sum(len(p.slots) for p in PASSES)


def slot_ranges() -> list[tuple[Pass, int, int]]:
    """Each pass with its first slot and the slot after its last."""
    found, at = [], 0
    for each in PASSES:
        found.append((each, at, at + len(each.slots)))
        at += len(each.slots)
    return found
