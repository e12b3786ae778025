"""Who is asked about for a booking: the lowest rung of the ladder on which there is anybody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from alerts.errors import NoRecipient
from alerts.routing import Role, Rung, ladder, on_call_at
from records import RosterEntry, StaffId, StaffMember

FIRST = frozenset({Role.ASSIGNED, Role.COVER})


def possible_recipients(
    entry: RosterEntry, staff: Mapping[StaffId, StaffMember], at: datetime
) -> tuple[StaffMember, ...]:
    """Members of the directory to put the question for. Whether they may be told is for the consent rules to say.

    Everyone assigned, each replaced by their cover while away; failing all of them the supervisor, failing that
    whoever is on call. Empty when there is nobody at all, which the caller must make visible.
    """
    rungs = rungs_of(entry, staff, at)
    first = [rung.staff for rung in rungs if rung.role in FIRST] or [rung.staff for rung in rungs[:1]]
    return tuple(staff[name] for name in first)


def rungs_of(entry: RosterEntry, staff: Mapping[StaffId, StaffMember], at: datetime) -> tuple[Rung, ...]:
    """The whole ladder; empty where there is nobody on it."""
    try:
        return ladder(entry, staff, at, on_call=on_call_at(entry.org, staff, at))
    except NoRecipient:
        return ()
