"""Certificates that the installation relies on, and when they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from config import Settings


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate by its file. `ends` None: it cannot be read, which is as bad as having ended."""

    file: str
    ends: datetime | None


def ending(settings: Settings, now: datetime, within: timedelta) -> tuple[Certificate, ...]:
    """Those that have ended, end soon, or cannot be read; the soonest first."""
    found = [read(file) for file in _files(settings)]
    bad = [c for c in found if c.ends is None or c.ends <= now + within]
    return tuple(sorted(bad, key=lambda c: (c.ends is not None, c.ends or now, c.file)))


def read(file: Path) -> Certificate:
    try:
        return Certificate(file.name, load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc)
    except (OSError, ValueError):
        return Certificate(file.name, None)


def _files(settings: Settings) -> Iterator[Path]:
    if settings.smime.certificate is not None:
        yield settings.at(settings.smime.certificate)
    folder = settings.at(settings.smime.recipients)
    if folder.is_dir():
        yield from sorted(folder.glob("*.pem"))
