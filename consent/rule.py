"""One rule of the book, as it is written down and as the evaluator uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import ConfigDict, Strict
from pydantic import Field as Key

from consent.policy import Policy
from consent.questions import QUESTIONS, Question
from consent.vocabulary import AgreementKind, FieldName, Kind, Purpose

Words = Annotated[str, Strict(), Key(min_length=3)]
YesNo = Annotated[bool, Strict()]


class Stage(StrEnum):
    """The stages of a decision, in their order."""

    REQUEST = "request"
    RECIPIENT = "recipient"
    BOOKING_RECORD = "booking_record"
    BOOKING_NEWS = "booking_news"
    CLIENT = "client"
    BREAK_GLASS = "break_glass"
    PROGRAMME = "programme"
    OPT_IN = "opt_in"
    ORDER = "order"
    NO_ORDER = "no_order"
    WITHOUT_CONSENT = "without_consent"
    DENIED_ANYWAY = "denied_anyway"
    SPEAKS = "speaks"
    MATCHES = "matches"
    PERMISSION = "permission"
    WEIGHING = "weighing"
    CONSENT_BASIS = "consent_basis"
    CONSENT_DUTIES = "consent_duties"
    NOTES = "notes"
    NOTHING_PERMITTED = "nothing_permitted"
    RESULT = "result"


class Mode(StrEnum):
    FIRST = "first"
    ALL = "all"
    NAMED = "named"


class Effect(StrEnum):
    DENY = "deny"
    REFUSE = "refuse"
    PERMIT = "permit"
    REPORT = "report"
    WITHHOLD = "withhold"
    SILENCE = "silence"
    OBLIGE = "oblige"
    ASK_CONSENT = "ask_consent"


class Withheld(StrEnum):
    """Which fields a reporting rule keeps back."""

    BOOKING = "booking"
    RESTRICTED = "restricted"


class Subject(Protocol):
    """What a rule looks at: it says by what to select rules, and at which instant."""

    @property
    def kind(self) -> Any: ...
    @property
    def purpose(self) -> Any: ...
    @property
    def part2(self) -> bool | None: ...
    @property
    def as_of(self) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """The days (in UTC) on which this book uses a rule, both included."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    since: Annotated[date, Key(alias="from")]
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule holds where kind, purpose, part2 and policy fit, its agreement is in force and every test is true."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: Annotated[str, Key(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$"), Strict()]
    title: Words
    citation: Words
    owner: Words
    effective: Effective
    stage: Stage
    effect: Effect
    kinds: frozenset[Kind] | None = None
    purposes: frozenset[Purpose] | None = None
    part2: YesNo | None = None
    policy: dict[str, bool | str] = field(default_factory=dict)
    tests: tuple[str, ...] = ()
    agreement: AgreementKind | None = None
    reason: str | None = None
    also: tuple[str, ...] = ()
    """Further reasons: the legal basis under a ground of local policy."""
    obligations: tuple[str, ...] = ()
    fields: frozenset[FieldName] | None = None
    withholds: Withheld | None = None
    mandate: YesNo = False
    """A statute requires it, so that a denial blocks it only under `explicit_deny_blocks_mandate`."""
    glass: YesNo = False

    @property
    def reasons(self) -> tuple[str, ...]:
        return self.also if self.reason is None else (self.reason, *self.also)

    def fits(self, kind: Any, purpose: Any, part2: bool | None) -> bool:
        """Whether the rule is about such a case at all. None stands for "not known here"."""
        return (
            (self.kinds is None or kind in self.kinds)
            and (self.purposes is None or purpose in self.purposes)
            and (self.part2 is None or self.part2 is part2)
        )


class Armed:
    """A rule with its tests looked up: what the evaluator runs."""

    __slots__ = ("_checks", "_permits", "_policy", "_since", "_until", "rule")

    def __init__(self, rule: Rule, agreement: Callable[[Any, AgreementKind, str | None], bool]) -> None:
        self.rule = rule
        self._policy = tuple(rule.policy.items())
        checks = [_check(test) for test in rule.tests]
        if rule.agreement is not None:
            checks.append(_agreement_check(rule.agreement, agreement))
        self._checks = tuple(checks)
        self._permits = rule.effect is Effect.PERMIT
        self._since = datetime.combine(rule.effective.since, time.min, tzinfo=UTC)
        last = rule.effective.until
        self._until = None if last is None else datetime.combine(last, time.max, tzinfo=UTC)

    def holds(self, subject: Subject, policy: Policy | None) -> bool:
        for name, value in self._policy:
            if getattr(policy, name) != value:
                return False
        for check, wanted in self._checks:
            if check(subject) is not wanted:
                return False
        return not self._permits or self._in_effect(subject.as_of)

    def _in_effect(self, as_of: datetime) -> bool:
        return self._since <= as_of and (self._until is None or as_of <= self._until)


def _check(test: str) -> tuple[Question, bool]:
    name = test.removeprefix("not ")
    return QUESTIONS[name], name == test


def _agreement_check(
    kind: AgreementKind, in_force: Callable[[Any, AgreementKind, str | None], bool]
) -> tuple[Question, bool]:
    def asked(at: Any) -> bool:
        return in_force(at, kind, at.request.recipient.org_id)

    return asked, True
