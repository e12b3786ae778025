"""config check, config show: is the configuration right, and what does it come to."""

from __future__ import annotations

import typer
import yaml

from config import FeedSettings, KeyUnavailable, Settings, WarmlinkError, shown
from service.cli.common import ConfigOption, JsonOption, out, print_json, settings_of
from service.feeds import configured, mapping, place
from service.keys import backup_key, checkpoint_signer
from service.rules import rulebook_in_force

app = typer.Typer(no_args_is_help=True, help="Is the configuration right, and what does it come to?")


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="config", rich_help_panel="Operate")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Read the configuration as `run` would, with its mappings, keys and rules, and name every fault."""
    settings = configured(settings_of(config))
    faults = list(filter(None, (*(_feed_fault(settings, feed) for feed in settings.feeds), *_other_faults(settings))))
    for fault in faults:
        out.print(f"[red]fault[/]  {fault}", soft_wrap=True)
    if faults:
        raise typer.Exit(78)
    out.print(
        f"The configuration is sound: {len(settings.feeds)} feeds, {len(settings.programs)} programmes,"
        f" consent profile {settings.consent.profile}, {settings.profile.value}."
    )


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the settings in force, from file, environment and secret files together, secrets masked."""
    document = shown(configured(settings_of(config)))
    if as_json:
        print_json(document)
    else:
        typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def _feed_fault(settings: Settings, feed: FeedSettings) -> str | None:
    try:
        found = mapping(settings, feed)
    except WarmlinkError as fault:
        return f"feeds.{feed.id}: {fault}"
    if found.kind != feed.kind:
        return f"feeds.{feed.id}: mapping {feed.mapping} is of {found.kind}, the feed is of {feed.kind}"
    if feed.path is not None and not place(settings, feed).is_dir():
        return f"feeds.{feed.id}: there is no folder {place(settings, feed)}"
    return None


def _other_faults(settings: Settings) -> list[str]:
    faults = []
    for what in (_keys, _rules):
        try:
            what(settings)
        except (WarmlinkError, ValueError) as fault:
            faults.append(str(fault))
    return faults


def _keys(settings: Settings) -> None:
    if settings.keys.provider == "file" and not settings.at(settings.keys.master).exists():
        raise KeyUnavailable(f"keys.master: there is no file {settings.at(settings.keys.master)}")
    checkpoint_signer(settings)
    backup_key(settings)


def _rules(settings: Settings) -> None:
    rulebook_in_force(settings)
