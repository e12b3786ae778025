"""The contents page: every command, in the order in which an operator meets it."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from config import Refuse, Retry, TellPerson, WarmlinkError
from service.cli import (
    alerts,
    audit,
    backups,
    clock,
    configuration,
    consent,
    demonstration,
    encoding,
    feeds,
    going_live,
    health,
    inbox,
    linkage,
    measures,
    operate,
    people,
    policy,
    privacy,
    reports,
    retention,
    web,
)
from service.hygiene import seal_process

EXIT = ((Retry, 75), (Refuse, 65), (TellPerson, 78))
"""Exit codes by what the caller should do (sysexits.h): try again later, do not ask again, tell a person."""

app = typer.Typer(
    name="warmlink",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback shows local variables, and they hold people
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tells a behavioural-health clinician, within the hour, that a client was booked into jail, and tells nobody else.",
    epilog="Exit codes: 0 done, 65 refused, 70 our fault, 75 try again later, 78 a person must act. See docs/operator.md.",
)
for room in (
    demonstration,
    operate,
    going_live,
    health,
    backups,
    clock,
    configuration,
    feeds,
    people,
    consent,
    policy,
    inbox,
    alerts,
    audit,
    reports,
    retention,
    measures,
    web,
    linkage,
    encoding,
    privacy,
):
    room.register(app)


@app.callback()
def options(
    _show: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=lambda given: _version() if given else None, help="Print it and stop."
        ),
    ] = False,
) -> None:
    """What every command may be given."""


def _version() -> None:
    typer.echo(f"warmlink {version('warmlink')}")
    raise typer.Exit


def main() -> None:
    """Run a command. A fault of ours ends in one sentence; any other names its place and kind, never what it held."""
    seal_process()
    try:
        app()
    except WarmlinkError as fault:
        _say(str(fault))
        sys.exit(next((code for kind, code in EXIT if isinstance(fault, kind)), 1))
    except Exception as fault:  # noqa: BLE001 - the message of an unforeseen error may hold a person
        place = traceback.extract_tb(fault.__traceback__)[-1]
        _say(f"unforeseen fault {type(fault).__name__} at {Path(place.filename).name}:{place.lineno}; please report it")
        sys.exit(70)


def _say(text: str) -> None:
    Console(stderr=True, highlight=False).print("warmlink:", style="bold red", end=" ")
    Console(stderr=True, highlight=False, markup=False).print(text, soft_wrap=True)
