"""unit, edge: the programs of a neutral deployment; held, purge: a client's own; keys status, rotate, rewrap, split, join: the installation's own keys."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

import typer

from config import Refuse
from service import held as rights
from service import reencoding, rotation, shelving
from service.cli.common import (
    ByOption,
    ConfigOption,
    JsonOption,
    engine_of,
    os_user,
    out,
    print_json,
    settings_of,
    table,
    when,
)
from service.cli.people import keys_app
from service.engine import key_ring, system_clock
from service.keys import key_provider, wrapper
from service.neutral import run
from service.neutral.settings import JailSettings, ProviderSettings, UnitSettings, load
from service.reports import client_ref
from service.setup import write_secret
from store.database import Database
from store.key_providers import write_wrapped
from store.keys import MASTER_BYTES, format_master
from store.shamir import Share, join, split

edge_app = typer.Typer(no_args_is_help=True, help="A jail's or a provider's side of a neutral unit.")
PANEL = "Neutral unit"
ClientArgument = Annotated[str, typer.Argument(help="The client's number on the roster.", metavar="CLIENT")]
OrgOption = Annotated[str | None, typer.Option(help="Whose client.")]
File = Annotated[Path, typer.Argument(help="Its configuration (TOML).", metavar="FILE")]


def register(root: typer.Typer) -> None:
    root.command(rich_help_panel=PANEL)(unit)
    root.add_typer(edge_app, name="edge", rich_help_panel=PANEL)
    root.command(rich_help_panel="People")(held)
    root.command(rich_help_panel="People")(purge)


def unit(file: File) -> None:
    """Compare encodings that cannot be read here, apply the consent rules, pass sealed bookings on, forget. Until SIGTERM."""
    run.run_unit(load(UnitSettings, file), system_clock, _until_stopped())


@edge_app.command()
def jail(file: File) -> None:
    """Send each booking to the unit under a key of its own. Nothing comes back. Until SIGTERM."""
    run.run_jail(load(JailSettings, file), system_clock, os.environ, _until_stopped())


@edge_app.command()
def provider(file: File) -> None:
    """Answer the unit with candidates and decoys, take what it releases, alert the clinicians. Until SIGTERM."""
    run.run_provider(load(ProviderSettings, file), system_clock, os.environ, _until_stopped())


def held(
    client: ClientArgument,
    target: Annotated[Path, typer.Option("--out", help="A new file for the client, mode 0600.")],
    org: OrgOption = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Write everything that is held about a client to a file, for the client. Nothing of it is shown here."""
    with engine_of(config) as engine:
        rights.write_held(engine, client_ref(engine, client, org), target, by or os_user())
    out.print(
        f"{target} holds what is held about this client. It is in plain text: hand it over and destroy it.",
        soft_wrap=True,
    )


def purge(
    client: ClientArgument,
    reason: Annotated[Literal["client_request", "entered_in_error"], typer.Option(help="Why, for the log.")],
    org: OrgOption = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Destroy everything held about a client, and bookings of nobody else. It cannot be undone; a legal hold stops it."""
    with engine_of(config) as engine:
        gone = rights.purge_client(engine, client_ref(engine, client, org), reason, by or os_user())
    out.print(f"The client's content is destroyed, and that of {gone} bookings. The log keeps that it was there.")


def _until_stopped() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@keys_app.command("status")
def keys_status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Where the master key comes from, which keys there are, and how far an epoch's rotation is. No secret is shown."""
    with engine_of(config) as engine:
        held = rotation.status(engine)
    if as_json:
        print_json(held)
        return
    out.print(f"master key from {held.provider}; linkage epoch [bold]{held.epoch}[/]")
    for epoch, clients in held.encodings.items():
        out.print(f"  clients encoded under {epoch}: {clients}{'' if epoch == held.epoch else ' (to be encoded anew)'}")
    span = f", {held.days[0]} to {held.days[-1]}" if held.days else ""
    out.print(f"shelf: keys of {len(held.days)} days{span}; own keys of {held.bookings} bookings")
    if held.unreadable:
        out.print(f"[bold]{held.unreadable} keys of bookings are not on the shelf[/]: what they sealed cannot be read")
    rows = table("key", "purpose", "made", "destroyed")
    for key in held.keys:
        rows.add_row(
            key.id, key.purpose, when(key.created_at), "" if key.destroyed_at is None else when(key.destroyed_at)
        )
    out.print(rows)


@keys_app.command("rotate")
def keys_rotate(
    linkage: Annotated[str | None, typer.Option(help="Begin a linkage epoch of this name, or go on with it.")] = None,
    end: Annotated[str | None, typer.Option(help="Destroy the key of this former epoch.")] = None,
    config: ConfigOption = None,
) -> None:
    """A new master key (without options), or a new linkage epoch. The service may go on meanwhile; restart it afterwards."""
    if linkage is not None and end is not None:
        raise Refuse("one at a time: --linkage to begin an epoch, --end to destroy a former one")
    if linkage is None and end is None:
        count, former = rotation.rotate_master(settings_of(config), os.environ, os.urandom, system_clock())
        with engine_of(config) as engine:
            rotation.record_rotation(engine)
        out.print(f"{count} keys are wrapped by a new master key.")
        out.print(
            f"[bold]{former}[/] still opens the backups of before: move it to where they are guarded.", soft_wrap=True
        )
    elif end is not None:
        with engine_of(config) as engine:
            rotation.end_epoch(engine, end)
        out.print(f"The key of epoch {end} is destroyed. Rotate the master key too, if the epoch was derived from it.")
    else:
        _rotate_linkage(linkage or "", config)


def _rotate_linkage(name: str, config: Path | None) -> None:
    with engine_of(config) as engine:
        if engine.linkage_key.epoch != name:
            rotation.begin_epoch(engine, os.environ, name)
    with engine_of(config) as engine:  # opened anew: now under the new epoch
        done = reencoding.renew(engine, lambda so_far, of: out.print(f"  {so_far} of {of}"))
    out.print(
        f"Linkage epoch {name} is current; {done.clients} clients and {done.bookings - done.lost} bookings were encoded anew."
        " Restart the service."
    )
    if done.lost:
        out.print(f"[yellow]{done.lost} bookings could not be[/]: they link to nobody until they are delivered again.")


@keys_app.command("rewrap")
def keys_rewrap(
    source: Annotated[
        Path | None, typer.Option("--from", help="A master key file to move into the key service.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Wrap the master key by the configured key service: for the first time (--from), or anew after its key was rotated."""
    settings = settings_of(config)
    path = settings.at(settings.keys.master)
    service = wrapper(settings)
    if source is None:
        master = key_provider(settings, os.environ).master()
    else:
        from store.keys import FileKeyProvider

        master = FileKeyProvider(source).master()
    write_wrapped(path, master, service)
    out.print(f"{path} holds the master key, wrapped by {service.name}.", soft_wrap=True)
    if source is not None:
        out.print(f"Once `warmlink keys status` works, destroy [bold]{source}[/] or move it to a safe.", soft_wrap=True)


@keys_app.command("shelf")
def keys_shelf(
    target: Annotated[Path | None, typer.Option("--copy", help="Copy the shelf into this new file.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="The copy takes the place of an older one.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Begin an empty shelf in place of one that is lost.")] = False,
    config: ConfigOption = None,
) -> None:
    """The keys that must be able to die: copy them apart from every other backup, or go on after they were lost."""
    settings = settings_of(config)
    if (target is None) == (not new):
        raise typer.BadParameter("say --copy FILE or --new")
    if target is not None:
        shelving.copy_to(settings, target, replace=replace)
        out.print(
            f"{target} holds the shelf. Keep only the newest copy: an older one still opens what was destroyed since."
        )
        return
    database = Database(settings.database_url())
    shelving.begin_anew(settings, database, key_ring(settings, database, os.environ))
    database.close()
    out.print("An empty shelf was begun. Clients, consents and the log are whole; bookings of before cannot be read.")


@keys_app.command("cluster")
def keys_cluster(
    target: Annotated[Path, typer.Argument(help="A new file for the credential, mode 0600.", metavar="FILE")],
) -> None:
    """Make the credential by which a cluster's workers open linkage keys. Whoever has it and sees a job has the key."""
    write_secret(target, format_master(os.urandom(MASTER_BYTES)))
    out.print(f"{target} holds the cluster's credential: bring it to every worker, and to nobody else.", soft_wrap=True)


@keys_app.command("split")
def keys_split(
    folder: Annotated[Path, typer.Argument(help="A new folder for the shares, one file each.", metavar="DIR")],
    shares: Annotated[int, typer.Option(help="How many people get one.")] = 5,
    threshold: Annotated[int, typer.Option(help="How many of them are needed together.")] = 3,
    config: ConfigOption = None,
) -> None:
    """Share the master key among people, so that no one of them has it and the loss of a machine does not lose it."""
    made = split(key_provider(settings_of(config), os.environ).master(), shares, threshold, os.urandom)
    folder.mkdir(mode=0o700)
    for share in made:
        write_secret(folder / f"share-{share.x}.txt", share.text() + "\n")
    out.print(f"{shares} shares in {folder}; any {threshold} give the master key back (`warmlink keys join`).")
    out.print("Give one to each person, on paper or a token of theirs, and destroy the folder.")


@keys_app.command("join")
def keys_join(
    files: Annotated[list[Path], typer.Argument(help="Files of shares.")],
    target: Annotated[Path, typer.Option("--out", help="Where the master key goes (a new file, mode 0600).")],
) -> None:
    """Put a master key together from its shares, after a machine was lost."""
    master = join([Share.read(file.read_text("utf-8")) for file in files])
    write_secret(target, format_master(master))
    out.print(f"{target} holds the master key.")
