"""Transports: where bytes come from. Each raises only the errors of `connectors.errors`."""

from connectors.transports.folder import FolderDrop

__all__ = ["FolderDrop"]
