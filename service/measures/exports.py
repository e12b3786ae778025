"""A sheet as CSV, JSON, text and one HTML file that needs nothing else. The same figures as on the page, and who took them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from io import StringIO

from jinja2 import Environment, StrictUndefined

from audit.render import Provenance
from service.measures.paper import to_pdf
from service.measures.plots import drawings, figure, months
from service.measures.sheet import Block, Sheet


def to_csv(sheet: Sheet, source: Provenance) -> bytes:
    """Comment lines begin with `#`. A count that is kept back is an empty cell, and `shown` says `no`."""
    out = StringIO()
    out.writelines(f"# {line}\n" for line in (sheet.title, sheet.subtitle, sheet.closed, *source.lines(), *sheet.notes))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("measure", "row", "scope", "period", "title", "label", "shown", "count", "share_percent"))
    for block in sheet.blocks:
        for code, label, count, share in lines(block, sheet):
            known = "no" if count is None else "yes"
            row = (block.code, code, block.scope, block.period, block.title, label, known, count, share)
            writer.writerow(["" if cell is None else cell for cell in row])
    return out.getvalue().encode()


def to_json(sheet: Sheet, source: Provenance) -> bytes:
    return (json.dumps(plain(sheet) | {"exported": list(source.lines())}, indent=2, ensure_ascii=False) + "\n").encode()


def plain(sheet: Sheet) -> dict[str, object]:
    """The sheet as JSON has it; `null` is kept back."""
    return {
        "period": sheet.period,
        "scope": sheet.scope,
        "title": sheet.title,
        "about": [sheet.subtitle, sheet.closed],
        "partial_from": sheet.partial_from or None,
        "measures": [
            {
                "measure": block.code,
                "title": block.title,
                "about": block.about,
                "headline": block.headline,
                "scope": block.scope,
                "period": block.period,
                "total": block.total,
                "rows": [
                    {"row": row.code, "label": row.label, "count": row.count, "share_percent": row.share}
                    for row in block.rows
                ],
            }
            for block in sheet.blocks
        ],
        "months": [{"month": month, "count": count} for month, _, count in sheet.trend],
        "notes": list(sheet.notes),
    }


def to_text(sheet: Sheet, source: Provenance) -> bytes:
    """For the terminal."""
    out = [sheet.title, sheet.subtitle, sheet.closed, ""]
    for block in sheet.blocks:
        out += [block.title + (f" ({block.of})" if block.of else ""), f"  {block.about}"]
        out += [f"  {block.headline}"] if block.headline else []
        out += [f"  {label:<42}{figure(count, share):>16}" for _, label, count, share in lines(block, sheet)]
        out.append("")
    out += [*sheet.notes, "", *source.lines()]
    return ("\n".join(out) + "\n").encode()


def lines(block: Block, sheet: Sheet) -> Iterator[tuple[str, str, int | None, int | None]]:
    """(row, label, count, share), the total last."""
    for row in block.rows:
        yield row.code, row.label, row.count, row.share
    yield "total", str(sheet.words["total"]), block.total, None


def to_html(sheet: Sheet, source: Provenance) -> bytes:
    """One file with its drawings in it, to be sent or printed."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("service").joinpath("measures", "sheet.html").read_text("utf-8"))
    return template.render(
        sheet=sheet,
        drawings=drawings(sheet),
        months=months(sheet),
        source=list(source.lines()),
        lines=lines,
        figure=figure,
    ).encode()


WRITERS: Mapping[str, Callable[[Sheet, Provenance], bytes]] = {
    "text": to_text,
    "csv": to_csv,
    "json": to_json,
    "html": to_html,
    "pdf": to_pdf,
}
