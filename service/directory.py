"""The staff directory from a CSV file: who may be told, of which programmes, and where."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from audit.facts import PARTY
from config import Refuse
from records import OrgId, ProgramId, StaffId, StaffMember

COLUMNS = ("staff_id", "org_id", "name", "role", "email", "programs", "supervises", "active", "verified", "language")
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
    )


def _programs(cell: str) -> tuple[ProgramId, ...]:
    return tuple(ProgramId(part.strip()) for part in cell.split("|") if part.strip())
