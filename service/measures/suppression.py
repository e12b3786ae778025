"""Cell suppression: which counts are kept back so that nobody can work out a small one.

*Primary*: counts of 1 to 10 (the CMS cell-size rule). *Complementary*: further counts, chosen until the protection
level holds. Zero is always told, because it is about nobody.

**Protection level.** An attacker knows every figure that was ever shown, that a count which was kept back is a whole
number of 1 or more, and every relation between the cells: rows add up to totals, organisations to the whole, months to
quarters to years. For each count of 1 to 10 the numbers that fit all of this reach from 1 to 10 at least, so nobody
learns more than the rule itself says. (A total whose three rows are not zero is at least 3 to everybody, whatever is
kept back: it reaches down to that.) For every other count that is kept back they spread over at least nine.

What is chosen is the least that there is where few cells hang together, as in a small county, found by branch and bound
(`service.measures.least`), and small elsewhere, where the least is NP-hard to find: the smallest inner cell of a relation
that gives too much away, again and again. A cell that is kept back only ever widens what fits, so one pass over the small
counts is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from service.measures.attacker import SMALLEST, Attacker, CannotProtect, Key, Relation, small
from service.measures.least import Search, Worth, beside, protected

__all__ = ["SMALLEST", "CannotProtect", "Key", "Relation", "small", "suppress"]


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
    worth = Worth(Attacker(counts, known, {*hidden, *(key for key in fresh if counts[key])}), blind)
    untouched = frozenset(key for key in hidden if not _touched(attacker, key, fresh))
    settled = set(untouched)
    while todo := sorted(attacker.hidden - settled, key=lambda key: (not small(counts[key]), key)):
        if attacker.range(todo[0]) == (counts[todo[0]], counts[todo[0]]):
            attacker.stretch(todo[0], todo)
        _protect(attacker, worth, todo[0], fresh)
        settled.add(todo[0])
    fixed = frozenset(hidden | primary)
    search = Search(Attacker(counts, known, set(fixed)), blind, fresh - primary, untouched, worth)
    return frozenset(primary | search.least(attacker.hidden - fixed))


def _touched(attacker: Attacker, key: Key, fresh: AbstractSet[Key]) -> bool:
    """Whether anything that is new hangs together with this cell."""
    return any(
        not fresh.isdisjoint(relation.factors) for cell in attacker.together(key) for relation in attacker.about(cell)
    )


def _protect(attacker: Attacker, worth: Worth, key: Key, fresh: AbstractSet[Key]) -> None:
    while not protected(attacker, worth.blind, key):
        best_first = (each[-1] for each in sorted(beside(attacker, key, fresh)))
        further = next((cell for cell in best_first if cell in worth), None)
        if further is None:
            raise CannotProtect(f"a small count of {key.measure} in {key.period} cannot be kept back any more")
        attacker.hidden.add(further)
