"""init, run, status, explain, upgrade: what the county's IT does half a day a month."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from config import ConfigError, load_known
from config.keys import KeyChanges, changes, from_text
from config.loading import read_toml
from service import explain as explaining
from service import schedule
from service.cli import encoding
from service.cli.common import (
    ConfigOption,
    JsonOption,
    NowOption,
    config_path,
    engine_of,
    out,
    plain,
    print_json,
    settings_of,
    table,
    when,
)
from service.cycle import CycleReport
from service.engine import Engine, system_clock
from service.setup import CONFIG_NAME, install
from service.status import StatusPage
from service.status import status as read_status
from service.telemetry import traced_cycle, tracing
from store import in_force, migrate, upgrading
from store.database import Database

PANEL = "Operate"


def register(app: typer.Typer) -> None:
    for command in (init, run, status, explain, upgrade):
        app.command(rich_help_panel=PANEL)(command)


def init(
    folder: Annotated[Path, typer.Argument(help="Where the installation shall live.", metavar="DIR")],
    profile: Annotated[
        Literal["production", "development"], typer.Option(help="development allows --now and mail without TLS.")
    ] = "production",
    shadow: Annotated[
        bool | None,
        typer.Option(
            "--shadow/--live",
            help="Match and decide, and tell nobody until `warmlink go-live`.",
            show_default="shadow in production",
        ),
    ] = None,
) -> None:
    """Make an installation: configuration, keys and an empty database in DIR."""
    text = (files("config") / "samples" / "warmlink.toml").read_text("utf-8")
    text = text.replace('profile = "production"', f'profile = "{profile}"')
    made = install(
        folder,
        text,
        random=os.urandom,
        now=system_clock(),
        environment=os.environ,
        shadow=(profile == "production") if shadow is None else shadow,
    )
    out.print(f"Made an installation in [bold]{made.home}[/].")
    out.print(f"  1. Move [bold]{made.backup_private}[/] to a safe: it opens every alert if a clinician's key is lost.")
    out.print(f"  2. Keep a copy of [bold]{made.settings.keys.master}[/] apart from the database's backups.")
    out.print(
        f"  3. Describe your programmes and feeds in [bold]{folder / CONFIG_NAME}[/], then: warmlink config check"
    )


def run(
    once: Annotated[bool, typer.Option("--once", help="One cycle, then stop.")] = False,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pull, link, decide, seal and send: once, or on the schedule until SIGTERM."""
    if now is not None and not once:
        raise ConfigError("--now goes with --once: a scheduler needs a clock that moves")
    with engine_of(config, now) as engine:
        if once:
            _print(watched(engine), as_json=as_json)
        else:
            worker = f"{socket.gethostname()}.{os.getpid()}"
            schedule.run_until_stopped(engine, worker, lambda report: _print(report, as_json=as_json))


def watched(engine: Engine) -> CycleReport:
    """One cycle, traced where a collector is configured, with a line that moves on a terminal."""
    with tracing(engine.settings.telemetry) as tracer:
        if not out.is_terminal:
            return traced_cycle(engine, tracer)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=out, transient=True) as bar:
            task = bar.add_task("starting")
            return traced_cycle(
                engine, tracer, lambda stage, feed: bar.update(task, description=f"{stage} {feed}".strip())
            )


def _print(report: CycleReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    tally, sent = report.tally, report.sent
    out.print(
        f"{when(report.started_at)}  deliveries {sum(report.deliveries.values())}, events {tally.events}"
        f" (replayed {tally.replayed}), verdicts {_counts(tally.verdicts)}, decisions {_counts(tally.decisions)},"
        f" alerts {tally.alerts}, delivered {_counts(sent.delivered)}"
    )
    if tally.nobody:
        out.print(
            f"  [yellow]{tally.nobody} matched with nobody assigned who could be told: see the roster's assignments[/]"
        )
    for code, count in sorted((sent.waiting + sent.dead).items()):
        out.print(f"  [yellow]{count} not delivered: {code}[/]")
    for feed, fault in report.faults.items():
        out.print(f"  [red]{feed}:[/] {fault}", markup=True)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """One page: feeds, what waits for a person, deliveries, the audit log."""
    with engine_of(config) as engine:
        page = read_status(engine)
        zone = ZoneInfo(engine.settings.zone)
    if as_json:
        print_json(page)
    else:
        _print_status(page, zone)
    if not page.healthy:
        raise typer.Exit(1)


def _print_status(page: StatusPage, zone: ZoneInfo) -> None:
    out.print(f"[bold]{'All is well' if page.healthy else 'Something waits for a person'}[/], {when(page.at, zone)}\n")
    if page.shadow:
        out.print("[yellow]In shadow: it matches and decides, and tells nobody. `warmlink go-live` ends that.[/]\n")
    if page.clock_behind_s:
        out.print(
            f"[red]The clock was set back by {timedelta(seconds=round(page.clock_behind_s))}: nothing is decided or sent until it"
            " is right. See `warmlink clock show`.[/]\n"
        )
    if page.fence is not None:
        since = when(page.fence.restored_at, zone)
        out.print(f"[red]Restored {since}: what waits to be sent is held. See `warmlink fence`.[/]\n")
    if page.shut_clients:
        out.print(f"[red]{page.shut_clients} clients are shut: a restore lost their consents. Import them again.[/]\n")
    rows = table("feed", "state", "last success", "#quarantined", "last fault")
    for feed in page.feeds:
        colour = {"ok": "green", "new": "white"}.get(feed.state, "red")
        quarantined = str(page.quarantine.get(feed.feed, 0))
        last = when(feed.last_ok_at, zone)
        rows.add_row(feed.feed, f"[{colour}]{feed.state}[/]", last, quarantined, feed.last_error or "")
    out.print(rows)
    out.print(f"\nclients on the rosters  {page.clients}")
    if page.undated:
        out.print(
            f"[yellow]without a birth date    {page.undated}: nobody can be told of their bookings; see the quarantine[/]"
        )
    for name, counts in page.tally.items():
        out.print(f"{name:<22}  {_counts(counts)}")
    if page.oldest_waiting is not None:
        out.print(f"oldest waiting since    {when(page.oldest_waiting, zone)}")
    out.print(f"last backup             {when(page.backup_at, zone)}")
    out.print(f"audit log               {page.audit_size} entries, root {page.audit_root[:16]}")


def explain(
    booking: Annotated[str, typer.Argument(help="The jail's booking number.", metavar="BOOKING")],
    agency: Annotated[str | None, typer.Option(help="Which agency's number, where several use the same.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why someone was told, why nobody was, or that the booking was never received."""
    with engine_of(config) as engine:
        found = explaining.explain(engine, booking, agency)
        zone, reasons = ZoneInfo(engine.settings.zone), engine.rulebook.reasons
    if as_json:
        print_json(found)
        return
    out.print(f"[bold]{found.answer.capitalize()}:[/] {found.because}.")
    for at, feed, kind in found.received:
        out.print(f"  {when(at, zone)}  {kind} from feed {feed}")
    for link in found.links:
        out.print(
            f"\n  [bold]{link.verdict}[/] with client {link.client}: {link.weight:+.1f} bits, p = {link.probability:.4f}"
        )
        out.print("    " + ", ".join(f"{field} {level}" for field, level in link.levels.items() if level != "missing"))
        for d in link.decisions:
            out.print(f"    {when(d.at, zone)}  {d.stage:<5} {d.decision:<7} {d.recipient}  [dim]decision {d.ref}[/]")
            for code in d.reasons:
                out.print(f"      {code}: {reasons[code].words} ({reasons[code].citation})", soft_wrap=True)
        for alert, recipient, state in link.alerts:
            out.print(f"    alert {alert} to {recipient}: {state}")


def upgrade(
    show: Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")] = False,
    back: Annotated[
        str | None, typer.Option("--back-to", metavar="VERSION", help="Go back, before an older program is installed.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to this program's version. Make a backup first."""
    if show:
        _plan(config_path(config, os.environ), as_json=as_json)
        return
    database = Database(settings_of(config).database_url())
    try:
        before = migrate.current(database)
        if back is not None:
            migrate.downgrade(database, back)
        else:
            migrate.upgrade(database)
        out.print(f"The database is at version {migrate.current(database)} (it was at {before}).")
    finally:
        database.close()
    if back is None:
        encoding.bring_up(config)


def _plan(path: Path, *, as_json: bool) -> None:
    """Of a configuration, too, that this program would refuse: that is what a plan is for."""
    database = Database(load_known(path, os.environ).database_url())
    try:
        found = upgrading.plan(database)
        with database.read() as conn:
            former = in_force.last_keys(conn)
    finally:
        database.close()
    settings = changes(read_toml(path), from_text(former) if former else None)
    if as_json:
        print_json({**plain(found), "stop_needed": found.stop_needed, "settings": plain(settings)})
        return
    _print_plan(found)
    encoding.print_expected(found, path)
    _print_settings(settings)


def _print_plan(plan: upgrading.Plan) -> None:
    out.print(f"The database is at version {plan.at or 'none'}; this program needs {plan.to}.")
    rows = table("step", "what it does", "goes back", "on SQLite")
    for step in plan.steps:
        rows.add_row(
            step.version,
            step.words,
            "yes" if step.reversible else "[red]no[/]",
            "copies a table" if step.rewrites else "",
        )
    if plan.steps:
        out.print(rows)
        out.print(f"{plan.rows} rows, {plan.bytes / 1e6:.1f} MB. All steps are one transaction.")
        out.print(
            "[bold]Stop the service[/] and make a backup first: no program works on a database of another version."
        )
    else:
        out.print("There is nothing to do.")


def _print_settings(found: KeyChanges) -> None:
    if not found.compared:
        out.print(
            "The program that worked here last did not say which settings it knew: the file is read, not compared."
        )
    for key in found.new:
        out.print(f"  [green]new[/]      {key.name} = {key.default or '(needed)'}: {key.does}", soft_wrap=True)
    for key in found.removed:
        out.print(f"  [yellow]removed[/]  {key.name}: {key.does}", soft_wrap=True)
    for key, before in found.defaults:
        out.print(f"  [yellow]default[/]  {key.name}: {before} becomes {key.default}: {key.does}", soft_wrap=True)
    for name in found.refused:
        out.print(f"  [red]refused[/]  {name}: your file sets it and this program does not know it", soft_wrap=True)
    if found.compared and not (found.new or found.removed or found.defaults or found.refused):
        out.print("The settings are the same.")
