"""Who should be asked about: the clinicians assigned now, or, where none of them can receive, the supervisors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from records import RosterEntry, StaffId, StaffMember
from service.requests import in_force


def possible_recipients(
    entry: RosterEntry, staff: Mapping[StaffId, StaffMember], at: datetime
) -> tuple[StaffMember, ...]:
    """Members of the directory to put the question for. Whether they may be told is for the consent rules to say.

    An assigned clinician who left, or is not in the directory, does not swallow the alert: the supervisors of the
    client's programmes stand in. Empty when there is nobody at all, which the caller must make visible.
    """
    assigned = {a.staff for a in entry.assignments if in_force(a, at)}
    able = tuple(staff[s] for s in sorted(assigned) if s in staff and staff[s].active)
    return able or supervisors(entry, staff)


def supervisors(entry: RosterEntry, staff: Mapping[StaffId, StaffMember]) -> tuple[StaffMember, ...]:
    programs = {e.program for e in entry.enrolments}
    named = staff.get(entry.supervisor) if entry.supervisor else None
    if named is not None and named.active:
        return (named,)
    return tuple(
        member
        for member in sorted(staff.values(), key=lambda m: m.staff)
        if member.active and member.org == entry.org and programs & set(member.supervises)
    )
