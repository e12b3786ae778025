"""What a feed's mapping file may say: which column becomes which field, and how its text is read.

A file is one `Mapping`: format, semantics and fields. Every name in it is checked when it is read, and a wrong one is
answered with the nearest right one. See `mappings/` for the ready ones.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationInfo, field_validator, model_validator

from connectors.convert.dates import check_format, conflicting
from connectors.formats import AnyFormat
from connectors.sources import Aliases, Charges, DateSource, Day, Moment, Place, Source, Text, TimeSource, WholeName
from connectors.strict import Strict
from records import Custody, EnrolmentStatus, EventKind, Op

_CLOSED: dict[str, frozenset[str]] = {
    "op": frozenset(op.value for op in Op),
    "event": frozenset(kind.value for kind in EventKind),
    "custody": frozenset(custody.value for custody in Custody),
    "status": frozenset(status.value for status in EnrolmentStatus),
}
"""Fields whose code table leads into a closed vocabulary of the records."""


class IdentityFields(Strict):
    """The facts that say who a person is: a whole name or its parts, and whatever evidence the source has."""

    name: WholeName | None = None
    first: Text | None = None
    middle: Text | None = None
    last: Text | None = None
    suffix: Text | None = None
    birth_date: Day | None = None
    sex: Text | None = None
    ssn: Text | None = Field(
        default=None, description="A whole, masked or partial number; only its last four digits are kept."
    )
    phone: Text | None = None
    street: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zip: Text | None = None
    place: Place | None = None
    aliases: Aliases | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.name is None and self.last is None:
            raise ValueError("give 'name' (one column and its order) or 'last' and 'first'")
        if self.name is not None and (self.first or self.last):
            raise ValueError("give either 'name' or its parts, not both")
        return self

    def columns(self) -> set[str]:
        """Every column the file must have. Paths and repeated parts are not columns of a header."""
        return set(_columns(self))


class BookingFields(IdentityFields):
    """Columns of a booking feed."""

    booking_number: Text
    agency: Text
    person_id: Text | None = None
    old_person_id: Text | None = None
    state_id: Text | None = None
    fbi_number: Text | None = None
    event_id: Text | None = Field(
        default=None, description="The source's own number of the event; tells two equal events apart."
    )
    op: Text | None = Field(default=None, description="Code table to add, update, delete.")
    event: Text | None = Field(
        default=None, description="Code table to the kinds of event, for example sealed or cancelled."
    )
    booked_at: Moment | None = None
    released_at: Moment | None = None
    next_court_at: Moment | None = None
    release_planned_at: Moment | None = None
    release_reason: Text | None = None
    facility: Text | None = None
    custody: Text | None = Field(default=None, description="Code table to in_custody, released, weekender ...")
    holds: Text | None = None
    court_type: Text | None = None
    medical_hold: Text | None = Field(default=None, description="Code table to yes and no.")
    charges: Charges | None = None


class EnrolmentSource(Strict):
    """Repeated enrolments inside one record."""

    each: str
    program: str
    status: str = ""
    starts: str = ""
    ends: str = ""


class AssignmentSource(Strict):
    """Repeated assignments inside one record."""

    each: str
    staff: str
    program: str = ""
    role: str = ""
    starts: str = ""
    ends: str = ""


class RosterFields(IdentityFields):
    """Columns of a caseload roster."""

    client_id: Text
    org: Text | None = Field(default=None, description="Left out, the feed's own organisation.")
    program: Text | None = None
    status: Text | None = Field(default=None, description="Code table to the FHIR statuses of an episode of care.")
    starts: Day | None = None
    ends: Day | None = None
    clinician: Text | None = None
    role: Text | None = None
    team: Text | None = None
    supervisor: Text | None = None
    crisis_plan_on_file: Text | None = Field(default=None, description="Code table to yes and no.")
    advance_directive_on_file: Text | None = Field(default=None, description="Code table to yes and no.")
    enrolments: EnrolmentSource | None = None
    assignments: AssignmentSource | None = None


class Facility(Strict):
    """One jail of a feed that serves several: its own agency and its own zone, where they differ."""

    agency: str = ""
    zone: str = ""
    name: str = ""


class Quarantine(Strict):
    """When a file as a whole is not to be believed any more."""

    rows: int = Field(default=20, ge=1, description="Fewer refused rows than this never refuse the file.")
    share: float = Field(default=0.5, gt=0, le=1, description="More than this share of refused rows refuses the file.")


class Semantics(Strict):
    """What a delivery means: everybody who is there now, or what has changed."""

    delivers: Literal["snapshot", "changes"] = "changes"
    absence_means_release: bool = Field(default=False, description="Only in a snapshot that really lists everybody.")
    max_shrink: float = Field(default=0.3, ge=0, le=1, description="A snapshot that loses a larger share is refused.")
    blank_release: Literal["unsaid", "withdrawn"] = Field(
        default="unsaid",
        description="Given a release earlier: whether a row without one repeats the rest, or takes the release back.",
    )
    cadence_minutes: int | None = Field(
        default=None, ge=1, description="How often news should come; silence beyond three times that is an alarm."
    )
    window_minutes: int | None = Field(
        default=None, ge=1, description="How long the source keeps what we have not read."
    )

    @model_validator(mode="after")
    def _absence_needs_a_snapshot(self) -> Self:
        if self.absence_means_release and self.delivers != "snapshot":
            raise ValueError(
                "absence_means_release needs 'delivers: snapshot': a feed of changes is silent about those who stay"
            )
        return self


class Scope(Strict):
    """Which bookings of this feed are news for a clinician; see `connectors.scope`."""

    max_age_hours: float = Field(default=72, gt=0, description="Older bookings are listed, never pushed.")
    juveniles: bool = Field(default=False, description="Juvenile courts, and persons under eighteen at booking.")
    weekenders: bool = Field(default=False, description="Sentences served at weekends are no new arrest each week.")
    excluded_holds: tuple[str, ...] = Field(
        default=(), description="Hold codes of persons who are here for another authority."
    )
    max_stay_days: int = Field(
        default=365, ge=1, description="A stay that began longer ago and never ended is not believed to go on."
    )


class Mapping(Strict):
    """One feed's agreement with us, read from YAML."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    version: int = Field(default=1, ge=1)
    about: str = ""
    kind: Literal["bookings", "roster"]
    format: AnyFormat
    zone: str = Field(default="UTC", description="Where local times are local: a name of the IANA time zone database.")
    dates: tuple[str, ...] = ("iso",)
    times: tuple[str, ...] = ("iso",)
    unknown: tuple[str, ...] = Field(
        default=("N/A", "NA", "#N/A", "NULL", "-"), description="Texts that mean no value."
    )
    required: tuple[str, ...] = Field(
        default=(), description="Columns that no row may leave empty, beyond the number and a name."
    )
    youngest: int = Field(default=0, ge=0, le=18, description="Years; resolves two-digit birth years.")
    facilities: dict[str, Facility] = Field(default={}, description="Given, a facility that is not listed is doubted.")
    quarantine: Quarantine = Quarantine()
    semantics: Semantics = Semantics()
    scope: Scope = Scope()
    bookings: BookingFields | None = None
    roster: RosterFields | None = None

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return _known_zone(zone)

    @field_validator("dates", "times")
    @classmethod
    def _formats_are_sound(cls, forms: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _sound(forms, of_moments=info.field_name == "times")

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        if getattr(self, self.kind) is None or (self.bookings and self.roster):
            raise ValueError(f"a mapping of kind '{self.kind}' has its fields under '{self.kind}:' and nowhere else")
        for place in self.facilities.values():
            _known_zone(place.zone or self.zone)
        for source in _inner(self.fields):
            if isinstance(source, DateSource | TimeSource):
                _sound(source.formats, of_moments=isinstance(source, TimeSource))
        for field, allowed in _CLOSED.items():
            _only(allowed, getattr(self.fields, field, None), field)
        return self

    @property
    def fields(self) -> IdentityFields:
        """The fields of the mapping's own kind."""
        found = self.bookings or self.roster
        if found is None:
            raise ValueError("the mapping has no fields")
        return found


def _known_zone(zone: str) -> str:
    try:
        return ZoneInfo(zone).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{zone}' is not a time zone; use a name like America/Los_Angeles") from None


def _sound(forms: tuple[str, ...], *, of_moments: bool) -> tuple[str, ...]:
    for form in forms:
        check_format(form, of_moments=of_moments)
    if conflicting(forms):
        raise ValueError(
            "the formats read the same text as two different days (month first and day first): keep one order"
        )
    return forms


def _only(allowed: frozenset[str], source: Source | None, field: str) -> None:
    for value in (*source.codes.values(), source.constant) if source else ():
        if value and value not in allowed:
            near = difflib.get_close_matches(value, sorted(allowed), n=1, cutoff=0)
            raise ValueError(f"{field} cannot be '{value}'; did you mean '{near[0]}'?")


def _inner(fields: Strict) -> Iterator[Strict]:
    for name in type(fields).model_fields:
        value = getattr(fields, name)
        if isinstance(value, Strict):
            yield value


def _columns(fields: Strict) -> Iterator[str]:
    for source in _inner(fields):
        column = getattr(source, "column", "")
        if column:
            yield column
