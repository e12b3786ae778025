"""Rows to roster entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from connectors.convert.bookings import Origin
from connectors.convert.dates import day_reader, time_reader
from connectors.convert.identities import IdentityReader, compile_day
from connectors.convert.values import Reader, Values, compile_reader, repeated, tidy, yes_or_no
from connectors.rows import Row, RowFault
from connectors.schema import AssignmentSource, EnrolmentSource, Mapping, RosterFields
from records import (
    Assignment,
    ClientId,
    Enrolment,
    EnrolmentStatus,
    Flag,
    Identity,
    OrgId,
    Personal,
    ProgramId,
    RosterEntry,
    StaffId,
)

_STATUSES = {status.value: status for status in EnrolmentStatus}
_LATER = date(9999, 12, 31)


class RosterConverter:
    """Compiled once per delivery, then called once per row. `org` is the organisation whose feed it is."""

    def __init__(self, mapping: Mapping, origin: Origin, org: OrgId) -> None:
        if mapping.roster is None:
            raise ValueError(f"mapping {mapping.name} is not one of a roster")
        self._org_id = org
        self._zone = ZoneInfo(mapping.zone)
        today = origin.received_at.at.date()
        self._identities = IdentityReader(mapping, today)
        self._day = day_reader(mapping.dates, _LATER)
        self._time = time_reader(mapping.times)
        self._unknown = frozenset(mapping.unknown)
        self._compile(mapping.roster, mapping)

    def _compile(self, fields: RosterFields, mapping: Mapping) -> None:
        def text(field: str) -> Reader:
            return compile_reader(getattr(fields, field), field)

        def day(field: str) -> Reader:
            source = getattr(fields, field)
            if source is None:
                return lambda _values, _flags: ""
            return compile_day(source, field, day_reader(source.formats or mapping.dates, _LATER))

        self._client, self._org = text("client_id"), text("org")
        self._program, self._status = text("program"), text("status")
        self._starts, self._ends = day("starts"), day("ends")
        self._clinician, self._role = text("clinician"), text("role")
        self._team, self._supervisor = text("team"), text("supervisor")
        self._crisis, self._directive = text("crisis_plan_on_file"), text("advance_directive_on_file")
        self._split_program = fields.program.split if fields.program else ""
        self._split_clinician = fields.clinician.split if fields.clinician else ""
        self._enrolments, self._assignments = fields.enrolments, fields.assignments

    def convert(self, row: Row) -> RosterEntry | RowFault:
        """One entry, or why there is none. Never raises for what a row may hold."""
        flags: list[Flag] = []
        values, spoilt = tidy(row.values, self._unknown)
        flags.extend(Flag(column, "control-character") for column in spoilt)
        client = self._client(values, flags)
        if not client:
            return RowFault(row.line, "client_id", "no-client-id", "the client's number is missing")
        identities = self._identities.read(values, flags)
        if not identities:
            return RowFault(row.line, "name", "no-name", "there is no name, or what stands in its place cannot be one")
        enrolments = self._enrolled(values, flags)
        supervisor = self._supervisor(values, flags)
        return RosterEntry(
            org=OrgId(self._org(values, flags) or self._org_id),
            client_id=ClientId(client),
            identities=identities,
            display_name=display_name(identities[0]),
            enrolments=enrolments,
            assignments=self._assigned(values, flags, enrolments),
            team=self._team(values, flags),
            supervisor=StaffId(supervisor) if supervisor else None,
            flags=tuple(flags),
            crisis_plan_on_file=yes_or_no(self._crisis(values, flags)),
            advance_directive_on_file=yes_or_no(self._directive(values, flags)),
            source_line=row.line,
        )

    def _enrolled(self, values: Values, flags: list[Flag]) -> tuple[Enrolment, ...]:
        if self._enrolments is not None:
            return tuple(self._each_enrolment(self._enrolments, values, flags))
        programs = _pieces(self._program(values, flags), self._split_program)
        text = self._status(values, flags)
        status = _STATUSES.get(text, EnrolmentStatus.ACTIVE)
        if any(flag.field == "status" for flag in flags) or (text and text not in _STATUSES):
            status = _untrusted(flags)
        starts, ends = _whole_day(self._starts(values, flags)), _whole_day(self._ends(values, flags))
        return tuple(Enrolment(ProgramId(program), status, starts, ends) for program in programs)

    def _each_enrolment(self, source: EnrolmentSource, values: Values, flags: list[Flag]) -> Iterator[Enrolment]:
        for path in repeated(values, source.each):
            get = _within(values, path)
            status = _STATUSES.get(get(source.status)) or _untrusted(flags)
            yield Enrolment(
                ProgramId(get(source.program)),
                status,
                self._inner_day(get(source.starts), "starts", flags),
                self._inner_day(get(source.ends), "ends", flags),
            )

    def _assigned(self, values: Values, flags: list[Flag], enrolments: tuple[Enrolment, ...]) -> tuple[Assignment, ...]:
        if self._assignments is not None:
            return tuple(self._each_assignment(self._assignments, values, flags))
        staff = _pieces(self._clinician(values, flags), self._split_clinician)
        role = self._role(values, flags) or "primary"
        programs = [enrolment.program for enrolment in enrolments] or [ProgramId("")]
        return tuple(Assignment(StaffId(person), program, role) for person in staff for program in programs)

    def _each_assignment(self, source: AssignmentSource, values: Values, flags: list[Flag]) -> Iterator[Assignment]:
        for path in repeated(values, source.each):
            get = _within(values, path)
            yield Assignment(
                StaffId(get(source.staff)),
                ProgramId(get(source.program)),
                get(source.role) or "primary",
                self._inner_time(get(source.starts), flags),
                self._inner_time(get(source.ends), flags),
            )

    def _inner_day(self, text: str, field: str, flags: list[Flag]) -> date | None:
        day, doubt = self._day(text)
        if doubt:
            flags.append(Flag(field, doubt))
        return _whole_day(day)

    def _inner_time(self, text: str, flags: list[Flag]) -> datetime | None:
        moment, doubt = self._time(text, self._zone)
        if doubt:
            flags.append(Flag("assignment", doubt))
        return moment.at.astimezone(UTC) if moment else None


def display_name(identity: Identity) -> Personal:
    """How the provider's own system writes the name of record."""
    parts = (identity.first, identity.middle, identity.last, identity.suffix)
    return Personal(" ".join(part for part in parts if part))


def _untrusted(flags: list[Flag]) -> EnrolmentStatus:
    """A status that nobody explained must not let an alert out: on hold is the nearest that does not."""
    if not any(flag.field == "status" for flag in flags):
        flags.append(Flag("status", "unknown-code"))
    return EnrolmentStatus.ON_HOLD


def _within(values: Values, path: str) -> Callable[[str], str]:
    return lambda part: values.get(f"{path}.{part}", "") if part else ""


def _pieces(text: str, split: str) -> list[str]:
    pieces = text.split(split) if split else [text]
    return [piece.strip() for piece in pieces if piece.strip()]


def _whole_day(text: str) -> date | None:
    return date.fromisoformat(text) if len(text) == 10 else None
