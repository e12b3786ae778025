"""The sheet on one page of paper, for the meeting of jail and providers: the four measures large, the others below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import letter
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import KeepInFrame, Paragraph, SimpleDocTemplate, Spacer, Table

from audit.pdf import BOLD, PLAIN, register_fonts
from audit.render import Provenance
from service.measures.plots import figure, short
from service.measures.sheet import Block, Row, Sheet

_LARGE = ("bookings", "stays", "connected", "rebooked")
"""The four measures of Stepping Up."""
_INK, _SOFT, _RULE, _BAR, _KEPT = (HexColor(c) for c in ("#1b2430", "#55635f", "#c9c4ba", "#0f6a61", "#c9c4ba"))
_MARGIN = 34


def _style(size: float, *, bold: bool = False, soft: bool = False, after: float = 0) -> ParagraphStyle:
    return ParagraphStyle(
        f"s{size}{bold}{soft}",
        fontName=BOLD if bold else PLAIN,
        fontSize=size,
        leading=size * 1.28,
        textColor=_SOFT if soft else _INK,
        spaceAfter=after,
    )


_TITLE, _LINE, _HEAD, _HEADLINE = (
    _style(17, bold=True, after=2),
    _style(8.5),
    _style(9.5, bold=True),
    _style(8.5, bold=True),
)
_SOFT_LINE, _SMALL_HEAD, _CELL, _FOOT = (
    _style(7, soft=True),
    _style(7.5, bold=True),
    _style(6.6),
    _style(6.3, soft=True),
)


def to_pdf(sheet: Sheet, source: Provenance) -> bytes:
    """One page of US letter paper, upright. What is kept back is a pale stub of one length, whatever it is."""
    register_fonts()
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=letter,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=28,
        bottomMargin=24,
        title=sheet.title,
        author=source.by,
        subject=f"measures {sheet.period}",
        creator="Warmlink",
        lang=sheet.language,
    )
    width = document.width - 12
    document.build([KeepInFrame(width, document.height - 12, list(_story(sheet, source, width)), mode="shrink")])
    return out.getvalue()


def _story(sheet: Sheet, source: Provenance, width: float) -> Iterator[Any]:
    yield Paragraph(escape(sheet.title), _TITLE)
    yield Paragraph(escape(f"{sheet.organisation}. {sheet.subtitle}. {sheet.closed}"), _LINE)
    yield Spacer(0, 6)
    large = [block for code in _LARGE for block in sheet.blocks if block.code == code]
    yield _grid([_large(block, sheet, width / 2 - 16) for block in large], 2, width)
    if sheet.trend:
        yield Spacer(0, 4)
        yield Paragraph(escape(str(sheet.words["trend"])), _SMALL_HEAD)
        yield _months(sheet, width)
    yield Spacer(0, 4)
    small = [block for block in sheet.blocks if block.code not in _LARGE]
    yield _columns([_small(block, sheet, width / 3 - 12) for block in small], width)
    yield Spacer(0, 4)
    for note in sheet.notes:
        yield Paragraph(escape(note), _FOOT)
    yield Paragraph(escape(". ".join(source.lines())), _FOOT)


def _large(block: Block, sheet: Sheet, width: float) -> list[Any]:
    of = f" {block.of}." if block.of else ""
    head = [Paragraph(escape(block.title), _HEAD)]
    head += [Paragraph(escape(block.headline), _HEADLINE)] if block.headline else []
    about = Paragraph(escape(block.about + of), _SOFT_LINE)
    total = Paragraph(escape(f"{sheet.words['total']}: {figure(block.total)}"), _SMALL_HEAD)
    return [*head, about, Spacer(0, 3), _bars(block.rows, block.total, width), total]


def _bars(rows: Sequence[Row], total: int | None, width: float) -> Drawing:
    line, label = 13.0, 118.0
    room = width - label - 62
    most = total or max([row.count or 0 for row in rows] or [0]) or 1
    drawing = Drawing(width, line * len(rows))
    for n, row in enumerate(rows):
        y = line * (len(rows) - 1 - n)
        long = 24.0 if row.count is None else room * row.count / most
        drawing.add(
            String(label - 5, y + 3.5, row.label, fontName=PLAIN, fontSize=6.8, fillColor=_INK, textAnchor="end")
        )
        drawing.add(
            Rect(label, y + 2, long, 8, fillColor=_KEPT if row.count is None else _BAR, strokeWidth=0, strokeColor=None)
        )
        said = figure(row.count, row.share)
        drawing.add(String(label + long + 5, y + 3.5, said, fontName=BOLD, fontSize=6.8, fillColor=_INK))
    return drawing


def _months(sheet: Sheet, width: float) -> Drawing:
    room, height = width / max(len(sheet.trend), 6), 52.0
    most = max([count or 0 for _, _, count in sheet.trend] or [0]) or 1
    drawing = Drawing(width, height + 24)
    for n, (_, name, count) in enumerate(sheet.trend):
        tall, x = (7.0 if count is None else height * count / most), n * room
        colour = _KEPT if count is None else _BAR
        drawing.add(Rect(x + room * 0.2, 12, room * 0.6, tall, fillColor=colour, strokeWidth=0, strokeColor=None))
        for y, said, font in ((14 + tall, figure(count), BOLD), (3, short(name), PLAIN)):
            middle = x + room * 0.5
            drawing.add(String(middle, y, said, fontName=font, fontSize=6.5, fillColor=_INK, textAnchor="middle"))
    return drawing


def _small(block: Block, sheet: Sheet, width: float) -> list[Any]:
    rows = [(row.label, figure(row.count, row.share)) for row in block.rows]
    rows.append((str(sheet.words["total"]), figure(block.total)))
    table = Table(
        [
            [Paragraph(escape(label), _CELL), Paragraph(f'<para align="right">{escape(said)}</para>', _CELL)]
            for label, said in rows
        ],
        colWidths=[width * 0.64, width * 0.36],
        style=[
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, _RULE),
            ("TOPPADDING", (0, 0), (-1, -1), 0.4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ],
    )
    of = f" ({block.of})" if block.of else ""
    return [Paragraph(escape(block.title + of), _SMALL_HEAD), table, Spacer(0, 4)]


def _grid(cells: Sequence[Any], columns: int, width: float) -> Table:
    rows = [list(cells[n : n + columns]) for n in range(0, len(cells), columns)] or [[]]
    rows[-1] += [""] * (columns - len(rows[-1]))
    return Table(rows, colWidths=[width / columns] * columns, style=[
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("BOX", (0, 0), (-1, -1), 0.5, _RULE),
        ("INNERGRID", (0, 0), (-1, -1), 0.5, _RULE),
    ])  # fmt: skip


def _columns(blocks: Sequence[list[Any]], width: float) -> Table:
    """Three columns of about the same height, filled in the order of the blocks."""
    total = sum(map(_height, blocks)) or 1.0
    columns: list[list[Any]] = [[], [], []]
    passed = 0.0
    for block in blocks:
        columns[min(2, int(3 * (passed + _height(block) / 2) / total))] += block
        passed += _height(block)
    return Table(
        [columns],
        colWidths=[width / 3] * 3,
        style=[("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, 0), 0)],
    )


def _height(block: list[Any]) -> float:
    return float(sum(part.wrap(160, 1000)[1] for part in block))
