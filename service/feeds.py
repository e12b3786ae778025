"""Feeds as configured: in the configuration itself, or each in a YAML file of its own."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from config import ConfigError, FeedSettings, Settings, secret
from connectors import Connector, Feed, Mapping, PushOnly, load_mapping, parse_feed, ready_mappings
from connectors.feed import FolderFeed
from connectors.transports import FolderDrop
from records import FeedId, OrgId
from service.spool import SealedSpool, Seals


def configured(settings: Settings) -> Settings:
    """The settings with every feed file of the feeds' folder among their feeds. Safe to repeat.

    Raises MappingError for a file that is not sound, ConfigError for a feed that is defined twice.
    """
    known = {feed.file for feed in settings.feeds}
    files = [file for file in sorted(settings.at(settings.feeds_folder).glob("*.yaml")) if file not in known]
    found = (*settings.feeds, *(settings_of(file) for file in files))
    ids = [feed.id for feed in found]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ConfigError(f"feeds: {', '.join(twice)} is defined twice, in the configuration or in a feed file")
    _one_roster_each(found)
    return settings.model_copy(update={"feeds": found})


def _one_roster_each(found: Sequence[FeedSettings]) -> None:
    """A roster is everybody its organisation has: two of them would discharge each other's clients, turn by turn."""
    orgs = [feed.org for feed in found if feed.kind == "roster" and feed.org]
    twice = sorted({org for org in orgs if orgs.count(org) > 1})
    if twice:
        raise ConfigError(f"feeds: {', '.join(twice)} has two rosters; make one of them, or two organisations")


def settings_of(file: Path) -> FeedSettings:
    """What the scheduler has to know of a feed file."""
    feed = read(file)
    return FeedSettings(
        id=feed.id,
        kind=feed.kind,
        file=file,
        path=feed.transport.path if isinstance(feed.transport, FolderFeed) else None,
        mapping=feed.mapping,
        every_minutes=feed.every_minutes,
        first_load=feed.first_load,
        org=feed.org or None,
        max_shrink=feed.max_shrink,
    )


def read(file: Path) -> Feed:
    """A feed file. Raises MappingError."""
    try:
        return parse_feed(file.read_text("utf-8"), file.name)
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"the feed file {file} cannot be read") from fault


def connector(
    settings: Settings, feed: FeedSettings, environment: Dict[str, str] | None = None, seals: Seals | None = None
) -> Connector:
    """The feed's transport, format and mapping put together. Raises MappingError, and ConfigError for a lacking secret.

    What is pushed to us lies sealed in a spool until the next cycle; without seals there is none, and nothing to ask.
    """
    found = _folder(settings, feed) if feed.file is None else _of_file(settings, feed.file, environment or {})
    if seals is None or not isinstance(found.transport, PushOnly):
        return found
    return Connector.of(found.feed_id, SealedSpool(place(settings, feed), seals), found.mapping, found.org)


def _folder(settings: Settings, feed: FeedSettings) -> Connector:
    settle = timedelta(seconds=feed.settle_seconds)
    drop = FolderDrop(place(settings, feed), feed.pattern, settle=settle, order="name")
    return Connector.of(FeedId(feed.id), drop, mapping(settings, feed), OrgId(feed.org or ""))


def _of_file(settings: Settings, file: Path, environment: Dict[str, str]) -> Connector:
    return read(file).connect(lambda name: secret(settings, environment, name), settings.home)


def mapping(settings: Settings, feed: FeedSettings) -> Mapping:
    """A shipped mapping by its name, or a YAML file beside the configuration."""
    if feed.file is not None:
        return read(feed.file).read_mapping(settings.home)
    return load_mapping(feed.mapping if feed.mapping in ready_mappings() else settings.at(Path(feed.mapping)))


def place(settings: Settings, feed: FeedSettings) -> Path:
    """Where the feed's files lie: its drop folder, or one made for it. Beside them are archive and spool."""
    return settings.at(feed.path or settings.feeds_folder / feed.id)
