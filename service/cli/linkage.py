"""link, evaluate, model: batch linkage of two files over encodings, and how well it does."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from config import MatcherSettings, Refuse
from matcher import LinkageKey, Model, default_model
from matcher.evaluate import Accuracy, Measure
from matcher.model import Thresholds
from matcher.train import compare_models, other_changes, priced
from service.cli.common import ConfigOption, JsonOption, engine_of, out, print_json, table
from service.encodings import is_folder
from service.evaluation import evaluate as measure_all
from service.evaluation import train_on
from service.evaluation_page import page
from service.kernel import chosen
from service.link import LinkReport, run_link
from service.spark import narrowing

PANEL = "Measure the matcher"


model_app = typer.Typer(
    no_args_is_help=True, help="The linkage model: what each agreement is worth, and the thresholds."
)


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel=PANEL)(link)
    app.command(rich_help_panel=PANEL)(evaluate)
    app.add_typer(model_app, name="model", rich_help_panel=PANEL)


def link(
    roster: Annotated[Path, typer.Option(help="Clients, in the common form, or a folder of their encodings.")],
    bookings: Annotated[Path, typer.Option(help="Bookings, likewise.")],
    output: Annotated[Path, typer.Option("--out", help="Where links.csv goes.")],
    truth: Annotated[Path | None, typer.Option(help="True pairs, to measure accuracy.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model file instead of the shipped one.")] = None,
    exhaustive: Annotated[
        bool, typer.Option(help="Compare every pair instead of blocks (rosters under ~100k).")
    ] = False,
    kernel: Annotated[str, typer.Option(help="numpy, or fast with the extra `fast` installed.")] = "numpy",
    engine: Annotated[
        Literal["local", "spark"], typer.Option(help="spark spreads the comparison over a cluster.")
    ] = "local",
    master: Annotated[
        str, typer.Option(help="The cluster: spark://HOST:PORT, or local[N].", metavar="URL")
    ] = "local[*]",
    mode: Annotated[
        Literal["broadcast", "shuffle"], typer.Option(help="shuffle for years of bookings; see docs/scale.md.")
    ] = "broadcast",
    shared: Annotated[
        Path | None, typer.Option(help="A folder that driver and workers see under one path; the job's own is in it.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Link two files (.csv, .csv.gz, .parquet) over encodings: one line per link, with verdict, weight and levels.

    Either may be a folder that `warmlink encode` wrote; then the installation's linkage key opens it, and encodes the other.
    """
    files, key = (roster, bookings, output, truth), _key_for(roster, bookings, config)
    used = chosen(MatcherSettings(kernel="fast"), 0) if kernel == "fast" else kernel
    how: dict[str, Any] = {"exhaustive": exhaustive, "kernel": used}
    if engine == "spark":
        if exhaustive:
            raise Refuse("--exhaustive compares every pair: for small rosters, on one machine")
        with narrowing(master, _model(model), shared, mode=mode, kernel=used) as narrowed:
            report = _watched(*files, _model(model), key, narrowed=narrowed.index, **how)
    else:
        report = _watched(*files, _model(model), key, **how)
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


def evaluate(
    roster: Annotated[Path, typer.Option(help="Clients, in the common CSV form.")],
    bookings: Annotated[Path, typer.Option(help="Bookings, in the common CSV form.")],
    truth: Annotated[Path, typer.Option(help="True pairs.")],
    output: Annotated[Path, typer.Option("--out", help="Where the report page goes (HTML).")],
    model: Annotated[Path | None, typer.Option(help="A model file instead of the shipped one.")] = None,
    title: Annotated[str, typer.Option(help="The page's heading.")] = "Linkage evaluation",
) -> None:
    """Measure a model against truth: one self-contained page of charts, tables, errors by kind and who gets linked."""
    found = measure_all(roster, bookings, truth, model=_model(model), key=_run_key())
    output.write_text(page(found, title), "utf-8")
    out.print(accuracy_table(found.accuracy))
    out.print(f"The report is in {output}.")


@model_app.command()
def train(
    roster: Annotated[Path, typer.Option(help="Clients, in the common CSV form.")],
    bookings: Annotated[Path, typer.Option(help="Bookings, in the common CSV form; no truth is needed.")],
    output: Annotated[Path, typer.Option("--out", help="Where the model file goes.")],
    start: Annotated[
        Path | None, typer.Option("--from", help="Start from this model instead of the shipped one.")
    ] = None,
    name: Annotated[str, typer.Option(help="The model's name.")] = "trained",
    false_alert: Annotated[float, typer.Option(help="What a false alert costs, beside --missed-alert.")] = 0.0,
    missed_alert: Annotated[float, typer.Option(help="What a missed alert costs.")] = 0.0,
) -> None:
    """Learn from two files without labels. With both prices, the thresholds follow from them."""
    learned = train_on(roster, bookings, model=_model(start), key=_run_key(), name=name)
    made = learned.model
    if false_alert or missed_alert:
        made = made.model_copy(update={"thresholds": _priced(false_alert, missed_alert, made)})
    output.write_text(made.to_json(), "utf-8")
    out.print(
        f"{learned.rounds} rounds, about {learned.expected_matches:.0f} bookings of clients"
        f" ({learned.prior:.1%}); model {made.hash[:12]} in {output}. Compare it: warmlink model compare"
    )


def _priced(false_alert: float, missed_alert: float, model: Model) -> Thresholds:
    try:
        return priced(false_alert, missed_alert, model.thresholds)
    except ValueError as fault:
        raise Refuse(str(fault)) from fault


@model_app.command()
def show(
    file: Annotated[Path | None, typer.Argument(help="A model file; without one, the shipped model.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What a model holds: the worth of each agreement level in bits, prior and thresholds."""
    used = _model(file)
    if as_json:
        typer.echo(used.to_json(), nl=False)
        return
    rows = table("field", "level", "#m", "#u", "#bits")
    for field in used.fields:
        for level in field.levels:
            bits = f"{math.log2(level.m / level.u):+.2f}"
            rows.add_row(field.field, level.level, f"{level.m:.4g}", f"{level.u:.4g}", bits)
    t = used.thresholds
    out.print(f"model {used.name}, {used.hash[:16]}, encoding {used.encoding.version}")
    out.print(
        f"prior {used.prior:.3g}; ALERT from {t.alert:g} with {t.margin:g} bits of margin, REVIEW from {t.review:g}\n"
    )
    out.print(rows)


@model_app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A model file.")], b: Annotated[Path, typer.Argument(help="Another.")]
) -> None:
    """What two models weigh or decide differently. Past links keep the model they were made with."""
    old, new = _model(a), _model(b)
    changed, others = compare_models(old, new), other_changes(old, new)
    rows = table("field", "level", "#bits before", "#bits after")
    for (field, level), (was, now) in changed.items():
        rows.add_row(field, level, f"{was:+.2f}", f"{now:+.2f}")
    out.print(rows if changed else "The two models weigh alike.")
    if others:
        rest = table("setting", "before", "after")
        for place, (before, after) in others.items():
            rest.add_row(place, before, after)
        out.print(rest)


def _model(path: Path | None) -> Model:
    if path is None:
        return default_model()
    try:
        return Model.from_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise Refuse(f"the model file {path.name} cannot be read") from fault


def _key_for(roster: Path, bookings: Path, config: Path | None) -> LinkageKey:
    """Encodings of before need the key that they were made with; otherwise one of this run will do."""
    if not (is_folder(roster) or is_folder(bookings)):
        return _run_key()
    with engine_of(config) as engine:
        return engine.linkage_key


def _run_key() -> LinkageKey:
    """A key of this run only: nothing is kept that could be compared with another run's encodings."""
    return LinkageKey("batch", "batch", os.urandom(32))
