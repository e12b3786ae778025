"""inbox, open: what a clinician does where there is no browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from alerts.keys import PrivateKey
from alerts.render import render_text
from records import AlertRef
from service import reading
from service.cli.common import ConfigOption, JsonOption, NowOption, engine_of, out, print_json, table, when

PANEL = "Read alerts"


def register(app: typer.Typer) -> None:
    app.command("inbox", rich_help_panel=PANEL)(list_inbox)
    app.command("open", rich_help_panel=PANEL)(open_one)


def list_inbox(
    staff: Annotated[str | None, typer.Option(help="Only this clinician's messages.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List messages by opaque id, state and age. What they say needs the clinician's key."""
    with engine_of(config) as engine:
        lines = reading.inbox_lines(engine, staff)
        zone = ZoneInfo(engine.settings.zone)
    if as_json:
        print_json(lines)
        return
    rows = table("alert", "for", "state", "since")
    for line in lines:
        rows.add_row(line.alert, line.recipient, line.state, when(line.created_at, zone))
    out.print(rows if lines else "The inbox is empty.")


def open_one(
    alert: Annotated[str, typer.Argument(help="The alert's id, from the inbox.", metavar="ALERT")],
    key: Annotated[Path, typer.Option(help="The clinician's private key file.")],
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read an alert with the clinician's own key. Consent is asked once more, and the opening is recorded."""
    with engine_of(config, now) as engine:
        content = reading.open_alert(engine, AlertRef(alert), PrivateKey.load(key))
    typer.echo(content.to_json().decode() if as_json else render_text(content))
