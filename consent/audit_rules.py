"""Checks on a rule book as a whole: closed vocabulary both ways, and no rule that can never be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from consent.policy import Policy
from consent.questions import QUESTIONS
from consent.rule import Effect, Mode, Rule, Stage

NAMED_BY_THE_EVALUATOR = frozenset(
    {"request.unreadable", "legal.nothing", "weighing.no_consent", "weighing.explicit_deny", "notes.withheld"}
)
"""Rules that the evaluator comes to by their ids."""

GLASS = {False: "internal.break_glass_hipaa", True: "internal.break_glass_part2"}
"""The rule of a broken glass, by whether the programme is a Part 2 programme."""

_TERMINAL = frozenset({Effect.DENY, Effect.REFUSE, Effect.PERMIT, Effect.SILENCE, Effect.WITHHOLD, Effect.ASK_CONSENT})


def check_rules(rules: Sequence[Rule], modes: Mapping[Stage, Mode], reasons: set[str], obligations: set[str]) -> None:
    """Raises ValueError with the first thing that is wrong."""
    if set(modes) != set(Stage):
        raise ValueError("the chapters are not exactly the stages of a decision")
    _no_twice(rule.id for rule in rules)
    named = {r.id for r in rules if modes[r.stage] is Mode.NAMED}
    _same("rules that the evaluator names", NAMED_BY_THE_EVALUATOR, named)
    _same("reason codes", reasons, {code for r in rules for code in r.reasons})
    _same("obligation codes", obligations, {code for r in rules for code in r.obligations})
    _same("questions", set(QUESTIONS), {test.removeprefix("not ") for r in rules for test in r.tests})
    if unknown := {name for r in rules for name in r.policy} - set(Policy.__dataclass_fields__):
        raise ValueError(f"rules ask for settings that do not exist: {sorted(unknown)}")
    if {r.id for r in rules if r.glass} != set(GLASS.values()):
        raise ValueError("the rules of a broken glass are not the two that the evaluator knows")
    _says_something(rules)
    _nothing_shadowed(rules, modes)


def _no_twice(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"two rules are called {one}")
        seen.add(one)


def _same(what: str, known: Iterable[str], used: Iterable[str]) -> None:
    if unknown := set(used) - set(known):
        raise ValueError(f"{what} used but not defined: {sorted(unknown)}")
    if idle := set(known) - set(used):
        raise ValueError(f"{what} defined but never used: {sorted(idle)}")


def _says_something(rules: Sequence[Rule]) -> None:
    for rule in rules:
        needs_reason = rule.effect not in {Effect.OBLIGE, Effect.ASK_CONSENT}
        if needs_reason is (rule.reason is None):
            raise ValueError(f"rule {rule.id}: a reason is {'missing' if needs_reason else 'out of place'}")
        if rule.effect is Effect.OBLIGE and not rule.obligations:
            raise ValueError(f"rule {rule.id} obliges to nothing")
        last = rule.effective.until
        if last is not None and last < rule.effective.since:
            raise ValueError(f"rule {rule.id} ends before it begins")


def _nothing_shadowed(rules: Sequence[Rule], modes: Mapping[Stage, Mode]) -> None:
    """In a stage that the first rule decides, a rule must not follow one that always catches its cases."""
    for later, rule in enumerate(rules):
        if modes[rule.stage] is not Mode.FIRST:
            continue
        for earlier in rules[:later]:
            if earlier.stage is rule.stage and earlier.effect in _TERMINAL and covers(earlier, rule):
                raise ValueError(f"rule {rule.id} is never reached: {earlier.id} catches every case of it")


def covers(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` holds wherever `narrow` does, as far as the book can tell without knowing the facts."""
    return (
        _wider(wide.kinds, narrow.kinds)
        and _wider(wide.purposes, narrow.purposes)
        and (wide.part2 is None or wide.part2 is narrow.part2)
        and wide.policy.items() <= narrow.policy.items()
        and set(wide.tests) <= set(narrow.tests)
        and wide.agreement in {None, narrow.agreement}
        and wide.effective.since <= narrow.effective.since
        and (wide.effective.until is None or wide.effective.until == narrow.effective.until)
    )


def _wider(wide: frozenset[str] | None, narrow: frozenset[str] | None) -> bool:
    return wide is None or (narrow is not None and narrow <= wide)
