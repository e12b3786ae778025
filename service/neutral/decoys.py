"""People who do not exist, made to look like those who do: for free slots of a jail, and for places a provider has no candidate for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

from matcher.tables import lines
from records import FeedId, Identity
from store.envelope import RandomBytes

MADE_UP = FeedId("~made-up")
"""The feed of a jail's made-up bookings; no real feed can have this name. It stands inside the sealed payload: the unit does not see it."""


def below(random: RandomBytes, n: int) -> int:
    """A number from 0 to n - 1; the bias of the remainder is below 2**-32."""
    return int.from_bytes(random(8), "big") % n


def made_up(random: RandomBytes, year: int) -> Identity:
    """An identity from public name lists, with a birth date between 18 and 70 years ago."""
    born = date(year - 18, 1, 1) - timedelta(days=below(random, 52 * 365))
    return Identity(
        first=_name("given_classes.csv", random),
        last=_name("surname_classes.csv", random),
        birth_date=born.isoformat(),
        sex="MF"[below(random, 2)],
    )


def chimera(given: Identity, surname: Identity, rest: Identity) -> Identity:
    """One identity out of three different people's: given names and sex of one, surname of another, the rest of a third."""
    return replace(rest, first=given.first, middle=given.middle, sex=given.sex, last=surname.last)


@cache
def _names(table: str) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """Names of each commonness class, and how much more likely than the rarest each class is drawn."""
    classes = [(int(line.partition(",")[0]), tuple(line.partition(",")[2].split())) for line in lines(table)]
    rarest = max(number for number, _ in classes)
    return tuple(names for _, names in classes), tuple(len(names) << (rarest - number) for number, names in classes)


def _name(table: str, random: RandomBytes) -> str:
    """A name as often as people have it."""
    classes, weights = _names(table)
    at = below(random, sum(weights))
    for names, weight in zip(classes, weights, strict=True):
        if at < weight:
            return names[below(random, len(names))]
        at -= weight
    return classes[-1][0]
