"""Seal an alert as S/MIME mail: signed by the organisation, then encrypted to the recipient's certificate.

For recipients whose mail program opens S/MIME. Certificates are enrolled by hand and pinned, as keys are; there is no
authority whose word would admit another. The signed part is padded behind its last boundary, where MIME readers look no more
(RFC 2046, 5.1.1), so that all mails of a size class have one length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
    PKCS7SignatureBuilder,
)

from alerts.content import AlertContent
from alerts.errors import ContentTooLarge, KeyRefused, NoUsableKey
from alerts.render import render_html, render_text
from records.ids import AlertRef

SIZE_CLASSES = (32768, 65536, 131072)
"""Bytes before encryption: text, HTML and the signature with its certificate."""


@dataclass(frozen=True, slots=True)
class MailCertificate:
    """A recipient's S/MIME certificate (RSA, at least 2048 bits)."""

    certificate: x509.Certificate = field(repr=False)

    @classmethod
    def enrol(cls, pem: bytes) -> MailCertificate:
        """Raises KeyRefused for what is not an RSA certificate that mail can be encrypted to."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError:
            raise KeyRefused("this is not a certificate in PEM form") from None
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
            raise KeyRefused("mail is encrypted to RSA certificates of at least 2048 bits; this is another kind")
        if not _may_encrypt(certificate):
            raise KeyRefused("this certificate says that it is not for encryption")
        return cls(certificate)

    def check(self, now: datetime) -> None:
        """Raises NoUsableKey before and after its validity. There is no plaintext instead."""
        if not self.certificate.not_valid_before_utc <= now < self.certificate.not_valid_after_utc:
            raise NoUsableKey("the recipient's mail certificate is not in force")


@dataclass(frozen=True, slots=True)
class MailSigner:
    """The organisation's S/MIME identity."""

    certificate: x509.Certificate = field(repr=False)
    key: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedMail:
    """One alert for one recipient's mail program: base64 of CMS enveloped data, ready to be a message's body."""

    alert: AlertRef
    body: bytes = field(repr=False)


def seal_mail(
    content: AlertContent, recipient: MailCertificate, *, signer: MailSigner, alert: AlertRef, now: datetime
) -> SealedMail:
    """Raises NoUsableKey for a certificate that is not in force, ContentTooLarge beyond the largest size class."""
    recipient.check(now)
    signed = (
        PKCS7SignatureBuilder()
        .set_data(_readable(content))
        .add_signer(signer.certificate, signer.key, SHA256())
        .sign(Encoding.SMIME, [PKCS7Options.DetachedSignature])
    )
    enveloped = (
        PKCS7EnvelopeBuilder()
        .set_data(_padded(signed))
        .add_recipient(recipient.certificate)
        .set_content_encryption_algorithm(AES256)
        .encrypt(Encoding.DER, [PKCS7Options.Binary])
    )
    return SealedMail(alert, enveloped)


def _readable(content: AlertContent) -> bytes:
    """Text and HTML, the reader's program chooses. The real subject is inside, where it is encrypted."""
    inner = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    inner.set_content(render_text(content))
    inner.add_alternative(render_html(content), subtype="html")
    return inner.as_bytes()


def _padded(signed: bytes) -> bytes:
    size = next((s for s in SIZE_CLASSES if len(signed) <= s), None)
    if size is None:
        raise ContentTooLarge(f"the mail needs {len(signed)} bytes; the largest size class holds {SIZE_CLASSES[-1]}")
    line = b" " * 76 + b"\r\n"
    gap = size - len(signed)
    return signed + (line * (gap // len(line) + 1))[:gap]


def _may_encrypt(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    except x509.ExtensionNotFound:
        return True
