"""Transports: where bytes come from. Each raises only the errors of `connectors.errors`."""

from connectors.transports.database import SqlQuery
from connectors.transports.fhir_search import FhirSearch
from connectors.transports.folder import FolderDrop
from connectors.transports.json_pages import JsonPages
from connectors.transports.mllp import MllpListener, MllpSettings
from connectors.transports.sftp import SftpDrop
from connectors.transports.web import Patience

__all__ = ["FhirSearch", "FolderDrop", "JsonPages", "MllpListener", "MllpSettings", "Patience", "SftpDrop", "SqlQuery"]
