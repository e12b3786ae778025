"""The channels that are configured, and where each of them reaches a member of staff."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from sqlalchemy import Connection, func, select

from alerts.channels import Channel, FhirCommunication, Folder, HttpSender, SmimeMail, SmtpNotice, SmtpServer, Webhook
from alerts.courier import INBOX
from alerts.errors import NoUsableKey
from alerts.smime import MailCertificate, MailSigner
from config import ConfigError, HttpSettings, KeyUnavailable, Profile
from records import StaffMember
from service.engine import Engine
from service.notices import MAIL, REMINDER
from store.tables import outbox

SMIME, WEBHOOK, FHIR, FOLDER = "smime", "webhook", "fhir", "folder"
CONTENT = frozenset({INBOX, SMIME, WEBHOOK, FHIR, FOLDER})
"""Channels by which the alert itself travels, sealed; the others only say that something waits."""


def channels(engine: Engine) -> dict[str, Channel]:
    """The channels that leave the house. The inbox is always there and needs none."""
    settings = engine.settings
    found: dict[str, Channel] = {}
    if settings.mail.host:
        server = smtp_server(engine)
        found |= {MAIL: SmtpNotice(server), REMINDER: SmtpNotice(server)}
        if settings.smime.certificate:
            found[SMIME] = SmimeMail(server)
    if settings.webhook.enabled:
        found[WEBHOOK] = Webhook(_sender(engine, settings.webhook))
    if settings.fhir.enabled:
        found[FHIR] = FhirCommunication(_sender(engine, settings.fhir))
    if settings.drop.root:
        found[FOLDER] = Folder(settings.at(settings.drop.root))
    return found


def content_channels(engine: Engine, member: StaffMember) -> Iterator[str]:
    """By which channels an alert goes to this person: the inbox, and those of their directory entry that are there."""
    settings = engine.settings
    able = {
        SMIME: bool(settings.mail.host and settings.smime.certificate and member.email),
        WEBHOOK: settings.webhook.enabled,
        FHIR: settings.fhir.enabled,
        FOLDER: settings.drop.root is not None,
    }
    yield INBOX
    yield from (address.channel for address in member.channels if able.get(address.channel, False))


def address_of(member: StaffMember, channel: str) -> str | None:
    """Where the channel reaches them; None if it is not among theirs (any more)."""
    if channel == INBOX:
        return ""
    found = next((address for address in member.channels if address.channel == channel), None)
    if found is None:
        return None
    return member.email if channel == SMIME else found.at


def heard_at(conn: Connection, ref: str) -> datetime | None:
    """When an alert reached its recipient, by whichever channel was first; None if it never did."""
    query = select(func.min(outbox.c.done_at)).where(outbox.c.alert == ref, outbox.c.state == "delivered")
    heard: datetime | None = conn.execute(query.where(outbox.c.channel.in_(CONTENT))).scalar()
    return heard


def smtp_server(engine: Engine) -> SmtpServer:
    mail = engine.settings.mail
    return SmtpServer(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        tls=_trusting(engine, mail.authority) if mail.starttls else None,
        production=engine.settings.profile is Profile.PRODUCTION,
        username=mail.user,
        password=mail.password.get_secret_value(),
    )


def certificate_of(engine: Engine, member: StaffMember) -> MailCertificate:
    """The pinned certificate of a member. Raises NoUsableKey where there is none: never plaintext instead."""
    path = engine.settings.at(engine.settings.smime.recipients) / f"{member.staff}.pem"
    try:
        return MailCertificate.enrol(path.read_bytes())
    except OSError:
        raise NoUsableKey(f"{member.staff} has no mail certificate; put {path.name} into its folder") from None


def mail_signer(engine: Engine) -> MailSigner:
    """The organisation's S/MIME identity. Raises KeyUnavailable."""
    wanted = engine.settings.smime
    password = wanted.password.get_secret_value().encode() or None
    try:
        key = load_pem_private_key(engine.settings.at(wanted.key).read_bytes(), password)
        certificate = load_pem_x509_certificate(engine.settings.at(wanted.certificate or Path()).read_bytes())
    except (OSError, ValueError, TypeError):
        raise KeyUnavailable(
            "smime: certificate or key cannot be read; check smime.key and smime.certificate"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyUnavailable("smime.key is not an RSA key")
    return MailSigner(certificate, key)


def _sender(engine: Engine, wanted: HttpSettings) -> HttpSender:
    token = wanted.token.get_secret_value()
    return HttpSender(
        signer=engine.signer,
        tls=_trusting(engine, wanted.authority),
        production=engine.settings.profile is Profile.PRODUCTION,
        extra={"authorization": f"Bearer {token}"} if token else {},
    )


def _trusting(engine: Engine, authority: Path | None) -> ssl.SSLContext:
    """Raises ConfigError where the authority cannot be read: trusting the system's instead would be another promise."""
    try:
        return ssl.create_default_context(cafile=str(engine.settings.at(authority)) if authority else None)
    except OSError:
        raise ConfigError("the authority of a mail server or endpoint cannot be read: it is a PEM file") from None
