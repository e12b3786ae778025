"""clock: what the engine thinks of the time, and a person's word about it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import typer

from service import clock_guard
from service.cli.common import ByOption, ConfigOption, NowOption, engine_of, os_user, out, when

app = typer.Typer(no_args_is_help=True, help="The clock that decisions are made by.")


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="clock", rich_help_panel="Operate")


@app.command()
def show(config: ConfigOption = None, now: NowOption = None) -> None:
    """The time, and when work was last done. Exits with 1 where the clock was set back and everything waits."""
    with engine_of(config, now) as engine, engine.database.read() as conn:
        seen, zone = clock_guard.read(engine, conn), ZoneInfo(engine.settings.zone)
    out.print(f"now        {when(seen.now, zone)}\nlast work  {when(seen.latest, zone)}")
    if seen.behind:
        out.print(f"[red]The clock was set back by {seen.behind}: nothing is decided or sent until it is right.[/]")
        raise typer.Exit(1)


@app.command()
def accept(by: ByOption = None, config: ConfigOption = None, now: NowOption = None) -> None:
    """The clock is right now: it was ahead when work was last done. Stated in the audit log."""
    with engine_of(config, now) as engine:
        seen, zone = clock_guard.accept(engine, by or os_user()), ZoneInfo(engine.settings.zone)
    out.print(f"Going on from {when(seen.now, zone)}; {when(seen.latest, zone)} was a mistake of the clock.")
