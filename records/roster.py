"""The other side: who is a client, in which programme, on whose caseload, and the staff who hold caseloads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum

from records.booking import Flag
from records.identity import Identity, Personal
from records.ids import ClientId, OrgId, ProgramId, StaffId


class EnrolmentStatus(Enum):
    """FHIR R4 EpisodeOfCare statuses."""

    PLANNED = "planned"
    WAITLIST = "waitlist"
    ACTIVE = "active"
    ON_HOLD = "onhold"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A client's time in one programme: from the first day to the last, both included; None is open."""

    program: ProgramId
    status: EnrolmentStatus = EnrolmentStatus.ACTIVE
    starts: date | None = None
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A clinician's responsibility for the client within a programme, half-open in time."""

    staff: StaffId
    program: ProgramId
    role: str = "primary"
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RosterEntry:
    """One client as one organisation knows them. `identities[0]` is the name of record, then former and preferred names.

    `display_name` is how the clinician's own system writes the client's name: what an alert will call them.
    """

    org: OrgId
    client_id: ClientId
    identities: tuple[Identity, ...]
    display_name: Personal
    enrolments: tuple[Enrolment, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    team: str = ""
    supervisor: StaffId | None = None
    flags: tuple[Flag, ...] = ()
    crisis_plan_on_file: bool | None = None
    advance_directive_on_file: bool | None = None
    source_line: int = 0

    def __repr__(self) -> str:
        return f"<roster entry of {self.org}, line {self.source_line}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours in which no notice is pushed; `until` may be earlier than `since` (over midnight)."""

    since: time
    until: time
    zone: str


@dataclass(frozen=True, slots=True)
class Absence:
    """Away from `starts` until `ends` (half-open), with the colleague who covers."""

    starts: datetime
    ends: datetime
    cover: StaffId | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """On call from `starts` until `ends` (half-open)."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel reaches somebody: a URL, or a folder below the drop folder; empty where the channel needs none."""

    channel: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Someone who may receive alerts. Not a client: names and work addresses of staff are not secrets of care."""

    staff: StaffId
    org: OrgId
    name: str
    role: str = "clinician"
    email: str = ""
    programs: tuple[ProgramId, ...] = ()
    supervises: tuple[ProgramId, ...] = ()
    active: bool = True
    verified: bool = False
    language: str = "en"
    quiet_hours: QuietHours | None = None
    absences: tuple[Absence, ...] = ()
    on_call: tuple[Shift, ...] = ()
    channels: tuple[Address, ...] = ()
    """Beside the inbox and its notice by mail."""
