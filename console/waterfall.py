"""The evidence of a match as a waterfall: each field's bits in turn, up to the weight of the link."""

from __future__ import annotations

from dataclasses import dataclass

from service.desks.review import Doubt

WIDTH, ROW = 560, 30
_LABELS, _VALUES = 190, 64


@dataclass(frozen=True, slots=True)
class Bar:
    """One step, in units of the drawing. `sign` is plus, minus, none or total."""

    field: str
    level: str
    bits: float
    sign: str
    x: float
    width: float
    y: int
    ends: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    bars: tuple[Bar, ...]
    zero: float
    height: int
    width: int = WIDTH


def waterfall(doubt: Doubt) -> Waterfall:
    """Steps of the fields that say something, then what the rarity of the values adds or takes, then the sum.

    The prior (how rare it is at all that a booking is of a client) is part of the last step but one.
    """
    steps = [(e.field, e.level, e.bits) for e in doubt.evidence if e.level != "missing"]
    rest = doubt.weight - sum(bits for _, _, bits in steps)
    steps.append(("rarity", "", rest))
    sums = [0.0]
    for _, _, bits in steps:
        sums.append(sums[-1] + bits)
    low, high = min(*sums, 0.0), max(*sums, 1.0)
    room = WIDTH - _LABELS - _VALUES

    def place(value: float) -> float:
        return round(_LABELS + (value - low) / (high - low) * room, 1)

    bars = [
        _bar(name, level, bits, (place(before), place(before + bits)), n)
        for n, ((name, level, bits), before) in enumerate(zip(steps, sums, strict=False))
    ]
    total = _bar("total", "", doubt.weight, (place(0.0), place(doubt.weight)), len(bars))
    return Waterfall((*bars, total), place(0.0), ROW * (len(bars) + 1) + 6)


def _bar(field: str, level: str, bits: float, ends: tuple[float, float], number: int) -> Bar:
    start, end = ends
    sign = "total" if field == "total" else "plus" if bits > 0.05 else "minus" if bits < -0.05 else "none"
    left, width = min(start, end), max(abs(end - start), 2.0)
    return Bar(field, level, bits, sign, left, round(width, 1), number * ROW + 4, end)
