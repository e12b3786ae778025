"""Is a file of bookings linked as a whole: the same however it is cut, and with what only the whole file can say."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import EncodedBatch, RosterIndex, Verdict, link, link_file
from matcher.decide import Claim, Odds, standings
from matcher.levels import FIELDS, Address, Dob, Name
from matcher.prior import NO_REBOOKING, Rebooking
from matcher.rules import Evidence
from matcher.score import score
from records import Identity
from tests.matcher.people import ENCODER, MODEL, crowd, person, roster

CLIENTS = crowd(300)
FILE = [replace(p, phone="", first=p.first.upper()) for p in CLIENTS[:40]] + [
    replace(p, ssn4="", phone="", street="", zip="", birth_date=f"19{40 + k % 50}-06-{1 + k % 27:02d}")
    for k, p in enumerate(CLIENTS[40:90])
]
BOOKED = ENCODER.encode([[p] for p in FILE])
INDEX = roster(person())
WHOLE = list(link_file([BOOKED], INDEX))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, len(FILE) - 1), max_size=6, unique=True))
def test_verdicts_do_not_depend_on_how_a_file_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(FILE)]
    pieces = (BOOKED.slice(a, b) for a, b in pairwise(edges))
    assert list(link_file(pieces, INDEX)) == WHOLE


def test_one_batch_and_a_file_of_one_batch_are_the_same() -> None:
    assert link(BOOKED, INDEX, prior="estimate") == WHOLE
    assert link(BOOKED, INDEX) == list(link_file([BOOKED], INDEX, "model"))


def test_a_file_of_nothing_or_against_nobody() -> None:
    assert list(link_file([], INDEX)) == []
    nobody = list(link_file([BOOKED], RosterIndex(MODEL)))
    assert [(r.verdict, r.links, r.candidates) for r in nobody] == [(Verdict.NONE, (), 0)] * len(FILE)


def test_relatives_are_no_more_than_those_who_are_not_clients() -> None:
    usual, full = (Odds.of(share, 1000, MODEL.relatives) for share in (0.06, 0.99))
    assert usual.relative == pytest.approx(usual.client + np.log2(MODEL.relatives.share))
    assert full.relative == pytest.approx(-np.log2(1000))


def test_where_all_booked_are_clients_a_changed_first_name_is_no_relative() -> None:
    """The same evidence, twice: who shares surname and address is a relative, unless hardly anybody is no client."""
    levels, bits = [0] * len(FIELDS), [0.0] * len(FIELDS)
    for field, level, worth in (
        ("first", Name.DIFFER, -5.0), ("last", Name.EXACT, 9.0), ("dob", Dob.TWO_PARTS, 0.0), ("address", Address.STREET, 12.0),
    ):  # fmt: skip
        at = list(FIELDS).index(field)
        levels[at], bits[at] = int(level), worth
    stands = {}
    for share in (0.06, 0.99):
        odds = Odds.of(share, 100, MODEL.relatives)
        claim = Claim(Evidence(tuple(levels), tuple(bits)), 0, odds.client)
        (stands[share],) = standings([claim], odds, MODEL.relatives)
    assert stands[0.06].probability < 0.2
    assert stands[0.99].probability > 0.7


def files(bookings: list[Identity]) -> Iterator[EncodedBatch]:
    yield ENCODER.encode([[p] for p in bookings])


def test_a_client_booked_once_like_everybody_is_not_taken_for_a_namesake_too() -> None:
    """The data say that each client is booked once: then the one who fits less is somebody else."""
    everybody = [replace(p, phone="") for p in CLIENTS]
    client = person(ssn4="", phone="", street="", middle="")
    namesake = replace(client, birth_date="", city="", zip="", sex="")
    index = roster(person())
    before = list(link_file(files([*everybody, namesake]), index))[-1].links[0]
    after = list(link_file(files([*everybody, client, namesake]), index))
    assert after[-2].links[0].client == "c0"
    assert before.client == "c0"
    claimed = next((x for x in after[-1].links if x.client == "c0"), None)
    assert before.probability > 0.95
    assert claimed is None or claimed.probability < 0.5


def test_clients_who_come_back_are_found_every_time() -> None:
    often = [replace(p, phone="") for p in CLIENTS[:40] for _ in range(3)]
    strangers = [replace(p, last=p.last[::-1], first=p.first[::-1], street="", ssn4="", phone="") for p in CLIENTS]
    scored = score(next(files([*often, *strangers])), INDEX)
    assert Rebooking.measure([scored], 0.3, len(INDEX)).factor == 0
    results = list(link_file(files([*often, *strangers]), INDEX))
    assert all(r.verdict is Verdict.ALERT for r in results[: len(often)])


def test_nothing_sure_says_nothing_of_rebooking() -> None:
    scored = score(ENCODER.encode([[Identity(first="ZZYZX", last="QWERT")]]), INDEX)
    assert Rebooking.measure([scored], 0.06, len(INDEX)) is NO_REBOOKING
