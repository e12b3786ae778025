"""The places of an answer that no candidate fills: people who do not exist, and of whom it is made sure that they stand for nobody.

In a large roster a decoy is put together from three different clients, none of them a candidate of this session; in a small one, where
such a mixture would be a relative of somebody, it is made up from public name lists. One that comes anywhere near a client, or that shares a
blocking key with the booking asked about, is thrown away: a decoy is never a client under another handle, never takes a real link's place,
and never competes with one at another provider.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from config.errors import Refuse
from matcher import Encoder, RosterIndex, link
from matcher.hashing import U32
from records import ClientRef, Identity
from service.neutral.decoys import below, chimera, made_up
from service.neutral.rarity import COLUMNS, Holders
from store.envelope import RandomBytes

Classes = NDArray[np.uint8]
"""(identities, rarity.COLUMNS)."""
UNKNOWN = 255
DONORS = 3
MIXED_FROM = 300
"""Clients, beside the candidates, from which on decoys are mixed from them."""
COMPARED_WITH_ALL = 1000
"""Clients up to which a decoy is compared with each; in a larger roster with those that share a blocking key."""
_CHIMERA_ROUNDS = 2
_ROUNDS = 12
"""Each round throws away what stands for somebody. All rounds fail only where the source of randomness is broken."""
_GIVEN, _SURNAME, _REST = slice(0, 2), slice(2, 5), slice(5, None)
"""Columns of rarity that a chimera has of its first, second and third donor."""


@dataclass(frozen=True, slots=True)
class Decoy:
    """Somebody who does not exist, and how common their values are."""

    identity: Identity = field(repr=False)
    classes: Classes
    """(1, rarity.COLUMNS)."""


@dataclass(frozen=True, slots=True)
class Padding:
    """Makes decoys out of one standing roster."""

    index: RosterIndex
    holders: Holders
    encoder: Encoder
    identities: Callable[[Sequence[ClientRef]], list[tuple[Identity, ...]]] = field(repr=False)
    random: RandomBytes = field(repr=False)

    def decoys(self, count: int, asked: U32, candidates: Collection[ClientRef], year: int) -> list[Decoy]:
        """`count` people who are nobody. `asked` are the booking's blocking keys, `candidates` the clients already in the answer.

        Raises Refuse where none can be made.
        """
        donors = [ClientRef(ref) for ref in sorted(set(self.index.refs()) - set(candidates))]
        found: list[Decoy] = []
        for each in range(_ROUNDS):
            wanted = count - len(found)
            if wanted == 0:
                break
            chimeras = each < _CHIMERA_ROUNDS and len(donors) >= MIXED_FROM
            tried = self._chimeras(wanted, donors) if chimeras else self._made_up(wanted, year)
            found += [decoy for decoy, free in zip(tried, self._nobody(tried, asked), strict=True) if free]
        if len(found) < count:
            raise Refuse(f"no decoys that stand for nobody in {_ROUNDS} rounds: the source of randomness is broken")
        return found

    def _nobody(self, tried: Sequence[Decoy], asked: U32) -> list[bool]:
        """Whether each has no blocking key of the booking, and no client is worth reporting, not even as no link."""
        batch = self.encoder.encode([(decoy.identity,) for decoy in tried])
        theirs = set(asked[asked != 0].tolist())
        keys = [set(blocks) for blocks in batch.blocks.tolist()]
        return [
            not found.links and not (own & theirs) for own, found in zip(keys, link(batch, self.index), strict=True)
        ]

    def _chimeras(self, count: int, donors: Sequence[ClientRef]) -> list[Decoy]:
        chosen = [self._distinct(donors) for _ in range(count)]
        people = iter(self.identities([ref for three in chosen for ref in three]))
        made = []
        for three in chosen:
            first, second, third = (next(people) for _ in range(DONORS))
            if first and second and third:  # none was purged meanwhile
                made.append(Decoy(chimera(first[0], second[0], third[0]), self._mixed(three)))
        return made

    def _distinct(self, donors: Sequence[ClientRef]) -> list[ClientRef]:
        """Three different clients (Floyd's sampling, Communications of the ACM 30(9), 1987)."""
        chosen: list[int] = []
        for last in range(len(donors) - DONORS, len(donors)):
            drawn = below(self.random, last + 1)
            chosen.append(last if drawn in chosen else drawn)
        chosen.sort(key=lambda _: self.random(8))
        return [donors[n] for n in chosen]

    def _mixed(self, three: Sequence[ClientRef]) -> Classes:
        given, surname, rest = (self._first_row(ref) for ref in three)
        classes = rest.copy()
        classes[_GIVEN], classes[_SURNAME] = given[_GIVEN], surname[_SURNAME]
        return classes[None, :]

    def _made_up(self, count: int, year: int) -> list[Decoy]:
        """With the fields that some client has."""
        refs = self.index.refs()
        return [
            self._like(ClientRef(refs[below(self.random, len(refs))]) if refs else None, year) for _ in range(count)
        ]

    def _like(self, client: ClientRef | None, year: int) -> Decoy:
        like = self._first_row(client) if client is not None else np.full(len(COLUMNS), UNKNOWN, np.uint8)
        person, classes = made_up(self.random, year), np.full((1, len(COLUMNS)), UNKNOWN, np.uint8)
        for name in ("first", "last", "dob"):
            classes[0, COLUMNS.index(name)] = (
                0  # the least there is: a client with the same name is weighed as without the decoy
            )
        if like[COLUMNS.index("phone")] != UNKNOWN:
            classes[0, COLUMNS.index("phone")] = 0
            person = replace(person, phone=f"555{below(self.random, 10**7):07}", ssn4=f"{below(self.random, 10**4):04}")
        return Decoy(person, classes)

    def _first_row(self, ref: ClientRef) -> NDArray[np.uint8]:
        number = self.index.number_of(ref)
        if number is None:
            return np.full(len(COLUMNS), UNKNOWN, np.uint8)
        first, _ = self.index.spans_of(np.array([number], np.int32))
        row: NDArray[np.uint8] = self.holders.of(self.index.view(), first.astype(np.int64))[0]
        return row
