"""backup, restore, fence: encrypted copies, and going on from one without telling anybody twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from service.backups import listed
from service.backups import release as releasing
from service.backups.make import make
from service.backups.restore import Restored, Restorer
from service.cli.common import (
    ByOption,
    ConfigOption,
    JsonOption,
    NowOption,
    clock_of,
    engine_of,
    os_user,
    out,
    print_json,
    settings_of,
    table,
    when,
)
from service.feeds import configured

PANEL = "Operate"


def register(app: typer.Typer) -> None:
    for command in (backup, restore, fence):
        app.command(rich_help_panel=PANEL)(command)


def backup(
    show: Annotated[bool, typer.Option("--list", help="List the backups that there are, and make none.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write an encrypted copy of the database, read it back, and remove copies that are too old."""
    if show:
        _list(config, as_json=as_json)
        return
    with engine_of(config, now) as engine:
        made = make(engine, by or os_user(), os.environ)
    if as_json:
        print_json({"path": made.path, "pruned": made.pruned, "note": made.note.model_dump(mode="json")})
        return
    count = sum(made.note.rows.values())
    out.print(
        f"Wrote [bold]{made.path}[/]: {count} rows, {made.note.size / 1e6:.1f} MB, and read it back.", soft_wrap=True
    )
    out.print(f"The master key opens it; keep the two apart. {made.pruned} old backups were removed.")


def _list(config: Path | None, *, as_json: bool) -> None:
    settings = settings_of(config)
    known = listed(settings.at(settings.backup.folder))
    if as_json:
        print_json([{"path": each.path, **each.note.model_dump(mode="json")} for each in known])
        return
    rows = table("made", "#rows", "#MB", "#log entries", "file")
    for each in known:
        note, zone = each.note, ZoneInfo(settings.zone)
        values = (str(sum(note.rows.values())), f"{note.size / 1e6:.1f}", str(note.log_size))
        rows.add_row(when(note.made_at, zone), *values, each.path.name)
    out.print(rows)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup; its manifest lies beside it.", metavar="FILE")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Restore into a database that is thrown away: a drill.")
    ] = False,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on from a backup, into an empty database. Nothing is sent before a person says so: `warmlink fence`."""
    settings = configured(settings_of(config))
    restorer = Restorer(settings, file, os.environ, clock_of(now, settings.profile), os.urandom)
    done = restorer.rehearse() if verify else restorer.restore(by or os_user())
    if as_json:
        print_json({**_plain(done), "rehearsal": verify})
    else:
        _print(done, ZoneInfo(settings.zone), rehearsal=verify)
    if not done.verified:
        raise typer.Exit(78)


def _plain(done: Restored) -> dict[str, object]:
    since = done.since
    return {
        "backup_made_at": done.note.made_at,
        "rows": done.rows,
        "log_entries": done.log_size,
        "from_the_journal": done.adopted,
        "from_the_shelf": done.from_the_shelf,
        "log_verifies": done.verified,
        "sent_since": since.sent,
        "destroyed_since": since.destroyed,
        "lost_consents": since.lost_consents,
        "lost_keys": sorted(since.lost_keys),
        "lost_feed_tokens": sorted(since.lost_feeds),
        "shut_accounts": sorted(since.shut_accounts),
        "unaccounted": sorted(since.unaccounted),
        "read_again": done.read_again,
        "unread": done.unread,
    }


def _print(done: Restored, zone: ZoneInfo, *, rehearsal: bool) -> None:
    since = done.since
    out.print(
        f"[bold]{'The backup is whole' if rehearsal else 'Restored'}[/]: made {when(done.note.made_at, zone)}, {done.rows} rows."
    )
    verdict = "verifies" if done.verified else "[red]does not verify[/]"
    out.print(
        f"The audit log {verdict}: {done.log_size} entries, {done.adopted} of them from the journal, {done.from_the_shelf} from the shelf."
    )
    out.print(f"Since then: {since.sent} deliveries known as sent, {since.destroyed} destructions done again.")
    if since.lost_consents:
        out.print(
            f"[red]{since.lost_consents} consent entries are lost:[/] import them again before anything is let go."
        )
    for code in sorted(since.unaccounted):
        out.print(f"[red]Not known to have come back:[/] {releasing.TO_DO[code]}", soft_wrap=True)
    if since.lost_feeds:
        out.print(f"[yellow]Feeds that need a new token:[/] {', '.join(sorted(since.lost_feeds))}")
    if since.shut_accounts:
        out.print(
            f"[yellow]Accounts changed since, shut until an administrator looks:[/] {', '.join(sorted(since.shut_accounts))}"
        )
    if since.lost_keys:
        out.print(f"[yellow]Keys to enrol again:[/] {', '.join(sorted(since.lost_keys))}")
    if rehearsal:
        out.print(
            f"{len(since.deliveries)} deliveries came in since; a restore would read them again from the archive."
        )
        return
    out.print(f"{done.read_again} deliveries were read again from the archive.")
    for each in done.unread:
        out.print(f"  [yellow]not read again, ask the source:[/] {each}", soft_wrap=True)
    out.print("Nothing is sent before somebody says so: [bold]warmlink fence[/]")


def fence(
    release: Annotated[bool, typer.Option("--release", help="Let it go: the fence is taken down.")] = False,
    consents_are_back: Annotated[
        bool, typer.Option("--consents-are-back", help="The provider's consents were imported again since the restore.")
    ] = False,
    confirm: Annotated[
        list[str] | None, typer.Option("--confirm", metavar="CODE", help="This was seen to: staff, shelf.")
    ] = None,
    withhold: Annotated[
        list[str] | None, typer.Option("--withhold", metavar="ALERT", help="Do not send this one.")
    ] = None,
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is held since a restore, and letting it go."""
    with engine_of(config, now) as engine:
        zone = ZoneInfo(engine.settings.zone)
        if release:
            count = releasing.release(
                engine,
                by or os_user(),
                consents_are_back=consents_are_back,
                confirmed=confirm or (),
                withhold=withhold or (),
            )
            out.print(f"{count} entries are queued again; they go out with the next cycle.")
            return
        found = releasing.waiting(engine)
    if as_json:
        print_json(found)
        return
    out.print(f"Restored {when(found.fence.restored_at, zone)} from a backup of {when(found.fence.backup_at, zone)}.")
    if found.lost_consents:
        out.print(
            f"[red]{found.lost_consents} consent entries of {found.of_clients} clients, recorded after the backup, are lost.[/]"
            " Nothing is told about these clients."
        )
    for code in found.unaccounted:
        out.print(f"[red]{code}:[/] {releasing.TO_DO.get(code, code)}", soft_wrap=True)
    if found.fence.shut:
        out.print("Alerts cannot be opened before the fence is taken down.")
    rows = table("channel", "#held", "#sent before, by the log", "oldest")
    for each in found.held:
        rows.add_row(each.channel, str(each.count), str(each.sent), when(each.oldest, zone))
    out.print(rows)
    for entry, alert in found.entries:
        out.print(f"  [dim]{entry}[/]  alert {alert}")
