"""Consents as CSV: one form a row, and back.

Columns carry the names of the published schema; what nests is flattened with a dot (`signer.relationship`). Lists are
separated by `;`. A recipient is `person:ID`, `org:ID`, `class:NAME`, or `intermediary:ID(ORG|ORG)` with
`(@treating_providers)` for a class of participants. `provisions` holds JSON. An empty cell means "not set".
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from consent.facts import ConsentRecord
from consent.intake import Fault, Intake, Taken, Unfit, as_raw, as_record

_PLAIN = (
    "id", "client_id", "type", "status", "rule_version", "signed_at", "effective_from", "expires_at", "revoked_at",
    "revocation_method", "revocable_from", "base",
)  # fmt: skip
_LISTS = ("purposes", "info", "elements_missing")
COLUMNS = (
    *_PLAIN, "expires_event.kind", "expires_event.occurred_at", "signer.relationship", "signer.person_id",
    "signer.authority_verified", "discloser.program_ids", "discloser.any_treating_program", "recipients", *_LISTS,
    "provisions", "known_false",
)  # fmt: skip
_YES_NO = {"true": True, "false": False}
_ENTRY = re.compile(r"(?P<kind>[a-z]+):(?P<id>[^()]+?)(\((?P<inside>[^()]*)\))?")


def parse_csv(text: str) -> Intake:
    """Read consents from CSV text with a header. A row at fault is refused, and the rest is read on.

    A header that lacks or adds a column refuses the file: blanks are never filled in for a renamed column.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    taken: list[Taken] = []
    faults: list[Fault] = []
    try:
        header = [name.strip() for name in next(rows, [])]
        if sorted(header) != sorted(COLUMNS):
            return Intake((), (_header_fault(header),))
        for row in rows:
            if any(cell.strip() for cell in row):
                _take(header, row, rows.line_num, taken, faults)
    except csv.Error:
        faults.append(Fault(rows.line_num, "row", "not readable as CSV; nothing after it was read"))
    return Intake(tuple(taken), tuple(faults))


def _header_fault(header: list[str]) -> Fault:
    missing = [name for name in COLUMNS if name not in header]
    odd = len([name for name in header if name not in COLUMNS]) + len(header) - len(set(header))
    return Fault(1, "header", f"missing: {', '.join(missing) or 'none'}; unknown or doubled: {odd}")


def _take(header: list[str], row: list[str], line: int, taken: list[Taken], faults: list[Fault]) -> None:
    if len(row) != len(header):
        faults.append(Fault(line, "row", f"{len(row)} cells where the header has {len(header)}"))
        return
    try:
        record = as_record(_raw({name: cell.strip() for name, cell in zip(header, row, strict=True)}))
    except Unfit as fault:
        faults.append(Fault(line, fault.field, fault.why))
        return
    if any(record.id == t.record.id for t in taken):
        faults.append(Fault(line, "id", "the same id twice in one file"))
    else:
        taken.append(Taken(record, line))


def _raw(cells: dict[str, str]) -> dict[str, Any]:
    raw: dict[str, Any] = {name: cells[name] or None for name in _PLAIN}
    raw |= {name: _list(cells[name]) for name in _LISTS}
    kind = cells["expires_event.kind"]
    occurred = cells["expires_event.occurred_at"]
    if occurred and not kind:
        raise Unfit("expires_event.kind", "empty beside a time of the event")
    return raw | {
        "expires_event": {"kind": kind, "occurred_at": occurred or None} if kind else None,
        "signer": {
            "relationship": cells["signer.relationship"],
            "person_id": cells["signer.person_id"] or None,
            "authority_verified": _yes_no("signer.authority_verified", cells),
        },
        "discloser": {
            "program_ids": _list(cells["discloser.program_ids"]),
            "any_treating_program": _yes_no("discloser.any_treating_program", cells),
        },
        "recipients": [_entry(text) for text in _list(cells["recipients"])],
        "provisions": _json(cells["provisions"]),
        "known_false": _yes_no("known_false", cells),
    }


def _list(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _yes_no(name: str, cells: dict[str, str]) -> bool:
    try:
        return _YES_NO[cells[name].lower()]
    except KeyError:
        raise Unfit(name, "neither true nor false") from None


def _json(cell: str) -> Any:
    try:
        return json.loads(cell) if cell else []
    except (ValueError, RecursionError):
        raise Unfit("provisions", "not JSON") from None


def _entry(text: str) -> dict[str, Any]:
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise Unfit("recipients", "not of the form kind:id")
    entry: dict[str, Any] = {"kind": found["kind"], "id": found["id"].strip()}
    if found["inside"] is not None:
        inside = [part.strip() for part in found["inside"].split("|") if part.strip()]
        entry["participants"] = [part for part in inside if not part.startswith("@")]
        classes = [part[1:] for part in inside if part.startswith("@")]
        if len(classes) > 1:
            raise Unfit("recipients", "more than one class of participants")
        entry |= {"participant_class": classes[0]} if classes else {}
    return entry


def emit_csv(records: tuple[ConsentRecord, ...]) -> str:
    """Write consents as CSV that `parse_csv` reads back to the same records. Raises Unfit for an id it cannot hold."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for record in records:
        cells = _cells(as_raw(record))
        writer.writerow([cells[name] for name in COLUMNS])
    return out.getvalue()


def _cells(raw: dict[str, Any]) -> dict[str, str]:
    event = raw["expires_event"] or {"kind": None, "occurred_at": None}
    return {
        **{name: _cell(raw[name]) for name in _PLAIN},
        **{name: ";".join(raw[name]) for name in _LISTS},
        "expires_event.kind": _cell(event["kind"]),
        "expires_event.occurred_at": _cell(event["occurred_at"]),
        "signer.relationship": raw["signer"]["relationship"],
        "signer.person_id": _cell(raw["signer"]["person_id"]),
        "signer.authority_verified": _cell(raw["signer"]["authority_verified"]),
        "discloser.program_ids": ";".join(_safe(one) for one in raw["discloser"]["program_ids"]),
        "discloser.any_treating_program": _cell(raw["discloser"]["any_treating_program"]),
        "recipients": ";".join(_entry_text(entry) for entry in raw["recipients"]),
        "provisions": json.dumps(raw["provisions"], ensure_ascii=False) if raw["provisions"] else "",
        "known_false": _cell(raw["known_false"]),
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else _plain(str(value))


def _plain(text: str) -> str:
    """Text that a spreadsheet would run as a formula, or that trimming would change, is refused, never altered."""
    if text != text.strip() or not text or text[0] in "=+-@\t\r" or "\x00" in text:
        raise Unfit("row", "an id that a spreadsheet would change or run")
    return text


def _safe(text: str) -> str:
    if any(mark in text for mark in ";|()@"):
        raise Unfit("row", "an id with a mark that separates lists")
    return _plain(text)


def _entry_text(entry: dict[str, Any]) -> str:
    text = f"{entry['kind']}:{_safe(entry['id'])}"
    inside = [_safe(org) for org in entry.get("participants", [])]
    if "participant_class" in entry:
        inside.append(f"@{entry['participant_class']}")
    return f"{text}({'|'.join(inside)})" if inside else text
