"""Several consents together: which fields the client permits to this recipient, which are denied, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from consent.case import ConsentCase, ProgrammeCase
from consent.covering import listen
from consent.questions_consent import signed
from consent.rule import Rule, Stage
from consent.rulebook import RuleBook
from consent.vocabulary import FieldName


class Voice(NamedTuple):
    """What one consent says about one field."""

    signed: datetime
    specificity: int
    case: ConsentCase

    def answers(self, denial: Voice) -> bool:
        """A permission answers a denial that is older and no more specific; at the same instant the denial wins."""
        return self.signed > denial.signed and self.specificity >= denial.specificity


@dataclass(slots=True)
class Weighed:
    """The outcome for each field that was asked about; `rules` are those that speak for what is not permitted."""

    permitted: dict[FieldName, ConsentCase] = field(default_factory=dict)
    denied: set[FieldName] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)


def weigh(book: RuleBook, at: ProgrammeCase, fields: frozenset[FieldName], note: FieldName | None = None) -> Weighed:
    """Hear every consent on these fields. `note` where they are that one kind of notes."""
    weighed = Weighed()
    if not at.request.consents:
        weighed.rules.append(book.rule("weighing.no_consent"))
        return weighed
    hearing = _Hearing(book, fields, weighed.rules)
    for consent in at.request.consents:
        hearing.hear(ConsentCase(at, consent, note))
    for name in fields:
        _settle(name, hearing.permissions.get(name, []), hearing.denials.get(name, []), weighed)
    if weighed.denied:
        weighed.rules.append(book.rule("weighing.explicit_deny"))
    return weighed


@dataclass(slots=True)
class _Hearing:
    """Collects what each consent says; a rule that keeps one from speaking goes to `rules`."""

    book: RuleBook
    fields: frozenset[FieldName]
    rules: list[Rule]
    permissions: dict[FieldName, list[Voice]] = field(default_factory=dict)
    denials: dict[FieldName, list[Voice]] = field(default_factory=dict)

    def hear(self, case: ConsentCase) -> None:
        if self._kept(Stage.SPEAKS, case):
            return
        said = listen(case, self.fields)
        for name, how in said.denies.items():
            self.denials.setdefault(name, []).append(Voice(signed(case), how, case))
        if said.silent:
            self._kept(Stage.MATCHES, case)
        if said.permits and not self._kept(Stage.PERMISSION, case):
            for name, how in said.permits.items():
                self.permissions.setdefault(name, []).append(Voice(signed(case), how, case))

    def _kept(self, stage: Stage, case: ConsentCase) -> bool:
        rule = self.book.first(stage, case, case.policy)
        if rule is not None:
            self.rules.append(rule)
        return rule is not None


def _settle(name: FieldName, permissions: list[Voice], denials: list[Voice], weighed: Weighed) -> None:
    standing = [p for p in permissions if all(p.answers(d) for d in denials)] if denials else permissions
    if standing:
        latest = max(p.signed for p in standing)
        weighed.permitted[name] = min((p.case for p in standing if p.signed == latest), key=_rank)
    elif denials:
        weighed.denied.add(name)


def _rank(case: ConsentCase) -> tuple[str, str]:
    """Ties go to the smallest id; two records under one id, to the signer that a reader would list first."""
    return case.consent.id, case.consent.signer.relationship
