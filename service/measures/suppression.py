"""Cell suppression: which counts are kept back so that nobody can work out a small one.

*Primary*: counts of 1 to 10 (the CMS cell-size rule). *Complementary*: further counts, chosen until the protection
level holds. Zero is always told, because it is about nobody.

**Protection level.** An attacker knows every figure that was ever shown, that a count which was kept back is a whole
number of 1 or more, and every relation between the cells: rows add up to totals, organisations to the whole, months to
quarters to years. For each count of 1 to 10 the numbers that fit all of this reach from 1 to 10 at least, so nobody
learns more than the rule itself says. (A total whose three rows are not zero is at least 3 to everybody, whatever is
kept back: it reaches down to that.) For every other count that is kept back they spread over at least nine.

The bounds are those of the integer programme of Fischetti and Salazar's attacker model (Management Science 47, 2001, section 2),
solved exactly by HiGHS. What is chosen is not the least possible, which is NP-hard, but small: the smallest inner
cell of a relation that gives too much away, again and again. A cell that is kept back only ever widens what fits, so
one pass over the small counts is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from config import TellPerson

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
        for relation in self.relations:
            for key in relation.factors:
                self._of.setdefault(key, []).append(relation)

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


def suppress(
    counts: Mapping[Key, int],
    relations: Iterable[Relation],
    *,
    shown: frozenset[Key] = frozenset(),
    hidden: frozenset[Key] = frozenset(),
    sensitive: frozenset[Key] = frozenset(),
) -> frozenset[Key]:
    """The cells to keep back now. `shown` and `hidden` were settled earlier and stay so; the others are new.

    `sensitive` cells are kept back whatever their count: amounts that rest on a small count. Raises CannotProtect.
    """
    fresh = counts.keys() - shown - hidden
    known = tuple(relations)
    primary = {key for key in fresh if counts[key] and (small(counts[key]) or key in sensitive)}
    attacker = Attacker(counts, known, {*hidden, *primary})
    blind = Attacker(counts, known, {key for key, count in counts.items() if count})
    settled = {key for key in hidden if not _touched(attacker, key, fresh)}
    while todo := sorted(attacker.hidden - settled, key=lambda key: (not small(counts[key]), key)):
        if attacker.range(todo[0]) == (counts[todo[0]], counts[todo[0]]):
            attacker.stretch(todo[0], todo)
        _protect(attacker, blind, todo[0], fresh)
        settled.add(todo[0])
    return frozenset(attacker.hidden - hidden)


def _touched(attacker: Attacker, key: Key, fresh: AbstractSet[Key]) -> bool:
    """Whether anything that is new hangs together with this cell."""
    return any(
        not fresh.isdisjoint(relation.factors) for cell in attacker.together(key) for relation in attacker.about(cell)
    )


def _protect(attacker: Attacker, blind: Attacker, key: Key, fresh: AbstractSet[Key]) -> None:
    while not _protected(attacker, blind, key):
        further = min(_candidates(attacker, key, fresh), default=None)
        if further is None:
            raise CannotProtect(f"a small count of {key.measure} in {key.period} cannot be kept back any more")
        attacker.hidden.add(further[-1])


def _protected(attacker: Attacker, blind: Attacker, key: Key) -> bool:
    """Whether the protection level holds for a cell that is kept back. `blind` sees nothing but the zeros."""
    if not small(attacker.counts[key]):
        low, high = attacker.range(key)
        return high - low >= WIDTH or attacker.most(key, low + WIDTH) - attacker.least(key) >= WIDTH
    if attacker.most(key, SMALLEST - 1) < SMALLEST - 1:
        return False
    low = attacker.least(key)
    return low == 1 or low <= blind.least(key)


def _candidates(
    attacker: Attacker, key: Key, fresh: AbstractSet[Key]
) -> Iterator[tuple[bool, bool, bool, bool, int, Key]]:
    """New cells beside one that hangs together with this, best first: what readers will miss the least."""
    for beside in attacker.together(key):
        for relation in attacker.about(beside):
            for cell in (relation.factors.keys() & fresh) - attacker.hidden:
                if attacker.counts[cell]:
                    other, whole = cell.measure != key.measure, cell.scope == "all"
                    yield beside != key, other, cell.cell == "total", whole, attacker.counts[cell], cell
