"""Rosters: taking a delivery in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from audit.leaves import Kind, Leaf, leaf
from config import FeedSettings, TellPerson
from connectors import Pull, RawResource, RowFault
from connectors.panel import persons_twice
from matcher import RosterIndex
from records import BookingEvent, ClientRef, RosterEntry, StaffMember
from service.beside import take_others
from service.engine import Engine
from service.intake import DeliveryCounts, Intake
from service.requests import birth_days
from store import clients, feeds
from store.clients import StoredClient

NO_BIRTH_DATE = "no-birth-date"
"""The code under which the quarantine lists clients who are found, and about whom no rule can be asked."""

_CHUNK = 2_000
T = TypeVar("T")


class RosterShrunk(TellPerson):
    """A roster lost more clients at once than is believable; nothing of it was taken over."""


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What a roster delivery did."""

    listed: int
    changed: int
    retired: int
    twice: int = 0
    """Pairs or groups of clients who seem to be one person under several numbers; see the feed's quarantine."""


def load_index(engine: Engine) -> RosterIndex:
    """The index of every client who may be matched now. The engine keeps it and follows what changed since."""
    return engine.standing.follow(engine)


def take_roster(engine: Engine, feed: FeedSettings, pull: Pull, intake: Intake, now: datetime) -> RosterChange:
    """Take over one roster delivery, whole or not at all, in one transaction.

    Raises RosterShrunk, and whatever the feed's file raises. A client listed twice is merged; one whose programme is
    not configured is set aside, because no rule can be asked about an unknown programme.
    """
    listed = _read(engine, pull, intake)
    counts = DeliveryCounts.of(pull.summary, extra_refused=len(intake.faults) - pull.summary.refused)
    twice = persons_twice(list(listed.clients.values()))
    intake.faults.extend(_doubled(pair.lines) for pair in twice)
    intake.faults.extend(_undated(entry) for entry in listed.clients.values() if not birth_days(entry))
    before = _before(engine, feed, listed.clients)
    missing = sorted(before.active - listed.clients.keys())
    if not intake.believed:
        _believe(feed, len(before.active), len(missing), len(listed.clients))
    # Written in the order of their names, which is random: the roster's own, often alphabetical, would tell surnames by place.
    fresh = [(ref, e) for ref, e in sorted(listed.clients.items()) if ref not in before.same]
    encoded = _encoded(engine, [e for _, e in fresh])
    stored = (StoredClient(ref, entry, encoding) for (ref, entry), encoding in zip(fresh, encoded, strict=True))
    with engine.database.write() as conn:
        # A whole caseload that is loaded for the first time is told of by what is booked from then on.
        if clients.put_all(conn, engine.vault, stored, now, pending=before.any):
            engine.log.info("client.purged_not_revived", state="purged")
        clients.retire(conn, missing, now)
        leaves = take_others(engine, conn, feed, listed.others, intake)
        feeds.replaced_asides(conn, feed.id, intake.delivery)
        change = RosterChange(len(listed.clients), len(fresh), len(missing), len(twice))
        intake.finish(conn, counts, [_leaf(feed, intake, change), *leaves])
    return change


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a roster delivery holds: clients, and whatever came beside them."""

    clients: dict[ClientRef, RosterEntry] = field(default_factory=dict)
    others: list[StaffMember | RawResource] = field(default_factory=list)


@dataclass(slots=True)
class _Before:
    """What is kept of the organisation's clients until now."""

    any: bool = False
    active: set[ClientRef] = field(default_factory=set)
    same: set[ClientRef] = field(default_factory=set)
    """Those whom the new roster lists just as they are: nothing of them is written again."""


def _before(engine: Engine, feed: FeedSettings, listed: Mapping[ClientRef, RosterEntry]) -> _Before:
    found = _Before()
    with engine.database.read() as conn:
        for kept in clients.every(conn, engine.vault, feed.org):  # one at a time: half a million are not held twice
            found.any = True
            if kept.retired:
                continue
            found.active.add(kept.ref)
            if kept.ref in listed and not _differs(kept.entry, listed[kept.ref]):
                found.same.add(kept.ref)
    return found


def _read(engine: Engine, pull: Pull, intake: Intake) -> _Listed:
    listed = _Listed()
    for item in pull.items():
        if isinstance(item, RowFault):
            intake.faults.append(item)
        elif isinstance(item, RosterEntry):
            if fault := _unknown_program(engine, item):
                intake.faults.append(fault)
                continue
            ref = client_ref(engine, item)
            listed.clients[ref] = merged(listed.clients[ref], item) if ref in listed.clients else item
        elif isinstance(item, BookingEvent):
            raise TellPerson(f"feed {intake.feed} is a roster, but its mapping gives bookings")
        else:
            listed.others.append(item)
    return listed


def _doubled(lines: tuple[int, ...]) -> RowFault:
    """For a person to mend in the roster. All of them are taken in: each is a client until somebody says otherwise."""
    where = ", ".join(map(str, lines[1:]))
    reason = (
        f"seems to be the same person as in line {where}, under another number; taken in, to be mended at the source"
    )
    return RowFault(lines[0], "client_id", "person-twice", reason)


def _undated(entry: RosterEntry) -> RowFault:
    """For a person to mend too. They are found like anybody, but who may consent for them cannot be told."""
    reason = "no birth date: taken in, but nobody can be told of a booking until the source has one"
    return RowFault(entry.source_line, "birth_date", NO_BIRTH_DATE, reason)


def client_ref(engine: Engine, entry: RosterEntry) -> ClientRef:
    return ClientRef(engine.locator.ref("client", entry.org, entry.client_id))


def merged(one: RosterEntry, two: RosterEntry) -> RosterEntry:
    """One client from two rows of the same number: every name, enrolment and assignment of both."""
    return replace(
        one,
        identities=tuple(dict.fromkeys(one.identities + two.identities)),
        enrolments=tuple(dict.fromkeys(one.enrolments + two.enrolments)),
        assignments=tuple(dict.fromkeys(one.assignments + two.assignments)),
        flags=tuple(dict.fromkeys(one.flags + two.flags)),
    )


def _unknown_program(engine: Engine, entry: RosterEntry) -> RowFault | None:
    unknown = [e.program for e in entry.enrolments if e.program not in engine.programs]
    if not unknown:
        return None
    reason = "the programme is not configured; add it under [[programs]] and retry"
    return RowFault(entry.source_line, "program", "unknown-program", reason)


def _believe(feed: FeedSettings, active: int, missing: int, listed: int) -> None:
    if active and (not listed or missing / active > feed.max_shrink):
        raise RosterShrunk(
            f"feed {feed.id}: {missing} of {active} clients are missing from the new roster, more than the"
            f" {feed.max_shrink:.0%} that max_shrink allows; nothing was changed"
        )


def _differs(before: RosterEntry, entry: RosterEntry) -> bool:
    return replace(before, source_line=0) != replace(entry, source_line=0)


def _encoded(engine: Engine, entries: list[RosterEntry]) -> list[bytes]:
    out: list[bytes] = []
    for chunk in _chunks(iter(entries)):
        batch = engine.encoder.encode([e.identities for e in chunk])
        out += [batch.one(i).to_bytes() for i in range(len(batch))]
    return out


def _leaf(feed: FeedSettings, intake: Intake, change: RosterChange) -> Leaf:
    return leaf(
        Kind.ROSTER,
        org=feed.org,
        delivery=intake.delivery,
        result="complete" if change.changed or change.retired else "unchanged",
        rows=change.listed,
        clients=change.listed,
        added=change.changed,
        retired=change.retired,
        quarantined=len(intake.faults),
    )


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
