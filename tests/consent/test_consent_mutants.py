"""Could a test fail? Every condition and every duty of every rule is dropped once, and some scene must notice."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from config.errors import ConfigError
from consent import COUNTY, FLOOR, RuleBook, decide
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


def effects(book: RuleBook, profile: str) -> list[tuple[Any, ...]]:
    made = (decide(s.request, book) for s in SCENES if s.profile == profile)
    return [
        (d.decision, d.fields_allowed, d.obligations, d.consents_relied_on, d.reason_codes, d.programs_visible)
        for d in made
    ]


@pytest.fixture(scope="module")
def sound() -> dict[str, list[tuple[Any, ...]]]:
    return {p: effects(RuleBook(packaged(), p, {}), p) for p in (FLOOR, COUNTY)}


def noticed(raw: dict[str, Any], sound: dict[str, list[tuple[Any, ...]]]) -> bool:
    try:
        return any(effects(RuleBook(raw, p, {}), p) != sound[p] for p in (FLOOR, COUNTY))
    except ConfigError:
        return True


def test_every_condition_and_duty_matters(sound: dict[str, list[tuple[Any, ...]]]) -> None:
    unnoticed = {name for name, raw in mutants() if not noticed(raw, sound)}
    assert unnoticed == {f"{rule} without {part}" for rule, parts in RESTATED.items() for part in parts}
