"""Drawings of a sheet as SVG: bars without a script or a style, and what is kept back is hatched, never drawn to scale."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from service.measures.sheet import DASH, Block, Sheet

_BAR = "#0f6a61"
_HATCH = Markup(
    '<defs><pattern id="{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line x1="0" y1="0" x2="0" y2="6" stroke="#8a938f" stroke-width="2"/></pattern></defs>'
)
_LEFT, _BAR_ROOM, _RIGHT, _LINE = 236, 200, 100, 24


def bars(block: Block) -> Markup:
    """A bar a row, against the whole where it is shown, else against the greatest row that is."""
    most = block.total or max([row.count or 0 for row in block.rows] or [0]) or 1
    name = f"hatch-{block.code}"
    lines = [_HATCH.format(id=name)]
    for n, row in enumerate(block.rows):
        y = n * _LINE
        width = _BAR_ROOM * (row.count or 0) / most
        drawn = (
            Markup('<rect x="{x}" y="{y}" width="{w:.1f}" height="14" rx="2" fill="{fill}"/>').format(
                x=_LEFT, y=y + 5, w=max(width, 1 if row.count else 0), fill=_BAR
            )
            if row.count is not None
            else Markup('<rect x="{x}" y="{y}" width="44" height="14" rx="2" fill="url(#{id})"/>').format(
                x=_LEFT, y=y + 5, id=name
            )
        )
        end = _LEFT + (44 if row.count is None else width) + 8
        lines += [
            _text(_LEFT - 10, y + 17, row.label, "end"),
            drawn,
            _text(end, y + 17, figure(row.count, row.share)),
        ]
    return _svg(Markup("").join(lines), _LEFT + _BAR_ROOM + _RIGHT, len(block.rows) * _LINE + 4, block.title)


def months(sheet: Sheet) -> Markup:
    """Bookings of clients by month."""
    trend = sheet.trend
    most = max([count or 0 for _, _, count in trend] or [0]) or 1
    room = 660 / max(len(trend), 6)
    columns = [_HATCH.format(id="hatch-months")]
    for n, (_, name, count) in enumerate(trend):
        x, height = 10 + n * room, 110 * (count or 0) / most
        kept = count is None
        columns.append(
            Markup('<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="2" fill="{fill}"/>').format(
                x=x,
                y=130 - (12 if kept else height),
                w=room * 0.62,
                h=12 if kept else height,
                fill="url(#hatch-months)" if kept else _BAR,
            )
        )
        columns.append(_text(x + room * 0.31, 126 - (12 if kept else height), figure(count), "middle"))
        columns.append(_text(x + room * 0.31, 148, short(name), "middle"))
    return _svg(Markup("").join(columns), 680, 156, str(sheet.words["trend"]))


def figure(count: int | None, part: int | None = None) -> str:
    """A count as it is shown: grouped, with its share; a dash where it is kept back."""
    if count is None:
        return DASH
    return f"{count:,}" if part is None else f"{count:,} ({part} %)"


def short(name: str) -> str:
    """`October 2026*` as `Oct 26*`."""
    month, _, year = name.partition(" ")
    return f"{month[:3]} {year[2:]}"


def _text(x: float, y: float, words: str, anchor: str = "start") -> Markup:
    return Markup(
        '<text x="{x:.1f}" y="{y:.1f}" font-size="13" fill="currentColor" text-anchor="{a}">{words}</text>'
    ).format(x=x, y=y, a=anchor, words=words)


def _svg(inside: Markup, width: float, height: float, label: str) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {w:g} {h:g}" role="img" aria-label="{label}">{inside}</svg>').format(
        w=width, h=height, label=label, inside=inside
    )


def drawings(sheet: Sheet) -> Sequence[tuple[Block, Markup]]:
    return [(block, bars(block)) for block in sheet.blocks]
