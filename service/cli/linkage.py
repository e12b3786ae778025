"""link: batch linkage of two files, over encodings and without a database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from matcher import LinkageKey, Model, default_model
from matcher.evaluate import Accuracy, Measure
from service.cli.common import JsonOption, out, print_json, table
from service.link import LinkReport, run_link

PANEL = "Measure the matcher"


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel=PANEL)(link)


def link(
    roster: Annotated[Path, typer.Option(help="Clients, in the common CSV form (.csv or .csv.gz).")],
    bookings: Annotated[Path, typer.Option(help="Bookings, in the common CSV form.")],
    output: Annotated[Path, typer.Option("--out", help="Where links.csv goes.")],
    truth: Annotated[Path | None, typer.Option(help="True pairs, to measure accuracy.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model file instead of the shipped one.")] = None,
    exhaustive: Annotated[
        bool, typer.Option(help="Compare every pair instead of blocks (rosters under ~100k).")
    ] = False,
    kernel: Annotated[str, typer.Option(help="numpy, or fast with the extra `fast` installed.")] = "numpy",
    as_json: JsonOption = False,
) -> None:
    """Link two files over encodings: one line per link, with verdict, weight and an agreement level per field."""
    used = Model.from_json(model.read_text("utf-8")) if model else default_model()
    key = LinkageKey("batch", "batch", os.urandom(32))  # of this run only: nothing is kept that could be compared later
    report = _watched(roster, bookings, output, truth, used, key, exhaustive=exhaustive, kernel=kernel)
    if as_json:
        print_json(report)
    else:
        _print(report, output)


def _watched(
    roster: Path, bookings: Path, output: Path, truth: Path | None, model: Model, key: LinkageKey, **how: object
) -> LinkReport:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("reading")
        return run_link(
            roster,
            bookings,
            output,
            truth,
            model=model,
            key=key,
            progress=lambda stage, done: bar.update(task, description=f"{stage} {done:,}"),
            **how,  # type: ignore[arg-type]  # exhaustive and kernel, as typed above
        )


def _print(report: LinkReport, output: Path) -> None:
    counts = ", ".join(f"{verdict.value} {count}" for verdict, count in report.verdicts.items())
    out.print(f"{report.clients:,} clients, {report.bookings:,} bookings, {report.candidates:,} candidates compared")
    out.print(f"bookings by verdict: {counts}; links in {output}; model {report.model_hash[:12]}")
    for bad in report.bad_rows[:20]:
        out.print(f"  [yellow]left out[/] {bad.file} line {bad.line}: {bad.reason}")
    if len(report.bad_rows) > 20:
        out.print(f"  [yellow]... and {len(report.bad_rows) - 20} more rows[/]")
    if report.accuracy is not None:
        out.print(accuracy_table(report.accuracy))


def accuracy_table(found: Accuracy) -> Table:
    """Precision, recall and F1 at the verdicts and at the best threshold that hindsight could choose."""
    rows = table("against truth", "#precision", "#recall", "#F1", "#true", "#false", "#missed")
    for name, m in (
        ("at ALERT", found.alert),
        ("at ALERT + REVIEW", found.alert_or_review),
        (f"best reachable, p >= {found.best_threshold:.3g}", found.best),
    ):
        rows.add_row(name, *_ratios(m), str(m.true_positives), str(m.false_positives), str(m.missed))
    return rows


def _ratios(m: Measure) -> tuple[str, str, str]:
    return f"{m.precision:.4f}", f"{m.recall:.4f}", f"{m.f1:.4f}"
