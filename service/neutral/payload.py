"""A booking sealed by a jail to one provider: JWE around JWS, as alerts are, so that the unit carries what it cannot open.

The signed text names session and provider key. All payloads have one length, and `dummy` gives random letters of that length.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace

from joserfc import jwe, jws
from joserfc.errors import JoseError
from pydantic import TypeAdapter, ValidationError

from alerts.keys import PrivateKey, PublicKey, Signer, TrustedSigner
from alerts.seal import ENCRYPTION, KEY_AGREEMENT, SIGNATURE
from records import BookingEvent
from service.neutral.errors import FrameRefused, TooLarge
from store.envelope import RandomBytes

PLAIN_BYTES = 8192
_EVENT = TypeAdapter(BookingEvent)
_JWE = jwe.JWERegistry(algorithms=[KEY_AGREEMENT, ENCRYPTION])
_JWS = jws.JWSRegistry(algorithms=[SIGNATURE])


def seal_booking(event: BookingEvent, session: str, to: PublicKey, signer: Signer) -> str:
    """The event without its identities (the provider knows its client's name). Too many charges are left out, with a mark."""
    body = _body(replace(event, identities=()), session, to.kid)
    if len(body) > PLAIN_BYTES:
        body = _body(replace(event, identities=(), charges=()), session, to.kid)
    if len(body) > PLAIN_BYTES:
        raise TooLarge(f"a booking of {len(body)} bytes; a payload holds {PLAIN_BYTES}")
    header = {"alg": SIGNATURE, "kid": signer.kid}
    signed = jws.serialize_compact(header, body.ljust(PLAIN_BYTES), signer.key, registry=_JWS)
    wrapped = {"alg": KEY_AGREEMENT, "enc": ENCRYPTION, "kid": to.kid, "cty": "JOSE"}
    return jwe.encrypt_compact(wrapped, signed, to.key(), registry=_JWE)


def open_booking(payload: str, session: str, key: PrivateKey, jail: TrustedSigner) -> BookingEvent:
    """Raises FrameRefused unless the jail sealed it to us for this very session."""
    try:
        signed = jwe.decrypt_compact(payload, key.key, registry=_JWE).plaintext or b""
        token = jws.extract_compact(signed, registry=_JWS)
        good = jws.validate_compact(token, jail.key, registry=_JWS)
        claims = json.loads(token.payload)
        if not good or claims["session"] != session or claims["aud"] != key.kid:
            raise FrameRefused("a booking that was sealed for another session or provider")
        return _EVENT.validate_python(claims["event"])
    except (JoseError, ValidationError, ValueError, TypeError, KeyError):
        raise FrameRefused("a booking that does not open") from None


def dummy(like: str, random: RandomBytes) -> str:
    """As many letters as a payload has."""
    return urlsafe_b64encode(random(len(like))).decode()[: len(like)]


def _body(event: BookingEvent, session: str, kid: str) -> bytes:
    return json.dumps({"session": session, "aud": kid, "event": _EVENT.dump_python(event, mode="json")}).encode()
