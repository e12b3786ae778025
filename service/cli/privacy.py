"""unit, edge: the programs of a neutral deployment."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from service.engine import system_clock
from service.neutral import run
from service.neutral.settings import JailSettings, ProviderSettings, UnitSettings, load

edge_app = typer.Typer(no_args_is_help=True, help="A jail's or a provider's side of a neutral unit.")
PANEL = "Neutral unit"
File = Annotated[Path, typer.Argument(help="Its configuration (TOML).", metavar="FILE")]


def register(root: typer.Typer) -> None:
    root.command(rich_help_panel=PANEL)(unit)
    root.add_typer(edge_app, name="edge", rich_help_panel=PANEL)


def unit(file: File) -> None:
    """Compare encodings that cannot be read here, apply the consent rules, pass sealed bookings on, forget. Until SIGTERM."""
    run.run_unit(load(UnitSettings, file), system_clock, _until_stopped())


@edge_app.command()
def jail(file: File) -> None:
    """Send each booking to the unit under a key of its own. Nothing comes back. Until SIGTERM."""
    run.run_jail(load(JailSettings, file), system_clock, os.environ, _until_stopped())


@edge_app.command()
def provider(file: File) -> None:
    """Answer the unit with candidates and decoys, take what it releases, alert the clinicians. Until SIGTERM."""
    run.run_provider(load(ProviderSettings, file), system_clock, os.environ, _until_stopped())


def _until_stopped() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
