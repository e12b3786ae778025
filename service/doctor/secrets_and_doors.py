"""Keys, certificates, and the mail server: what expires, what lies where it should not, and what does not answer."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from alerts.enrolment import expiring
from config import Profile, Settings, WarmlinkError
from service.channels import smtp_server
from service.doctor.finding import Finding, fault, warning, well
from service.engine import Engine
from service.keys import checkpoint_signer

SOON = timedelta(days=30)
_PATIENCE = 10.0
"""Seconds."""


def keys(engine: Engine, now: datetime) -> Iterator[Finding]:
    """That the master key opens the database was seen when the engine was opened."""
    faults = list(_signing(engine))
    private = engine.settings.at(engine.settings.alerts.backup_key).with_name("backup.private.jwk")
    if private.exists() and engine.settings.profile is Profile.PRODUCTION:
        faults.append(
            warning(
                "keys", "keys/backup.private.jwk is still on this machine", "move it to a safe: it opens every alert"
            )
        )
    with engine.database.read() as conn:
        ending = expiring(conn, now=now, within=SOON)
    faults += [
        warning("keys", f"the key of {each.staff} ends within 30 days", "let them enrol a new one") for each in ending
    ]
    yield from faults
    if not faults:
        yield well("keys", "the master key opens the database, and the signing keys can be read")


def _signing(engine: Engine) -> Iterator[Finding]:
    for name, read in (
        ("audit.signing_key", lambda: checkpoint_signer(engine.settings)),
        ("alerts.signing_key", lambda: engine.signer),
        ("alerts.backup_key", lambda: engine.backup),
    ):
        try:
            read()
        except (WarmlinkError, OSError, ValueError):
            yield fault("keys", f"{name} cannot be read", "see docs/keys.md: nothing is sent without it")


def mail(engine: Engine, now: datetime) -> Iterator[Finding]:
    """Greets the mail server as a notice would, and sends nothing."""
    settings = engine.settings.mail
    if not settings.host:
        yield well("mail", "no mail server is configured: nobody gets a notice")
        return
    server = smtp_server(engine)
    try:
        with smtplib.SMTP(server.host, server.port, timeout=_PATIENCE) as door:
            door.ehlo()
            if server.tls is not None:
                door.starttls(context=server.tls)
                door.ehlo()
                yield from _ending("mail", f"the mail server's certificate ({server.host})", _peer_ends(door.sock), now)
            if server.username:
                door.login(server.username, server.password)
    except (OSError, smtplib.SMTPException, ssl.SSLError) as refused:
        yield fault(
            "mail", f"{server.host}:{server.port} does not take mail ({type(refused).__name__})", "ask who runs it"
        )
        return
    yield well("mail", f"{server.host}:{server.port} answers")


def certificates(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Those in files, and the one that browsers see."""
    found = [*_of_files(settings, now), *_of_the_console(settings, now)]
    yield from found
    if not found:
        yield well("certificates", "none is configured" if not list(_files(settings)) else "none ends within 30 days")


def _of_files(settings: Settings, now: datetime) -> Iterator[Finding]:
    for path in _files(settings):
        try:
            ends = min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(path.read_bytes()))
        except (OSError, ValueError):
            yield fault("certificates", f"{path.name} holds no certificate", "see docs/alerts.md")
            continue
        yield from _ending("certificates", path.name, ends, now)


def _files(settings: Settings) -> Iterator[Path]:
    if settings.smime.certificate:
        yield settings.at(settings.smime.certificate)
        yield from sorted(settings.at(settings.smime.recipients).glob("*.pem"))
    for door in (settings.webhook, settings.fhir):
        if door.enabled and door.authority:
            yield settings.at(door.authority)


def _of_the_console(settings: Settings, now: datetime) -> Iterator[Finding]:
    place = urlsplit(settings.console.origin)
    if settings.profile is not Profile.PRODUCTION or place.hostname is None:
        return
    try:
        with socket.create_connection((place.hostname, place.port or 443), timeout=_PATIENCE) as plain:
            secure = ssl.create_default_context().wrap_socket(plain, server_hostname=place.hostname)
            with secure:
                yield from _ending("certificates", f"the console's ({place.hostname})", _peer_ends(secure), now)
    except (OSError, ssl.SSLError) as refused:
        name = type(refused).__name__
        yield warning("certificates", f"console.origin does not answer from here ({name})", "is the console up?")


def _peer_ends(door: object) -> datetime | None:
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        ends = door.getpeercert()["notAfter"]  # type: ignore[attr-defined]  # a TLS socket by now
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
    return None


def _ending(check: str, what: str, ends: datetime | None, now: datetime) -> Iterator[Finding]:
    if ends is None:
        return
    if ends <= now:
        yield fault(check, f"{what} ended on {ends:%Y-%m-%d}", "renew it")
    elif ends - now < SOON:
        yield warning(check, f"{what} ends on {ends:%Y-%m-%d}", "renew it")
