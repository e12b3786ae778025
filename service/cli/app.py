"""The contents page: every command, in the order in which an operator meets it."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from config import Refuse, Retry, TellPerson, WarmlinkError
from service.cli import audit, configuration, demonstration, inbox, linkage, operate, people, policy

EXIT = ((Retry, 75), (Refuse, 65), (TellPerson, 78))
"""Exit codes by what the caller should do (sysexits.h): try again later, do not ask again, tell a person."""

app = typer.Typer(
    name="warmlink",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback shows local variables, and they hold people
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tells a behavioural-health clinician, within the hour, that a client was booked into jail, and tells nobody else.",
    epilog="Exit codes: 0 done, 65 refused, 75 try again later, 78 a person must act. See docs/operator.md.",
)
for room in (demonstration, operate, configuration, people, inbox, audit, policy, linkage):
    room.register(app)


def main() -> None:
    """Run a command; a fault of ours ends in one sentence, never in a traceback with somebody's data."""
    try:
        app()
    except WarmlinkError as fault:
        Console(stderr=True, highlight=False).print(f"[bold red]warmlink:[/] {_escaped(str(fault))}")
        sys.exit(next((code for kind, code in EXIT if isinstance(fault, kind)), 1))


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
