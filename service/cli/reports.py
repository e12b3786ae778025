"""audit report(s), audit events, disclosures, access-report: who was told, who looked, and whether all was as it must be."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from audit.accounting import Accounting
from audit.report import Period
from config import Refuse
from service import reports
from service.cli.audit import app as audit_app
from service.cli.common import ByOption, ConfigOption, NowOption, engine_of, os_user, out, table
from service.engine import Engine
from service.reports import Wish

PANEL = "Prove"

Format = Annotated[Literal["text", "csv", "json", "pdf"], typer.Option("--format", help="PDF needs --out.")]
Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="From when on: 6y, 90d, a day, or an instant with its offset.")
]
AsOf = Annotated[str | None, typer.Option(metavar="WHEN", help="Up to when; now, if not given.")]
OutFile = Annotated[Path | None, typer.Option("--out", help="A file instead of the terminal.")]
Org = Annotated[str | None, typer.Option(help="Whose client, where several organisations keep rosters.")]


def register(root: typer.Typer) -> None:
    audit_app.command("reports")(list_reports)
    audit_app.command("report")(report)
    audit_app.command("events")(events)
    root.command(rich_help_panel=PANEL)(disclosures)
    root.command("access-report", rich_help_panel=PANEL)(access_report)


def list_reports() -> None:
    """List every report and the question it answers."""
    rows = table("report", "answers")
    for code, answers in reports.catalogue():
        rows.add_row(code, answers)
    out.print(rows)


def report(
    code: Annotated[str, typer.Argument(help="Which report: see `warmlink audit reports`.", metavar="CODE")],
    client: Annotated[str | None, typer.Option(help="The client's number on the roster.")] = None,
    org: Org = None,
    person: Annotated[str | None, typer.Option(help="Of one member of staff, for reports on access.")] = None,
    since: Since = None,
    as_of: AsOf = None,
    form: Format = "text",
    file: OutFile = None,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Make a report. Who took it, and the hash of what was taken, are in the log first."""
    with engine_of(config, now) as engine:
        wish = Wish(code, by or os_user(), client, org, person, _when(engine, since), _when(engine, as_of))
        _give(engine, wish, form, file)


def disclosures(
    client: Annotated[str, typer.Argument(help="The client's number on the roster.", metavar="CLIENT")],
    law: Annotated[
        Literal["hipaa", "part2", "intermediary"] | None,
        typer.Option(help="Only what an accounting under this law must list; everything, if not given."),
    ] = None,
    org: Org = None,
    since: Since = None,
    form: Format = "text",
    file: OutFile = None,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Who was told about this client, what, when and why."""
    laws = {"hipaa": Accounting.HIPAA, "part2": Accounting.PART2, "intermediary": Accounting.INTERMEDIARY}
    code = (laws[law] if law else Accounting.EVERYTHING).value
    with engine_of(config, now) as engine:
        _give(engine, Wish(code, by or os_user(), client, org, since=_when(engine, since)), form, file)


def access_report(
    unusual: Annotated[bool, typer.Option("--unusual", help="Only what stands out.")] = False,
    person: Annotated[str | None, typer.Option(help="Only this member of staff.")] = None,
    since: Since = None,
    form: Format = "text",
    file: OutFile = None,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Who looked at what, and who was refused."""
    code = "access_unusual" if unusual else "access"
    with engine_of(config, now) as engine:
        _give(engine, Wish(code, by or os_user(), person=person, since=_when(engine, since)), form, file)


def events(
    file: Annotated[Path, typer.Option("--out", help="Where the events go, one JSON object a line.")],
    fhir: Annotated[bool, typer.Option("--fhir", help="As FHIR R4 AuditEvent resources.")] = False,
    since: Since = None,
    as_of: AsOf = None,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Write every entry of a period for another system's audit repository."""
    if not fhir:
        raise Refuse("say --fhir; the log as it is comes from `warmlink audit export`")
    with engine_of(config, now) as engine:
        period = Period(_when(engine, since), _when(engine, as_of))
        count = reports.export_events(engine, file, by or os_user(), period)
    out.print(f"Wrote {count} events to {file}.", soft_wrap=True)


def _when(engine: Engine, text: str | None) -> datetime | None:
    return reports.moment(text, engine.clock(), ZoneInfo(engine.settings.zone)) if text else None


def _give(engine: Engine, wish: Wish, form: str, file: Path | None) -> None:
    if form == "pdf" and file is None:
        raise Refuse("a PDF goes to a file: say --out FILE")
    made = reports.produce(engine, wish)
    content = reports.export(engine, made, form)
    if file is None:
        typer.echo(content.decode(), nl=False)
    else:
        file.write_bytes(content)
        out.print(f"Wrote {file}: {made.table.title}, {len(made.table.rows)} rows.", soft_wrap=True)
