"""Formats: how bytes become rows. Each is a block of settings that can read."""

from __future__ import annotations

from connectors.formats.delimited import CsvFormat

AnyFormat = CsvFormat

__all__ = ["AnyFormat", "CsvFormat"]
