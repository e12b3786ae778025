"""Connectors: transport x format x mapping, from a feed to canonical records."""

from connectors.connector import Connector, Pull, Record, Summary
from connectors.convert.library import load_mapping, parse_mapping, ready_mappings
from connectors.delivery import Cursor, Delivery, MemoryDelivery, ScriptedTransport, Transport
from connectors.errors import FeedMalformed, FeedRejected, FeedUnavailable, MappingError
from connectors.rows import Format, RawResource, Remark, Row, RowFault, Skip
from connectors.schema import Mapping
from connectors.transports.folder import FolderDrop

__all__ = [
    "Connector",
    "Cursor",
    "Delivery",
    "FeedMalformed",
    "FeedRejected",
    "FeedUnavailable",
    "FolderDrop",
    "Format",
    "Mapping",
    "MappingError",
    "MemoryDelivery",
    "Pull",
    "RawResource",
    "Record",
    "Remark",
    "Row",
    "RowFault",
    "ScriptedTransport",
    "Skip",
    "Summary",
    "Transport",
    "load_mapping",
    "parse_mapping",
    "ready_mappings",
]
