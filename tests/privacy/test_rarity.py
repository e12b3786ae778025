"""Does the unit, which sees 64 of a provider's clients, weigh a name as the provider would, who sees them all?"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from matcher import Encoder, LinkageKey, RosterIndex, default_model, link
from records import Identity
from service.neutral.decoys import made_up
from service.neutral.rarity import Holders, Rarity, SessionIndex

CLIENTS = 4000
KNOWN_AS = {"William": "Bill", "Robert": "Bob", "James": "Jim", "Elizabeth": "Liz", "Michael": "Mike", "Joseph": "Joe"}
MOST, LEAST = 0.5, 1.5
"""Bits that the unit may say more, which is what rounding to powers of two comes to, and less."""


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(LinkageKey("e1", "shared", bytes(32)), default_model())


@pytest.fixture(scope="module")
def roster(encoder: Encoder) -> RosterIndex:
    """People with names as usual; the first of them have one that nicknames are made of."""
    random = Random(9)
    people = [made_up(random.randbytes, 2026) for _ in range(CLIENTS)]
    people[: len(KNOWN_AS)] = [replace(who, first=name) for who, name in zip(people, KNOWN_AS, strict=False)]
    index = RosterIndex(default_model())
    index.add(encoder.encode([(who,) for who in people]), [str(n) for n in range(CLIENTS)])
    return index


@pytest.mark.parametrize("name", KNOWN_AS)
def test_a_common_nickname_is_no_rarity_because_no_candidate_has_it(
    encoder: Encoder, roster: RosterIndex, name: str
) -> None:
    number = list(KNOWN_AS).index(name)
    random = Random(9)
    people = [made_up(random.randbytes, 2026) for _ in range(number + 1)]
    client = replace(people[number], first=name, ssn4="4471")
    provider, unit = _first(encoder, roster, client, number)
    assert provider - LEAST <= unit <= provider + MOST


def _first(encoder: Encoder, roster: RosterIndex, client: Identity, number: int) -> tuple[float, float]:
    """Bits of the given name at the provider, and at a unit that was sent this client alone."""
    holders = Holders(roster)
    told = Rarity(holders.of(roster.view(), np.array([number])), len(roster), holders.unseen, holders.levels)
    session = SessionIndex(default_model(), [("provider", encoder.encode([(client,)]), [str(number)], told)])
    booking = encoder.encode([(replace(client, first=KNOWN_AS[client.first]),)])
    found = [next(x for x in link(booking, index)[0].links if x.client == str(number)) for index in (roster, session)]
    here, there = (next(level.bits for level in each.levels if level.field == "first") for each in found)
    return here, there
