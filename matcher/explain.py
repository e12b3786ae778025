"""Why a link got its weight: a waterfall of bits per field, from the prior to the probability, without any value."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from html import escape

from matcher.model import Model
from matcher.verdict import Link

LEVEL_WORDS = {
    "exact": "agrees", "nickname": "known nickname or spelling", "initial": "initial agrees", "part": "half of a double name agrees",
    "close": "one typing error apart", "similar": "similar", "swapped": "in another name field", "differ": "differs",
    "other_initial": "another initial", "day_month_swapped": "day and month swapped", "digit": "one digit apart",
    "two_parts": "two of year, month and day agree", "partial": "agrees as far as known", "other_partial": "differs as far as known",
    "street": "street and number agree", "street_close": "number agrees, street similar", "street_name": "street agrees, number does not",
    "moved_zip": "another street, same zip", "moved_city": "another street, same town", "moved": "another address",
    "zip": "same zip", "city": "same town", "elsewhere": "another town", "missing": "not known on both sides",
}  # fmt: skip
FIELD_WORDS = {
    "first": "First name", "middle": "Middle name", "last": "Last name", "suffix": "Suffix", "dob": "Date of birth",
    "sex": "Sex", "ssn4": "SSN, last four", "phone": "Phone", "address": "Address",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall."""

    label: str
    detail: str
    bits: float
    total: float
    """Bits so far, this step included."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """From the prior over each field to the final odds; `probability` also counts rival explanations."""

    steps: tuple[Step, ...]
    weight: float
    probability: float
    margin: float
    verdict: str
    reasons: tuple[str, ...]
    model_hash: str


def waterfall(link: Link, model: Model, clients: int, prior: float | None = None) -> Waterfall:
    """The steps that lead to a link's weight, for a roster of `clients`. Pure; holds levels and bits only."""
    share = model.prior if prior is None else prior
    total = math.log2(share / (1 - share) / max(clients, 1))
    steps = [Step("Before comparing", f"one of {clients} clients", total, total)]
    for each in link.levels:
        total += each.bits
        steps.append(Step(FIELD_WORDS[each.field], LEVEL_WORDS[each.level], each.bits, total))
    return Waterfall(
        tuple(steps), link.weight, link.probability, link.margin, link.verdict.value, link.reasons, model.hash
    )


def as_text(fall: Waterfall, width: int = 24) -> str:
    """The waterfall for a terminal, one line per step."""
    scale = max(abs(s.bits) for s in fall.steps) or 1.0
    lines = []
    for step in fall.steps:
        bar = ("+" if step.bits > 0 else "-") * max(1, round(abs(step.bits) / scale * width)) if step.bits else ""
        lines.append(f"{step.label:<17} {step.bits:+7.1f}  {step.total:+7.1f}  {bar:<{width}}  {step.detail}")
    because = f" ({', '.join(fall.reasons)})" if fall.reasons else ""
    lines.append(
        f"{fall.verdict}{because}: probability {fall.probability:.4f}, leads the next best by {fall.margin:.1f} bits"
    )
    return "\n".join(lines)


def as_json(fall: Waterfall) -> str:
    """The waterfall as JSON, keys sorted."""
    return json.dumps(asdict(fall), sort_keys=True)


def as_svg(fall: Waterfall) -> str:
    """The waterfall as a self-contained SVG chart. Signs and words say what colour says, for those who do not see it."""
    row, left, span = 26, 150, 420
    totals = [0.0, *(s.total for s in fall.steps)]
    low, high = min(totals), max(totals)
    scale = span / (high - low or 1.0)
    height = row * (len(fall.steps) + 1)
    parts = []
    for n, step in enumerate(fall.steps):
        start = step.total - step.bits
        x, wide = left + (min(start, step.total) - low) * scale, max(1.0, abs(step.bits) * scale)
        tone = "#1b6e3c" if step.bits > 0 else "#a3341f" if step.bits < 0 else "#777"
        y = n * row
        parts.append(f'<text x="0" y="{y + 17}">{escape(step.label)}</text>')
        parts.append(f'<rect x="{x:.1f}" y="{y + 5}" width="{wide:.1f}" height="16" fill="{tone}"/>')
        parts.append(f'<text x="{left + span + 12}" y="{y + 17}">{step.bits:+.1f} {escape(step.detail)}</text>')
    zero = left - low * scale
    parts.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height - row}" stroke="#333"/>')
    verdict = f"{fall.verdict}: probability {fall.probability:.4f}"
    parts.append(f'<text x="0" y="{height - 8}" font-weight="bold">{escape(verdict)}</text>')
    title = f"<title>{escape(verdict)}, weight {fall.weight:.1f} bits</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" role="img" font-family="sans-serif" font-size="13">'
    return head + title + "".join(parts) + "</svg>"
