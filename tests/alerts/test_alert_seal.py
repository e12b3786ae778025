"""Does a sealed alert open for its recipient only, whole, in time, and look like every other one?"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwe, jws

from alerts.compose import compose
from alerts.content import AlertContent, AlertFacts, AlertKind, Language
from alerts.errors import ContentTooLarge, SealBroken, SealExpired, SealFault, WrongKey
from alerts.keys import PrivateKey, PublicKey, Signer
from alerts.notices import IN_THE_MESSAGE
from alerts.seal import SIZE_CLASSES, Sealed, open_sealed, seal
from records import AlertRef, Charge, Personal
from tests.alerts.conftest import Keys

REF = AlertRef("a" * 26)


def sealed_with(content: AlertContent, keys: Keys, now: datetime, recipient: PublicKey | None = None) -> Sealed:
    return seal(
        content,
        recipient or keys.recipient.public,
        backup=keys.backup.public,
        signer=keys.signer,
        alert=REF,
        now=now,
        expires=now + timedelta(days=7),
    )


def test_both_copies_open_to_what_was_sealed(sealed: Sealed, content: AlertContent, keys: Keys, now: datetime) -> None:
    assert open_sealed(sealed.jwe, keys.recipient, keys.signer.trusted, now=now) == (REF, content)
    assert open_sealed(sealed.backup_jwe, keys.backup, keys.signer.trusted, now=now) == (REF, content)


def test_nothing_readable_outside(sealed: Sealed) -> None:
    header, *rest = sealed.jwe.split(".")
    parsed = json.loads(urlsafe_b64decode(header + "=="))
    assert parsed.pop("epk").keys() == {"kty", "crv", "x", "y"}
    assert parsed == {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": sealed.kid, "cty": "JOSE"}
    for part in rest:
        assert b"Quillon" not in urlsafe_b64decode(part + "==")
    assert "Quillon" not in repr(sealed)


def test_another_key_does_not_open_it(sealed: Sealed, keys: Keys, now: datetime) -> None:
    with pytest.raises(WrongKey):
        open_sealed(sealed.jwe, keys.backup, keys.signer.trusted, now=now)


def test_another_signer_is_not_trusted(sealed: Sealed, keys: Keys, now: datetime) -> None:
    with pytest.raises(WrongKey):
        open_sealed(sealed.jwe, keys.recipient, Signer.generate().trusted, now=now)


def test_it_ends_at_its_expiry(sealed: Sealed, keys: Keys) -> None:
    open_sealed(sealed.jwe, keys.recipient, keys.signer.trusted, now=sealed.expires - timedelta(seconds=1))
    with pytest.raises(SealExpired):
        open_sealed(sealed.jwe, keys.recipient, keys.signer.trusted, now=sealed.expires)


def test_a_seal_from_the_future_is_not_believed(sealed: Sealed, keys: Keys, now: datetime) -> None:
    with pytest.raises(SealBroken):
        open_sealed(sealed.jwe, keys.recipient, keys.signer.trusted, now=now - timedelta(hours=1))


def test_sealed_text_cannot_be_handed_on(sealed: Sealed, keys: Keys, now: datetime) -> None:
    """A recipient may wrap what was signed for them for someone else: the signature names the key it was meant for."""
    signed = jwe.decrypt_compact(sealed.jwe, keys.recipient.key, algorithms=["ECDH-ES+A256KW", "A256GCM"]).plaintext
    assert signed is not None
    victim = PrivateKey.generate()
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": victim.kid}
    handed_on = jwe.encrypt_compact(header, signed, victim.public.key(), algorithms=["ECDH-ES+A256KW", "A256GCM"])
    with pytest.raises(WrongKey, match="another recipient"):
        open_sealed(handed_on, victim, keys.signer.trusted, now=now)


@pytest.mark.parametrize(("alg", "enc"), [("ECDH-ES", "A256GCM"), ("ECDH-ES+A256KW", "A128CBC-HS256")])
def test_other_algorithms_are_not_accepted(keys: Keys, now: datetime, alg: str, enc: str) -> None:
    header = {"alg": alg, "enc": enc, "kid": keys.recipient.kid}
    weak = jwe.encrypt_compact(header, b"x", keys.recipient.public.key(), algorithms=[alg, enc])
    with pytest.raises(SealBroken):
        open_sealed(weak, keys.recipient, keys.signer.trusted, now=now)


def test_an_unsigned_payload_is_not_accepted(keys: Keys, now: datetime) -> None:
    """`alg: none` inside the encryption, which anyone who knows the public key could make."""
    head = urlsafe_b64encode(json.dumps({"alg": "none", "kid": keys.signer.kid}).encode()).rstrip(b"=")
    unsigned = head + b"." + urlsafe_b64encode(b'{"content": {}}').rstrip(b"=") + b"."
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": keys.recipient.kid}
    forged = jwe.encrypt_compact(
        header, unsigned, keys.recipient.public.key(), algorithms=["ECDH-ES+A256KW", "A256GCM"]
    )
    with pytest.raises(SealFault):
        open_sealed(forged, keys.recipient, keys.signer.trusted, now=now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)  # the fixtures are constants
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 63))
def test_a_changed_character_is_noticed(sealed: Sealed, keys: Keys, now: datetime, place: float, flip: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = int(place * len(sealed.jwe))
    if sealed.jwe[at] == ".":
        return
    other = letters[letters.index(sealed.jwe[at]) ^ flip]
    text = sealed.jwe[:at] + other + sealed.jwe[at + 1 :]
    if all(_bytes(a) == _bytes(b) for a, b in zip(text.split("."), sealed.jwe.split("."), strict=True)):
        return  # the unused bits at the end of a base64 text
    with pytest.raises(SealFault):
        open_sealed(text, keys.recipient, keys.signer.trusted, now=now)


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "==")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.binary().map(lambda raw: urlsafe_b64encode(raw).decode() + "....")))
def test_rubbish_is_refused_in_our_own_words(keys: Keys, now: datetime, text: str) -> None:
    with pytest.raises(SealFault):
        open_sealed(text, keys.recipient, keys.signer.trusted, now=now)


def test_a_signed_text_that_is_no_alert_is_refused(keys: Keys, now: datetime) -> None:
    for payload in (b"[]", b"{}", json.dumps({"aud": keys.recipient.kid, "iat": 0, "exp": 9e9}).encode()):
        header = {"alg": "Ed25519", "kid": keys.signer.kid}
        signed = jws.serialize_compact(header, payload, keys.signer.key, algorithms=["Ed25519"])
        outer = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": keys.recipient.kid}
        text = jwe.encrypt_compact(outer, signed, keys.recipient.public.key(), algorithms=["ECDH-ES+A256KW", "A256GCM"])
        with pytest.raises(SealFault):
            open_sealed(text, keys.recipient, keys.signer.trusted, now=now)


def test_every_alert_has_the_same_length(
    facts: AlertFacts, everything: frozenset[str], keys: Keys, now: datetime
) -> None:
    """Whatever the kind, language, client and notices: also the longest the phrases allow."""
    notices = frozenset(IN_THE_MESSAGE) | {"ASSIGN_CLINICIAN", "RECONSENT_DUE"}
    long = replace(facts, client=Personal("N" * 60), release_inferred=True)
    cases = product((facts, long), AlertKind, Language, (frozenset[str](), notices))
    lengths = {
        (len(copy.jwe), len(copy.backup_jwe))
        for who, kind, language, owed in cases
        for copy in [sealed_with(compose(who, everything, owed, kind=kind, language=language, now=now), keys, now)]
    }
    assert len(lengths) == 1


def test_what_does_not_fit_the_largest_class_is_refused(
    facts: AlertFacts, everything: frozenset[str], keys: Keys, now: datetime
) -> None:
    huge = replace(facts, charges=(Charge("c", "x" * SIZE_CLASSES[-1]),))
    content = compose(huge, everything, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=now)
    with pytest.raises(ContentTooLarge):
        sealed_with(content, keys, now)
    fits = compose(
        replace(facts, charges=(Charge("c", "x" * (SIZE_CLASSES[-1] - 6000)),)),
        everything,
        frozenset(),
        kind=AlertKind.ARREST,
        language=Language.ENGLISH,
        now=now,
    )
    assert open_sealed(sealed_with(fits, keys, now).jwe, keys.recipient, keys.signer.trusted, now=now)[1] == fits


def test_an_expiry_in_the_past_is_not_sealed(content: AlertContent, keys: Keys, now: datetime) -> None:
    with pytest.raises(SealExpired):
        seal(
            content,
            keys.recipient.public,
            backup=keys.backup.public,
            signer=keys.signer,
            alert=REF,
            now=now,
            expires=now,
        )
