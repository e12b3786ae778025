"""Formats: how bytes become rows. Each is a block of settings that can read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from connectors.formats.delimited import CsvFormat
from connectors.formats.documents import JsonFormat
from connectors.formats.fhir import FhirFormat
from connectors.formats.fixed_width import FixedWidthFormat
from connectors.formats.hl7_adt import Hl7Format
from connectors.formats.ini import IniFormat
from connectors.formats.spreadsheet import XlsxFormat
from connectors.formats.xml_records import XmlFormat

AnyFormat = Annotated[
    CsvFormat | FixedWidthFormat | JsonFormat | Hl7Format | XmlFormat | XlsxFormat | IniFormat | FhirFormat,
    Field(discriminator="type"),
]
"""Whichever format a mapping's `format: {type: ...}` names."""

__all__ = [
    "AnyFormat",
    "CsvFormat",
    "FhirFormat",
    "FixedWidthFormat",
    "Hl7Format",
    "IniFormat",
    "JsonFormat",
    "XlsxFormat",
    "XmlFormat",
]
