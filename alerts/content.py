"""What is known when an alert is written, and what is finally said in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum

from pydantic import TypeAdapter, ValidationError

from alerts.errors import SealBroken
from records.booking import Charge, Custody
from records.identity import Personal
from records.ids import AlertRef, BookingNumber
from records.instant import Instant


class AlertKind(Enum):
    """Why the clinician hears from us."""

    ARREST = "arrest"
    ALREADY_IN_CUSTODY = "already_in_custody"
    """Booked before the client, or the consent, was on record: said once, not as an arrest."""
    TRANSFER = "transfer"
    COURT_DATE = "court_date"
    RELEASE = "release"
    RELEASE_WITHDRAWN = "release_withdrawn"
    HAND_OVER = "hand_over"
    CLINIC_SHEET = "clinic_sheet"
    """To the jail's clinic, from the clinician: a disclosure of its own, decided for the recipient kind jail_health."""
    RETRACTION = "retraction"


class MatchClass(Enum):
    """How the link came to be."""

    FULL = "full"
    ADJUDICATED = "adjudicated"
    """The scores left a doubt and a trained reviewer confirmed it."""


class Language(Enum):
    """ISO 639-1."""

    ENGLISH = "en"
    SPANISH = "es"


@dataclass(frozen=True, slots=True)
class FacilityContact:
    """A jail as a clinician needs it: what to call it and where to ring."""

    name: str
    phone: str = ""
    visiting_phone: str = ""


@dataclass(frozen=True, slots=True)
class ConsentBasis:
    """The client's consent that the decision relied on. `purposes` and `info` hold the consent record's codes."""

    reference: str
    signed_on: date | None = None
    ends: date | None = None
    purposes: tuple[str, ...] = ()
    info: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class ClinicSheet:
    """What the clinician fills in for the jail's clinic. Empty text is left out; nothing of it enters any alert."""

    medications: str = ""
    pharmacy: str = ""
    allergies: str = ""
    diagnoses: str = ""
    risks: str = ""
    appointments: str = ""
    contact: str = ""
    """Whom the clinic calls back: name and phone of the clinician."""

    def __repr__(self) -> str:
        return "<clinic sheet>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Clocks:
    """The county's deadlines. `holidays` are local dates on which no office works."""

    close_of_business: time = time(17)
    holidays: frozenset[date] = frozenset()
    first_contact: timedelta = timedelta(hours=72)
    appointment: timedelta = timedelta(days=7)
    repeat_bookings: int = 4
    """Bookings within twelve months from which the alert says so."""


@dataclass(frozen=True, slots=True, repr=False)
class AlertFacts:
    """Everything that might be said. What is said depends on the fields the decision allows, never on this.

    `client` is the name as the recipient's own system writes it. `zone` is the facility's (IANA): deadlines are
    reckoned there. For a retraction, `retracts` names the alert that no longer stands and when it went out.
    """

    match: MatchClass
    zone: str
    client: Personal | None = None
    client_number: Personal | None = None
    booked_at: Instant | None = None
    released_at: Instant | None = None
    release_inferred: bool = False
    release_planned_at: Instant | None = None
    facility: FacilityContact | None = None
    previous_facility: FacilityContact | None = None
    booking_number: BookingNumber | None = None
    custody: Custody = Custody.UNKNOWN
    next_court_at: Instant | None = None
    charges: tuple[Charge, ...] = ()
    bookings_in_a_year: int = 0
    case_manager: str = ""
    advance_directive_on_file: bool | None = None
    crisis_plan_on_file: bool | None = None
    consent: ConsentBasis | None = None
    retracts: AlertRef | None = None
    retracted_sent_at: Instant | None = None
    link: str = ""
    sheet: ClinicSheet | None = None

    def __repr__(self) -> str:
        return "<alert facts>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One thing the clinician may know, with its label. `name` is the same in every language."""

    name: str
    label: str
    value: str

    def __repr__(self) -> str:
        return f"<row {self.name}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """One thing to do next; `due` is the instant its text speaks of."""

    text: str
    due: datetime | None = None

    def __repr__(self) -> str:
        return f"<step due {self.due}>" if self.due else "<step>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False)
class AlertContent:
    """The finished message, in words. This is what gets sealed, and all a screen needs to show it."""

    kind: AlertKind
    language: Language
    headline: str
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]
    notices: tuple[str, ...]
    link: str = ""

    def __repr__(self) -> str:
        return f"<{self.kind.value} alert content, {len(self.rows)} rows>"

    __str__ = __repr__

    def to_json(self) -> bytes:
        return _CODEC.dump_json(self)

    @classmethod
    def from_json(cls, raw: bytes) -> AlertContent:
        """Raises SealBroken: what was sealed is not an alert. The library's message quotes values, so it ends here."""
        try:
            return _CODEC.validate_json(raw)
        except ValidationError:
            raise SealBroken("the sealed text opens, but is not an alert of this version") from None


_CODEC = TypeAdapter(AlertContent)
