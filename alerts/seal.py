"""Seal an alert to one recipient's key, and open it again.

JWE compact (RFC 7516: ECDH-ES+A256KW, A256GCM, P-256) around JWS compact (RFC 7515: EdDSA
over Ed25519, under the name RFC 9864 gives it). The signed
payload names the recipient's key, the alert, and the time it was made and ends, so a sealed text cannot be handed on
to another recipient as if meant for them, nor shown as fresh after its expiry. The payload is padded to a size class
before it is signed: all sealed alerts of a class have one length.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwe, jws
from joserfc.errors import JoseError

from alerts.content import AlertContent
from alerts.errors import ContentTooLarge, SealBroken, SealExpired, WrongKey
from alerts.keys import PrivateKey, PublicKey, Signer, TrustedSigner
from records.ids import AlertRef

SIZE_CLASSES = (8192, 16384, 32768)
"""Bytes of signed payload. Every kind, in every language, with all its notices, fits the first; larger ones exist for
charge lists without end."""

KEY_AGREEMENT, ENCRYPTION, SIGNATURE = "ECDH-ES+A256KW", "A256GCM", "Ed25519"
_JWE = jwe.JWERegistry(algorithms=[KEY_AGREEMENT, ENCRYPTION])
_JWS = jws.JWSRegistry(algorithms=[SIGNATURE])
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One alert for one recipient: their copy, and the organisation's for when their key is lost."""

    alert: AlertRef
    kid: str
    jwe: str
    backup_kid: str
    backup_jwe: str
    expires: datetime

    def __repr__(self) -> str:
        return f"<sealed alert {self.alert} to key {self.kid}>"


def seal(
    content: AlertContent,
    recipient: PublicKey,
    *,
    backup: PublicKey,
    signer: Signer,
    alert: AlertRef,
    now: datetime,
    expires: datetime,
) -> Sealed:
    """Both copies. The content encryption key and nonce of each are new, from the operating system's randomness.

    Raises ContentTooLarge. Two alerts give texts of equal length unless they are of different size classes.
    """
    if expires <= now:
        raise SealExpired(f"alert {alert} would expire before it is sealed")
    claims = {"alert": alert, "iat": int(now.timestamp()), "exp": int(expires.timestamp())}
    copies = [_seal_one(content, {**claims, "aud": key.kid}, key, signer) for key in (recipient, backup)]
    return Sealed(alert, recipient.kid, copies[0], backup.kid, copies[1], expires)


def open_sealed(
    sealed: str, key: PrivateKey, trusted: TrustedSigner, *, now: datetime
) -> tuple[AlertRef, AlertContent]:
    """The alert and its content. Raises WrongKey, SealBroken or SealExpired; never returns unverified content."""
    claims = _verify(_decrypt(sealed, key), trusted)
    if claims.get("aud") != key.kid:
        raise WrongKey("this alert was signed for another recipient's key")
    if not _instant(claims, "iat") <= now + _SKEW:
        raise SealBroken("this alert says it was sealed in the future; check the clocks")
    if _instant(claims, "exp") <= now:
        raise SealExpired("this sealed alert has expired; open the inbox for what still stands")
    try:
        return AlertRef(str(claims["alert"])), AlertContent.from_json(json.dumps(claims["content"]).encode())
    except KeyError as fault:
        raise SealBroken("the sealed text lacks a claim") from fault


def _seal_one(content: AlertContent, claims: Mapping[str, object], key: PublicKey, signer: Signer) -> str:
    payload = _padded(claims, content)
    header = {"alg": SIGNATURE, "kid": signer.kid}
    signed = jws.serialize_compact(header, payload, signer.key, registry=_JWS)
    wrapped = {"alg": KEY_AGREEMENT, "enc": ENCRYPTION, "kid": key.kid, "cty": "JOSE"}
    return jwe.encrypt_compact(wrapped, signed, key.key(), registry=_JWE)


def _padded(claims: Mapping[str, object], content: AlertContent) -> bytes:
    """The claims as JSON, brought to a size class by a member that holds blanks."""
    head = json.dumps({**claims, "content": json.loads(content.to_json())}, ensure_ascii=False)[:-1] + ', "pad": "'
    body, tail = head.encode(), b'"}'
    size = next((s for s in SIZE_CLASSES if len(body) + len(tail) <= s), None)
    if size is None:
        raise ContentTooLarge(f"the alert needs {len(body)} bytes; the largest size class holds {SIZE_CLASSES[-1]}")
    return body.ljust(size - len(tail)) + tail


def _decrypt(sealed: str, key: PrivateKey) -> bytes:
    if jwe_kid(sealed) != key.kid:
        raise WrongKey("this alert is sealed to another key")
    try:
        return jwe.decrypt_compact(sealed, key.key, registry=_JWE).plaintext or b""
    except (JoseError, ValueError, TypeError):
        raise SealBroken("this is no sealed alert, or it was altered on the way") from None


def jwe_kid(sealed: str) -> str:
    """The key a sealed text names in its header. Unverified: good for choosing a key, for nothing else."""
    try:
        header = json.loads(urlsafe_b64decode(sealed.partition(".")[0].encode("ascii") + b"=="))
        return str(header["kid"])
    except (ValueError, KeyError, TypeError):
        raise SealBroken("this is no sealed alert") from None


def _verify(signed: bytes, trusted: TrustedSigner) -> dict[str, Any]:
    try:
        token = jws.extract_compact(signed, registry=_JWS)
        if token.headers().get("kid") != trusted.kid:
            raise WrongKey("this alert was signed by a key that is not trusted here")
        if not jws.validate_compact(token, trusted.key, registry=_JWS):
            raise SealBroken("the signature inside this alert does not hold")
        claims = json.loads(token.payload)
    except (JoseError, ValueError, TypeError):
        raise SealBroken("what is sealed here is no signed alert") from None
    if not isinstance(claims, dict):
        raise SealBroken("what is sealed here is no signed alert")
    return claims


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(claims[name]), UTC)
    except (KeyError, ValueError, TypeError, OverflowError, OSError):
        raise SealBroken(f"the sealed text lacks {name}") from None
