"""Clients who are one person enrolled twice: they must not look like twins to one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.compare import Cuts
from matcher.index import RosterIndex
from matcher.kernels import implementation
from matcher.levels import FIELDS, Address, Dob, Name, Plain, Ssn4
from matcher.model import Duplicates
from matcher.score import Scored

_AGAINST = frozenset(
    {
        ("suffix", Plain.DIFFER),
        ("sex", Plain.DIFFER),
        ("ssn4", Ssn4.DIFFER),
        ("middle", Name.DIFFER),
        ("middle", Name.OTHER_INITIAL),
    }
)


def groups(scored: Scored, spans: Sequence[tuple[int, int]], index: RosterIndex) -> NDArray[np.intp]:
    """For each scored pair the position of the first one, within its booking, that is a record of the same person."""
    group = np.arange(len(scored.weight))
    pairs = [pair for lo, hi in spans if hi - lo > 1 for pair in _rivals(scored, lo, hi, index.model.duplicates)]
    if not pairs:
        return group
    x, y = np.array(pairs).T
    view = index.view()
    seen = implementation(index.kernel).compare(view, scored.row[x], view, scored.row[y], Cuts.of(index.model))
    for k, (a, b) in enumerate(pairs):
        apart = index.org_of(int(scored.client[a])) != index.org_of(int(scored.client[b]))
        if same_person(seen.levels[:, k].tolist(), across=apart):
            group[b] = group[a]
    return group


def _rivals(scored: Scored, lo: int, hi: int, looked: Duplicates) -> list[tuple[int, int]]:
    """Pairs among a booking's leading candidates, better one first."""
    order = lo + np.argsort(-scored.weight[lo:hi], kind="stable")
    near = [int(k) for k in order if scored.weight[k] > scored.weight[order[0]] - looked.within][: looked.at_most]
    return [(a, b) for n, a in enumerate(near) for b in near[n + 1 :]]


def same_person(levels: Sequence[int], *, across: bool) -> bool:
    """Whether two roster rows are evidently one person: names and birth date agree and nothing contradicts.

    Two records of one organisation need an identifier of the person's own as well; across organisations the same
    name and birth date do. Twins differ in first name; like first names count only with the same SSN.
    """
    level = dict(zip(FIELDS, levels, strict=True))
    if any(level[field] == value for field, value in _AGAINST):
        return False
    numbered = level["ssn4"] == Ssn4.EXACT
    first = level["first"] in {Name.EXACT, Name.NICKNAME} or (numbered and level["first"] in {Name.CLOSE, Name.INITIAL})
    last = level["last"] in {Name.EXACT, Name.PART, Name.CLOSE}
    if not (first and last and level["dob"] in {Dob.EXACT, Dob.DAY_MONTH_SWAPPED, Dob.DIGIT}):
        return False
    own = numbered or level["phone"] == Plain.EXACT or level["address"] in {Address.STREET, Address.STREET_CLOSE}
    return own or (across and level["dob"] == Dob.EXACT)
