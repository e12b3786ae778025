"""A report as PDF: who took it out and when stands on every page, with page numbers and what the codes mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from importlib.resources import as_file, files
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import landscape, letter
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer

from audit.render import Provenance
from audit.report import Table
from audit.words import WORDS, heading

PLAIN, BOLD = "WarmlinkSans", "WarmlinkSans-Bold"
_MARGIN, _FOOT = 40, 46
_SIZE = 7.5
_WIDEST, _PADDING, _FRAME = 150.0, 8.0, 12.0
_INK, _RULE, _BAND = HexColor("#1b2430"), HexColor("#b8c0cc"), HexColor("#e9edf2")

_TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=16, leading=20, textColor=_INK, spaceAfter=2)
_LINE = ParagraphStyle("line", fontName=PLAIN, fontSize=9, leading=12.5, textColor=_INK)
_NOTE = ParagraphStyle("note", parent=_LINE, fontName=BOLD)
_HEAD = ParagraphStyle("head", fontName=BOLD, fontSize=_SIZE, leading=9.5, textColor=_INK)
_CELL = ParagraphStyle("cell", fontName=PLAIN, fontSize=_SIZE, leading=9.5, textColor=_INK)


@dataclass(frozen=True, slots=True)
class Reading:
    """How people read it: what codes mean, beyond our own, and the zone of the instants."""

    legend: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC


def to_pdf(table: Table, source: Provenance, reading: Reading | None = None) -> bytes:
    """Landscape on US letter paper. Columns in which no row says anything are left out, and listed."""
    reading = reading or Reading()
    register_fonts()
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=landscape(letter),
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_FOOT + 14,
        title=table.title,
        author=source.by,
        subject=table.code,
        creator="Warmlink",
        lang="en-GB",
    )
    document.build(
        list(_story(table, source, reading, document.width - _FRAME)), canvasmaker=_paged(table, source, reading)
    )
    return out.getvalue()


def _story(table: Table, source: Provenance, reading: Reading, width: float) -> Iterator[Any]:
    yield Paragraph(_shown(table.title), _TITLE)
    since, until = (_instant(at, reading.zone) for at in (table.period.since, table.period.until))
    for line in (
        *((source.organisation,) if source.organisation else ()),
        table.basis,
        f"From {since or 'the beginning'} to {until or 'the end of the log'}",
        _exported(source, reading),
        f"From log {source.origin}, {source.head.size} entries, root {source.head.root.hex()}",
    ):
        yield Paragraph(_shown(line), _LINE)
    yield Spacer(0, 6)
    for note in table.notes:
        yield Paragraph(_shown(note), _NOTE)
    yield Spacer(0, 8)
    yield from _rows(table, reading, width)
    yield from _legend(table, reading)


def _rows(table: Table, reading: Reading, width: float) -> Iterator[Any]:
    lines = [[_text(cell, reading) for cell in cells] for cells in table.cells()]
    if not lines:
        yield Paragraph("No rows.", _LINE)
        return
    said = [n for n in range(len(table.columns)) if any(line[n] for line in lines)]
    silent = [heading(name) for n, name in enumerate(table.columns) if n not in said]
    head = [heading(table.columns[n]) for n in said]
    body = [[line[n] for n in said] for line in lines]
    yield LongTable(
        [[Paragraph(_shown(name), _HEAD) for name in head], *([Paragraph(_shown(c), _CELL) for c in b] for b in body)],
        colWidths=_widths(head, body, width),
        repeatRows=1,
        style=[
            ("BACKGROUND", (0, 0), (-1, 0), _BAND),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), _PADDING / 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), _PADDING / 2),
            ("TOPPADDING", (0, 0), (-1, -1), 2.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ],
    )
    if silent:
        yield Spacer(0, 6)
        yield Paragraph(_shown(f"Columns without an entry: {', '.join(silent)}."), _LINE)


def _legend(table: Table, reading: Reading) -> Iterator[Any]:
    """The meaning of every code that occurs, in alphabetical order."""
    known = {**WORDS, **reading.legend}
    parts = (
        part for cells in table.cells() for cell in cells for part in (cell if isinstance(cell, tuple) else (cell,))
    )
    used = sorted({part for part in parts if isinstance(part, str) and part in known})
    if used:
        yield Spacer(0, 10)
        yield Paragraph("What the codes mean", _NOTE)
    for code in used:
        yield Paragraph(f'<font name="{BOLD}">{_shown(code)}</font>: {_shown(known[code])}', _CELL)


def _widths(head: Sequence[str], body: Sequence[Sequence[str]], width: float) -> list[float]:
    """In proportion to what the columns hold; no word of a heading is ever broken."""
    least = [max(pdfmetrics.stringWidth(w, BOLD, _SIZE) for w in name.split()) + _PADDING for name in head]
    wish = [
        min(_WIDEST, max(low, *(pdfmetrics.stringWidth(line[n], PLAIN, _SIZE) + _PADDING for line in body)))
        for n, low in enumerate(least)
    ]
    spare = width - sum(least)
    extra = [want - low for want, low in zip(wish, least, strict=True)]
    share = min(1.0, spare / total) if (total := sum(extra)) else 0.0
    return [low + more * share for low, more in zip(least, extra, strict=True)]


def _paged(table: Table, source: Provenance, reading: Reading) -> type[Any]:
    """A canvas that knows the number of pages before it writes the foot of the first."""

    class Paged(Canvas):  # type: ignore[misc]  # a base without types
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - the library's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                self._foot(number, len(self._pages))
                super().showPage()
            super().save()

        def _foot(self, number: int, of: int) -> None:
            right = self._pagesize[0] - _MARGIN
            self.setStrokeColor(_RULE)
            self.setFillColor(_INK)
            self.line(_MARGIN, _FOOT, right, _FOOT)
            self.setFont(PLAIN, 7)
            self.drawString(_MARGIN, _FOOT - 10, _clean(f"{table.title} ({table.code}). {_exported(source, reading)}"))
            self.drawString(
                _MARGIN, _FOOT - 19, _clean(f"{source.organisation}. Root {source.head.root.hex()}".lstrip(". "))
            )
            self.drawRightString(right, _FOOT - 10, f"Page {number} of {of}")

    return Paged


def _exported(source: Provenance, reading: Reading) -> str:
    return f"Exported by {source.by} at {_instant(source.at, reading.zone)}"


def _text(cell: Any, reading: Reading) -> str:
    match cell:
        case None | False:
            return ""
        case True:
            return "yes"
        case datetime():
            return _instant(cell, reading.zone)
        case date():
            return cell.isoformat()
        case tuple():
            return ", ".join(_text(part, reading) for part in cell)
        case _:
            return _clean(str(cell))


def _instant(at: datetime | None, zone: tzinfo) -> str:
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _clean(text: str) -> str:
    """Composed letters, which the font has where it lacks loose accents; and nothing that does not print."""
    return "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))


def _shown(text: str) -> str:
    return escape(_clean(text))


def register_fonts() -> None:
    """Make our fonts known under the names PLAIN and BOLD."""
    for name, file in ((PLAIN, "DejaVuSans.ttf"), (BOLD, "DejaVuSans-Bold.ttf")):
        if name not in pdfmetrics.getRegisteredFontNames():
            with as_file(files("audit") / "fonts" / file) as path:
                pdfmetrics.registerFont(TTFont(name, str(path)))
