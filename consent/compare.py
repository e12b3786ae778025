"""Two rule books side by side, in words and in what they would decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from consent.decision import Decision
from consent.engine import decide
from consent.facts import DecisionRequest
from consent.prose import say
from consent.rule import Rule
from consent.rulebook import RuleBook


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, in a sentence."""

    where: str
    words: str

    def __str__(self) -> str:
        return f"{self.where}: {self.words}"


def diff(a: RuleBook, b: RuleBook) -> tuple[Change, ...]:
    """What is different in b, in plain words: settings by place, rules, their order, tables, and meanings of codes."""
    if a.hash == b.hash:
        return ()
    return (
        *_labels(a, b), *_settings(a, b), *_rules(a, b), *_tables(a, b),
        *_meanings("reason", a.reasons, b.reasons), *_meanings("obligation", a.obligations, b.obligations),
    )  # fmt: skip


def _labels(a: RuleBook, b: RuleBook) -> Iterator[Change]:
    if a.version != b.version:
        yield Change("version", f"{a.version} becomes {b.version}")


def _settings(a: RuleBook, b: RuleBook) -> Iterator[Change]:
    for place in sorted(a.overlays.keys() | b.overlays.keys()):
        if place not in b.overlays or place not in a.overlays:
            yield Change(place, "is no longer a known place" if place in a.overlays else "is a new place")
            continue
        before, after = a.settings_in(place), b.settings_in(place)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield Change(f"{place}, {name}", f"{say(before.get(name))} becomes {say(after.get(name))}")


def _rules(a: RuleBook, b: RuleBook) -> Iterator[Change]:
    before, after = {r.id: r for r in a.rules}, {r.id: r for r in b.rules}
    for rule_id in sorted(before.keys() - after.keys()):
        yield Change(f"rule {rule_id}", f"is gone. It said: {before[rule_id].title}")
    for rule_id in sorted(after.keys() - before.keys()):
        yield Change(f"rule {rule_id}", f"is new. It says: {after[rule_id].title}")
    shared = [r.id for r in a.rules if r.id in after]
    for rule_id in shared:
        yield from _rule(before[rule_id], after[rule_id])
    if shared != [r.id for r in b.rules if r.id in before]:
        yield Change("order of rules", "is different, and in most stages the first rule that holds decides")


def _rule(before: Rule, after: Rule) -> Iterator[Change]:
    for one in fields(Rule):
        old, new = getattr(before, one.name), getattr(after, one.name)
        if old != new:
            yield Change(f"rule {before.id}, {one.name}", f"{_say(old)} becomes {_say(new)}")


def _say(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{k} = {say(v)}" for k, v in sorted(value.items())) or "no condition"
    if hasattr(value, "since"):
        return f"from {value.since}" + (f" until {value.until}" if value.until else "")
    return "any" if value is None else say(value)


def _tables(a: RuleBook, b: RuleBook) -> Iterator[Change]:
    old, new = dict(_leaves(a.raw["book"]["recipients"])), dict(_leaves(b.raw["book"]["recipients"]))
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            yield Change(f"table {place}", f"{_say(old.get(place))} becomes {_say(new.get(place))}")


def _leaves(table: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(table, Mapping):
        for key, value in table.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, sorted(table) if isinstance(table, list) else table


def _meanings(what: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    for code in sorted(a.keys() | b.keys()):
        if code not in a or code not in b:
            yield Change(f"{what} {code}", "is new" if code in b else "is gone")
        elif a[code] != b[code]:
            yield Change(f"{what} {code}", f"now reads: {b[code].words} [{b[code].citation}]")


@dataclass(frozen=True, slots=True)
class Simulated:
    """A past decision that a draft would decide otherwise. `ref` is the caller's own, opaque."""

    ref: str
    before: Decision
    after: Decision

    @property
    def newly_disclosed(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.after.fields_allowed) - set(self.before.fields_allowed)))

    @property
    def newly_withheld(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.before.fields_allowed) - set(self.after.fields_allowed)))


def simulate(decided: Iterable[tuple[str, DecisionRequest, Decision]], draft: RuleBook) -> Iterator[Simulated]:
    """Decide past requests again under a draft and give those that come out differently. Nothing is sent or stored.

    A difference is in what is told, to whom it is attributed, or what must be done along with it; further reasons alone
    are none.
    """
    for ref, request, before in decided:
        after = decide(request, draft)
        if _effect(before) != _effect(after):
            yield Simulated(ref, before, after)


def _effect(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.decision, decision.fields_allowed, decision.programs_visible, decision.consents_relied_on,
        decision.obligations,
    )  # fmt: skip
