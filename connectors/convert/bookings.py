"""Rows to booking events."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.convert.digest import content_hash
from connectors.convert.identities import IdentityReader
from connectors.convert.making import maker
from connectors.convert.parts import NO_CHARGES, Charges, charge_reader, moment_reader
from connectors.convert.values import Values, compile_texts, lacks, tidy, yes_or_no
from connectors.rows import Row, RowFault
from connectors.schema import Mapping
from records import (
    BookingEvent,
    BookingNumber,
    Custody,
    EventKind,
    FacilityId,
    FeedId,
    Flag,
    Identity,
    Instant,
    JailPersonId,
    Op,
)

_CLOCKS_DIFFER = timedelta(hours=1)
"""How far ahead of ours a jail's clock may be before its news counts as from the future."""
_ADULT = 18
_CLOSING = (EventKind.SEALED, EventKind.CANCELLED, EventKind.MERGED)
_ENDING = (*_CLOSING, EventKind.RELEASED)
"""Events that are about a booking we know: they need its number, not a name."""

_BOOKED, _RELEASED, _SEALED = EventKind.BOOKED, EventKind.RELEASED, EventKind.SEALED
_booking_event = maker(BookingEvent)
_ADD = Op.ADD
_OPS = {op.value: op for op in Op}
_KINDS = {kind.value: kind for kind in EventKind}
_NO_TIME = frozenset({"impossible-time", "unreadable-time"})
_RELEASE = frozenset({"released_at", "custody"})
_IN_CUSTODY = Custody.IN_CUSTODY
_CUSTODY = {custody.value: custody for custody in Custody}


@dataclass(frozen=True, slots=True)
class Origin:
    """What every event of one delivery has in common."""

    feed: FeedId
    received_at: Instant
    source_hash: str


_Moments = tuple[Instant | None, Instant | None, Instant | None, Instant | None]
"""When the person was booked, was released, is next in court, and is to be released.

A content hash covers the first three, and the planned release where there is one: sources that name none keep the hashes that
their rows always had.
"""


class _Facts(NamedTuple):
    """The plain texts of one row, in the order in which they are hashed."""

    booking_number: BookingNumber
    agency: str
    facility: FacilityId
    person_id: JailPersonId
    old_person_id: JailPersonId
    state_id: str
    fbi_number: str
    event_id: str
    op: str
    event: str
    custody: str
    release_reason: str
    court_type: str
    medical_hold: str
    holds: str

    def __repr__(self) -> str:
        return "<facts of a booking>"


class BookingConverter:
    """Compiled once per delivery, then called once per row."""

    def __init__(self, mapping: Mapping, origin: Origin) -> None:
        fields = mapping.bookings
        if fields is None:
            raise ValueError(f"mapping {mapping.name} is not one of bookings")
        self._feed, self._received_at, self._source_hash = origin.feed, origin.received_at, origin.source_hash
        self._latest = origin.received_at.at + _CLOCKS_DIFFER
        self._unknown = frozenset(mapping.unknown)
        self._required = mapping.required
        self._facilities = mapping.facilities
        self._zones = {key: ZoneInfo(place.zone or mapping.zone) for key, place in mapping.facilities.items()}
        self._zone = ZoneInfo(mapping.zone)
        self._identities = IdentityReader(mapping, origin.received_at.at.date())
        self._facts = compile_texts([(field, getattr(fields, field)) for field in _Facts._fields])
        self._hold_split = fields.holds.split if fields.holds else ""
        self._booked = moment_reader(fields.booked_at, mapping)
        self._released = moment_reader(fields.released_at, mapping)
        self._court_at = moment_reader(fields.next_court_at, mapping) if fields.next_court_at else None
        self._planned_at = moment_reader(fields.release_planned_at, mapping) if fields.release_planned_at else None
        self._charges = charge_reader(fields.charges)

    def convert(self, row: Row) -> BookingEvent | RowFault:
        """One event, or why there is none. Never raises for what a row may hold.

        An event that ends something (sealed, cancelled, merged, released) is never refused for want of a name or a
        time: it must reach what we stored, whatever else is wrong with it.
        """
        flags = list(row.flags)
        values, spoilt = tidy(row.values, self._unknown)
        if spoilt:
            flags.extend(Flag(column, "control-character") for column in spoilt)
        facts = _Facts._make(self._facts(values, flags))
        if not facts.booking_number:
            return RowFault(row.line, "booking_number", "no-booking-number", "the booking number is missing")
        if (facts.op or facts.event or flags) and _unexplained(facts, flags):
            return RowFault(
                row.line, "event", "unknown-code", "the operation or status is not in the mapping's code table"
            )
        zone = self._zones.get(facts.facility, self._zone) if self._zones else self._zone
        moments, doubt = self._moments(values, flags, zone)
        booked_at, released_at, _, _ = moments
        kind, op = _kind(facts, released_at)
        identities = () if kind is _SEALED else self._identities.read(values, flags)
        if kind is _BOOKED or kind not in _ENDING:
            if doubt or not identities or self._required:
                fault = self._refusal(row.line, values, spoilt, doubt, identities)
                if fault is not None:
                    return fault
            if booked_at is None:
                flags.append(Flag("booked_at", "missing"))
        if self._facilities and facts.facility:
            facts = self._placed(facts, flags)
        if not facts.agency:
            flags.append(Flag("agency", "missing"))
        charges = NO_CHARGES if kind is _SEALED else self._charges(values)
        return self._event(row.line, facts, moments, identities, charges, flags, kind=kind, op=op)

    def _refusal(
        self, line: int, values: Values, spoilt: Collection[str], doubt: str, identities: tuple[Identity, ...]
    ) -> RowFault | None:
        """Why there can be no event that begins something, if so."""
        lacking = lacks(values, self._required)
        if lacking:
            return RowFault(line, lacking, "required", "a column that every row must fill is empty")
        if doubt:
            return RowFault(line, "booked_at", doubt, "the booking time is not a time in the declared format")
        return None if identities else _nameless(line, spoilt)

    def _event(  # noqa: PLR0917 - the parts of one event, put together in one place
        self,
        line: int,
        facts: _Facts,
        moments: _Moments,
        identities: tuple[Identity, ...],
        charges: Charges,
        flags: list[Flag],
        *,
        kind: EventKind,
        op: Op,
    ) -> BookingEvent:
        number, agency, facility, person, old_person, state_id, fbi, _, _, _, custody, why, court, medical, holds = (
            facts
        )
        booked_at, released_at, court_at, planned_at = moments
        return _booking_event(
            self._feed,
            agency,
            number,
            op,
            kind,
            identities,
            content_hash(facts, identities, moments if planned_at else moments[:-1], charges.hashed),
            self._received_at,
            person or None,
            old_person or None,
            state_id,
            fbi,
            booked_at,
            released_at,
            False,  # release_inferred: a row states a release or does not
            why,
            planned_at,
            court_at,
            facility or None,
            None,  # previous_facility: no source states it
            (custody and _CUSTODY.get(custody)) or _custody_of(kind, released_at, flags),
            self._hold_codes(holds) if holds else (),
            court,
            _is_juvenile(court, identities, booked_at),
            bool(medical) and yes_or_no(medical) is True,
            charges.listed,
            tuple(flags),
            self._source_hash,
            line,
        )

    def _moments(self, values: Values, flags: list[Flag], zone: ZoneInfo) -> tuple[_Moments, str]:
        """The moments of the row; second, the doubt of a booking time that cannot be read."""
        unreadable, latest = "", self._latest
        booked, doubt = self._booked(values, zone)
        if doubt or (booked is not None and booked.at > latest):
            unreadable = doubt if doubt in _NO_TIME else ""
            booked = self._trusted("booked_at", booked, doubt, flags)
        released, doubt = self._released(values, zone)
        if doubt or (released is not None and released.at > latest):
            released = self._trusted("released_at", released, doubt, flags)
        court = self._court_at and _expected("next_court_at", *self._court_at(values, zone), flags)
        planned = self._planned_at and _expected("release_planned_at", *self._planned_at(values, zone), flags)
        if released is not None and booked is not None and released.at < booked.at:
            flags.append(Flag("released_at", "released-before-booked"))
        return (booked, released, court, planned), unreadable

    def _trusted(self, field: str, moment: Instant | None, doubt: str, flags: list[Flag]) -> Instant | None:
        """The moment, doubted where it must be; one from the future is left out, so that it can never pass as fresh."""
        if doubt:
            flags.append(Flag(field, doubt))
        if moment is not None and moment.at > self._latest:
            flags.append(Flag(field, "future"))
            return None
        return moment

    def _placed(self, facts: _Facts, flags: list[Flag]) -> _Facts:
        place = self._facilities.get(facts.facility)
        if place is None:
            flags.append(Flag("facility", "unknown-code"))
            return facts._replace(facility=FacilityId(""))
        return facts._replace(agency=place.agency or facts.agency)

    def _hold_codes(self, text: str) -> tuple[str, ...]:
        pieces = text.split(self._hold_split) if self._hold_split else [text]
        return tuple(filter(None, (piece.strip() for piece in pieces)))


def _expected(field: str, moment: Instant | None, doubt: str, flags: list[Flag]) -> Instant | None:
    """A moment that may lie ahead."""
    if doubt:
        flags.append(Flag(field, doubt))
    return moment


def _unexplained(facts: _Facts, flags: list[Flag]) -> bool:
    """Whether an operation or a status came with a code that the mapping does not explain: then nothing may follow from it."""
    if flags and any(flag.field in {"op", "event"} for flag in flags):
        return True
    return bool((facts.op and facts.op not in _OPS) or (facts.event and facts.event not in _KINDS))


def _kind(facts: _Facts, released_at: Instant | None) -> tuple[EventKind, Op]:
    op = _OPS[facts.op] if facts.op else _ADD
    if facts.event:
        kind = _KINDS[facts.event]
        return kind, Op.DELETE if kind is _SEALED else op
    if op is not _ADD and op is Op.DELETE:
        return _SEALED, op
    if released_at is not None or facts.custody == "released":
        return _RELEASED, op
    return (_BOOKED if op is _ADD else EventKind.AMENDED), op


def _nameless(line: int, spoilt: Collection[str]) -> RowFault:
    if spoilt:
        return RowFault(line, "name", "control-character", "the name holds a NUL or another control character")
    return RowFault(line, "name", "no-name", "there is no name, or what stands in its place cannot be one")


def _custody_of(kind: EventKind, released_at: Instant | None, flags: list[Flag]) -> Custody:
    """What follows from the event where the source has no custody status of its own."""
    if released_at is not None or kind is _RELEASED:
        return Custody.RELEASED
    if kind in _CLOSING or (flags and any(flag.field in _RELEASE for flag in flags)):
        return Custody.UNKNOWN
    return _IN_CUSTODY


def _is_juvenile(court: str, identities: tuple[Identity, ...], booked_at: Instant | None) -> bool:
    """A juvenile court, or younger than eighteen on the day of booking. A partial date of birth counts as its last day."""
    if court and court.upper().startswith("JUV"):
        return True
    if booked_at is None or not identities or not (born := identities[0].birth_date):
        return False
    then = booked_at.at
    if int(born[:4]) < then.year - _ADULT:
        return False
    latest = born + "9999-12-31"[len(born) :]
    return latest > f"{then.year - _ADULT:04d}-{then.month:02d}-{then.day:02d}"
