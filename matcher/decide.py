"""From weights to verdicts: probability, margin over the next best, and the rules that keep a link from alerting."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matcher.levels import FIELDS, Address, Dob, Name, Plain, Ssn4
from matcher.model import Thresholds
from matcher.verdict import Verdict

FIELD_ORDER = {name: i for i, name in enumerate(FIELDS)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate of one booking: the level and the bits of each field, in the order of FIELDS."""

    levels: tuple[int, ...]
    bits: tuple[float, ...]

    @property
    def weight(self) -> float:
        return math.fsum(self.bits)

    def level(self, field: str) -> int:
        return self.levels[FIELD_ORDER[field]]


Rule = Callable[[Evidence], bool]
"""Whether this evidence must not alert by itself, however probable the link."""

_NAME_AGREES = frozenset({Name.EXACT, Name.NICKNAME, Name.PART, Name.CLOSE, Name.SWAPPED})


def _identified(e: Evidence) -> bool:
    """A number of one's own agrees: last four of the SSN, or the phone."""
    return e.level("ssn4") == Ssn4.EXACT or e.level("phone") == Plain.EXACT


def other_first_name(e: Evidence) -> bool:
    """A twin or sibling shares everything but the first name."""
    return e.level("first") in {Name.DIFFER, Name.SIMILAR} and e.level("ssn4") != Ssn4.EXACT


def other_birth_date(e: Evidence) -> bool:
    """Parent and child share name and address; so do namesakes."""
    return e.level("dob") == Dob.DIFFER and e.level("ssn4") != Ssn4.EXACT


def other_generation(e: Evidence) -> bool:
    """JR and SR are two people."""
    return e.level("suffix") == Plain.DIFFER and e.level("ssn4") != Ssn4.EXACT


def other_ssn(e: Evidence) -> bool:
    """Somebody who gives a client's name and birth date has another number."""
    return e.level("ssn4") == Ssn4.DIFFER and e.level("phone") != Plain.EXACT and e.level("address") != Address.STREET


def other_sex(e: Evidence) -> bool:
    """Brother and sister with like names."""
    return e.level("sex") == Plain.DIFFER and e.level("first") not in {Name.EXACT, Name.NICKNAME}


def no_birth_date(e: Evidence) -> bool:
    """A name alone is shared by many: without a birth date something else of one's own must agree."""
    return e.level("dob") in {Dob.MISSING, Dob.PARTIAL} and not (_identified(e) or e.level("address") == Address.STREET)


def too_few_names(e: Evidence) -> bool:
    """Neither name agrees, or no name was given."""
    return e.level("first") not in _NAME_AGREES | {Name.INITIAL} and e.level("last") not in _NAME_AGREES


RULES: tuple[Rule, ...] = (
    other_first_name,
    other_birth_date,
    other_generation,
    other_ssn,
    other_sex,
    no_birth_date,
    too_few_names,
)


def bars(evidence: Evidence) -> tuple[str, ...]:
    """Names of the rules that keep this evidence from alerting."""
    return tuple(rule.__name__ for rule in RULES if rule(evidence))


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate's probability and its margin in bits."""

    probability: float
    margin: float


def standings(weights: Sequence[float], groups: Sequence[int], prior: float, clients: int) -> list[Standing]:
    """Each candidate against all others and against "no client of ours".

    Bayes over the exclusive explanations of one booking: client i with prior `prior / clients` each, nobody with
    `1 - prior`. Candidates of one group are records of the same person and do not compete with each other.
    """
    offset = math.log2(prior / (1 - prior) / max(clients, 1))
    best: dict[int, float] = {}
    for weight, group in zip(weights, groups, strict=True):
        best[group] = max(best.get(group, -math.inf), weight)
    found = []
    for weight, group in zip(weights, groups, strict=True):
        rivals = [0.0, *(w + offset for g, w in best.items() if g != group)]
        top = max(*rivals, weight + offset)
        mine = 2.0 ** (weight + offset - top)
        total = mine + math.fsum(2.0 ** (r - top) for r in rivals)
        found.append(Standing(mine / total, weight + offset - max(rivals)))
    return found


def verdict(standing: Standing, barred: Sequence[str], at: Thresholds) -> Verdict:
    """ALERT where the probability and the margin allow it and no rule bars it; REVIEW where it is worth a look."""
    if standing.probability >= at.alert and standing.margin >= at.margin and not barred:
        return Verdict.ALERT
    return Verdict.REVIEW if standing.probability >= at.review else Verdict.NONE
