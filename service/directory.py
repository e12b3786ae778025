"""The staff directory from a CSV file: who may be told, of which programmes, and where."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit.facts import PARTY
from config import Refuse
from records import Absence, Address, OrgId, ProgramId, QuietHours, Shift, StaffId, StaffMember

COLUMNS = ("staff_id", "org_id", "name", "role", "email", "programs", "supervises", "active", "verified", "language")
OPTIONAL = ("zone", "quiet_hours", "absences", "on_call", "channels")
"""Columns that a directory may leave out. `docs/alerts.md` says what stands in them."""
CHANNELS = frozenset({"smime", "webhook", "fhir", "folder"})
_YES_NO = {"yes": True, "no": False}
_ONE_WORD = "must be one word of letters, digits and . _ - @, at most 64, and no date or social security number"
"""What the audit log can name somebody by: an id that it cannot hold would stop every alert to its owner."""


class StaffFileInvalid(Refuse):
    """The file is not a staff directory. Names line and column; nothing of it was taken over."""


def read(path: Path) -> tuple[StaffMember, ...]:
    """Every member in the file, or one error: half a directory would misroute alerts."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(_members(csv.DictReader(file, strict=True), path.name))
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise StaffFileInvalid(f"{path.name} cannot be read as UTF-8 CSV ({type(fault).__name__})") from fault


def _members(reader: csv.DictReader[str], name: str) -> Iterator[StaffMember]:
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise StaffFileInvalid(f"{name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    seen: set[str] = set()
    for row in reader:
        where = f"{name} line {reader.line_num}"
        member = _member(row, where)
        if member.staff in seen:
            raise StaffFileInvalid(f"{where}, staff_id: stands here a second time")
        seen.add(member.staff)
        yield member


def _member(row: Mapping[str, str | None], where: str) -> StaffMember:
    cell = {column: (row.get(column) or "").strip() for column in COLUMNS}
    for column in ("staff_id", "org_id", "name"):
        if not cell[column]:
            raise StaffFileInvalid(f"{where}, {column}: is empty")
    for column in ("staff_id", "org_id"):
        if PARTY(cell[column]) is None:
            raise StaffFileInvalid(f"{where}, {column}: {_ONE_WORD}")
    if cell["staff_id"].startswith("clinic."):
        raise StaffFileInvalid(f"{where}, staff_id: names that begin with clinic. are those of jails' clinics")
    for column in ("active", "verified"):
        if cell[column] not in _YES_NO:
            raise StaffFileInvalid(f"{where}, {column}: must be yes or no")
    return StaffMember(
        staff=StaffId(cell["staff_id"]),
        org=OrgId(cell["org_id"]),
        name=cell["name"],
        role=cell["role"] or "clinician",
        email=cell["email"],
        programs=_programs(cell["programs"]),
        supervises=_programs(cell["supervises"]),
        active=_YES_NO[cell["active"]],
        verified=_YES_NO[cell["verified"]],
        language=cell["language"] or "en",
        quiet_hours=_quiet(row, where),
        absences=tuple(_absence(part, row, where) for part in _parts(row, "absences")),
        on_call=tuple(Shift(*_period(part, row, where, "on_call")) for part in _parts(row, "on_call")),
        channels=tuple(_channel(part, where) for part in _parts(row, "channels")),
    )


def _cell(row: Mapping[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()


def _parts(row: Mapping[str, str | None], column: str) -> list[str]:
    return [part.strip() for part in _cell(row, column).split("|") if part.strip()]


def _zone(row: Mapping[str, str | None], where: str, needed_by: str) -> ZoneInfo:
    try:
        return ZoneInfo(_cell(row, "zone"))
    except (ZoneInfoNotFoundError, ValueError):
        raise StaffFileInvalid(f"{where}, zone: {needed_by} needs an IANA zone, such as America/Chicago") from None


def _quiet(row: Mapping[str, str | None], where: str) -> QuietHours | None:
    """`20:00-07:00` on the member's own wall clock."""
    if not _cell(row, "quiet_hours"):
        return None
    zone = _zone(row, where, "quiet_hours")
    try:
        since, until = (time.fromisoformat(part.strip()) for part in _cell(row, "quiet_hours").split("-"))
    except ValueError:
        raise StaffFileInvalid(f"{where}, quiet_hours: must look like 20:00-07:00") from None
    return QuietHours(since, until, zone.key)


def _absence(part: str, row: Mapping[str, str | None], where: str) -> Absence:
    """`2026-12-20/2027-01-04/B2`: first day, last day, and the colleague who covers, if there is one."""
    stretch, _, cover = part.rpartition("/") if part.count("/") > 1 else (part, "", "")
    if cover and PARTY(cover) is None:
        raise StaffFileInvalid(f"{where}, absences: the cover {_ONE_WORD}")
    return Absence(*_period(stretch, row, where, "absences"), StaffId(cover) if cover else None)


def _period(text: str, row: Mapping[str, str | None], where: str, column: str) -> tuple[datetime, datetime]:
    """Two local days, both included, or two local times, as instants."""
    zone = _zone(row, where, column)
    try:
        first, last = text.split("/")
        starts, ends = datetime.fromisoformat(first.strip()), datetime.fromisoformat(last.strip())
        if len(last.strip()) == len("YYYY-MM-DD"):
            ends += timedelta(days=1)
    except ValueError:
        raise StaffFileInvalid(f"{where}, {column}: must look like 2026-12-20/2027-01-04 or with times") from None
    begun, over = starts.replace(tzinfo=starts.tzinfo or zone), ends.replace(tzinfo=ends.tzinfo or zone)
    if begun >= over:
        raise StaffFileInvalid(f"{where}, {column}: ends before it begins")
    return begun.astimezone(UTC), over.astimezone(UTC)


def _channel(part: str, where: str) -> Address:
    name, _, address = part.partition("=")
    if name not in CHANNELS:
        raise StaffFileInvalid(f"{where}, channels: there are {', '.join(sorted(CHANNELS))}, as in folder=lee")
    if not address and name != "smime":
        raise StaffFileInvalid(f"{where}, channels: {name} needs an address, as in {name}=ADDRESS")
    return Address(name, address)


def _programs(cell: str) -> tuple[ProgramId, ...]:
    return tuple(ProgramId(part.strip()) for part in cell.split("|") if part.strip())
