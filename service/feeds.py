"""Feeds as configured: the connector for each, and the sealing away of files that were read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from config import FeedSettings, Settings
from connectors import Connector, Mapping, load_mapping, ready_mappings
from connectors.transports import FolderDrop
from records import FeedId, OrgId


def connector(settings: Settings, feed: FeedSettings) -> Connector:
    """The feed's transport, format and mapping put together. Raises MappingError for a mapping that is not sound."""
    folder = FolderDrop(
        settings.at(feed.path), feed.pattern, settle=timedelta(seconds=feed.settle_seconds), order="name"
    )
    return Connector.of(FeedId(feed.id), folder, mapping(settings, feed), OrgId(feed.org or ""))


def mapping(settings: Settings, feed: FeedSettings) -> Mapping:
    """A shipped mapping by its name, or a YAML file beside the configuration."""
    return load_mapping(feed.mapping if feed.mapping in ready_mappings() else settings.at(Path(feed.mapping)))
