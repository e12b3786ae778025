"""What a draft of the rules would have decided: past questions asked again, nothing sent and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from consent import Decision, DecisionRequest, RuleBook, decide
from consent.compare import Simulated
from consent.compare import simulate as compare
from service.disclosure import read_input
from service.engine import Engine
from store import findings


def simulate(engine: Engine, draft: RuleBook, since: timedelta) -> list[Simulated]:
    """Decisions of that last while that would come out otherwise, oldest first."""
    return list(compare(_decided(engine, engine.clock() - since), draft))


def _decided(engine: Engine, after: datetime) -> Iterator[tuple[str, DecisionRequest, Decision]]:
    """Past questions and what the rules in force say to them. One with facts missing was denied and stays so."""
    with engine.database.read() as conn:
        rows: list[Any] = list(findings.decisions_since(conn, after))
    for row in rows:
        asked = read_input(engine, row.ref, row.sealed_input)
        if asked is not None:
            yield row.ref, asked, decide(asked, engine.rulebook)
