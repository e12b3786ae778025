"""Rule changes at the compliance desk: what a draft says otherwise, and what it would have decided otherwise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import yaml

from audit.leaves import Kind, leaf
from config import ConfigError, Refuse
from consent import RuleBook
from consent.compare import Change, Simulated, diff
from consent.rulebook import parse_rulebook, write_rulebook
from service.engine import Engine
from service.simulation import simulate

LARGEST = 100_000
"""Values of a draft once its aliases are unfolded; the shipped book has some thousands."""
MOST_SHOWN = 200
"""Decisions of a simulation that a page lists; the counts are of all."""


class DraftRefused(Refuse):
    """The draft is no sound rule book; says where."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A draft against the rules in force. `turns` counts decisions by how they would turn out."""

    version: str
    hash: str
    days: int
    changes: tuple[Change, ...]
    turns: tuple[tuple[str, str, int], ...]
    """(before, after, how many)."""
    simulated: tuple[Simulated, ...]
    total: int

    @property
    def tells_more(self) -> int:
        return sum(bool(s.newly_disclosed) for s in self.simulated)

    @property
    def same(self) -> bool:
        return not self.changes


def text_of(book: RuleBook) -> str:
    """The book as YAML: the start of a draft."""
    return write_rulebook(book)


def try_draft(engine: Engine, text: str, days: int, by: str) -> Trial:
    """What the draft changes, in words and in the decisions of the last days. Nothing is sent and nothing is stored.

    Raises Refuse for a draft that is no sound rule book. That somebody tried one is in the log.
    """
    draft = _read(text)
    found = simulate(engine, draft, timedelta(days=days))
    with engine.database.write() as conn:
        tried = leaf(Kind.VIEW, by=by, screen="compliance", rows=len(found))
        engine.audit.append(conn, [tried], engine.clock())
    turns = Counter((s.before.decision.value, s.after.decision.value) for s in found)
    return Trial(
        version=draft.version,
        hash=draft.hash,
        days=days,
        changes=diff(engine.rulebook, draft),
        turns=tuple((before, after, n) for (before, after), n in sorted(turns.items())),
        simulated=tuple(found),
        total=len(found),
    )


def _read(text: str) -> RuleBook:
    try:
        if _unfolded(yaml.compose(text, Loader=yaml.SafeLoader), {}) > LARGEST:
            raise DraftRefused("the draft unfolds into far more than a rule book")
        return parse_rulebook(text)
    except (yaml.YAMLError, RecursionError) as fault:
        raise DraftRefused("the draft is not YAML") from fault
    except ConfigError as fault:
        raise DraftRefused(str(fault)) from fault


def _unfolded(node: yaml.Node | None, known: dict[int, int]) -> int:
    """How many values a document has when every alias is written out: a few short lines can stand for billions."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = LARGEST + 1  # should it contain itself
        parts = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]
