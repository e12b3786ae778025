"""The fewest further counts that have to be kept back, where few cells hang together: exactly, by branch and bound.

Where a cell can still be worked out, every solution keeps back one more of the cells beside those that it hangs together
with: nothing else changes what is known of it. So the search branches over these, and leaves a branch that cannot become
better than the best solution so far, which in the beginning is the greedy one.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from service.measures.attacker import ALL, SMALLEST, TOTAL, WIDTH, Attacker, Key, small

FEW = 40
"""Cells that hang together and could be kept back, up to which the least is looked for."""
STEPS = 300
"""Branches, and questions about single cells, of a search in all; then the best that was found counts. A second or two of work."""

Cost = tuple[int, int, int]
"""How many cells, how many of them are totals or of the whole, and how much is counted in them."""


def protected(attacker: Attacker, blind: Attacker, key: Key) -> bool:
    """Whether the protection level holds for a cell that is kept back. `blind` sees nothing but the zeros."""
    if not small(attacker.counts[key]):
        low, high = attacker.range(key)
        return high - low >= WIDTH or attacker.most(key, low + WIDTH) - attacker.least(key) >= WIDTH
    if attacker.most(key, SMALLEST - 1) < SMALLEST - 1:
        return False
    low = attacker.least(key)
    return low == 1 or low <= blind.least(key)


def beside(attacker: Attacker, key: Key, fresh: AbstractSet[Key]) -> Iterator[tuple[bool, bool, bool, bool, int, Key]]:
    """New cells beside one that hangs together with this, best first: what readers will miss the least."""
    for near in attacker.together(key):
        for relation in attacker.about(near):
            for cell in (relation.factors.keys() & fresh) - attacker.hidden:
                if attacker.counts[cell]:
                    other, whole = cell.measure != key.measure, cell.scope == ALL
                    yield near != key, other, cell.cell == TOTAL, whole, attacker.counts[cell], cell


@dataclass(slots=True)
class Worth:
    """New cells that may be chosen: those that stay protected where everything new is kept back (`widest`).

    Another one follows from what was shown before. Keeping it back would hide nothing, and could never be made to.
    """

    widest: Attacker
    blind: Attacker
    _known: dict[Key, bool] = field(default_factory=dict)

    def __contains__(self, cell: Key) -> bool:
        if cell not in self._known:
            self._known[cell] = protected(self.widest, self.blind, cell)
        return self._known[cell]


def alone(attacker: Attacker, key: Key) -> bool:
    """Whether the cell is the only one of a sum that is kept back: then it needs no programme to work it out."""
    return any(
        relation.equal and relation.factors.keys() & attacker.hidden == {key} for relation in attacker.about(key)
    )


@dataclass(slots=True)
class Search:
    """`attacker` sees what is kept back whatever is chosen; `fresh` may be kept back; `untouched` needs no protection now."""

    attacker: Attacker
    blind: Attacker
    fresh: AbstractSet[Key]
    untouched: AbstractSet[Key]
    worth: Worth
    _steps: int = 0
    _best: frozenset[Key] = field(default_factory=frozenset)
    _least: Cost = (0, 0, 0)

    def least(self, chosen: AbstractSet[Key]) -> frozenset[Key]:
        """The fewest cells that do what these do; these where too many hang together."""
        found: set[Key] = set()
        for group in sorted(self._groups(chosen), key=lambda group: (len(group), min(group))):
            found |= self._of_group(group, frozenset(chosen & group))
        return frozenset(found)

    def _groups(self, chosen: AbstractSet[Key]) -> Iterator[set[Key]]:
        left = set(chosen)
        while left:
            group = self._group(min(left))
            yield group
            left -= group

    def _group(self, key: Key) -> set[Key]:
        """Cells that any choice could make hang together with this one."""
        group, edge = {key}, [key]
        while edge:
            for relation in self.attacker.about(edge.pop()):
                near = {
                    c
                    for c in relation.factors
                    if self.attacker.counts[c] and (c in self.fresh or c in self.attacker.hidden)
                }
                edge += near - group
                group |= near
        return group

    def _of_group(self, group: set[Key], chosen: frozenset[Key]) -> frozenset[Key]:
        if len(chosen) == 1 or len(group & self.fresh) > FEW:
            return chosen
        self._best, self._least = chosen, self._cost(chosen)
        fixed = self.attacker.hidden & group
        start = Attacker(self.attacker.counts, self.attacker.relations, set(fixed))
        self._look(start, frozenset(), frozenset(), sorted(fixed - self.untouched))
        return self._best

    def _look(self, attacker: Attacker, added: frozenset[Key], barred: frozenset[Key], unsure: list[Key]) -> None:
        self._steps += 1
        key = next((each for each in unsure if alone(attacker, each)), None)
        while key is None and unsure and self._steps < STEPS:
            self._steps += 1
            if not protected(attacker, self.blind, unsure[0]):
                key = unsure[0]
            else:
                unsure = unsure[1:]  # for good: more that is kept back only widens what fits
        if key is None:
            if not unsure:
                self._best, self._least = added, self._cost(added)
            return
        for cell in self._ordered(attacker, key, barred):
            if self._steps < STEPS and self._cost(added | {cell}) < self._least:
                self._look(attacker.hiding(cell), added | {cell}, barred, [*unsure, cell])
            barred |= {cell}

    def _ordered(self, attacker: Attacker, key: Key, barred: frozenset[Key]) -> list[Key]:
        best_first = sorted(beside(attacker, key, self.fresh))
        return [c for c in dict.fromkeys(each[-1] for each in best_first) if c not in barred and c in self.worth]

    def _cost(self, cells: frozenset[Key]) -> Cost:
        marked = sum((cell.cell == TOTAL) + (cell.scope == ALL) for cell in cells)
        return len(cells), marked, sum(self.attacker.counts[cell] for cell in cells)
