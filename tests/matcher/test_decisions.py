"""Is each decision what it says, at its very edge? What the mutants of `matcher.decide` are held against."""

from __future__ import annotations

import math
from itertools import product

import pytest

from matcher import Verdict, default_model
from matcher.decide import Claim, Odds, Standing, confirmed, relative, standings, verdict
from matcher.levels import FIELDS, Dob, Name
from matcher.rules import Evidence

AT = default_model().thresholds
RELATIVES = default_model().relatives
LITTLE = 1e-9


@pytest.mark.parametrize(
    ("probability", "margin", "barred", "expected"),
    [
        pytest.param(AT.alert, AT.margin, (), Verdict.ALERT, id="just enough"),
        pytest.param(AT.alert - LITTLE, AT.margin, (), Verdict.REVIEW, id="a little less likely"),
        pytest.param(AT.alert, AT.margin - LITTLE, (), Verdict.REVIEW, id="a little too near a rival"),
        pytest.param(1.0, 99.0, ("other_sex",), Verdict.REVIEW, id="barred"),
        pytest.param(AT.review, 0.0, (), Verdict.REVIEW, id="just worth a look"),
        pytest.param(AT.review - LITTLE, 99.0, (), Verdict.NONE, id="a little too unlikely"),
    ],
)
def test_a_verdict_at_its_edges(probability: float, margin: float, barred: tuple[str, ...], expected: Verdict) -> None:
    assert verdict(Standing(probability, margin), barred, AT) is expected


def evidence(bits: float = 0.0, **levels: int) -> Evidence:
    return Evidence(tuple(levels.get(field, 0) for field in FIELDS), tuple(bits for _ in FIELDS))


def test_a_confirmed_pair_alerts_unless_nothing_of_the_identity_agrees() -> None:
    nobody = {Name.DIFFER, Name.MISSING}
    never = {Dob.DIFFER, Dob.MISSING, Dob.OTHER_PARTIAL}
    for first, last, dob in product(Name, Name, Dob):
        found, why = confirmed(evidence(first=first, last=last, dob=dob))
        shared = first in nobody and last in nobody and dob in never
        assert (found, "shared_number" in why) == (Verdict.REVIEW if shared else Verdict.ALERT, shared)
        assert why[0] == "must_link"


def test_a_relative_shares_surname_and_address_and_perhaps_more() -> None:
    """Each field by itself, far above and far below what a relative's chance of sharing it takes away."""
    shares = {"phone": RELATIVES.phone, "first": RELATIVES.namesake, "dob": RELATIVES.twin}
    for field, strong in product(FIELDS, (30.0, -30.0)):
        bits = tuple(strong if name == field else 0.0 for name in FIELDS)
        found = relative(Evidence(tuple(0 for _ in FIELDS), bits), RELATIVES)
        if field in {"last", "address"}:
            expected = strong
        elif field in shares:
            expected = max(0.0, strong + math.log2(shares[field]))
        else:
            expected = 0.0
        assert found == pytest.approx(expected)


def test_relatives_are_no_more_than_the_bookings_that_are_left() -> None:
    odds = Odds.of(0.2, 64, RELATIVES)
    assert odds.client == pytest.approx(math.log2(0.25) - 6)
    assert odds.relative == pytest.approx(math.log2(RELATIVES.share * 0.25) - 6)
    assert Odds.of(0.999, 64, RELATIVES).relative == pytest.approx(-6)
    assert Odds.of(0.2, 0, RELATIVES).client == pytest.approx(math.log2(0.25))


def by_the_formula(claims: list[Claim], odds: Odds) -> list[Standing]:
    """Bayes over what may be true of a booking: one of these people, a relative of one of them, or nobody of ours."""
    people = {claim.group for claim in claims}
    of = {g: max(c.evidence.weight + c.before for c in claims if c.group == g) for g in people}
    kin = {g: max(relative(c.evidence, RELATIVES) for c in claims if c.group == g) + odds.relative for g in people}
    found = []
    for claim in claims:
        own = claim.evidence.weight + claim.before
        others = [0.0, *kin.values(), *(bits for g, bits in of.items() if g != claim.group)]
        found.append(Standing(2**own / (2**own + sum(2**bits for bits in others)), own - max(others)))
    return found


def claimed(group: int, before: float, **bits: float) -> Claim:
    return Claim(Evidence(tuple(0 for _ in FIELDS), tuple(bits.get(field, 0.0) for field in FIELDS)), group, before)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param([claimed(0, -3.0, last=9.0)], id="alone"),
        pytest.param([claimed(0, -30.0, last=9.0)], id="nobody of ours is likelier"),
        pytest.param([claimed(0, -3.0, last=9.0), claimed(1, -3.0, last=4.0)], id="two people"),
        pytest.param([claimed(0, -3.0, last=4.0), claimed(1, -2.0, last=9.0)], id="the other one leads"),
        pytest.param([claimed(0, -3.0, first=9.0), claimed(0, -3.0, last=4.0)], id="two records of one person"),
        pytest.param([claimed(0, -3.0, last=4.0), claimed(0, -3.0, first=9.0), claimed(2, 0.0, dob=5.0)], id="three"),
        pytest.param([claimed(0, 2.0, last=12.0, address=8.0), claimed(1, 1.0, last=12.0, address=9.0)], id="kin"),
    ],
)
@pytest.mark.parametrize("kin", [-9.0, 0.0, 6.0])
def test_each_candidate_stands_against_all_that_may_be_true_instead(claims: list[Claim], kin: float) -> None:
    odds = Odds(-3.0, kin)
    for found, expected in zip(standings(claims, odds, RELATIVES), by_the_formula(claims, odds), strict=True):
        assert found.probability == pytest.approx(expected.probability)
        assert found.margin == pytest.approx(expected.margin)
