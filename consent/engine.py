"""The evaluator: four gates, then each programme, then one result. Pure: the instant comes with the request.

Algorithm: `docs/consent.md`. What is not permitted is denied; what cannot be read is denied with INPUT_INVALID.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from consent.case import Case, ProgrammeCase, ResultCase
from consent.decision import Decision, Verdict
from consent.facts import DecisionRequest, InvalidRequest, ProgramFacts, places, read_request
from consent.programme import Outcome, consider
from consent.rule import Effect, Rule, Stage
from consent.rulebook import RuleBook
from consent.times import Unreadable
from consent.vocabulary import FieldName, Kind, Purpose

_WITHOUT_BOOKING = frozenset({Purpose.AUDIT, Purpose.PATRQT, Purpose.MATCH, Purpose.HRESCH})
_NO_FIELDS: frozenset[FieldName] = frozenset()


def decide(request: Mapping[str, Any] | DecisionRequest, rulebook: RuleBook) -> Decision:
    """Decide one request: a mapping in the published schema, or typed facts.

    Never raises on what is in the request: whatever is unreadable or unknown denies with INPUT_INVALID.
    """
    try:
        typed = request if isinstance(request, DecisionRequest) else read_request(request)
        return _decide(typed, rulebook)
    except InvalidRequest as fault:
        return _unreadable(request, rulebook, fault.faults)
    except ValidationError as fault:
        return _unreadable(request, rulebook, tuple(f"policy.{place}" for place in places(fault)))
    except Unreadable as fault:
        return _unreadable(request, rulebook, (f"a time: {fault}",))


def _decide(request: DecisionRequest, book: RuleBook) -> Decision:
    _check_whole(request, book)
    policy = book.policy(request.jurisdiction, request.policy)
    elsewhere = request.booking.jurisdiction if request.booking is not None else None
    booking_policy = policy if elsewhere is None else book.policy(elsewhere, request.policy)
    case = Case(request, book.tables, policy, booking_policy)
    reported: list[Rule] = []
    denying = _gates(book, case, reported)
    if denying is not None:
        return _deny(book, case, [*reported, denying], denying.obligations)
    case.drop_what_nobody_holds()
    return _unite(book, case, reported, [consider(book, _at(book, case, p)) for p in request.programs])


def _at(book: RuleBook, case: Case, programme: ProgramFacts) -> ProgrammeCase:
    """One programme under the law of its own place: the discloser's."""
    if programme.jurisdiction is None:
        return ProgrammeCase(case, programme, case.policy)
    return ProgrammeCase(case, programme, book.policy(programme.jurisdiction, case.request.policy))


def _check_whole(request: DecisionRequest, book: RuleBook) -> None:
    """What only the whole request shows: known places, a booking where one is asked about, one flag per programme."""
    if request.booking is None and request.purpose not in _WITHOUT_BOOKING:
        raise InvalidRequest(("booking: missing",))
    places_named = [request.jurisdiction, *(p.jurisdiction for p in request.programs)]
    if request.booking is not None:
        places_named.append(request.booking.jurisdiction)
    if not all(book.knows(place) for place in places_named if place is not None):
        raise InvalidRequest(("jurisdiction: unknown",))
    if not request.programs:
        raise InvalidRequest(("programs: missing",))
    flags = {(p.id, p.part2) for p in request.programs}
    if len(flags) != len({p.id for p in request.programs}):
        raise InvalidRequest(("programs: one programme both Part 2 and not",))


def _gates(book: RuleBook, case: Case, reported: list[Rule]) -> Rule | None:
    """The first gate that fails, if one does. What is only reported is collected on the way."""
    stages = [Stage.RECIPIENT, Stage.BOOKING_RECORD, Stage.BOOKING_NEWS, Stage.CLIENT, Stage.BREAK_GLASS]
    for stage in stages:
        policy = case.booking_policy if stage is Stage.BOOKING_RECORD else case.policy
        for rule in book.every(stage, case, policy):
            if rule.effect is Effect.DENY:
                return rule
            reported.append(rule)
            if rule.withholds is not None:
                case.withhold(rule.withholds)
    return None


def _unite(book: RuleBook, case: Case, reported: list[Rule], outcomes: list[Outcome]) -> Decision:
    speaking = [o for o in outcomes if o.fields]
    allowed = frozenset(f for o in speaking for f in o.fields)
    refusals = [r for o in outcomes for r in o.refusals]
    outside = not (case.wanted - case.envelope) <= allowed
    if not allowed:
        duties = [code for r in refusals for code in r.obligations]
        return _deny(book, case, [*reported, *refusals], duties, outside=outside)
    visible = {o.programme.id for o in speaking}
    hidden = [o for o in outcomes if o.enrolled and o.programme.id not in visible]
    result = ResultCase(
        case.kind,
        case.purpose,
        case.policy,
        case.as_of,
        told_plainly=case.tables.kinds[case.kind].told_plainly,
        denies=False,
        outside_envelope=outside,
        hides_programme=bool(hidden),
        hides_part2_programme=any(o.programme.part2 for o in hidden),
    )
    dressing = list(book.every(Stage.RESULT, result, case.policy))
    grounds = [r for o in speaking for r in o.grounds]
    withheld = case.wanted - allowed
    return _decision(
        book,
        Verdict.REDACT if withheld or hidden else Verdict.PERMIT,
        allowed=allowed,
        withheld=withheld,
        programmes=visible,
        consents={c for o in speaking for c in o.consents},
        obligations=[code for r in (*grounds, *reported, *dressing) for code in r.obligations],
        rules=[*reported, *grounds, *refusals, *dressing],
    )


def _deny(
    book: RuleBook, case: Case, rules: list[Rule], obligations: Iterable[str], *, outside: bool = False
) -> Decision:
    result = ResultCase(
        case.kind,
        case.purpose,
        case.policy,
        case.as_of,
        told_plainly=case.tables.kinds[case.kind].told_plainly,
        denies=True,
        outside_envelope=outside,
        denies_without_reason=not outside and not any(r.reasons for r in rules),
    )
    dressing = list(book.every(Stage.RESULT, result, case.policy))
    return _decision(
        book,
        Verdict.DENY,
        withheld=case.wanted,
        obligations=[*obligations, *(code for r in dressing for code in r.obligations)],
        rules=[*rules, *dressing],
    )


def _unreadable(request: Mapping[str, Any] | DecisionRequest, book: RuleBook, faults: tuple[str, ...]) -> Decision:
    """The answer to a request that cannot be read: nothing, and neutrally unless the kind is known to be told plainly."""
    kind = _kind_of(request)
    told = kind is not None and book.tables.kinds[kind].told_plainly
    result = ResultCase(kind, None, None, None, told_plainly=told, denies=True)
    dressing = list(book.every(Stage.RESULT, result, None))
    return _decision(
        book,
        Verdict.DENY,
        obligations=[code for r in dressing for code in r.obligations],
        rules=[book.rule("request.unreadable"), *dressing],
        faults=faults,
    )


def _kind_of(request: Mapping[str, Any] | DecisionRequest) -> Kind | None:
    if isinstance(request, DecisionRequest):
        return request.recipient.kind
    recipient = request.get("recipient") if isinstance(request, Mapping) else None
    kind = recipient.get("kind") if isinstance(recipient, Mapping) else None
    return Kind(kind) if isinstance(kind, str) and kind in Kind.__members__.values() else None


def _decision(
    book: RuleBook,
    verdict: Verdict,
    *,
    obligations: Iterable[str],
    rules: list[Rule],
    allowed: frozenset[FieldName] = _NO_FIELDS,
    withheld: frozenset[FieldName] = _NO_FIELDS,
    programmes: Iterable[str] = (),
    consents: Iterable[str] = (),
    faults: tuple[str, ...] = (),
) -> Decision:
    return Decision(
        decision=verdict,
        fields_allowed=tuple(sorted(allowed)),
        fields_withheld=tuple(sorted(withheld)),
        programs_visible=tuple(sorted(programmes)),
        consents_relied_on=tuple(sorted(consents)),
        obligations=tuple(sorted(set(obligations))),
        reason_codes=tuple(sorted({code for r in rules for code in r.reasons})),
        rules=tuple(sorted({r.id for r in rules})),
        rule_set=book.version,
        rule_set_hash=book.hash,
        faults=faults,
        _book=book,
    )
