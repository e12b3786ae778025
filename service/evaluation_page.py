"""The evaluation as one self-contained page: charts drawn as SVG, tables, no script and nothing to fetch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from matcher.evaluate import GroupRate, Measure, Rate
from service.evaluation import Evaluation

WIDTH, HEIGHT, PAD = 640, 260, 58

_STYLE = """
:root{--ink:#1c2430;--soft:#5b6876;--line:#d7dde4;--one:#1f6feb;--two:#d1662b;--back:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa7b4;--line:#36414d;--one:#6ea8ff;--two:#f0945f;--back:#12171d}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:46rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem}p.note{color:var(--soft)}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right}
.grid{stroke:var(--line)}.one{stroke:var(--one);fill:none;stroke-width:2}.two{stroke:var(--two);fill:none;stroke-width:2}
rect.one{fill:var(--one);stroke:none}rect.two{fill:var(--two);stroke:none}.key1{color:var(--one)}.key2{color:var(--two)}
"""


def page(found: Evaluation, title: str) -> str:
    """The whole page. `title` names the data; it must not name a person."""
    parts = (
        f"<h1>{escape(title)}</h1>",
        _summary(found),
        _section("Precision and recall", _precision_recall(found)),
        _section("What a threshold would do", _thresholds(found)),
        _section("Match weights", _histogram(found)),
        _section("Stated probability and truth", _calibration(found)),
        _section("Candidates by blocking pass", _passes(found)),
        _section("Errors by kind", _errors(found)),
        *(_section(f"Who gets linked, by {escape(name)}", _groups(rows)) for name, rows in found.groups.items()),
        _section("The model", _model(found)),
    )
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{heading}</h2>{body}</section>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A heading that begins with # is of numbers."""
    numeric = [h.startswith("#") for h in headings]
    mark = ['class="n"' if n else "" for n in numeric]
    top = "".join(f"<th {m}>{escape(h.removeprefix('#'))}</th>" for h, m in zip(headings, mark, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td {m}>{escape(cell)}</td>" for cell, m in zip(row, mark, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _summary(found: Evaluation) -> str:
    a = found.accuracy
    rows = [
        (name, *_ratios(m), str(m.true_positives), str(m.false_positives), str(m.missed))
        for name, m in (
            ("at ALERT", a.alert),
            ("at ALERT or REVIEW", a.alert_or_review),
            (f"best reachable (p ≥ {a.best_threshold:.3g})", a.best),
        )
    ]
    said = (
        f"<p>{found.clients:,} clients, {found.bookings:,} bookings, {found.true_pairs:,} true pairs, linked on encodings"
        f" by model {escape(found.model.name)} ({found.model.hash[:12]}). Recall where precision is at least .99:"
        f" <strong>{a.recall_at_99:.3f}</strong>.</p>"
    )
    return said + _table(("", "#precision", "#recall", "#F1", "#true", "#false", "#missed"), rows)


def _ratios(m: Measure) -> tuple[str, str, str]:
    return f"{m.precision:.4f}", f"{m.recall:.4f}", f"{m.f1:.4f}"


def _precision_recall(found: Evaluation) -> str:
    curve = [(m.recall, m.precision) for _, m in found.points]
    low = min((y for _, y in curve), default=0.0)
    floor = math.floor(min(low, 0.9) * 10) / 10
    return _chart([("one", curve)], x=(0, 1), y=(floor, 1), labels=("recall", "precision"))


def _thresholds(found: Evaluation) -> str:
    lines = [
        ("one", [(p, m.precision) for p, m in found.points]),
        ("two", [(p, m.recall) for p, m in found.points]),
    ]
    key = '<p class="note"><span class="key1">precision</span> and <span class="key2">recall</span> by threshold on probability</p>'
    return key + _chart(lines, x=(0, 1), y=(0, 1), labels=("threshold", "share"))


def _chart(
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    labels: tuple[str, str],
) -> str:
    at_x, at_y = _scale(x, PAD, WIDTH - 10), _scale(y, HEIGHT - PAD, 10)
    grid = "".join(
        f'<line class="grid" x1="{PAD}" x2="{WIDTH - 10}" y1="{at_y(v):.1f}" y2="{at_y(v):.1f}"/>'
        f'<text x="{PAD - 6}" y="{at_y(v) + 4:.1f}" text-anchor="end">{v:.2g}</text>'
        for v in _ticks(*y)
    )
    ticks = "".join(
        f'<text x="{at_x(v):.1f}" y="{HEIGHT - PAD + 18}" text-anchor="middle">{v:.2g}</text>' for v in _ticks(*x)
    )
    drawn = "".join(
        f'<polyline class="{name}" points="{" ".join(f"{at_x(px):.1f},{at_y(py):.1f}" for px, py in points)}"/>'
        for name, points in lines
    )
    words = (
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">{labels[0]}</text>'
        f'<text x="12" y="{HEIGHT / 2}" transform="rotate(-90 12 {HEIGHT / 2})" text-anchor="middle">{labels[1]}</text>'
    )
    name = f"{labels[1]} against {labels[0]}"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">{grid}{ticks}{drawn}{words}</svg>'


def _scale(domain: tuple[float, float], start: float, stop: float) -> Callable[[float], float]:
    low, high = domain
    return lambda value: start + (value - low) / ((high - low) or 1) * (stop - start)


def _ticks(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / 5 for step in range(6)]


def _histogram(found: Evaluation) -> str:
    """Counts on a square-root scale: the few true links must stay visible beside the many others."""
    if not found.weights:
        return "<p>No link was reported.</p>"
    low, high = math.floor(min(w for w, _ in found.weights)), math.ceil(max(w for w, _ in found.weights))
    size = max(1, math.ceil((high - low) / 40))
    bins = {edge: [0, 0] for edge in range(low, high + 1, size)}
    for weight, true in found.weights:
        bins[low + int((weight - low) // size) * size][true] += 1
    tallest = max(max(pair) for pair in bins.values()) or 1
    at_x = _scale((low, high + size), PAD, WIDTH - 10)
    wide = max(1.0, (at_x(low + size) - at_x(low)) / 2 - 1)
    bars = "".join(
        f'<rect class="{name}" x="{at_x(edge) + side * wide:.1f}" width="{wide:.1f}"'
        f' y="{HEIGHT - PAD - tall:.1f}" height="{tall:.1f}"/>'
        for edge, pair in bins.items()
        for side, name, tall in (
            (0, "one", math.sqrt(pair[1] / tallest) * (HEIGHT - PAD - 10)),
            (1, "two", math.sqrt(pair[0] / tallest) * (HEIGHT - PAD - 10)),
        )
    )
    ticks = "".join(
        f'<text x="{at_x(v):.1f}" y="{HEIGHT - PAD + 18}" text-anchor="middle">{v:.0f}</text>'
        for v in _ticks(low, high)
    )
    key = '<p class="note">Reported links by weight in bits: <span class="key1">true</span>, <span class="key2">false</span> (square-root scale)</p>'
    return f'{key}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="histogram of match weights">{bars}{ticks}</svg>'


def _calibration(found: Evaluation) -> str:
    rows = [
        (f"{b.low:g} to {b.high:g}", f"{b.stated:.3f}", *_rate(b.true), str(b.true.total))
        for b in found.calibration
        if b.true.total
    ]
    return _table(("stated probability", "#mean stated", "#share true", "95 % interval", "#links"), rows)


def _passes(found: Evaluation) -> str:
    rows = [(p.name, str(p.found), str(p.alone), f"{p.pairs:,}") for p in found.passes]
    c = found.candidates
    said = f"<p>Together the passes propose {c.true_positives} of {found.true_pairs} true pairs ({c.recall:.4f}).</p>"
    return said + _table(("pass", "#true pairs found", "#found by it alone", "#pairs proposed"), rows)


def _errors(found: Evaluation) -> str:
    rows = [(kind, name, str(count)) for (kind, name), count in found.errors.items()]
    return _table(("error", "kind", "#pairs"), rows) if rows else "<p>None.</p>"


def _groups(rows: Sequence[GroupRate]) -> str:
    cells = [(r.group, *_rate(r.recall), str(r.recall.total), *_rate(r.precision)) for r in rows if r.recall.total]
    return _table(("group", "#recall", "95 % interval", "#true pairs", "#precision", "95 % interval"), cells)


def _rate(rate: Rate) -> tuple[str, str]:
    low, high = rate.interval
    return (f"{rate.share:.3f}" if rate.total else "–"), (f"{low:.3f} to {high:.3f}" if rate.total else "–")


def _model(found: Evaluation) -> str:
    rows = [
        (field.field, level.level, f"{level.m:.4g}", f"{level.u:.4g}", f"{math.log2(level.m / level.u):+.2f}")
        for field in found.model.fields
        for level in field.levels
    ]
    t = found.model.thresholds
    said = f"<p>ALERT from {t.alert:g} with a margin of {t.margin:g} bits, REVIEW from {t.review:g}. u is measured anew in each roster.</p>"
    return said + _table(("field", "level", "#m", "#u", "#bits"), rows)
