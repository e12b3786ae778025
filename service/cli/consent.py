"""consent: what clients have signed, revoked, refused; and the rules against vectors in the published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from config import Refuse
from consent import FLOOR, load_rulebook
from consent.check import Checked, run_vectors
from consent.emit_fhir import emit_bundle
from consent.history import current, elements, entries_as_of
from consent.intake import Unfit, as_record
from consent.intake_csv import emit_csv
from consent.vocabulary import RevocationMethod, Scope
from records import StaffId
from service import broken_glass, circumstances, consents
from service.cli.common import ConfigOption, NowOption, engine_of, out, parse_instant, table, when
from service.cli.policy import duration
from service.rules import read_rulebook

app = typer.Typer(no_args_is_help=True, help="What clients have signed, revoked and refused.")

Client = Annotated[str, typer.Argument(help="The provider's number of the client.", metavar="CLIENT")]
Org = Annotated[str | None, typer.Option(help="Whose client, where two organisations use the number.")]
By = Annotated[str, typer.Option(help="Who records this.")]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="consent", rich_help_panel="Consent and policy")
    root.command("break-glass", rich_help_panel="Consent and policy")(break_glass)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help=".csv, .jsonl (published schema) or .json (FHIR R4).")],
    by: By,
    org: Org = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Record the consents of a file. A form that reads otherwise than before is a correction; nothing is overwritten."""
    with engine_of(config, now) as engine:
        done = consents.import_file(engine, file, org=org, by=by)
    out.print(f"Recorded {done.recorded}, unchanged {done.unchanged}.")
    for fault in done.faults:
        out.print(f"[yellow]{fault}[/]", soft_wrap=True)
    if done.unknown:
        lines = ", ".join(map(str, done.unknown[:20]))
        out.print(f"[yellow]{len(done.unknown)} of clients on no roster, not recorded: line {lines}[/]")
    if done.unknown or done.faults:
        raise typer.Exit(65)


@app.command()
def add(
    client: Client,
    record: Annotated[Path, typer.Option(help="The form in the published schema (JSON).")],
    by: By,
    scan: Annotated[Path | None, typer.Option(help="The scanned form; its hash is kept.")] = None,
    org: Org = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Put one consent on file."""
    try:
        read = as_record(json.loads(record.read_text("utf-8")))
    except (OSError, ValueError, Unfit) as fault:
        why = str(fault) if isinstance(fault, Unfit) else "it is not JSON"
        raise Refuse(f"{record.name} is no consent: {why}") from None
    with engine_of(config, now) as engine:
        consents.add(engine, client, read, org=org, by=by, scan=scan)
    out.print("Recorded.")


@app.command()
def revoke(
    client: Client,
    consent: Annotated[str, typer.Argument(help="The id of the consent.", metavar="CONSENT")],
    by: By,
    method: Annotated[Literal["written", "oral"], typer.Option(help="How it was received.")] = "written",
    take_back: Annotated[bool, typer.Option("--take-back", help="Also retract what is still open.")] = False,
    org: Org = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """End a consent at this instant. What is queued is asked about again before it is sent, and stopped."""
    with engine_of(config, now) as engine:
        consents.revoke(engine, client, consent, org=org, method=RevocationMethod(method), by=by, take_back=take_back)
    out.print("Revoked.")


@app.command()
def history(
    client: Client,
    org: Org = None,
    as_of: Annotated[str | None, typer.Option(help="Only what stood at this instant: 2026-03-10T14:00-05:00.")] = None,
    config: ConfigOption = None,
) -> None:
    """Everything that was ever recorded for a client, or what stood at an instant, with the elements that each form lacks."""
    with engine_of(config) as engine:
        entries = consents.entries(engine, client, org)
        zone = ZoneInfo(engine.settings.zone)
    if as_of is not None:
        entries = entries_as_of(entries, parse_instant(as_of))
    rows = table("recorded", "by", "act", "consent", "type", "base", "lacks")
    for entry in entries:
        lacking = [e.element.value for e in elements(entry.record) if not e.present]
        form = entry.record
        cells = (entry.recorded_by, entry.act.value, form.id, form.type.value, form.base.value, ", ".join(lacking))
        rows.add_row(when(entry.recorded_at, zone), *cells)
    nothing = "No consent was on file then." if as_of else "No consent was ever recorded for this client."
    out.print(rows if entries else nothing)


@app.command()
def expiring(
    within: Annotated[str, typer.Option(help="How far ahead: 30d, 6w.")] = "30d",
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Consents that end soon, soonest first."""
    with engine_of(config, now) as engine:
        found = consents.expiring(engine, duration(within))
        zone = ZoneInfo(engine.settings.zone)
    rows = table("ends", "organisation", "client", "consent")
    for org, client, consent, over in found:
        rows.add_row(when(over, zone), org, client, consent)
    out.print(rows if found else f"No consent ends within {within}.")


@app.command()
def export(
    client: Client,
    form: Annotated[Literal["csv", "fhir"], typer.Option("--format", help="csv or fhir.")] = "fhir",
    org: Org = None,
    config: ConfigOption = None,
) -> None:
    """A client's consents as they are on file now, as CSV or as a FHIR R4 Bundle."""
    with engine_of(config) as engine:
        records = current(tuple(consents.entries(engine, client, org)))
    typer.echo(emit_csv(records) if form == "csv" else emit_bundle(records))


@app.command("opt-out")
def opt_out(
    client: Client,
    by: By,
    scope: Annotated[Scope, typer.Option(help="What the client wants no part of.")] = Scope.ALL,
    org: Org = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """The client wants no part of this from now on."""
    with engine_of(config, now) as engine:
        circumstances.opt_out(engine, client, scope, org=org, by=by)
    out.print("Recorded.")


@app.command("opt-in")
def opt_in(client: Client, by: By, org: Org = None, config: ConfigOption = None, now: NowOption = None) -> None:
    """End the client's opt-outs. It does not stand for a consent."""
    with engine_of(config, now) as engine:
        circumstances.opt_in(engine, client, org=org, by=by)
    out.print("Recorded.")


@app.command("circumstances")
def set_circumstances(
    client: Client,
    file: Annotated[
        Path, typer.Option("--set", help="Guardian, restrictions, merger, death: JSON as in docs/consent.md.")
    ],
    by: By,
    org: Org = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Record what else the rules must know of a client. Earlier entries stay in the history."""
    try:
        stated = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise Refuse(f"{file.name} is not JSON") from fault
    with engine_of(config, now) as engine:
        circumstances.record(engine, client, stated, org=org, by=by)
    out.print("Recorded.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Scenarios in the published schema, one JSON object a line.")],
    to: Annotated[Path | None, typer.Option("--out", help="Write every result here, one JSON object a line.")] = None,
    profile: Annotated[
        Literal["county", "federal-floor"], typer.Option(help="What the scenarios assume.")
    ] = "federal-floor",
    book: Annotated[Path | None, typer.Option(help="A rule book of your own instead of the shipped one.")] = None,
) -> None:
    """Run scenarios against the rules and print what differs. Exit code 1 when any does."""
    rules = read_rulebook(book) if book else load_rulebook(profile if profile != FLOOR else FLOOR)
    with file.open(encoding="utf-8") as lines:
        results = list(run_vectors(lines, rules))
    for result in results:
        if not result.passed:
            _print_failed(result)
    if to is not None:
        to.write_text("".join(result.as_json() + "\n" for result in results), "utf-8")
    passed = sum(result.passed for result in results)
    out.print(f"{passed} passed, {len(results) - passed} failed, under rule set {rules.version}.")
    if passed < len(results):
        raise typer.Exit(1)


def _print_failed(result: Checked) -> None:
    out.print(f"line {result.line} {result.id} {result.title}", markup=False, soft_wrap=True)
    for line in [result.problem] if result.problem else result.differences:
        out.print(f"    {line}", markup=False, soft_wrap=True)


def break_glass(
    client: Client,
    by: Annotated[str, typer.Option(help="The clinician who must know.", metavar="STAFF")],
    reason: Annotated[str, typer.Option(help="Why now, in words.")],
    org: Org = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """A clinician who is not assigned says why they must know now. It stands for hours, and is reviewed."""
    with engine_of(config, now) as engine:
        made = broken_glass.declare(engine, client, StaffId(by), reason, org=org)
        zone = ZoneInfo(engine.settings.zone)
    out.print(f"Declared ({made.declaration}). It stands until {when(made.until, zone)}; compliance will review it.")
