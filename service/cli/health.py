"""doctor: is there anything that a person has to mend?"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from config import ConfigError
from service.cli.common import ConfigOption, JsonOption, NowOption, clock_of, out, print_json, settings_of
from service.doctor import CHECKS, State, examine

_COLOURS = {State.WELL: "green", State.WARNING: "yellow", State.FAULT: "red"}


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Operate")(doctor)


def doctor(
    only: Annotated[list[str] | None, typer.Option("--only", help=f"One of: {', '.join(CHECKS)}.")] = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at feeds, keys, clock, mail, disk, database, certificates and backups. Exit code 1 when a person has to act."""
    if unknown := sorted(set(only or ()) - set(CHECKS)):
        raise ConfigError(f"--only {unknown[0]}: choose of {', '.join(CHECKS)}")
    settings = settings_of(config)
    found = examine(settings, clock=clock_of(now, settings.profile), environment=os.environ, only=only or ())
    if as_json:
        print_json(found)
    else:
        for each in found:
            colour = _COLOURS[each.state]
            out.print(f"[{colour}]{each.state.value:<8}[/] {each.check:<13} {each.words}", soft_wrap=True)
            if each.action:
                out.print(f"{'':<23}[dim]{each.action}[/]", soft_wrap=True)
    if any(each.state is State.FAULT for each in found):
        raise typer.Exit(1)
