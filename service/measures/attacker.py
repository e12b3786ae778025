"""What an attacker can say of a count that is kept back: bounds, from everything that is shown and every relation.

The bounds are those of the integer programme of Fischetti and Salazar's attacker model (Management Science 47, 2001, section 2),
solved exactly by HiGHS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from config import TellPerson

ALL = "all"
"""The scope of all organisations together."""
TOTAL = "total"
SMALLEST = 11
"""The least count that is shown, but for zero."""
WIDTH = SMALLEST - 2
"""Over how many at least the numbers that fit another kept-back count must spread."""
_FAR = 1e7
"""A bound that stands for none."""


class Key(NamedTuple):
    """The name of a cell: of which measure, which row, for whom (`all` or an organisation), and when."""

    measure: str
    cell: str
    scope: str
    period: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Something everybody knows: the sum of factor x cell is 0, or at most 0."""

    factors: Mapping[Key, int]
    equal: bool = True

    @classmethod
    def total(cls, whole: Key, parts: Iterable[Key]) -> Relation:
        return cls({**dict.fromkeys(parts, 1), whole: -1})

    @classmethod
    def at_most(cls, less: Mapping[Key, int], more: Key) -> Relation:
        return cls({**less, more: -1}, equal=False)


class CannotProtect(TellPerson):
    """A small count can be worked out from figures that were shown before, whatever is kept back now."""


@dataclass(slots=True)
class Attacker:
    """Works out bounds of cells that are kept back. `hidden` may only grow."""

    counts: Mapping[Key, int]
    relations: tuple[Relation, ...]
    hidden: set[Key]
    seen: dict[Key, tuple[int, int]] = field(default_factory=dict)
    """The least and greatest number that some solution gave a cell: these fit for sure, and go on fitting."""
    _of: dict[Key, list[Relation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self._of:
            return
        for relation in self.relations:
            for key in relation.factors:
                self._of.setdefault(key, []).append(relation)

    def hiding(self, key: Key) -> Attacker:
        """An attacker from whom this cell is kept back too. What was known to fit goes on fitting."""
        return Attacker(self.counts, self.relations, self.hidden | {key}, dict(self.seen), self._of)

    def about(self, key: Key) -> list[Relation]:
        return self._of.get(key, [])

    def range(self, key: Key) -> tuple[int, int]:
        """The numbers that are known to fit; there may be more on either side."""
        return self.seen.get(key, (self.counts[key], self.counts[key]))

    def least(self, key: Key, enough: int = 1) -> int:
        """The least number that fits, or one that is small enough."""
        low = self.range(key)[0]
        return low if low <= enough else self._push(key, [key], 1)

    def most(self, key: Key, enough: int) -> int:
        """The greatest number that fits, or one that is great enough."""
        high = self.range(key)[1]
        return high if high >= enough else self._push(key, [key], -1)

    def stretch(self, key: Key, cells: Iterable[Key]) -> None:
        """Look for small and for great numbers of many cells at once: one solution often does for all of them."""
        beside = self.together(key).intersection(cells)
        self._push(key, beside, 1)
        self._push(key, beside, -1)

    def _push(self, key: Key, pushed: Iterable[Key], sign: int) -> int:
        """Solve for the least (1) or greatest (-1) sum of some cells; gives what `key` is then."""
        cells = sorted(self.together(key))
        place = {cell: n for n, cell in enumerate(cells)}
        goal = np.zeros(len(cells))
        goal[[place[cell] for cell in pushed]] = sign
        found = milp(goal, integrality=np.ones(len(cells)), bounds=Bounds(1, _FAR), constraints=self._known(place))
        if not found.success:
            raise CannotProtect(f"the counts of {key.measure} {key.period} contradict each other ({found.status})")
        for cell, value in zip(cells, found.x, strict=True):
            low, high = self.range(cell)
            self.seen[cell] = min(low, round(value)), max(high, round(value))
        least: int = round(found.x[place[key]])
        return least

    def together(self, key: Key) -> set[Key]:
        """The hidden cells that hang together with this one, itself among them."""
        found, edge = {key}, [key]
        while edge:
            for relation in self.about(edge.pop()):
                fresh = (relation.factors.keys() & self.hidden) - found
                found |= fresh
                edge += fresh
        return found

    def _known(self, place: Mapping[Key, int]) -> list[LinearConstraint]:
        relations = {id(relation): relation for cell in place for relation in self.about(cell)}.values()
        if not relations:
            return []
        matrix = np.zeros((len(relations), len(place)))
        low, high = np.zeros(len(relations)), np.zeros(len(relations))
        for n, relation in enumerate(relations):
            for cell, factor in relation.factors.items():
                if cell in place:
                    matrix[n, place[cell]] = factor
                else:
                    high[n] -= factor * self.counts[cell]
            low[n] = high[n] if relation.equal else -np.inf
        return [LinearConstraint(matrix, low, high)]


def small(count: int) -> bool:
    return 0 < count < SMALLEST
