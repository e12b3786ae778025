"""Reports on paper and screen: CSV, JSON and text, each with what it rests on and who took it out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    organisation: str = ""

    def lines(self) -> Iterator[str]:
        if self.organisation:
            yield self.organisation
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
        "organisation": source.organisation,
        "exported_by": source.by,
        "exported_at": write_instant(source.at),
        "log": {"origin": source.origin, "size": source.head.size, "root": source.head.root.hex()},
        "rows": [dict(zip(table.columns, (_plain(c, names) for c in cells), strict=True)) for cells in table.cells()],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def to_text(table: Table, source: Provenance, names: Mapping[str, str] = NO_NAMES) -> str:
    """For the terminal and the printer: in columns where these fit, else a block of `column: value` lines for each row."""
    rows = [[_text(cell, names) for cell in cells] for cells in table.cells()]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    fits = sum(widths) + 2 * len(widths) <= _LINE
    body = _columns([table.columns, *rows], widths) if fits else _blocks(table.columns, rows)
    return "\n\n".join(["\n".join(_heading(table, source)), body if rows else "  (no rows)"]) + "\n"


_LINE = 120


def _columns(lines: Iterable[Sequence[str]], widths: Sequence[int]) -> str:
    padded = ("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join("  " + line.rstrip() for line in padded)


def _blocks(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Empty values are left out."""
    width = max(map(len, columns))
    blocks = ([f"  {name:<{width}}  {cell}" for name, cell in zip(columns, row, strict=True) if cell] for row in rows)
    return "\n\n".join("\n".join(block) for block in blocks)


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
