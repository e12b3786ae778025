"""One rule of the book, as it is written down and as the evaluator uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Protocol

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


Agreed = Callable[[Any, AgreementKind, str | None], bool]
"""Whether an agreement of a kind with an organisation is in force for what a rule looks at."""
Holds = Callable[[Any, Policy | None], bool]
"""Whether a rule holds for what it looks at, under a policy."""


class Armed(NamedTuple):
    """A rule with its conditions made ready to run."""

    rule: Rule
    holds: Holds


def arm(rule: Rule, agreed: Agreed) -> Armed:
    """Look up a rule's tests. Most rules ask one question and nothing else, and are made to ask just that."""
    checks = [_check(test) for test in rule.tests]
    if rule.agreement is not None:
        checks.append(_agreement_check(rule.agreement, agreed))
    if len(checks) == 1 and not rule.policy and rule.effect is not Effect.PERMIT:
        return Armed(rule, _asking_once(*checks[0]))
    return Armed(rule, _asking_all(rule, tuple(checks)))


def _asking_once(check: Question, wanted: bool) -> Holds:
    def holds(subject: Any, policy: Policy | None) -> bool:  # noqa: ARG001 - every rule is called alike
        return check(subject) is wanted

    return holds


def _asking_all(rule: Rule, checks: tuple[tuple[Question, bool], ...]) -> Holds:
    settings = tuple(rule.policy.items())
    dated = rule.effect is Effect.PERMIT
    since = datetime.combine(rule.effective.since, time.min, tzinfo=UTC)
    until = rule.effective.until and datetime.combine(rule.effective.until, time.max, tzinfo=UTC)

    def holds(subject: Any, policy: Policy | None) -> bool:
        for name, value in settings:
            if getattr(policy, name) != value:
                return False
        for check, wanted in checks:
            if check(subject) is not wanted:
                return False
        return not dated or (since <= subject.as_of and (until is None or subject.as_of <= until))

    return holds


def _check(test: str) -> tuple[Question, bool]:
    name = test.removeprefix("not ")
    return QUESTIONS[name], name == test


def _agreement_check(kind: AgreementKind, agreed: Agreed) -> tuple[Question, bool]:
    def asked(at: Any) -> bool:
        return agreed(at, kind, at.request.recipient.org_id)

    return asked, True
