"""Bars over days, drawn by the server: no script, and what may not be told is not in the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from service.desks.measures import Cell

HEIGHT, BASE, TOP = 190, 160, 16


@dataclass(frozen=True, slots=True)
class Column:
    """One day: all bookings, and those that were matched. None is a count that is kept back."""

    day: date
    x: float
    width: float
    total: int | None
    matched: int | None
    y: float
    height: float
    matched_y: float
    matched_height: float


@dataclass(frozen=True, slots=True)
class Plot:
    columns: tuple[Column, ...]
    lines: tuple[tuple[int, float], ...]
    """(value, y) of the guide lines."""
    width: int = 720
    height: int = HEIGHT
    base: int = BASE


def bars(all_of: Sequence[Cell], part_of: Sequence[Cell]) -> Plot:
    most = max([c.count or 0 for c in all_of] or [0]) or 1
    step = next(s for s in (5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if most / s <= 4.5)
    scale = (BASE - TOP) / (-(-most // step) * step)
    room = (720 - 48) / max(len(all_of), 1)
    width = min(room * 0.62, 56)
    lines = tuple((v, round(BASE - v * scale, 1)) for v in range(0, -(-most // step) * step + 1, step))
    columns = tuple(
        _column(a, p, 44 + n * room + (room - width) / 2, width, scale)
        for n, (a, p) in enumerate(zip(all_of, part_of, strict=True))
    )
    return Plot(columns, lines)


def _column(whole: Cell, part: Cell, x: float, width: float, scale: float) -> Column:
    total, matched = (whole.count or 0) * scale, (part.count or 0) * scale
    return Column(
        day=date.fromisoformat(whole.label),
        x=round(x, 1),
        width=round(width, 1),
        total=whole.count,
        matched=part.count,
        y=round(BASE - total, 1),
        height=round(total, 1),
        matched_y=round(BASE - matched, 1),
        matched_height=round(matched, 1),
    )
