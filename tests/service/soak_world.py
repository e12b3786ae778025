"""The invented county of the soak: who is a client, who is booked when, and what everyone must have been told by the end.

Nobody is stored: person n is drawn from the seed and n whenever needed, and so is the day's plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from random import Random

from tests.service.installation import START, Person

SYLLABLES = [a + b for a in "BCDFGHJKLMNPRSTVWZ" for b in ("A", "E", "I", "O", "U", "AN", "EL", "OR")]
STRANGERS = 10_000_000
"""Numbers of people who are nobody's clients."""
MINUTES = 5


@dataclass(frozen=True, slots=True)
class Stay:
    """One booking, and in which slot of the day what is said of it."""

    number: str
    person: int
    booked: int
    amended: int | None
    released: int | None
    twice: bool
    """A second jail's feed says the same."""


@dataclass(frozen=True)
class World:
    """One simulated day."""

    clients: int
    bookings: int
    clinicians: int = 40
    hours: int = 24
    seed: int = 1
    client_rate: float = 0.06
    new_rosters: int = 2
    newcomers: int = 10
    """Clients who join with each new roster while they are in jail."""

    @property
    def slots(self) -> int:
        return self.hours * 60 // MINUTES

    def at(self, slot: int) -> datetime:
        return START + timedelta(minutes=MINUTES * (slot + 1))

    def person(self, n: int) -> Person:
        r = Random(f"{self.seed}/{n}")
        name = [r.choice(SYLLABLES) for _ in range(7)]
        born = datetime(1948, 1, 1) + timedelta(days=r.randrange(21_500))
        return Person(
            number=f"C{n:08d}",
            first="".join(name[:3]).title(),
            last="".join(name[3:]).title(),
            dob=f"{born:%Y-%m-%d}",
            sex=r.choice("FM"),
            ssn4=f"{r.randrange(1, 9990):04d}",
            phone=f"555{r.randrange(2_000_000, 9_999_999)}",
            street=f"{r.randrange(10, 4999)} {''.join(r.choice(SYLLABLES) for _ in range(3)).title()} St",
            zip=f"00{r.randrange(100, 999)}",
            program=r.choice(("OP-MH", "SUD-OP")),
            clinician=self.clinician(r.randrange(self.clinicians)),
        )

    @staticmethod
    def clinician(n: int) -> str:
        return f"CM{n:03d}"

    @cached_property
    def stays(self) -> list[Stay]:
        r = Random(f"{self.seed}/stays")
        pool = [r.randrange(self.clients) for _ in range(max(1, int(self.bookings * self.client_rate * 0.9)))]
        found = []
        for n in range(self.bookings):
            booked = n * (self.slots - 2) // self.bookings
            person = r.choice(pool) if r.random() < self.client_rate else STRANGERS + n
            amended = booked + r.randrange(1, 12) if r.random() < 0.3 else None
            released = booked + r.randrange(12, 120) if r.random() < 0.7 else None
            found.append(Stay(f"J{n:06d}", person, booked, amended, released, twice=r.random() < 0.05))
        return [self._joining(n, stay) for n, stay in enumerate(found)]

    def _joining(self, n: int, stay: Stay) -> Stay:
        """Those who will join the roster while they are in jail stay to the end of the day."""
        if not any(n == first + k for first in self._first_joiners for k in range(self.newcomers)):
            return stay
        return replace(stay, person=STRANGERS + n, released=None)

    @cached_property
    def rosters(self) -> tuple[int, ...]:
        """Slots in which a new roster comes."""
        return tuple(n * self.slots // (self.new_rosters + 1) for n in range(1, self.new_rosters + 1))

    @cached_property
    def _first_joiners(self) -> tuple[int, ...]:
        """Of each new roster the first stay whose person joins: booked an hour or so before."""
        return tuple(self.bookings * max(0, at - 12) // self.slots for at in self.rosters)

    def joiners(self, roster: int) -> list[int]:
        return [STRANGERS + self._first_joiners[roster] + k for k in range(self.newcomers)]

    def listed(self, rosters: int) -> Iterator[Person]:
        """Everyone on the roster after so many new ones."""
        yield from map(self.person, range(self.clients))
        for k in range(rosters):
            yield from map(self.person, self.joiners(k))

    @cached_property
    def booked_clients(self) -> set[int]:
        return {stay.person for stay in self.stays if stay.person < STRANGERS}

    def consents(self, n: int) -> bool:
        """One in ten of those who are booked has signed nothing."""
        return Random(f"{self.seed}/consent/{n}").random() >= 0.1

    def rows(self, slot: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """What the two jails' files of this slot say."""
        first, second = [], []
        for stay in self._by_slot.get(slot, ()):
            who = self.person(stay.person)
            if stay.booked == slot:
                row = who.booked(stay.number, booked_at=self.at(slot - 1).isoformat())
                first.append(row)
                if stay.twice:
                    second.append(row)
            if stay.amended == slot:
                first.append(
                    who.booked(stay.number, "A", booked_at=self.at(stay.booked - 1).isoformat(), charges="DUI|Driving")
                )
            if stay.released == slot:
                left = {"booked_at": self.at(stay.booked - 1).isoformat(), "release_at": self.at(slot - 1).isoformat()}
                first.append(who.booked(stay.number, "R", **left))
        return first, second

    @cached_property
    def _by_slot(self) -> dict[int, list[Stay]]:
        found: dict[int, list[Stay]] = {}
        for stay in self.stays:
            for slot in {stay.booked, stay.amended, stay.released} - {None}:
                found.setdefault(slot, []).append(stay)  # type: ignore[arg-type]  # None is taken out
        return found

    def said(self, stay: Stay, until: int) -> int:
        """Distinct events of a stay before that slot."""
        again = sum(at is not None and at < until for at in (stay.amended, stay.released))
        return (1 + stay.twice + again) if stay.booked < until else 0

    def expected(self, until: int) -> set[tuple[str, int, str]]:
        """(booking, client, kind) of every alert that must be delivered before that slot, and of no other."""
        joined = {n for k, at in enumerate(self.rosters) if at + 2 < until for n in self.joiners(k)}
        found = set()
        for stay in (each for each in self.stays if each.booked < until):
            if stay.person in joined:
                found.add((stay.number, stay.person, "already_in_custody"))
            elif stay.person < STRANGERS and self.consents(stay.person):
                found.add((stay.number, stay.person, "arrest"))
                if stay.released is not None and stay.released < until:
                    found.add((stay.number, stay.person, "release"))
        return found
