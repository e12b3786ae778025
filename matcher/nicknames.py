"""Which given names stand for one another: PyPI `nicknames` (English) and our Spanish and spelling tables.

A name belongs to the groups of the formal names it can stand for; two names agree as nicknames when they share
a group. Groups, not pairs, so that BILL and WILL meet in WILLIAM.
"""

from __future__ import annotations

from functools import cache

import nicknames

from matcher.tables import lines

GROUPS_KEPT = 12
"""Most groups that are encoded for one name; a few short names (AL, PAT) have more, the later ones are dropped."""


@cache
def _groups() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    pairs = [(t.name1, t.name2) for t in nicknames.name_triplets()]
    pairs += [(row[0], other) for row in _rows() for other in row[1:]]
    for formal, _ in pairs:
        found.setdefault(formal, {})[formal] = None
    for formal, other in pairs:
        found.setdefault(other, {})[formal] = None
    return {name: tuple(groups)[:GROUPS_KEPT] for name, groups in found.items()}


@cache
def _classes(table: str) -> dict[str, int]:
    return {name: int(row.partition(",")[0]) for row in lines(table) for name in row.partition(",")[2].split()}


def commonness(name: str) -> tuple[int, int]:
    """How common a name is as a given name and as a surname: class k is a share near 2 ** -k, 0 is not listed."""
    return _classes("given_classes.csv").get(name, 0), _classes("surname_classes.csv").get(name, 0)


def _rows() -> list[list[str]]:
    return [line.split(",") for table in ("spanish.csv", "variants.csv") for line in lines(table)]


def groups(name: str) -> tuple[str, ...]:
    """The formal names that a normalised given name can stand for, itself first where it is formal; else empty."""
    return _groups().get(name, ())


@cache
def _sizes() -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name_groups in _groups().values():
        for group in name_groups:
            sizes[group] = sizes.get(group, 0) + 1
    return sizes


def formal(name: str) -> str:
    """The one formal name blocking puts a nickname under: the largest of its groups; a name of no group is its own."""
    return max(groups(name), key=lambda g: (_sizes()[g], g), default=name)
