"""feed add, test, status, replay, quarantine: a jail's or provider's feed, without ever seeing a name."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer
import yaml

from config import Refuse
from connectors.profile import FeedProfile
from service import feed_commands, feed_tokens
from service.cli.common import ConfigOption, JsonOption, NowOption, engine_of, out, print_json, settings_of, table, when
from service.feeds import configured
from service.pulse import beat_of, states
from store import feeds
from store.feeds import KnownDelivery

app = typer.Typer(no_args_is_help=True, help="Feeds of jails and providers.")
quarantine = typer.Typer(no_args_is_help=True, help="Rows that were set aside.")
app.add_typer(quarantine, name="quarantine")
FeedName = Annotated[str, typer.Argument(help="The feed's name.", metavar="NAME")]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="feed", rich_help_panel="Operate")


@app.command()
def add(
    name: FeedName,
    kind: Annotated[Literal["bookings", "roster"], typer.Option(help="What it delivers.")],
    transport: Annotated[str, typer.Option("--type", help="folder, sftp, json_pages, fhir_search, sql, mllp or push.")],
    mapping: Annotated[
        str, typer.Option("--map", help="A ready mapping's name, or a YAML file beside the configuration.")
    ],
    org: Annotated[str, typer.Option(help="For a roster: whose clients these are.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the transport; see docs/feeds.md."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Describe a new feed: writes feeds/NAME.yaml, checked. Secrets are named in it, never written."""
    described: dict[str, Any] = {"kind": kind, **({"org": org} if org else {}), "mapping": mapping}
    described["transport"] = {"type": transport, **dict(_pair(text) for text in settings or ())}
    file = feed_commands.add(configured(settings_of(config)), name, described)
    out.print(f"Wrote [bold]{file}[/]. Next: warmlink feed test {name} --sample FILE", soft_wrap=True)


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise Refuse("--set takes KEY=VALUE, such as --set host=sftp.example.org")
    return key, yaml.safe_load(value)


@app.command("test")
def try_out(
    name: FeedName,
    sample: Annotated[Path, typer.Option(help="A file as the source sends it.")],
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a sample looks like through the feed's mapping. Keeps nothing, shows shapes instead of values."""
    with engine_of(config, now) as engine:
        shown, twice = feed_commands.try_out(engine, name, sample)
    if as_json:
        print_json({**asdict(shown), "twice": [asdict(each) for each in twice]})
        return
    _print_profile(shown)
    for each in twice:
        out.print(f"[yellow]lines {', '.join(map(str, each.lines))} seem to be one person under several numbers[/]")


def _print_profile(shown: FeedProfile) -> None:
    read = shown.summary
    out.print(
        f"{read.rows} rows: {read.records} records ({read.flagged} flagged, {read.updates} updates),"
        f" {read.refused} refused, {read.duplicates} repeated; {read.skipped} lines skipped"
    )
    rows = table("field", "#filled", "shapes", title="\nHow often each field is filled")
    for fill in shown.fill:
        rows.add_row(fill.field, f"{fill.share:.0%}", "  ".join(fill.shapes))
    out.print(rows, markup=False)
    for number, example in enumerate(shown.examples[:3], start=1):
        words = ", ".join(f"{field} {shape}" for field, shape in example.items())
        out.print(f"example {number}: {words}", markup=False, soft_wrap=True)
    for field, reason, count in shown.flags:
        out.print(f"flagged  {count:>5}  {field}: {reason}", markup=False)
    for code, count in shown.fault_counts:
        out.print(f"refused  {count:>5}  {code}", markup=False)
    for fault in shown.faults:
        out.print(f"  line {fault.line}, {fault.field or 'row'}: {fault.reason}", markup=False)
    for remark in read.remarks:
        out.print(f"remark: {remark}", markup=False, soft_wrap=True)
    if shown.span:
        out.print(f"booked from {when(shown.span[0])} to {when(shown.span[1])}")
    out.print(f"cadence: {shown.cadence or 'not known yet (fewer than three deliveries)'}")
    out.print(f"zone: {shown.zone_doubt or 'nothing speaks against it'}", markup=False)


@app.command("status")
def show_status(
    name: Annotated[str | None, typer.Argument(help="One feed only.", metavar="NAME")] = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """How each feed is now, and what it delivered last. Exits with 1 if one is late, broken or lost news."""
    with engine_of(config, now) as engine, engine.database.read() as conn:
        at = engine.clock()
        chosen = [feed_commands.named(engine.settings, name)] if name else list(engine.settings.feeds)
        found = {one.feed: one for one in states(engine, conn, at)}
        beats = {feed.id: beat_of(engine, conn, feed, at) for feed in chosen}
        latest = {feed.id: feeds.deliveries(conn, feed.id)[-5:] for feed in chosen}
        waiting, zone = dict(feeds.open_quarantine(conn)), ZoneInfo(engine.settings.zone)
    shown = [found[feed.id] for feed in chosen]
    if as_json:
        print_json(
            [
                {**asdict(s), "cursor": None, "pulse": beats[s.feed].pulse, "set_aside": waiting.get(s.feed, 0)}
                for s in shown
            ]
        )
    else:
        rows = table("feed", "state", "pulse", "last delivery", "last success", "#set aside", "last fault")
        for s in shown:
            moments = (when(s.last_delivery_at, zone), when(s.last_ok_at, zone))
            rows.add_row(
                s.feed, s.state, beats[s.feed].pulse.value, *moments, str(waiting.get(s.feed, 0)), s.last_error or ""
            )
        out.print(rows)
        for s in shown:
            if s.gap_at:
                out.print(
                    f"[red]{s.feed}: away longer than the source keeps its news, noticed {when(s.gap_at, zone)}. Get the"
                    f" missing part, then: warmlink feed filled {s.feed}[/]",
                    soft_wrap=True,
                )
            for one in latest[s.feed]:
                out.print(
                    f"  {one.ref}  {when(one.received_at, zone)}  {one.state}  {one.reason or _again(one, zone)}",
                    soft_wrap=True,
                )
    if any(s.state not in {"ok", "new"} for s in shown):
        raise typer.Exit(1)


def _again(one: KnownDelivery, zone: ZoneInfo) -> str:
    if not one.again:
        return ""
    times = "" if one.again == 1 else f" {one.again} times"
    return f"delivered again{times}, last {when(one.again_at, zone)}: an old file, nothing was taken from it"


@app.command()
def replay(
    name: FeedName,
    delivery: Annotated[str | None, typer.Option(help="One delivery, by its name in `feed status`.")] = None,
    believe: Annotated[bool, typer.Option("--believe", help="Take it however many it lost: you looked at it.")] = False,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Read again what was received, from the sealed archive. What was taken in changes nothing."""
    with engine_of(config, now) as engine:
        done = feed_commands.replay(engine, name, delivery, believe=believe)
    for one in done:
        out.print(f"{one.delivery}: {one.rows} rows, {one.fresh} taken in, {one.still_refused} set aside")


@app.command()
def token(
    name: FeedName,
    overlap: Annotated[
        float, typer.Option("--overlap", min=0, metavar="HOURS", help="How long earlier tokens stay good.")
    ] = 24,
    revoke: Annotated[bool, typer.Option("--revoke", help="End every token of the feed now, and make none.")] = False,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """A new token for whoever pushes to this feed, shown once; earlier ones end after the overlap."""
    with engine_of(config, now) as engine:
        if revoke:
            out.print(f"tokens of {name} ended: {feed_tokens.revoke(engine, name)}")
            return
        made = feed_tokens.issue(engine, name, timedelta(hours=overlap))
    out.print(f"The token of {name}, shown once: [bold]{made}[/]", soft_wrap=True)
    out.print(f"It is sent as: Authorization: Bearer TOKEN, to /api/v1/feeds/{name}/deliveries", soft_wrap=True)


@app.command()
def filled(name: FeedName, config: ConfigOption = None) -> None:
    """The news that the source had dropped was brought in by hand."""
    with engine_of(config) as engine:
        feed_commands.fill_gap(engine, name)
    out.print(f"{name} is complete again.")


@quarantine.command("list")
def list_rows(
    name: Annotated[str | None, typer.Argument(help="One feed only.", metavar="NAME")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rows that wait for a person: place and reason, never a value."""
    with engine_of(config) as engine, engine.database.read() as conn:
        found = feeds.set_asides(conn, name)
    if as_json:
        print_json([{**row._mapping} for row in found])  # noqa: SLF001 - how SQLAlchemy names a row's columns
        return
    rows = table("row", "feed", "#line", "field", "reason")
    for row in found:
        rows.add_row(row.ref, row.feed, str(row.line), row.field, row.reason)
    out.print(rows if found else "Nothing waits.")


@quarantine.command()
def show(row: Annotated[str, typer.Argument(metavar="ROW")], config: ConfigOption = None) -> None:
    """One row that was set aside: where it stood, why, and in which delivery."""
    with engine_of(config) as engine, engine.database.read() as conn:
        found = feeds.set_aside_row(conn, row)
        zone = ZoneInfo(engine.settings.zone)
    if found is None:
        raise feed_commands.UnknownFeed(f"no row {row} was set aside")
    for label, value in (
        ("feed", found.feed), ("delivery", found.delivery), ("line", found.line), ("field", found.field),
        ("code", found.code), ("reason", found.reason), ("set aside", when(found.at, zone)), ("state", found.state),
    ):  # fmt: skip
        out.print(f"{label:<10} {value}", markup=False)


@quarantine.command()
def retry(
    row: Annotated[str, typer.Argument(metavar="ROW")],
    by: Annotated[str, typer.Option(help="Who has it read again.")],
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Read the row's delivery again, after the mapping or the programmes were mended."""
    with engine_of(config, now) as engine:
        done = feed_commands.retry(engine, row, by)
    out.print(f"{done.rows} rows read again, {done.fresh} taken in, {done.still_refused} still set aside.")


@quarantine.command()
def discard(
    row: Annotated[str, typer.Argument(metavar="ROW")],
    by: Annotated[str, typer.Option(help="Who says that nobody will mend it.")],
    config: ConfigOption = None,
) -> None:
    """Give a row up. It stays in the log."""
    with engine_of(config) as engine:
        feed_commands.discard(engine, row, by)
    out.print("Discarded.")
