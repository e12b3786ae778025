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

    def evidence(self, field: str) -> float:
        """Bits of one field."""
        return self.bits[FIELD_ORDER[field]]

    def level(self, field: str) -> int:
        return self.levels[FIELD_ORDER[field]]


Rule = Callable[[Evidence], bool]
"""Whether this evidence must not alert by itself, however probable the link."""

_NAME_AGREES = frozenset({Name.EXACT, Name.NICKNAME, Name.PART, Name.CLOSE, Name.SWAPPED})


def _identified(e: Evidence) -> bool:
    """A number of one's own agrees: last four of the SSN, or the phone."""
    return e.level("ssn4") == Ssn4.EXACT or e.level("phone") == Plain.EXACT


def other_first_name(e: Evidence) -> bool:
    """A twin or sibling shares everything but the first name. Like names count as different where
    both are common, or where the middle names differ too.
    """
    if e.level("ssn4") == Ssn4.EXACT or e.level("middle") == Name.EXACT:
        return False
    alike = e.level("first") in {Name.CLOSE, Name.SIMILAR, Name.NICKNAME}
    other_middle = e.level("middle") in {Name.DIFFER, Name.OTHER_INITIAL}
    return e.level("first") in {Name.DIFFER, Name.OTHER_INITIAL} or (
        alike and (other_middle or e.evidence("first") < 0)
    )


def other_birth_date(e: Evidence) -> bool:
    """Parent and child share name and address; so do namesakes."""
    return e.level("dob") in {Dob.DIFFER, Dob.OTHER_PARTIAL} and e.level("ssn4") != Ssn4.EXACT


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
    """A name alone is shared by many, at one address by parent and child: something of one's own must agree."""
    if e.level("dob") not in {Dob.MISSING, Dob.PARTIAL, Dob.OTHER_PARTIAL}:
        return False
    return not (_identified(e) or e.level("middle") in {Name.EXACT, Name.INITIAL})


def too_few_names(e: Evidence) -> bool:
    """Neither name agrees, or no name was given. Birth date and SSN together outweigh a false name."""
    if e.level("dob") == Dob.EXACT and e.level("ssn4") == Ssn4.EXACT:
        return False
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


def confirmed(e: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """A pair that a reviewer confirmed alerts, unless nothing of the identity agrees: two people can share a number."""
    names = e.level("first") in {Name.DIFFER, Name.MISSING} and e.level("last") in {Name.DIFFER, Name.MISSING}
    if names and e.level("dob") in {Dob.DIFFER, Dob.MISSING, Dob.OTHER_PARTIAL}:
        return Verdict.REVIEW, ("must_link", "shared_number")
    return Verdict.ALERT, ("must_link",)


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate's probability and its margin in bits."""

    probability: float
    margin: float


RELATIVES = 0.3
"""Bookings of a client's relatives or namesakes at their address, for each booking of a client."""
NAMESAKE, TWIN, SHARED_PHONE = 0.05, 0.02, 0.3
"""Shares of relatives who have the client's first name, birth date, and phone."""


def relative(e: Evidence) -> float:
    """Bits for the explanation that the booking is of a relative of this client, against a stranger.

    Surname, address and perhaps phone are shared as if it were the client; first name and birth date only in a
    namesake or twin; middle name, suffix and numbers are a stranger's.
    """
    bits = dict(zip(FIELDS, e.bits, strict=True))
    total = math.log2(RELATIVES) + bits["last"] + bits["address"] + max(0.0, bits["phone"] + math.log2(SHARED_PHONE))
    total += max(0.0, bits["first"] + math.log2(NAMESAKE)) + max(0.0, bits["dob"] + math.log2(TWIN))
    return total


def standings(evidence: Sequence[Evidence], groups: Sequence[int], prior: float, clients: int) -> list[Standing]:
    """Each candidate against all others, their relatives, and "nobody of ours".

    Bayes over the exclusive explanations of one booking: client i with prior `prior / clients` each, a relative of
    i in proportion, a stranger with `1 - prior`. Candidates of one group are records of one person and do not
    compete with each other.
    """
    offset = math.log2(prior / (1 - prior) / max(clients, 1))
    best: dict[int, float] = {}
    kin: dict[int, float] = {}
    for e, group in zip(evidence, groups, strict=True):
        best[group] = max(best.get(group, -math.inf), e.weight + offset)
        kin[group] = max(kin.get(group, -math.inf), relative(e) + offset)
    found = []
    for e, group in zip(evidence, groups, strict=True):
        rivals = [0.0, *kin.values(), *(w for g, w in best.items() if g != group)]
        mine = e.weight + offset
        top = max(*rivals, mine)
        share = 2.0 ** (mine - top)
        total = share + math.fsum(2.0 ** (r - top) for r in rivals)
        found.append(Standing(share / total, mine - max(rivals)))
    return found


def verdict(standing: Standing, barred: Sequence[str], at: Thresholds) -> Verdict:
    """ALERT where the probability and the margin allow it and no rule bars it; REVIEW where it is worth a look."""
    if standing.probability >= at.alert and standing.margin >= at.margin and not barred:
        return Verdict.ALERT
    return Verdict.REVIEW if standing.probability >= at.review else Verdict.NONE
