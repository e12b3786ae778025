"""A booking event: one thing a jail tells us about one stay of one person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from records.identity import Identity
from records.ids import BookingNumber, FacilityId, FeedId, JailPersonId
from records.instant import Instant


class Op(Enum):
    """What the source did to its own record."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"


class EventKind(Enum):
    """What happened to the booking."""

    BOOKED = "booked"
    AMENDED = "amended"
    IDENTITY_CHANGED = "identity_changed"
    TRANSFERRED = "transferred"
    RELEASED = "released"
    CANCELLED = "cancelled"
    SEALED = "sealed"
    COURT_DATE = "court_date"
    MERGED = "merged"
    """Two jail person numbers became one: `old_person_id` was folded into `person_id`."""
    RELEASE_WITHDRAWN = "release_withdrawn"
    """The release that was reported did not happen: the person is still, or again, in custody."""


class Custody(Enum):
    """Where the person is held, as far as the last event says."""

    IN_CUSTODY = "in_custody"
    RELEASED = "released"
    ESCAPED = "escaped"
    HOUSE_ARREST = "house_arrest"
    WEEKENDER = "weekender"
    IN_HOSPITAL = "in_hospital"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge. Sealed at rest; delivered only where policy says so."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """A value that was left out because it could not be true, or kept with a doubt. Never holds the value."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class BookingEvent:
    """One canonical event. The idempotency key is (feed, agency, booking_number, content_hash).

    `content_hash` covers every field that came from the source but not where it stood in which file, so that
    the same event is the same in a replay. `identities[0]` is the name of record, the rest are aliases.
    """

    feed: FeedId
    agency: str
    booking_number: BookingNumber
    op: Op
    kind: EventKind
    identities: tuple[Identity, ...]
    content_hash: str
    received_at: Instant
    person_id: JailPersonId | None = None
    old_person_id: JailPersonId | None = None
    state_id: str = ""
    fbi_number: str = ""
    booked_at: Instant | None = None
    released_at: Instant | None = None
    release_inferred: bool = False
    release_reason: str = ""
    release_planned_at: Instant | None = None
    """When the source expects the person to be let go."""
    next_court_at: Instant | None = None
    facility: FacilityId | None = None
    previous_facility: FacilityId | None = None
    """Where the person was held before, once a stay is known in two places; no source states it."""
    custody: Custody = Custody.UNKNOWN
    holds: tuple[str, ...] = ()
    court_type: str = ""
    juvenile: bool = False
    medical_hold: bool = False
    charges: tuple[Charge, ...] = ()
    flags: tuple[Flag, ...] = ()
    source_hash: str = ""
    source_line: int = 0

    def __repr__(self) -> str:
        return f"<booking event {self.kind.value} from feed {self.feed}, line {self.source_line}>"

    __str__ = __repr__
