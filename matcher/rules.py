"""The rules that keep a link from alerting, however probable it is: each says yes or no to one pair's evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matcher.levels import FIELDS, Address, Dob, Name, Plain, Ssn4

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


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        other_first_name,
        other_birth_date,
        other_generation,
        other_ssn,
        other_sex,
        no_birth_date,
        too_few_names,
    )
}
"""All rules by name. A model says which of them hold."""


def bars(evidence: Evidence, rules: Sequence[str]) -> tuple[str, ...]:
    """Names of those `rules` that keep this evidence from alerting."""
    return tuple(name for name in rules if RULES[name](evidence))
