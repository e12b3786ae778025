"""Made-up people, one set of keys, and rows that an alert hangs on."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, insert

from alerts.channels import Parcel
from alerts.compose import compose
from alerts.content import (
    AlertContent,
    AlertFacts,
    AlertKind,
    ClinicSheet,
    ConsentBasis,
    FacilityContact,
    Language,
    MatchClass,
)
from alerts.keys import PrivateKey, Signer
from alerts.seal import Sealed, seal
from records import AlertRef, BookingNumber, Charge, Custody, Instant, Personal, StaffId
from store import tables

ZONE = "America/Chicago"
NOW = datetime(2026, 3, 10, 13, 10, tzinfo=UTC)
"""08:10 in Chicago."""


class PutAlert(Protocol):
    def __call__(
        self, conn: Connection, name: str, recipient: str = ..., thread: str = ..., state: str = ...
    ) -> AlertRef: ...


def instant(*parts: int) -> Instant:
    return Instant(datetime(*parts, tzinfo=UTC), ZONE)  # type: ignore[arg-type,misc]  # the parts of a datetime


@pytest.fixture
def facts() -> AlertFacts:
    """All that could be said: each value is a word that occurs nowhere else, so that a leak shows."""
    return AlertFacts(
        match=MatchClass.FULL,
        zone=ZONE,
        client=Personal("Quillon Zephyrine"),
        client_number=Personal("CN-7731"),
        booked_at=instant(2026, 3, 10, 6, 40),
        released_at=instant(2026, 3, 12, 9, 0),
        release_planned_at=instant(2026, 3, 14, 15, 0),
        facility=FacilityContact("Lakeside County Jail", "312-555-0100", "312-555-0101"),
        previous_facility=FacilityContact("Northgate Annex", "312-555-0102"),
        booking_number=BookingNumber("BK-99120"),
        custody=Custody.IN_CUSTODY,
        next_court_at=instant(2026, 3, 10, 18, 30),
        charges=(Charge("720-5/19-4", "Trespassing"),),
        bookings_in_a_year=5,
        case_manager="Ingeborg Vantongeren",
        advance_directive_on_file=True,
        crisis_plan_on_file=False,
        consent=ConsentBasis("CONS-55", date(2026, 1, 5), date(2026, 12, 31), ("TREAT", "COORD"), ("alert",)),
        retracts=AlertRef("retractedretractedretracte"),
        retracted_sent_at=instant(2026, 3, 10, 7, 0),
        link="https://warmlink.example/a/opaque",
        sheet=ClinicSheet(
            medications="Olanzapine 10 mg\nevery night",
            pharmacy="Corner Drug 312-555-0190",
            allergies="Penicillin",
            diagnoses="F20.9",
            risks="Withdrawal",
            appointments="Mar 17",
            contact="I. Vantongeren 312-555-0191",
        ),
    )


@pytest.fixture
def everything() -> frozenset[str]:
    """Every field that an alert can speak of."""
    booking = {"fact", "time", "facility", "number", "charges", "bond", "court_date", "custody_status"}
    client = {"match.fact", "client.ref", "client.name", "client.case_manager", "clinical.pad", "clinical.crisis_plan"}
    return frozenset({f"booking.{name}" for name in booking} | client)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def content(facts: AlertFacts, everything: frozenset[str]) -> AlertContent:
    return compose(facts, everything, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=NOW)


@dataclass(frozen=True, slots=True)
class Keys:
    recipient: PrivateKey
    backup: PrivateKey
    signer: Signer


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys(PrivateKey.generate(), PrivateKey.generate(), Signer.generate())


@pytest.fixture
def sealed(content: AlertContent, keys: Keys) -> Sealed:
    return seal(
        content,
        keys.recipient.public,
        backup=keys.backup.public,
        signer=keys.signer,
        alert=AlertRef("a" * 26),
        now=NOW,
        expires=NOW + timedelta(days=7),
    )


@pytest.fixture
def parcel(sealed: Sealed) -> Parcel:
    return Parcel("o" * 26, sealed.alert, StaffId("s-lee"), "lee@clinic.example", sealed, NOW)


@pytest.fixture
def put_alert() -> PutAlert:
    """Writes an alert row and what it hangs on, and gives its reference."""

    def put(conn: Connection, name: str, recipient: str = "s-lee", thread: str = "", state: str = "queued") -> AlertRef:
        ref = AlertRef(name.ljust(26, "x"))
        conn.execute(
            insert(tables.booking).values(ref=ref, state="open", first_seen_at=NOW, updated_at=NOW, baseline=False)
        )
        conn.execute(insert(tables.client).values(ref=ref, org="o", seen_at=NOW))
        link = {"ref": ref, "booking": ref, "client": ref, "verdict": "ALERT", "weight": 20.0, "probability": 0.99}
        conn.execute(insert(tables.link).values(**link, margin=9.0, levels={}, model_hash="m", at=NOW))
        lists: dict[str, list[str]] = {
            name: [] for name in ("reason_codes", "fields_allowed", "obligations", "consents")
        }
        rules = {"rule_set": "r", "rule_set_hash": "h", "at": NOW}
        conn.execute(
            insert(tables.decision).values(
                ref=ref, link=ref, recipient="s-lee", stage="link", decision="permit", **lists, **rules
            )
        )
        row = {"ref": ref, "thread": thread or ref, "link": ref, "decision": ref, "recipient": recipient}
        told = {"kind": "arrest", "match_class": "full", "state": state, "created_at": NOW}
        conn.execute(insert(tables.alert).values(**row, **told))
        return ref

    return put


@dataclass(frozen=True, slots=True)
class Tls:
    """Both ends of a TLS connection to 127.0.0.1, under an authority made for this run."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    stranger: ssl.SSLContext
    """A client that trusts another authority."""
    authority: Path
    """What a client has to trust."""


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*_certificate(folder, "trusted"))
    client = ssl.create_default_context(cafile=str(folder / "trusted.pem"))
    stranger = ssl.create_default_context(cafile=str(_certificate(folder, "other")[0]))
    return Tls(server, client, stranger, folder / "trusted.pem")


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(hours=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_file, key_file
