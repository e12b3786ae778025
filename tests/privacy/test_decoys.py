"""A decoy stands for nobody: not for a client, not for who was booked. Rosters here are small families, where that is hardest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import Refuse
from matcher import Encoder, LinkageKey, RosterIndex, Verdict, default_model, link
from records import ClientRef, Identity
from service.neutral.alarms import AlarmKind
from service.neutral.decoys import MADE_UP, made_up
from service.neutral.padding import Decoy, Padding
from service.neutral.provider import CANDIDATES
from service.neutral.rarity import COLUMNS, Holders
from service.neutral.session import Shared
from tests.privacy.conftest import Drbg
from tests.privacy.county import START, Clients, County, booking

SHARED = Shared(LinkageKey("e1", "shared", sha256(b"linkage").digest()), default_model())
ENCODER = Encoder(SHARED.key, SHARED.model)
PEOPLE = st.builds(
    Identity,
    first=st.sampled_from(["Ana", "Anna", "Anne", "Zebulina"]),
    last=st.sampled_from(["Quackenbosch", "Quackenbush", "Holt"]),
    birth_date=st.sampled_from(["1983-02-27", "1983-02-28", "1961-07-04"]),
    sex=st.sampled_from("FM"),
    phone=st.sampled_from(["", "5555550147"]),
)
FAMILIES = st.lists(PEOPLE, max_size=9)


def _decoys(family: list[Identity], booked: Identity, seed: bytes, count: int = CANDIDATES) -> list[Decoy]:
    clients = Clients({f"c{n:02}": (person,) for n, person in enumerate(family)})
    index = clients.index(SHARED)
    asked = ENCODER.encode([[booked]])
    known = (
        [ClientRef(index.ref_of(int(p))) for p in index.people_of(index.candidates(asked).roster_rows)]
        if family
        else []
    )
    padding = Padding(index, Holders(index), ENCODER, clients.identities, Drbg(seed))
    return padding.decoys(count, asked.blocks, known, START.year)


@given(family=FAMILIES, booked=PEOPLE, seed=st.binary(min_size=4, max_size=4))
@settings(max_examples=25, deadline=None)
def test_no_decoy_is_a_client_or_who_was_booked(family: list[Identity], booked: Identity, seed: bytes) -> None:
    decoys = _decoys(family, booked, seed, 16)
    assert all(_strangers([decoy.identity for decoy in decoys], [*family, booked]))
    assert len(decoys) == 16
    assert {decoy.classes.shape for decoy in decoys} == {(1, len(COLUMNS))}


def _strangers(decoys: Sequence[Identity], people: Sequence[Identity]) -> list[bool]:
    """Whether each links to none of the people, asked of every pair and not only of those that blocking proposes."""
    everybody = RosterIndex(SHARED.model, exhaustive=True)
    everybody.add(ENCODER.encode([(person,) for person in people]), [str(n) for n in range(len(people))])
    found = link(ENCODER.encode([(decoy,) for decoy in decoys]), everybody)
    return [result.verdict is Verdict.NONE for result in found]


@pytest.fixture(scope="module")
def village() -> list[Identity]:
    """320 clients with names as common as people's are. Each birth date is of one, so that a decoy shows whom it was mixed from."""
    random = Drbg(b"village")
    return [
        replace(made_up(random, 2020), birth_date=str(date(1940, 1, 1) + timedelta(days=61 * n))) for n in range(320)
    ]


@pytest.mark.parametrize("seed", [b"one", b"two", b"three"])
def test_a_mixed_decoy_is_of_three_different_clients_and_none_of_them(village: list[Identity], seed: bytes) -> None:
    booked = village[100]
    decoys = [decoy.identity for decoy in _decoys(village, booked, seed)]
    by_date = {person.birth_date: person for person in village}
    mixed = [decoy for decoy in decoys if decoy.birth_date in by_date]
    assert len(mixed) > CANDIDATES // 2
    assert all(by_date[d.birth_date].first != d.first and by_date[d.birth_date].last != d.last for d in mixed)
    assert all(_strangers(decoys, [*village, booked]))


def test_a_broken_source_of_randomness_is_refused_not_answered() -> None:
    family = [Identity(first="Mary", last="Smith", birth_date="2008-01-01", sex="F")]
    clients = Clients({"c": (family[0],)})
    index = clients.index(SHARED)
    broken = Padding(index, Holders(index), ENCODER, clients.identities, bytes)
    same = broken._made_up(1, START.year)[0].identity
    with pytest.raises(Refuse, match="randomness"):
        broken.decoys(2, ENCODER.encode([[same]]).blocks, (), START.year)


def test_a_family_of_two_raises_no_alarm_however_often_they_are_booked() -> None:
    """The roster on which decoys once equalled the client: she, her sister, and nobody else."""
    ana = Identity(first="Ana", last="Holt", birth_date="1983-02-27", sex="F")
    sister = Identity(first="Zebulina", last="Holt", birth_date="1983-02-28", sex="F")
    town = County.of({"north": Clients({"n1": (ana,), "n2": (sister,)})})
    for number in range(6):
        town.jail.put(booking(f"B{number}", [ana]))
    town.run(12)
    assert [r[1:] for r in town.received("north")] == [("n1", "ALERT")] * 6
    assert AlarmKind.DECOY_LINKED not in {alarm.kind for alarm in town.alarms}


def test_a_made_up_booking_that_looks_like_a_client_is_of_nobody() -> None:
    """A jail's free slot may by chance be a client's twin: the provider drops it once its seal is open."""
    ana = Identity(first="Ana", last="Holt", birth_date="1983-02-27", sex="F", ssn4="4471")
    town = County.of({"north": Clients({"n1": (ana,)})})
    town.jail.put(replace(booking("B1", [ana]), feed=MADE_UP))
    town.jail.put(booking("B2", [ana]))
    town.run()
    assert [r[0] for r in town.received("north")] == ["B2"]
