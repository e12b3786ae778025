"""measures: counts for the meeting of jail and providers, closed by the calendar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from config import Refuse
from records import OrgId
from service.cli.common import ByOption, ConfigOption, NowOption, engine_of, os_user, out, when
from service.desks import measures
from service.engine import Engine
from service.measures.closing import close_due
from service.measures.sheet import Sheet


def register(root: typer.Typer) -> None:
    root.command("measures", rich_help_panel="Prove")(show)


def show(
    month: Annotated[str | None, typer.Option("--month", metavar="2026-10", help="A month.")] = None,
    period: Annotated[
        str | None,
        typer.Option("--period", metavar="2026-Q4", help="A quarter or a year; the newest month, if nothing is said."),
    ] = None,
    org: Annotated[
        str | None, typer.Option(help="Only this organisation's clients; all together, if not given.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="The one-page PDF for the meeting.")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="A file instead of the terminal.")] = None,
    form: Annotated[
        Literal["text", "csv", "json", "html", "pdf"], typer.Option("--format", help="PDF needs --out; see --sheet.")
    ] = "text",
    language: Annotated[Literal["en", "es"], typer.Option(help="Of the sheet.")] = "en",
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """The four Stepping Up measures and what goes with them. Counts of 1 to 10 are kept back.

    A month closes ten days after its end, and is never counted again. Who took a sheet is in the log.
    """
    if form == "pdf" and file is None:
        raise Refuse("a PDF goes to a file: say --out FILE, or --sheet FILE")
    with engine_of(config, now) as engine:
        close_due(engine)
        made = _made(engine, month or period, org, language)
        if made is None:
            return
        form, file = ("pdf", sheet) if sheet is not None else (form, file)
        content = measures.export(engine, made, form, by or os_user())
    if file is None:
        typer.echo(content.decode(), nl=False)
    else:
        file.write_bytes(content)
        out.print(f"Wrote {file}: {made.title}.", soft_wrap=True)


def _made(engine: Engine, period: str | None, org: str | None, language: str) -> Sheet | None:
    """The sheet; None, and a word about when there will be one, before the first month has closed."""
    choice = measures.choices(engine, None)
    months = [p for p in choice.periods if len(p) == 7 and "Q" not in p]
    if not months:
        out.print(f"No month has closed yet. The first will: {when(choice.next_at)}.", soft_wrap=True)
        return None
    return measures.sheet(engine, OrgId(org) if org else None, period or months[0], language=language)
