"""go-live: from shadow to live, in two steps."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from service import go_live
from service.cli.common import (
    ByOption,
    ConfigOption,
    JsonOption,
    NowOption,
    engine_of,
    os_user,
    out,
    print_json,
    table,
    when,
)
from service.go_live import Forecast


def register(app: typer.Typer) -> None:
    app.command("go-live", rich_help_panel="Operate")(go_live_command)


def go_live_command(
    code: Annotated[str | None, typer.Option("--confirm", metavar="CODE", help="The second step: go.")] = None,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave shadow: first see what would have been sent to whom, then confirm with the code that it printed."""
    who = by or os_user()
    with engine_of(config, now) as engine:
        zone = ZoneInfo(engine.settings.zone)
        if code is not None:
            withdrawn = go_live.confirm(engine, code, who)
            out.print(
                f"[bold]Live.[/] From the next cycle on, alerts leave. {withdrawn} entries that waited were withdrawn."
            )
            return
        made = go_live.propose(engine, who)
    if as_json:
        print_json(made)
        return
    _print(made.forecast, zone)
    out.print(f"\nIf that is what people agreed to: [bold]warmlink go-live --confirm {made.code}[/] within a day.")


def _print(forecast: Forecast, zone: ZoneInfo) -> None:
    out.print(f"In shadow since {when(forecast.since, zone)}, {forecast.days} days. Nothing was sent to anybody.\n")
    rows = table("recipient", "#messages", "#a day", "#busiest day")
    for load in forecast.loads:
        rows.add_row(load.recipient, str(load.total), f"{load.a_day:.1f}", str(load.busiest_day))
    out.print(rows)
    if not forecast.loads:
        out.print("[yellow]Nobody would have been told anything: are consents, assignments and the directory there?[/]")
    out.print(f"\ndenied by the rules     {forecast.denied}")
    out.print(f"doubtful matches a day  {forecast.reviews_a_day:.1f}")
    out.print(f"bookings held as known  {forecast.baseline} (they will not be told of)")
