"""alerts list, show, ack, outcome; outbox list, retry: what became of each alert, and answering without a browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from alerts import dead_letters
from alerts.followup import (
    Appointment,
    Contact,
    ContactMode,
    Disposed,
    Disposition,
    FirstContact,
    Initiator,
    Outcome,
    Reason,
    Verdict,
)
from alerts.keys import PrivateKey
from config import Refuse
from records import StaffId
from service import reading, tracing
from service.cli.common import (
    ConfigOption,
    JsonOption,
    NowOption,
    engine_of,
    out,
    parse_instant,
    print_json,
    table,
    when,
)
from service.clinic_sheet import read_sheet, send_sheet
from service.desks import inbox

alerts_app = typer.Typer(no_args_is_help=True, help="Alerts: who has which, and what became of it.")
outbox_app = typer.Typer(no_args_is_help=True, help="What waits to be delivered, and what gave up.")

Alert = Annotated[str, typer.Argument(help="The alert's id, or its first letters.", metavar="ALERT")]
Key = Annotated[Path, typer.Option(help="Your private key file: it says who you are.")]


class Answer(Enum):
    """Verdicts as they are typed."""

    SEEN = "seen"
    MINE = "mine"
    NOT_MY_CLIENT = "not-my-client"
    NOT_MY_CASELOAD = "not-my-caseload"
    CANNOT_ACT = "cannot-act"


MEANT = {
    Answer.SEEN: Verdict.SEEN,
    Answer.MINE: Verdict.IS_MY_CLIENT,
    Answer.NOT_MY_CLIENT: Verdict.NOT_MY_CLIENT,
    Answer.NOT_MY_CASELOAD: Verdict.NOT_ON_MY_CASELOAD,
    Answer.CANNOT_ACT: Verdict.CANNOT_ACT,
}


class Report(Enum):
    """What can be reported."""

    CONTACT = "contact"
    DISPOSITION = "disposition"
    FIRST_CONTACT = "first-contact"
    APPOINTMENT = "appointment"


CODES = {
    Report.CONTACT: tuple(m.value for m in ContactMode),
    Report.DISPOSITION: tuple(d.value for d in Disposition),
    Report.FIRST_CONTACT: ("",),
    Report.APPOINTMENT: ("made", "kept"),
}


def register(root: typer.Typer) -> None:
    root.add_typer(alerts_app, name="alerts", rich_help_panel="Read alerts")
    root.add_typer(outbox_app, name="outbox", rich_help_panel="Operate")


@alerts_app.command("list")
def list_alerts(
    staff: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state, such as stuck.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alerts by opaque id, recipient, kind and state. Whom they are about needs the recipient's key."""
    with engine_of(config) as engine:
        found, zone = tracing.alerts(engine, staff, state), ZoneInfo(engine.settings.zone)
    if as_json:
        print_json(found)
        return
    rows = table("alert", "for", "kind", "match", "state", "since")
    rows.columns[0].no_wrap = True
    for line in found:
        rows.add_row(line.alert, line.recipient, line.kind, line.match, line.state, when(line.created_at, zone))
    out.print(rows if found else "There are no alerts.")


@alerts_app.command()
def show(alert: Alert, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What happened to one alert: every try of every channel, every answer, every step up the ladder."""
    with engine_of(config) as engine:
        found, zone = tracing.trace(engine, tracing.find(engine, alert)), ZoneInfo(engine.settings.zone)
    if as_json:
        print_json(found)
        return
    line = found.line
    out.print(f"{line.alert}  {line.kind} ({line.match}) for {line.recipient}: {line.state}, thread {line.thread}")
    rows = table("when", "what", "by", "code")
    done = [(t.at, f"{t.channel} {t.result}", "", t.code) for t in found.tries]
    done += [(h.at, h.what, h.by, h.code) for h in found.happenings]
    for at, what, by, code in sorted(done, key=lambda row: row[0]):
        rows.add_row(when(at, zone), what, by, code)
    out.print(rows)


@alerts_app.command()
def ack(
    alert: Alert,
    verdict: Annotated[Answer, typer.Argument(help="Your answer.")],
    key: Key,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Answer an alert: mine, not-my-client, not-my-caseload, cannot-act."""
    with engine_of(config, now) as engine:
        by = reading.holder(engine, PrivateKey.load(key))
        ref = tracing.find(engine, alert, by)
        earlier = inbox.answer(engine, ref, by, MEANT[verdict], via="terminal")
    out.print(f"Recorded: {verdict.value}.")
    if earlier is not None:
        out.print(f"[yellow]{earlier} took this booking on before you.[/]")


@alerts_app.command()
def outcome(
    alert: Alert,
    what: Annotated[Report, typer.Argument(help="What you report.")],
    key: Key,
    code: Annotated[str, typer.Argument(help="How: in_jail_visit, phone ...; diverted ...; made or kept.")] = "",
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="When it was.", show_default="now")] = None,
    initiator: Annotated[Initiator | None, typer.Option(help="Of a contact: who began it.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Of a contact: what it was about.")] = None,
    note: Annotated[str, typer.Option(help="In your own words; rests sealed.")] = "",
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Report what came of an alert: alerts outcome k3xq contact phone --key me.jwk."""
    with engine_of(config, now) as engine:
        by = reading.holder(engine, PrivateKey.load(key))
        ref = tracing.find(engine, alert, by)
        done = _outcome(what, code, parse_instant(at) if at else engine.clock())
        if isinstance(done, Contact):
            done = replace(done, initiator=initiator, reason=reason)
        new = inbox.report(engine, ref, by, done, note)
    out.print("Recorded." if new else "That was recorded before.")


def _outcome(what: Report, code: str, at: datetime) -> Outcome:
    if code not in CODES[what]:
        known = ", ".join(filter(None, CODES[what])) or "no code"
        raise Refuse(f"{what.value} takes one of: {known}")
    match what:
        case Report.CONTACT:
            return Contact(at, ContactMode(code))
        case Report.DISPOSITION:
            return Disposed(at, Disposition(code))
        case Report.FIRST_CONTACT:
            return FirstContact(at)
        case Report.APPOINTMENT:
            return Appointment(at, kept=code == "kept")


@alerts_app.command("clinic-sheet")
def clinic_sheet(
    alert: Alert,
    key: Key,
    sheet: Annotated[Path, typer.Option(help="What the clinic should know, as JSON; see docs/alerts.md.")],
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Send the jail's clinic what it needs, sealed to its key, if the rules allow it for the clinic."""
    with engine_of(config, now) as engine:
        by = reading.holder(engine, PrivateKey.load(key))
        filled = read_sheet(_bytes(sheet))
        done = send_sheet(engine, tracing.find(engine, alert, by), by, filled)
    out.print(f"Sealed for the clinic {done.clinic} as {done.alert}: {', '.join(done.told)}. The next cycle sends it.")
    if done.withheld:
        out.print(f"[yellow]Left out, because the rules do not allow it: {', '.join(done.withheld)}.[/]")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Refuse(f"{path.name} cannot be read") from fault


@outbox_app.command("list")
def list_outbox(
    state: Annotated[str | None, typer.Option(help="queued, leased, delivered, withdrawn or dead.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits and what gave up, with the reason. Delivered entries only if asked for."""
    with engine_of(config) as engine:
        zone = ZoneInfo(engine.settings.zone)
        with engine.database.read() as conn:
            found = [
                e for e in dead_letters.entries(conn, state=state) if state or e.state in {"queued", "leased", "dead"}
            ]
    if as_json:
        print_json(found)
        return
    rows = table("entry", "for", "channel", "state", "#tries", "code", "next")
    rows.columns[0].no_wrap = True  # `outbox retry` needs the whole of it
    for e in found:
        rows.add_row(e.ref, e.recipient, e.channel, e.state, str(e.attempts), e.code, when(e.next_at, zone))
    out.print(rows if found else "Nothing waits and nothing gave up.")


@outbox_app.command()
def retry(
    entry: Annotated[str | None, typer.Argument(help="The entry's id.", metavar="ENTRY", show_default=False)] = None,
    staff: Annotated[str | None, typer.Option(help="Everything that gave up on this person.")] = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Queue what gave up again; the next cycle sends it, if it still may be sent."""
    if (entry is None) == (staff is None):
        raise Refuse("give either an entry or --staff")
    with engine_of(config, now) as engine, engine.database.write() as conn:
        if entry is not None:
            dead_letters.retry(conn, entry, now=engine.clock())
        count = 1 if staff is None else dead_letters.retry_for(conn, StaffId(staff), now=engine.clock())
    out.print(f"{count} queued again.")
