"""Reports on paper and screen: CSV, JSON and text, each with what it rests on and who took it out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from io import StringIO
from typing import Any

from audit.facts import write_instant
from audit.leaves import Kind, Leaf, leaf
from audit.log import TreeHead
from audit.report import Table

NO_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who exported a report, when, and the state of the log that it was made from."""

    by: str
    at: datetime
    origin: str
    head: TreeHead

    def lines(self) -> Iterator[str]:
        yield f"Exported by {self.by} at {write_instant(self.at)}"
        yield f"From log {self.origin}, {self.head.size} entries, root {self.head.root.hex()}"


def to_csv(table: Table, source: Provenance, names: Mapping[str, str] = NO_NAMES) -> str:
    """Comment lines begin with `#`; a cell that a spreadsheet would take for a formula gets an apostrophe."""
    out = StringIO()
    out.writelines(f"# {line}\n" for line in _heading(table, source))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for cells in table.cells():
        writer.writerow([_harmless(_text(cell, names)) for cell in cells])
    return out.getvalue()


def to_json(table: Table, source: Provenance, names: Mapping[str, str] = NO_NAMES) -> str:
    """One object: about the report, then its rows as objects."""
    report = {
        "report": table.code,
        "title": table.title,
        "basis": table.basis,
        "since": _plain(table.period.since, names),
        "until": _plain(table.period.until, names),
        "notes": list(table.notes),
        "exported_by": source.by,
        "exported_at": write_instant(source.at),
        "log": {"origin": source.origin, "size": source.head.size, "root": source.head.root.hex()},
        "rows": [dict(zip(table.columns, (_plain(c, names) for c in cells), strict=True)) for cells in table.cells()],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def to_text(table: Table, source: Provenance, names: Mapping[str, str] = NO_NAMES) -> str:
    """For the terminal and the printer: one block of `column: value` lines for each row, empty values left out."""
    width = max(map(len, table.columns), default=0)
    blocks = [
        "\n".join(
            f"  {column:<{width}}  {_text(cell, names)}"
            for column, cell in zip(table.columns, cells, strict=True)
            if _text(cell, names)
        )
        for cells in table.cells()
    ]
    return "\n\n".join(["\n".join(_heading(table, source)), *(blocks or ["  (no rows)"])]) + "\n"


def export_leaf(table: Table, form: str, by: str, content: bytes, client: str | None = None) -> Leaf:
    """What the log must say of an export: which report, who took it, and the hash of what was taken."""
    return leaf(
        Kind.EXPORT,
        report=table.code,
        format=form,
        by=by,
        client=client,
        rows=len(table.rows),
        content_hash=sha256(content).hexdigest(),
        since=table.period.since,
        until=table.period.until,
    )


def _heading(table: Table, source: Provenance) -> Iterator[str]:
    yield table.title
    yield table.basis
    since, until = (_text(at, NO_NAMES) for at in (table.period.since, table.period.until))
    yield f"From {since or 'the beginning'} to {until or 'the end of the log'}"
    yield from source.lines()
    yield from table.notes


def _plain(cell: Any, names: Mapping[str, str]) -> Any:
    match cell:
        case datetime():
            return write_instant(cell)
        case date():
            return cell.isoformat()
        case tuple():
            return [_plain(part, names) for part in cell]
        case str():
            return names.get(cell, cell)
        case _:
            return cell


def _text(cell: Any, names: Mapping[str, str]) -> str:
    plain = _plain(cell, names)
    if isinstance(plain, bool):
        return "yes" if plain else ""
    return "; ".join(map(str, plain)) if isinstance(plain, list) else "" if plain is None else str(plain)


def _harmless(cell: str) -> str:
    """On one line, and never a formula."""
    flat = "".join(letter if letter.isprintable() else " " for letter in cell)
    return f"'{flat}" if flat.lstrip().startswith(("=", "+", "-", "@")) else flat
