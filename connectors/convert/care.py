"""Enrolments and assignments of a roster row: who is in which programme, and on whose caseload, from when until when.

Where a source leaves a doubt, the reading that lets less out is taken: a status that nobody explained is on hold, an
end that cannot be read is on hold too, an assignment whose end cannot be read is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from connectors.convert.dates import DateReader, Span, day_reader, time_reader
from connectors.convert.identities import compile_day
from connectors.convert.values import Reader, Values, compile_reader, repeated
from connectors.schema import AssignmentSource, EnrolmentSource, Mapping, RosterFields
from connectors.sources import DateSource
from records import Assignment, Enrolment, EnrolmentStatus, Flag, ProgramId, StaffId, TimeQuality

_REMEMBERED = 4096
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""How many systems write an end that is open. A zone or a day more would carry it out of the calendar."""
_STATUSES = {status.value: status for status in EnrolmentStatus}


class CareReader:
    """Compiled once per delivery."""

    def __init__(self, mapping: Mapping, fields: RosterFields, today: date) -> None:
        span = Span.of_care(today)
        self._zone = ZoneInfo(mapping.zone)
        self._time = time_reader(mapping.times)
        self._day = day_reader(mapping.dates, span)
        self._program, self._status = compile_reader(fields.program, "program"), compile_reader(fields.status, "status")
        self._clinician, self._role = compile_reader(fields.clinician, "clinician"), compile_reader(fields.role, "role")
        self._starts = _day_of(fields.starts, "starts", self._day, span)
        self._ends = _day_of(fields.ends, "ends", self._day, span)
        self._split_program = fields.program.split if fields.program else ""
        self._split_clinician = fields.clinician.split if fields.clinician else ""
        self._enrolments, self._assignments = fields.enrolments, fields.assignments
        # A caseload has few programmes, days and clinicians, and many rows. None of these says who a client is.
        self._enrolled = lru_cache(_REMEMBERED)(self._each_program)
        self._assigned = lru_cache(_REMEMBERED)(self._each_clinician)

    def enrolments(self, values: Values, flags: list[Flag]) -> tuple[Enrolment, ...]:
        """The programmes of one client."""
        if self._enrolments is not None:
            return tuple(self._each_enrolment(self._enrolments, values, flags))
        text = self._status(values, flags)
        status = _STATUSES.get(text, EnrolmentStatus.ACTIVE) if text else EnrolmentStatus.ACTIVE
        starts, ends = self._starts(values, flags), self._ends(values, flags)
        if (flags and any(flag.field in {"status", "ends"} for flag in flags)) or (text and text not in _STATUSES):
            status = _untrusted(flags)
        return self._enrolled(self._program(values, flags), status, starts, ends)

    def assignments(
        self, values: Values, flags: list[Flag], enrolments: tuple[Enrolment, ...]
    ) -> tuple[Assignment, ...]:
        """Whose caseloads the client is on; in a flat row, for each of its programmes."""
        if self._assignments is not None:
            return tuple(self._each_assignment(self._assignments, values, flags))
        return self._assigned(self._clinician(values, flags), self._role(values, flags) or "primary", enrolments)

    def _each_program(self, programs: str, status: EnrolmentStatus, starts: str, ends: str) -> tuple[Enrolment, ...]:
        pieces = _pieces(programs, self._split_program)
        return tuple(Enrolment(ProgramId(piece), status, _last(starts), _first(ends)) for piece in pieces)

    def _each_clinician(self, staff: str, role: str, enrolments: tuple[Enrolment, ...]) -> tuple[Assignment, ...]:
        programs = [enrolment.program for enrolment in enrolments] or [ProgramId("")]
        pieces = _pieces(staff, self._split_clinician)
        return tuple(Assignment(StaffId(piece), program, role) for piece in pieces for program in programs)

    def _each_enrolment(self, source: EnrolmentSource, values: Values, flags: list[Flag]) -> Iterator[Enrolment]:
        for path in repeated(values, source.each):
            get = _within(values, path)
            starts, ends = self._inner_day(get(source.starts), "starts", flags), get(source.ends)
            last = self._inner_day(ends, "ends", flags)
            status = _STATUSES.get(get(source.status))
            if status is None or (ends and not last):
                status = _untrusted(flags)
            yield Enrolment(ProgramId(get(source.program)), status, _last(starts), _first(last))

    def _each_assignment(self, source: AssignmentSource, values: Values, flags: list[Flag]) -> Iterator[Assignment]:
        for path in repeated(values, source.each):
            get = _within(values, path)
            ends = self._moment(get(source.ends), flags, whole_day=True)
            if get(source.ends) and ends is None:
                continue
            starts = self._moment(get(source.starts), flags, whole_day=False)
            role = get(source.role) or "primary"
            yield Assignment(StaffId(get(source.staff)), ProgramId(get(source.program)), role, starts, ends)

    def _inner_day(self, text: str, field: str, flags: list[Flag]) -> str:
        day, doubt = self._day(text)
        if doubt:
            flags.append(Flag(field, doubt))
        return day

    def _moment(self, text: str, flags: list[Flag], *, whole_day: bool) -> datetime | None:
        """A moment; the end of a period that names only a day is the end of that day (FHIR R4 Period.end)."""
        if text.startswith("9999"):
            return _NEVER
        moment, doubt = self._time(text, self._zone)
        if doubt:
            flags.append(Flag("assignment", doubt))
        if moment is None:
            return None
        if whole_day and moment.quality is TimeQuality.DATE_ONLY:
            return (moment.at.astimezone(self._zone) + timedelta(days=1)).astimezone(UTC)
        return moment.at


def _day_of(source: DateSource | None, field: str, reader: DateReader, span: Span) -> Reader:
    if source is None:
        return lambda _values, _flags: ""
    return compile_day(source, field, day_reader(source.formats, span) if source.formats else reader)


def _untrusted(flags: list[Flag]) -> EnrolmentStatus:
    """A status that nobody explained must not let an alert out: on hold is the nearest that does not."""
    if not any(flag.field in {"status", "ends"} for flag in flags):
        flags.append(Flag("status", "unknown-code"))
    return EnrolmentStatus.ON_HOLD


def _within(values: Values, path: str) -> Callable[[str], str]:
    return lambda part: values.get(f"{path}.{part}", "") if part else ""


def _pieces(text: str, split: str) -> list[str]:
    pieces = text.split(split) if split else [text]
    return [piece.strip() for piece in pieces if piece.strip()]


def _first(text: str) -> date | None:
    """The first day that a date, whole or partial, can mean."""
    return date.fromisoformat(text + "0000-01-01"[len(text) :]) if text else None


def _last(text: str) -> date | None:
    """The last day that a date, whole or partial, can mean."""
    if len(text) in {0, 10}:
        return _first(text)
    year, month = int(text[:4]), int(text[5:7] or 12)
    if year == date.max.year:
        return date.max
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
