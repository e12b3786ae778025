"""demo: the whole job on the sample county, and a page that says what happened."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from alerts.render import render_text
from service.cli.common import out, table
from service.cli.linkage import accuracy_table
from service.demonstration import DemoResult, run_demo


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Start here")(demo)


def demo(
    folder: Annotated[
        Path | None, typer.Option("--in", help="Where to make the sample county.", show_default="a new folder")
    ] = None,
) -> None:
    """Run the whole job on a sample county (two providers, two jails, invented people) and say what happened."""
    out.print("[bold]Warmlink[/]: a week in a sample county. Every person in it is invented.\n")
    if out.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=out, transient=True) as bar:
            task = bar.add_task("")
            result = run_demo(folder, lambda words: bar.update(task, description=words))
    else:
        result = run_demo(folder, lambda words: out.print(f"  {words}"))
    _print(result)


def _print(result: DemoResult) -> None:
    _print_days(result)
    _print_decisions(result)
    if result.accuracy is not None:
        out.print(accuracy_table(result.accuracy), "")
    if result.verification is not None:
        word = "[green]intact[/]" if result.verification.good else "[bold red]NOT INTACT[/]"
        out.print(f"Audit log: {word}, {result.verification.words}")
    if result.page is not None:
        out.print(f"Audit root: {result.page.audit_root}\n")
    if result.opened is not None:
        _print_alert(result)
    _print_next(result)


def _print_days(result: DemoResult) -> None:
    headings = ("day", "#rows", "#refused", "#candidates", "#ALERT", "#REVIEW", "#NONE", "#queued", "#inbox", "#mail")
    rows = table(*headings)
    for cycle in result.cycles:
        t, sent = cycle.tally, cycle.sent.delivered
        verdicts = (t.verdicts[v] for v in ("ALERT", "REVIEW", "NONE"))
        counts = (cycle.rows, cycle.refused, t.candidates, *verdicts, t.alerts, sent["inbox"], sent["mail"])
        rows.add_row(f"{cycle.started_at:%d %b}", *map(str, counts))
    out.print(rows)
    first = result.cycles[0].tally
    out.print(
        f"A jail's first load is a baseline: {first.baseline} decisions were recorded on it and nobody was told.\n"
    )


def _print_decisions(result: DemoResult) -> None:
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for cycle in result.cycles:
        outcomes.update(cycle.tally.decisions)
        reasons.update(cycle.tally.reasons)
    rows = table("decisions (opt-in county profile)", "#")
    for name, count in sorted(outcomes.items()):
        rows.add_row(f"[bold]{name}[/]", str(count))
    for code, count in reasons.most_common():
        rows.add_row(f"  {code}", str(count))
    out.print(rows)
    delivered = sum(cycle.sent.delivered["inbox"] for cycle in result.cycles)
    out.print(
        f"{delivered} alerts sealed into inboxes; {result.notices} mail notices, all alike, without any content.\n"
    )


def _print_alert(result: DemoResult) -> None:
    assert result.opened is not None
    alert, recipient, content = result.opened
    out.print(f"What {recipient} reads after opening alert {alert} with her own key:")
    out.rule()
    typer.echo(render_text(content).rstrip())
    out.rule()


def _print_next(result: DemoResult) -> None:
    alert, recipient = (result.opened[0], result.opened[1]) if result.opened else ("ALERT", "STAFF")
    home = result.home
    out.print("\n[bold]Try next[/], with the sample county that was just made:")
    for line in (
        f"export WARMLINK_CONFIG={home}/warmlink.toml PATH=$PWD/.venv/bin:$PATH",
        "warmlink status",
        "warmlink inbox",
        f"warmlink open {alert} --key {home}/clinicians/{recipient}.jwk --now 2026-10-07T10:10:00Z",
        "warmlink explain 26-000106        # the twin of a client: nobody was told",
        "warmlink audit verify",
        "warmlink policy show               # the consent rules in plain words",
        "warmlink console --demo            # the four desks, in a browser on this machine",
    ):
        out.print(f"  {line}", soft_wrap=True)
