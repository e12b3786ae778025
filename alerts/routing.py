"""Who hears of a booking: the clinician assigned now, their cover while away, then supervisor and on-call.

Pure: the directory, the rota and the instant are arguments. Whether a person found here may be told anything is for
the consent rules to say, each time anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from alerts.errors import NoRecipient
from records.ids import AlertRef, OrgId, StaffId
from records.roster import Absence, Assignment, RosterEntry, StaffMember

Directory = Mapping[StaffId, StaffMember]


class Role(Enum):
    """Why someone is on the ladder. The order is the order in which they are turned to."""

    ASSIGNED = "assigned"
    COVER = "cover"
    SUPERVISOR = "supervisor"
    ON_CALL = "on_call"


@dataclass(frozen=True, slots=True)
class Rung:
    """One person on the ladder."""

    staff: StaffId
    role: Role


@dataclass(frozen=True, slots=True)
class HandOver:
    """An open alert that is now someone else's: the former recipient loses it when the new one is told."""

    alert: AlertRef
    former: StaffId
    now: StaffId


def ladder(
    entry: RosterEntry, directory: Directory, at: datetime, *, on_call: StaffId | None = None
) -> tuple[Rung, ...]:
    """Everyone who may be turned to at `at`, in order and without repeats; the first is the recipient.

    Someone who is away is replaced by their cover, whose own absence counts too. Someone who left, or is not verified,
    is passed over. Raises NoRecipient rather than let an alert end with nobody.
    """
    found = dict.fromkeys(_candidates(entry, directory, at, on_call))
    seen: dict[StaffId, Rung] = {}
    for rung in found:
        seen.setdefault(rung.staff, rung)
    if not seen:
        raise NoRecipient("nobody on the ladder of a client can receive an alert; assign someone or set who is on call")
    return tuple(seen.values())


def hand_overs(open_alerts: Mapping[AlertRef, StaffId], responsible: Iterable[Rung]) -> tuple[HandOver, ...]:
    """What moves when the ladder has changed: alerts whose recipient is no longer on it go to its first rung.

    A recipient who still is on it keeps theirs: going up the ladder is escalation, not hand-over.
    """
    rungs = tuple(responsible)
    standing = {rung.staff for rung in rungs}
    return tuple(
        HandOver(alert, former, rungs[0].staff)
        for alert, former in sorted(open_alerts.items())
        if former not in standing
    )


def in_force(assignment: Assignment, at: datetime) -> bool:
    """Half-open: an assignment that ends at an instant is over at that instant."""
    begun = assignment.starts is None or assignment.starts <= at
    return begun and (assignment.ends is None or at < assignment.ends)


def _candidates(entry: RosterEntry, directory: Directory, at: datetime, on_call: StaffId | None) -> Iterator[Rung]:
    for assignment in _by_rank(entry.assignments, at):
        yield from _rung(assignment.staff, Role.ASSIGNED, directory, at)
    for role in (Role.SUPERVISOR, Role.ON_CALL):
        for staff in above(entry, directory, at, role, on_call=on_call):
            yield Rung(staff, role)


def above(
    entry: RosterEntry, directory: Directory, at: datetime, role: Role, *, on_call: StaffId | None = None
) -> tuple[StaffId, ...]:
    """Who is turned to as supervisor or as the one on call; whoever covers stands for them while they are away."""
    named = supervisors_of(entry, directory) if role is Role.SUPERVISOR else [on_call] if on_call is not None else []
    here = (present(staff, directory, at) for staff in named)
    return tuple(dict.fromkeys(staff for staff in here if staff is not None))


def on_call_at(org: OrgId, directory: Directory, at: datetime) -> StaffId | None:
    """Whoever of the organisation has the shift; of two the first by name, so that a replay agrees."""
    found = (m.staff for m in directory.values() if m.org == org and any(s.starts <= at < s.ends for s in m.on_call))
    return min(found, default=None)


def absence_at(member: StaffMember, at: datetime) -> Absence | None:
    return next((a for a in member.absences if a.starts <= at < a.ends), None)


def _by_rank(assignments: Iterable[Assignment], at: datetime) -> list[Assignment]:
    """Primary before covering; of two alike the one that began last, then by name, so that a replay agrees."""
    current = [a for a in assignments if in_force(a, at)]
    return sorted(current, key=lambda a: (a.role != "primary", -a.starts.timestamp() if a.starts else 0.0, a.staff))


def supervisors_of(entry: RosterEntry, directory: Directory) -> list[StaffId]:
    """The client's own supervisor; failing that, whoever in their organisation supervises one of their programmes."""
    if entry.supervisor is not None and able(directory.get(entry.supervisor)):
        return [entry.supervisor]
    programs = {enrolment.program for enrolment in entry.enrolments}
    return sorted(m.staff for m in directory.values() if m.org == entry.org and programs & set(m.supervises))


def present(staff: StaffId, directory: Directory, at: datetime) -> StaffId | None:
    """The person, or whoever stands in for them; None if a chain of covers ends nowhere or goes in a circle."""
    visited: set[StaffId] = set()
    here: StaffId | None = staff
    while here is not None and here not in visited:
        visited.add(here)
        member = directory.get(here)
        if member is None or not able(member):
            return None
        away = absence_at(member, at)
        if away is None:
            return here
        here = away.cover
    return None


def _rung(staff: StaffId, role: Role, directory: Directory, at: datetime) -> Iterator[Rung]:
    here = present(staff, directory, at)
    if here is not None:
        yield Rung(here, role if here == staff else Role.COVER)


def able(member: StaffMember | None) -> bool:
    """Somebody who may receive anything at all."""
    return member is not None and member.active and member.verified
