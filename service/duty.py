"""Who answers for a client at an instant: what the roster says, with absences, stand-ins and corrections applied.

The consent rules let an alert out only to whoever is assigned or covers. These are the facts they are given. Each is
somebody's statement: the roster's assignment, the directory's absence with its cover, a step up the ladder while nobody
answered, a clinician's word that a client is not theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from alerts.routing import Directory, able, absence_at, present, supervisors_of
from records import Assignment, ClientRef, EnrolmentStatus, ProgramId, RosterEntry, StaffId, StaffMember
from service.engine import Engine
from store import clients, duties, staff
from store.clients import StoredClient

COVERING = "covering"
CURRENT = frozenset({EnrolmentStatus.ACTIVE, EnrolmentStatus.ON_HOLD})
"""Enrolments in which a client is cared for."""


def on_duty(engine: Engine, conn: Connection, client: StoredClient, at: datetime) -> StoredClient:
    """The client with the assignments that hold at `at`. Asking twice changes nothing.

    A client whom the roster lists no more is in nobody's care here, whatever was last said of them.
    """
    if client.retired:
        return replace(client, entry=replace(client.entry, enrolments=(), assignments=()))
    directory = staff.everyone(conn)
    given = tuple(duties.of_client(conn, client.ref))
    declined = {d.staff for d in given if d.role == duties.DECLINED and d.listed == as_listed(engine, client)}
    held = tuple(_held(client.entry, directory, declined))
    standing = tuple(covers(held, client.entry, directory, at))
    stepped_in = tuple(
        one
        for d in given
        if d.role == COVERING and d.staff in directory and d.staff not in declined
        for one in stand_in(client.entry, directory[d.staff], d.since, d.until)
    )
    assignments = tuple(dict.fromkeys((*held, *standing, *stepped_in)))
    return replace(client, entry=replace(client.entry, assignments=assignments))


def as_listed(engine: Engine, client: StoredClient) -> str:
    """A keyed name of the roster's assignments: a clinician's "not mine" holds until the roster says something else."""
    stated = sorted((a.staff, a.program, a.role, str(a.starts), str(a.ends)) for a in client.entry.assignments)
    return engine.locator.ref("assignments", client.ref, *(part for row in stated for part in row))


def stand_in(
    entry: RosterEntry, member: StaffMember, since: datetime | None, until: datetime | None
) -> Iterator[Assignment]:
    """A covering assignment in each programme of the client's that the member belongs to or supervises.

    Staff of another programme get none: for a Part 2 programme they are outsiders (42 CFR 2.12(c)(3)).
    """
    own = {*member.programs, *member.supervises}
    for program in _programs(entry):
        if program in own and member.org == entry.org:
            yield Assignment(member.staff, program, COVERING, since, until)


def covers(
    held: tuple[Assignment, ...], entry: RosterEntry, directory: Directory, at: datetime
) -> Iterator[Assignment]:
    """While someone assigned is away: their cover; where that ends nowhere, the supervisors of the client's programmes."""
    for assignment in held:
        member = directory.get(assignment.staff)
        away = absence_at(member, at) if member else None
        if member is None or away is None:
            continue
        cover = present(member.staff, directory, at)
        standing = [cover] if cover else list(supervisors_of(entry, directory))
        for name in standing:
            yield from stand_in(entry, directory[name], away.starts, away.ends)


def _held(entry: RosterEntry, directory: Directory, declined: set[StaffId]) -> Iterator[Assignment]:
    """Someone who left is assigned to nobody: otherwise their name would keep the supervisor from hearing."""
    for assignment in entry.assignments:
        if able(directory.get(assignment.staff)) and assignment.staff not in declined:
            yield assignment


def _programs(entry: RosterEntry) -> list[ProgramId]:
    return list(dict.fromkeys(e.program for e in entry.enrolments if e.status in CURRENT))


def decline(engine: Engine, conn: Connection, ref: ClientRef, who: StaffId, *, now: datetime) -> None:
    """Somebody said that the client is not theirs: they hear of this client no more, until the roster changes."""
    client = clients.get(conn, engine.vault, ref)
    if client is None:
        return
    duties.end(conn, ref, who, now)
    name = engine.locator.ref("declined", ref, who, now.isoformat())
    listed = as_listed(engine, client)
    duties.add(conn, duties.Duty(name, ref, who, duties.DECLINED, now, listed=listed))


def step_in(engine: Engine, conn: Connection, client: ClientRef, thread: str, who: StaffId, *, now: datetime) -> None:
    """Somebody higher up was turned to: they cover the client from now until the thread is over."""
    name = engine.locator.ref("stand-in", client, thread, who, now.isoformat())
    duties.add(conn, duties.Duty(name, client, who, COVERING, now, thread=thread))
