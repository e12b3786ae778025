"""The one vocabulary: booking events, roster entries, identities, and the ids that name them."""

from records.booking import BookingEvent, Charge, Custody, EventKind, Flag, Op
from records.identity import Identity, Personal
from records.ids import (
    AlertRef,
    BookingNumber,
    BookingRef,
    ClientId,
    ClientRef,
    ConsentRef,
    DecisionRef,
    FacilityId,
    FeedId,
    JailPersonId,
    OrgId,
    ProgramId,
    StaffId,
    ThreadRef,
)
from records.instant import Instant, TimeQuality
from records.roster import (
    Absence,
    Assignment,
    Enrolment,
    EnrolmentStatus,
    QuietHours,
    RosterEntry,
    StaffMember,
)

__all__ = [
    "Absence",
    "AlertRef",
    "Assignment",
    "BookingEvent",
    "BookingNumber",
    "BookingRef",
    "Charge",
    "ClientId",
    "ClientRef",
    "ConsentRef",
    "Custody",
    "DecisionRef",
    "Enrolment",
    "EnrolmentStatus",
    "EventKind",
    "FacilityId",
    "FeedId",
    "Flag",
    "Identity",
    "Instant",
    "JailPersonId",
    "Op",
    "OrgId",
    "Personal",
    "ProgramId",
    "QuietHours",
    "RosterEntry",
    "StaffId",
    "StaffMember",
    "ThreadRef",
    "TimeQuality",
]
