"""A small county for the neutral unit: one jail, its providers and the unit, all cores in one process, time in our hands."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from alerts.keys import PrivateKey, Signer
from consent import DecisionRequest, RuleBook, load_rulebook, read_request
from matcher import Encoder, Link, LinkageKey, RosterIndex, default_model
from records import BookingEvent, BookingNumber, ClientRef, EventKind, FeedId, Identity, Instant, Op
from service.neutral.alarms import Alarm
from service.neutral.frames import ONLINE, Pace
from service.neutral.frames import Sequence as Numbers
from service.neutral.jail import JailEdge
from service.neutral.padding import COMPARED_WITH_ALL
from service.neutral.provider import ProviderEdge
from service.neutral.session import Shared, parameters
from service.neutral.unit import Unit

START = datetime(2026, 10, 6, 8, tzinfo=UTC)
TICK = timedelta(seconds=10)
COLUMNS = {
    "first": "first_name", "middle": "middle_name", "last": "last_name", "suffix": "suffix", "birth_date": "dob",
    "sex": "sex", "ssn4": "ssn_last4", "phone": "phone", "street": "street", "city": "city", "state": "state", "zip": "zip",
}  # fmt: skip


def people(path: Path, number: str) -> dict[str, tuple[Identity, ...]]:
    """Identities of a file in the common form, aliases included."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row[number]: tuple(_identities(row)) for row in csv.DictReader(file)}


def _identities(row: Mapping[str, str]) -> Iterator[Identity]:
    yield Identity(**{name: row.get(column, "") for name, column in COLUMNS.items()})
    for alias in filter(None, row.get("aliases", "").split("|")):
        first, _, last = alias.partition(" ")
        yield Identity(first=first, last=last)


def booking(number: str, identities: Sequence[Identity], at: datetime = START) -> BookingEvent:
    return BookingEvent(
        feed=FeedId("jail"),
        agency="JAIL",
        booking_number=BookingNumber(number),
        op=Op.ADD,
        kind=EventKind.BOOKED,
        identities=tuple(identities),
        content_hash=sha256(number.encode()).hexdigest(),
        received_at=Instant(at),
        booked_at=Instant(at),
    )


def request(client: str, *, assigned: bool = True) -> DecisionRequest:
    """An adult in one programme without Part 2, asked about for her own case manager (or for a stranger)."""
    return read_request(
        {
            "as_of": START.isoformat(), "jurisdiction": "US", "purpose": "TREAT",
            "client": {
                "id": client, "dob": "1980-05-17", "emancipated_at": None, "status": "active", "died_at": None,
                "merged_from": [], "merged_into": None, "guardian": None, "opt_outs": [], "restrictions": [],
                "global_revocations": [],
                "assignments": [
                    {"person_id": "u-lee", "program_id": "mh", "role": "primary", "from": "2025-02-01", "until": None}
                ],
            },
            "programs": [
                {
                    "id": "mh", "name": "Riverside", "org_id": "org-river", "part2": False, "covered_entity": True,
                    "admin_control_orgs": [], "enrolled_from": "2025-01-06", "enrolled_to": None, "jurisdiction": None,
                    "statutory_agency": [],
                }
            ],
            "consents": [], "booking": None,
            "recipient": {
                "kind": "program_staff", "person_id": "u-lee" if assigned else "u-other",
                "org_id": "org-river" if assigned else "org-far", "program_id": "mh" if assigned else None,
                "supervises": [], "verified": True, "active": assigned, "treating_relationship": assigned,
                "has_care_responsibility": False, "covered_entity": True, "medical_personnel": False, "mh_services": False,
                "authority_verified": False, "statutory_agency": [], "via": None,
            },
            "context": {
                "request_fields": None, "emergency": None, "break_glass": None, "custody_request": None,
                "agreements": [], "court_orders": [],
            },
            "policy": {},
        }
    )  # fmt: skip


@dataclass
class Clients:
    """A provider's system: a roster, whom the rules allow, and what was received."""

    roster: Mapping[str, tuple[Identity, ...]]
    denied: frozenset[str] = frozenset()
    received: list[tuple[BookingEvent, Link]] = field(default_factory=list)

    def identities(self, refs: Sequence[ClientRef]) -> list[tuple[Identity, ...]]:
        return [self.roster[ref] for ref in refs]

    def requests(self, ref: ClientRef, now: datetime) -> Sequence[DecisionRequest]:
        return [request(ref, assigned=ref not in self.denied)]

    def receive(self, event: BookingEvent, links: Sequence[Link], now: datetime) -> None:
        self.received += [(event, link) for link in links]

    def index(self, shared: Shared) -> RosterIndex:
        index = RosterIndex(shared.model, exhaustive=len(self.roster) <= COMPARED_WITH_ALL)
        if self.roster:
            batch = Encoder(shared.key, shared.model).encode(list(self.roster.values()))
            index.add(batch, list(self.roster))
        return index


def rulebook() -> RuleBook:
    """The federal floor: an internal alert to an assigned case manager needs no consent."""
    return load_rulebook("federal-floor", {})


@dataclass
class County:
    """Everybody, and the frames that passed."""

    unit: Unit
    jail: JailEdge
    providers: dict[str, ProviderEdge]
    clients: dict[str, Clients]
    alarms: list[Alarm]
    now: datetime = START
    frames: dict[str, set[int]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    every: timedelta = TICK
    busy: bool = False
    """Free slots of the jail are filled with made-up bookings, as in production. Where that is not the question they stay free: a session costs time."""

    @classmethod
    def of(cls, rosters: Mapping[str, Clients], **changed: Any) -> County:
        """`changed`: another `shared` for the jail, or `provider_shared` for the providers."""
        model = default_model()
        shared = Shared(LinkageKey("e1", "shared", sha256(b"linkage").digest()), model)
        jail_shared = changed.get("shared", shared)
        alarms: list[Alarm] = []
        pace: Pace = changed.get("pace", ONLINE)
        signers = {name: Signer.generate() for name in ("unit", "jail", *rosters)}
        seals = {name: PrivateKey.generate() for name in rosters}
        jails = {"jail": signers["jail"].trusted}
        unit = Unit(
            name="unit", signer=signers["unit"], jails=jails, providers={n: signers[n].trusted for n in rosters},
            model=model, parameters=changed.get("parameters", parameters(model, "e1")), rulebook=rulebook(),
            jurisdiction="US", random=os.urandom, sound=alarms.append, pace=pace, sequence=Numbers(fresh=pace.fresh),
        )  # fmt: skip
        unit.start(START)
        jail = JailEdge(
            name="jail", unit="unit", unit_key=signers["unit"].trusted, shared=jail_shared, signer=signers["jail"],
            providers={n: k.public for n, k in seals.items()}, random=os.urandom, sound=alarms.append,
            slots=1, pace=pace,
        )  # fmt: skip
        theirs = changed.get("provider_shared", shared)
        edges = {
            name: ProviderEdge(
                name=name, unit="unit", unit_key=signers["unit"].trusted, shared=theirs, signer=signers[name],
                key=seals[name], jails=jails, caseload=clients, index=clients.index(theirs), random=os.urandom,
                sound=alarms.append, pace=pace,
            )
            for name, clients in rosters.items()
        }  # fmt: skip
        return cls(unit, jail, edges, dict(rosters), alarms)

    def tick(self) -> None:
        """One tick of everybody who is not silent."""
        self.now += self.every
        self.jail.slots = 1 if self.busy or self.jail.queue else 0
        if "jail" not in self.silent:
            frame = self.jail.tick(self.now)
            reply = self.unit.jail_tick(frame, self.now)
            self._saw("jail>", frame)
            self._saw("jail<", reply)
            self.jail.heard(reply)
        for name, edge in self.providers.items():
            if name not in self.silent:
                frame = edge.tick(self.now)
                reply = self.unit.provider_tick(frame, self.now)
                self._saw(f"{name}>", frame)
                self._saw(f"{name}<", reply)
                edge.heard(reply, self.now)
        self.unit.watch(self.now)

    def _saw(self, way: str, frame: bytes) -> None:
        self.frames.setdefault(way, set()).add(len(frame))

    def run(self, ticks: int = 8) -> None:
        for _ in range(ticks):
            self.tick()

    def run_until(self, condition: Callable[[], object], most: int = 40) -> None:
        """Tick until the condition holds. Raises TimeoutError."""
        for _ in range(most):
            if condition():
                return
            self.tick()
        raise TimeoutError("what was waited for did not happen")

    def received(self, provider: str) -> list[tuple[str, str, str]]:
        """Booking number, client and verdict of what a provider was given."""
        return [(e.booking_number, link.client, link.verdict.value) for e, link in self.clients[provider].received]
