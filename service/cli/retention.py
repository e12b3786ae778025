"""audit hold, audit purge: what must not be destroyed yet, and what has to be."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from service import retention
from service.cli.audit import app as audit_app
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

app = typer.Typer(no_args_is_help=True, help="Legal holds: what may not be destroyed.")


def register(root: typer.Typer) -> None:
    del root
    audit_app.add_typer(app, name="hold")
    audit_app.command("purge")(purge)


@app.command("place")
def place(
    client: Annotated[str | None, typer.Option(help="One client, by their number on the roster.")] = None,
    org: Annotated[str | None, typer.Option(help="Whose client.")] = None,
    booking: Annotated[str | None, typer.Option(help="One booking, by its reference from `warmlink explain`.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All content there is.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Stop every destruction of what is named, until the hold is lifted."""
    if everything == (client is not None or booking is not None):
        raise typer.BadParameter("say --client, --booking or --everything")
    with engine_of(config, now) as engine:
        name = retention.place_hold(engine, by or os_user(), client=client, org=org, booking=booking)
    out.print(f"Hold {name} is in force.", soft_wrap=True)


@app.command("lift")
def lift(
    hold: Annotated[str, typer.Argument(help="The hold's name.", metavar="HOLD")],
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Lift a hold. What waited for that is destroyed by the next purge."""
    with engine_of(config, now) as engine:
        retention.lift_hold(engine, hold, by or os_user())
    out.print(f"Hold {hold} is lifted.", soft_wrap=True)


@app.command("list")
def list_holds(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the holds in force."""
    with engine_of(config) as engine:
        found, zone = list(retention.list_holds(engine)), ZoneInfo(engine.settings.zone)
    if as_json:
        print_json(found)
        return
    rows = table("hold", "covers", "since", "placed by")
    for hold in found:
        rows.add_row(
            hold.ref, f"{hold.subject_kind} {hold.subject or ''}".strip(), when(hold.placed_at, zone), hold.placed_by
        )
    out.print(rows if found else "No hold is in force.")


def purge(
    rehearse: Annotated[bool, typer.Option("--dry-run", help="Count what would go; destroy nothing.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy the content whose time has come. The first cycle of each day (UTC) does the same by itself."""
    with engine_of(config, now) as engine:
        done = retention.run(engine, by or os_user(), rehearse=rehearse)
    if as_json:
        print_json(done)
        return
    counts = ", ".join(f"{reason} {count}" for reason, count in sorted(done.destroyed.items())) or "nothing"
    out.print(f"{'Would destroy' if rehearse else 'Destroyed'}: {counts}. Kept by a legal hold: {done.held}.")
    if done.days:
        out.print(f"Keys of {done.days} days are destroyed; {done.carried} bookings of those days stay.")
