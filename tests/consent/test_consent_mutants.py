"""Could a test fail? Every condition and every duty of every rule is dropped once, and some scene must notice."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from config.errors import ConfigError
from consent import COUNTY, FLOOR, Decision, DecisionRequest, RuleBook, decide, read_request
from consent.rulebook import packaged
from tests.consent.strategies import SCENES

CONDITIONS = (
    "kinds",
    "purposes",
    "part2",
    "policy",
    "tests",
    "agreement",
    "obligations",
    "fields",
    "withholds",
    "mandate",
    "also",
)

RESTATED: dict[str, set[str]] = {
    "booking.sealed_emergency": {"purposes", "withholds"},
    "booking.juvenile_emergency": {"purposes", "withholds"},
    "booking.unconfirmed_counts": {"kinds"},
    "audit.part2_agreement": {"purposes"},
    "audit.oversight": {"purposes"},
    "access.representative_unverified": {"purposes"},
    "match.qsoa": {"purposes"},
    "match.qsoa_by_contract": {"purposes"},
    "match.business_associate": {"purposes", "part2"},
    "match.no_contract": {"part2"},
    "research.approved": {"purposes"},
    "internal.control_hipaa": {"purposes"},
    "internal.control_part2": {"purposes", "part2"},
    "internal.assigned_hipaa": {"kinds", "purposes"},
    "internal.assigned_part2": {"kinds", "purposes", "part2"},
    "internal.break_glass_hipaa": {"kinds", "purposes"},
    "internal.break_glass_part2": {"kinds", "purposes", "part2"},
    "internal.supervisor_hipaa": {"kinds", "purposes"},
    "internal.supervisor_part2": {"kinds", "purposes", "part2"},
    "internal.reroute": {"kinds", "purposes"},
    "internal.unassigned": {"kinds", "purposes"},
    "emergency.consent_obtainable": {"purposes"},
    "emergency.hipaa": {"part2"},
    "opt_in.internal": {"kinds", "purposes"},
    "order.part2_criminal": {"kinds", "part2"},
    "order.part2": {"part2"},
    "order.not_part2": {"part2"},
    "basis.proceedings": {"part2"},
    "basis.part2": {"purposes"},
    "basis.hipaa": {"purposes", "part2"},
    "nothing.part2_colleague": {"part2"},
}
"""Conditions that an earlier rule, another test or the table of kinds implies already: written for the reader."""


def mutants() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each book with one condition of one rule dropped: of a list or table, one element."""
    for c, chapter in enumerate(packaged()["rules"]["chapters"]):
        for r, rule in enumerate(chapter["rules"]):
            for name in CONDITIONS:
                value = rule.get(name)
                parts = list(value) if isinstance(value, list | dict) and name not in {"purposes", "kinds"} else [None]
                for part in parts if value is not None else []:
                    raw = copy.deepcopy(packaged())
                    _drop(raw["rules"]["chapters"][c]["rules"][r], name, part)
                    yield f"{rule['id']} without {name} {part or ''}".strip(), raw


def _drop(rule: dict[str, Any], name: str, part: Any) -> None:
    if part is None:
        del rule[name]
    elif isinstance(rule[name], list):
        rule[name].remove(part)
    else:
        del rule[name][part]


def effect(decision: Decision) -> tuple[Any, ...]:
    """What a mutant must change to be noticed."""
    return (
        decision.decision,
        decision.fields_allowed,
        decision.obligations,
        decision.consents_relied_on,
        decision.reason_codes,
        decision.programs_visible,
    )


Sound = dict[str, list[tuple[DecisionRequest, Decision]]]


@pytest.fixture(scope="module")
def sound() -> Sound:
    """Every scene, read once and decided by the sound book, for each profile."""
    books = {profile: RuleBook(packaged(), profile, {}) for profile in (FLOOR, COUNTY)}
    scenes = [(s.profile, read_request(s.request)) for s in SCENES]
    return {p: [(r, decide(r, book)) for profile, r in scenes if profile == p] for p, book in books.items()}


def noticed(rule: str, raw: dict[str, Any], sound: Sound) -> bool:
    """Whether any scene comes out otherwise, or the book does not even load. Scenes that met the rule come first."""
    try:
        for profile, decided in sound.items():
            book = RuleBook(raw, profile, {})
            likely_first = sorted(decided, key=lambda pair: rule not in pair[1].rules)
            if any(effect(decide(request, book)) != effect(before) for request, before in likely_first):
                return True
    except ConfigError:
        return True
    return False


def test_every_condition_and_duty_matters(sound: Sound) -> None:
    unnoticed = {name for name, raw in mutants() if not noticed(name.partition(" ")[0], raw, sound)}
    assert unnoticed == {f"{rule} without {part}" for rule, parts in RESTATED.items() for part in parts}
