"""From weights to verdicts: probability, and margin over the next best explanation of a booking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matcher.levels import FIELD_NUMBER, Dob, Name
from matcher.model import Relatives, Thresholds
from matcher.rules import Evidence
from matcher.verdict import Verdict

_FIRST, _LAST, _DOB, _PHONE, _ADDRESS = (FIELD_NUMBER[f] for f in ("first", "last", "dob", "phone", "address"))


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


@dataclass(frozen=True, slots=True)
class Odds:
    """Log2 odds, before anything is compared, that a booking is of one given client, or of a relative of that client,
    against somebody who is neither.
    """

    client: float
    relative: float

    @classmethod
    def of(cls, share: float, clients: int, relatives: Relatives) -> Odds:
        """For a share of bookings that are of clients.

        Relatives are no clients: their bookings are among the remaining ones, and cannot be more than those.
        """
        odds, each = share / (1 - share), math.log2(max(clients, 1))
        return cls(math.log2(odds) - each, math.log2(min(relatives.share * odds, 1.0)) - each)


def relative(e: Evidence, relatives: Relatives) -> float:
    """Bits for the explanation that the booking is of a relative of this client, against a stranger.

    Surname, address and perhaps phone are shared as if it were the client; first name and birth date only in a
    namesake or twin; middle name, suffix and numbers are a stranger's.
    """
    bits = e.bits
    total = bits[_LAST] + bits[_ADDRESS] + max(0.0, bits[_PHONE] + math.log2(relatives.phone))
    total += max(0.0, bits[_FIRST] + math.log2(relatives.namesake))
    total += max(0.0, bits[_DOB] + math.log2(relatives.twin))
    return total


@dataclass(frozen=True, slots=True)
class Claim:
    """One candidate of a booking: its evidence, whose record it is, and the odds before comparing."""

    evidence: Evidence
    group: int
    """Candidates of one group are records of one person and do not compete with each other."""
    before: float
    """Log2 odds of this client against a stranger."""


def standings(claims: Sequence[Claim], odds: Odds, relatives: Relatives) -> list[Standing]:
    """Each candidate against all others, their relatives, and "nobody of ours": Bayes over the exclusive explanations
    of one booking.
    """
    best: dict[int, float] = {}
    kin: dict[int, float] = {}
    for each in claims:
        best[each.group] = max(best.get(each.group, -math.inf), each.evidence.weight + each.before)
        kin[each.group] = max(kin.get(each.group, -math.inf), relative(each.evidence, relatives) + odds.relative)
    found = []
    for each in claims:
        rivals = [0.0, *kin.values(), *(w for g, w in best.items() if g != each.group)]
        mine = each.evidence.weight + each.before
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
