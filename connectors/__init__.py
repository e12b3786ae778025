"""Connectors: transport x format x mapping, from a feed to canonical records."""

from connectors.connector import Connector, Pull, Record, Summary
from connectors.convert.library import load_mapping, parse_mapping, ready_mappings
from connectors.delivery import Cursor, Delivery, MemoryDelivery, PushOnly, ScriptedTransport, Transport
from connectors.errors import FeedMalformed, FeedRejected, FeedUnavailable, MappingError
from connectors.feed import Feed, Secrets, parse_feed
from connectors.profile import FeedProfile, profile
from connectors.rows import Format, RawResource, Remark, Row, RowFault, Skip
from connectors.schema import Mapping
from connectors.transports import (
    FhirSearch,
    FolderDrop,
    JsonPages,
    MllpListener,
    MllpSettings,
    Patience,
    SftpDrop,
    SqlQuery,
)

__all__ = [
    "Connector",
    "Cursor",
    "Delivery",
    "Feed",
    "FeedMalformed",
    "FeedProfile",
    "FeedRejected",
    "FeedUnavailable",
    "FhirSearch",
    "FolderDrop",
    "Format",
    "JsonPages",
    "Mapping",
    "MappingError",
    "MemoryDelivery",
    "MllpListener",
    "MllpSettings",
    "Patience",
    "Pull",
    "PushOnly",
    "RawResource",
    "Record",
    "Remark",
    "Row",
    "RowFault",
    "ScriptedTransport",
    "Secrets",
    "SftpDrop",
    "Skip",
    "SqlQuery",
    "Summary",
    "Transport",
    "load_mapping",
    "parse_feed",
    "parse_mapping",
    "profile",
    "ready_mappings",
]
