"""One programme as a discloser: what it may say to this recipient, on which ground, with which duties."""

from __future__ import annotations

from dataclasses import dataclass, field

from consent.audit_rules import GLASS
from consent.case import ConsentCase, OrderCase, ProgrammeCase
from consent.facts import ProgramFacts
from consent.questions_programme import enrolled
from consent.rule import Effect, Rule, Stage
from consent.rulebook import RuleBook
from consent.vocabulary import FieldName, Purpose
from consent.weigh import Weighed, weigh

_BY_CONSENT = frozenset({Purpose.TREAT, Purpose.COORD, Purpose.HOPERAT, Purpose.CUSTODY, Purpose.CJMONITOR})
_WITH_NOTES = _BY_CONSENT | {Purpose.ETREAT, Purpose.LEGAL}
_NOTHING: frozenset[FieldName] = frozenset()


@dataclass(slots=True)
class Outcome:
    """What one programme says. `grounds` opened something; `refusals` are why the rest stayed shut."""

    programme: ProgramFacts
    enrolled: bool
    fields: frozenset[FieldName] = _NOTHING
    consents: set[str] = field(default_factory=set)
    grounds: list[Rule] = field(default_factory=list)
    refusals: list[Rule] = field(default_factory=list)

    def open(self, fields: frozenset[FieldName], *grounds: Rule) -> None:
        """Add fields under these grounds; a ground that opens nothing is none."""
        if fields:
            self.fields |= fields
            self.grounds.extend(grounds)


def consider(book: RuleBook, at: ProgrammeCase) -> Outcome:
    """Ask one programme."""
    outcome = Outcome(at.programme, enrolled(at))
    rule = book.first(Stage.PROGRAMME, at, at.policy)
    if rule is None:
        if at.purpose is Purpose.LEGAL:
            _proceedings(book, at, outcome)
        elif at.purpose in _BY_CONSENT:
            _without_and_with_consent(book, at, outcome)
    elif rule.effect is not Effect.PERMIT:
        outcome.refusals.append(rule)
    elif (opt_in := book.first(Stage.OPT_IN, at, at.policy)) is None:
        outcome.open(at.available, rule)
    else:
        outcome.refusals.append(opt_in)
        _opt_in(book, at, outcome, rule)
    if at.notes_wanted and at.purpose in _WITH_NOTES:
        _notes(book, at, outcome)
    return outcome


def _opt_in(book: RuleBook, at: ProgrammeCase, outcome: Outcome, ground: Rule) -> None:
    """Staff inside, where local policy asks for the client's consent too. A broken glass stands in for a missing one."""
    weighed = weigh(book, at, at.available)
    glass = ground if ground.glass else _glass(book, at)
    if glass is not None:
        outcome.open(at.available - weighed.permitted.keys() - weighed.denied, glass)
    before = outcome.fields
    _rely(book, at, outcome, weighed)
    if outcome.fields != before:
        outcome.grounds.append(ground)
    if outcome.fields != at.available or not outcome.fields:
        outcome.refusals.extend(weighed.rules)


def _glass(book: RuleBook, at: ProgrammeCase) -> Rule | None:
    rule_id = GLASS[at.part2]
    return book.rule(rule_id) if book.rule_holds(rule_id, at, at.policy) else None


def _proceedings(book: RuleBook, at: ProgrammeCase, outcome: Outcome) -> None:
    """An order; failing that a separate consent; failing that nothing, and counsel where a subpoena is on file."""
    refused = _orders(book, at, outcome)
    if outcome.fields:
        return
    weighed = weigh(book, at, at.available)
    _rely(book, at, outcome, weighed)
    if outcome.fields != at.available or not outcome.fields:
        outcome.refusals.extend(weighed.rules)
    if outcome.fields:
        outcome.refusals.extend(r for r in refused if not r.obligations)
        return
    outcome.refusals.extend(refused)
    if not any(r.obligations for r in refused):  # only a subpoena asks for something: that counsel answers it
        outcome.refusals.append(book.rule("legal.nothing"))


def _orders(book: RuleBook, at: ProgrammeCase, outcome: Outcome) -> list[Rule]:
    refused: list[Rule] = []
    org = at.request.recipient.org_id
    for order in at.request.context.court_orders:
        if org is None or order.recipient_org_id != org or at.programme.id not in order.program_ids:
            continue
        rule = book.first(
            Stage.ORDER, OrderCase(at, order, at.kind, at.purpose, at.part2, at.policy, at.as_of), at.policy
        )
        if rule is None:
            continue
        if rule.effect is Effect.PERMIT:
            outcome.open(at.available & frozenset(order.fields), rule)
        else:
            refused.append(rule)
    return refused


def _without_and_with_consent(book: RuleBook, at: ProgrammeCase, outcome: Outcome) -> None:
    """First what needs no consent, less what the client denied; then consent for the rest."""
    ground = book.first(Stage.WITHOUT_CONSENT, at, at.policy)
    permitted = _NOTHING
    if ground is not None and ground.effect is Effect.PERMIT:
        permitted = at.available if ground.fields is None else at.available & ground.fields
    elif ground is not None:
        outcome.refusals.append(ground)
    if permitted == at.available and permitted and not at.request.consents:
        outcome.open(permitted, *filter(None, [ground]))
        return
    weighed = weigh(book, at, at.available)
    if ground is not None:
        outcome.open(permitted - _denied(book, at, outcome, ground, permitted & weighed.denied), ground)
    _rely(book, at, outcome, weighed)
    if outcome.fields != at.available or not outcome.fields:
        outcome.refusals.extend(weighed.rules)
    if not outcome.fields:
        outcome.refusals.extend(book.every(Stage.NOTHING_PERMITTED, at, at.policy))


def _denied(
    book: RuleBook, at: ProgrammeCase, outcome: Outcome, ground: Rule, denied: frozenset[FieldName]
) -> frozenset[FieldName]:
    """Of the denied fields, those that the denial takes out again under this ground."""
    if not denied:
        return _NOTHING
    at.ground_is_mandate = ground.mandate
    rule = book.first(Stage.DENIED_ANYWAY, at, at.policy)
    if rule is None:
        return _NOTHING
    outcome.refusals.append(rule)
    return denied


def _rely(book: RuleBook, at: ProgrammeCase, outcome: Outcome, weighed: Weighed) -> None:
    """Open what consents permit and nothing else has opened, and note which consents that took."""
    used = {name: case for name, case in weighed.permitted.items() if name not in outcome.fields}
    basis = book.first(Stage.CONSENT_BASIS, at, at.policy) if used else None
    if basis is None:
        return
    outcome.open(frozenset(used), basis)
    for case in {id(c): c for c in used.values()}.values():
        outcome.consents.add(case.consent.id)
        outcome.grounds.extend(_duties(book, case))


def _duties(book: RuleBook, case: ConsentCase) -> list[Rule]:
    return list(book.every(Stage.CONSENT_DUTIES, case, case.policy))


def _notes(book: RuleBook, at: ProgrammeCase, outcome: Outcome) -> None:
    """Notes, where the programme says anything at all and they have a consent of their own."""
    asked = at.case.wanted & {at.note} - at.case.withheld
    if outcome.fields and asked:
        weighed = weigh(book, at, frozenset(asked), at.note)
        _rely(book, at, outcome, weighed)
        if at.note in outcome.fields:
            return
        outcome.refusals.extend(weighed.rules)
    outcome.refusals.append(book.rule("notes.withheld"))
