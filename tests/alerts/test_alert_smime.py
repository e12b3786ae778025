"""Does `openssl cms` open our mail, for its recipient only, and does the mail show nothing outside?"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from itertools import product
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from alerts.channels import Folder, Parcel, SmimeMail, SmtpServer
from alerts.compose import compose
from alerts.content import AlertContent, AlertFacts, AlertKind, Language
from alerts.demo_sink import MaildirSink
from alerts.errors import ChannelRefused, ContentTooLarge, KeyRefused, NoUsableKey
from alerts.notices import IN_THE_MESSAGE
from alerts.smime import MailCertificate, MailSigner, SealedMail, seal_mail
from records import AlertRef, Charge
from tests.alerts.conftest import NOW, Tls

REF = AlertRef("a" * 26)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Holder:
    """Someone with a certificate, and the files that openssl wants."""

    certificate: x509.Certificate
    key: Key
    cert_file: Path
    key_file: Path

    @property
    def pem(self) -> bytes:
        return self.cert_file.read_bytes()


def issue(folder: Path, name: str, key: Key, *, usage: x509.KeyUsage | None = None) -> Holder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=3650))
    )
    if usage:
        builder = builder.add_extension(usage, critical=True)
    certificate = builder.sign(key, SHA256())
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Holder(certificate, key, cert_file, key_file)


@pytest.fixture(scope="module")
def lee(tmp_path_factory: pytest.TempPathFactory) -> Holder:
    return issue(tmp_path_factory.mktemp("lee"), "lee", rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Holder:
    return issue(tmp_path_factory.mktemp("clinic"), "clinic", rsa.generate_private_key(65537, 2048))


@pytest.fixture
def signer(clinic: Holder) -> MailSigner:
    assert isinstance(clinic.key, rsa.RSAPrivateKey)
    return MailSigner(clinic.certificate, clinic.key)


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


Post = Callable[[Parcel], bytes]


@pytest.fixture
def post(tmp_path: Path, tls: Tls) -> Post:
    """Sends by a real mail server and gives what arrived there."""

    def send(parcel: Parcel) -> bytes:
        with MaildirSink(tmp_path / "mail", tls=tls.server) as sink:
            SmimeMail(SmtpServer("127.0.0.1", sink.port, "w@clinic.example", tls.client)).send(parcel)
            return sink.messages()[-1]

    return send


@pytest.fixture
def sealed_mail(content: AlertContent, lee: Holder, signer: MailSigner) -> SealedMail:
    return seal_mail(content, MailCertificate.enrol(lee.pem), signer=signer, alert=REF, now=NOW)


def test_openssl_opens_what_arrived(
    post: Post, parcel: Parcel, sealed_mail: SealedMail, lee: Holder, clinic: Holder
) -> None:
    raw = post(replace(parcel, sealed=sealed_mail))
    for word in (b"Quillon", b"jail", b"arrest", REF.encode()):
        assert word not in raw
    signed = openssl("cms", "-decrypt", "-recip", lee.cert_file, "-inkey", lee.key_file, given=raw)
    trust = ("-CAfile", clinic.cert_file, "-attime", str(int(NOW.timestamp())), "-purpose", "any")
    inner = openssl("cms", "-verify", *trust, given=signed)
    body = message_from_bytes(inner, policy=default).get_body(("plain",))
    assert body is not None
    assert "Quillon Zephyrine was booked into jail" in body.get_content()
    page = message_from_bytes(inner, policy=default).get_body(("html",))
    assert page is not None
    assert "<h1>Quillon Zephyrine was booked into jail</h1>" in page.get_content()


def test_nobody_else_opens_it(sealed_mail: SealedMail, clinic: Holder) -> None:
    command: list[str | Path] = [
        "openssl",
        "cms",
        "-decrypt",
        "-inform",
        "DER",
        "-recip",
        clinic.cert_file,
        "-inkey",
        clinic.key_file,
    ]
    done = subprocess.run(command, input=sealed_mail.body, capture_output=True, timeout=60, check=False)
    assert b"Quillon" not in done.stdout


def test_all_mails_have_one_length(
    facts: AlertFacts, everything: frozenset[str], lee: Holder, signer: MailSigner
) -> None:
    recipient = MailCertificate.enrol(lee.pem)
    lengths = {
        len(seal_mail(made, recipient, signer=signer, alert=REF, now=NOW).body)
        for kind, language, owed in product(AlertKind, Language, (frozenset[str](), frozenset(IN_THE_MESSAGE)))
        for made in [compose(facts, everything, owed, kind=kind, language=language, now=NOW)]
    }
    assert len(lengths) == 1


def test_outside_two_mails_look_alike(
    post: Post, parcel: Parcel, content: AlertContent, lee: Holder, signer: MailSigner
) -> None:
    recipient = MailCertificate.enrol(lee.pem)
    raw = [
        post(replace(parcel, outbox=name * 26, sealed=seal_mail(content, recipient, signer=signer, alert=REF, now=NOW)))
        for name in "op"
    ]
    one, two = map(message_from_bytes, raw)
    del one["Message-ID"], two["Message-ID"]
    assert one.items() == two.items()
    assert len(one.as_bytes()) == len(two.as_bytes())


def test_a_certificate_that_is_not_in_force_is_not_used(content: AlertContent, lee: Holder, signer: MailSigner) -> None:
    recipient = MailCertificate.enrol(lee.pem)
    for at in (NOW - timedelta(days=2), NOW + timedelta(days=3650)):
        with pytest.raises(NoUsableKey):
            seal_mail(content, recipient, signer=signer, alert=REF, now=at)


def test_only_fit_certificates_are_enrolled(tmp_path: Path) -> None:
    elliptic = issue(tmp_path, "ec", ec.generate_private_key(ec.SECP256R1()))
    no = dict.fromkeys(("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False)
    signing = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        encipher_only=False,
        decipher_only=False,
        **no,
    )
    signs_only = issue(tmp_path, "signs", rsa.generate_private_key(65537, 2048), usage=signing)
    for pem in (b"rubbish", elliptic.pem, signs_only.pem):
        with pytest.raises(KeyRefused):
            MailCertificate.enrol(pem)


def test_what_is_too_large_is_refused(
    facts: AlertFacts, everything: frozenset[str], lee: Holder, signer: MailSigner
) -> None:
    huge = replace(facts, charges=(Charge("c", "x " * 70_000),))
    made = compose(huge, everything, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=NOW)
    with pytest.raises(ContentTooLarge):
        seal_mail(made, MailCertificate.enrol(lee.pem), signer=signer, alert=REF, now=NOW)


def test_each_seal_goes_by_its_own_channel(tmp_path: Path, parcel: Parcel, sealed_mail: SealedMail, tls: Tls) -> None:
    with pytest.raises(ChannelRefused, match="not sealed for this channel"):
        Folder(tmp_path).send(replace(parcel, sealed=sealed_mail, address="."))
    with pytest.raises(ChannelRefused, match="not sealed for S/MIME"):
        SmimeMail(SmtpServer("127.0.0.1", 9, "w@clinic.example", tls.client)).send(parcel)
