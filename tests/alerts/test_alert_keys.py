"""Are only proper keys taken, kept safely, and used while they are in force?"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from alerts.enrolment import enrol, expiring, revoke, usable_key
from alerts.errors import KeyRefused, NoUsableKey
from alerts.keys import PrivateKey, PublicKey, Signer, TrustedSigner
from config.errors import KeyUnavailable
from records import StaffId
from store.database import Database
from tests.alerts.conftest import Keys

LEE, ORTIZ = StaffId("s-lee"), StaffId("s-ortiz")

RFC7517_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
"""The public key of RFC 7517, appendix A.1."""


def test_the_kid_is_the_thumbprint() -> None:
    """Recomputed here from RFC 7638, 3: SHA-256 over the required members in order, without blanks."""
    members = ",".join(f'"{name}":"{RFC7517_KEY[name]}"' for name in ("crv", "kty", "x", "y"))
    expected = urlsafe_b64encode(sha256(f"{{{members}}}".encode()).digest()).rstrip(b"=").decode()
    assert PublicKey.enrol({**RFC7517_KEY, "kid": "mine", "use": "enc"}).kid == expected


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}, id="private key"),
        pytest.param({"crv": "P-384"}, id="another curve"),
        pytest.param({"kty": "RSA"}, id="another type"),
        pytest.param({"use": "sig"}, id="for signing"),
        pytest.param({"y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyN"}, id="not on the curve"),
        pytest.param({"x": "!!!"}, id="not base64"),
        pytest.param({"x": None}, id="missing member"),
        pytest.param({"x": 7}, id="a number"),
    ],
)
def test_what_is_no_fit_key_is_refused_without_quoting_it(change: dict[str, Any]) -> None:
    with pytest.raises(KeyRefused) as caught:
        PublicKey.enrol({**RFC7517_KEY, **change})
    assert RFC7517_KEY["x"] not in str(caught.value)
    assert "870MB6" not in str(caught.value)


def test_key_files_open_for_their_owner_only(tmp_path: Path, keys: Keys) -> None:
    pairs: tuple[PrivateKey | Signer, ...] = (keys.recipient, keys.signer)
    for number, key in enumerate(pairs):
        path = tmp_path / f"{number}.jwk"
        key.save(path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert type(key).load(path).kid == key.kid
        with pytest.raises(KeyUnavailable, match="cannot be made"):
            key.save(path)
        path.chmod(0o640)
        with pytest.raises(KeyUnavailable, match="0600"):
            type(key).load(path)


def test_files_that_hold_no_key_are_refused(tmp_path: Path, keys: Keys) -> None:
    signer, public, rubbish = tmp_path / "signer", tmp_path / "public", tmp_path / "rubbish"
    keys.signer.save(signer)
    public.write_text(json.dumps(dict(keys.recipient.public.jwk)))
    rubbish.write_text("{}")
    for path in (signer, public, rubbish):
        path.chmod(0o600)
        with pytest.raises(KeyUnavailable):
            PrivateKey.load(path)
    with pytest.raises(KeyUnavailable):
        Signer.load(tmp_path / "absent")


def test_a_trusted_signer_is_public(keys: Keys) -> None:
    with pytest.raises(KeyRefused):
        TrustedSigner.from_jwk(keys.signer.key.as_dict(private=True))
    assert TrustedSigner.from_jwk(keys.signer.trusted.jwk()).kid == keys.signer.kid
    with pytest.raises(KeyRefused):
        TrustedSigner.from_jwk(dict(keys.recipient.public.jwk))


def test_no_secret_is_printed(keys: Keys) -> None:
    shown = f"{keys.recipient!r} {keys.signer!r}"
    assert str(keys.recipient.key.as_dict(private=True)["d"]) not in shown
    assert str(keys.signer.key.as_dict(private=True)["d"]) not in shown


def test_a_key_is_enrolled_once_and_used_until_it_ends(database: Database, keys: Keys, now: datetime) -> None:
    key, ends = keys.recipient.public, now + timedelta(days=365)
    with database.write() as conn:
        assert enrol(conn, LEE, key, now=now, expires=ends)
        assert not enrol(conn, LEE, key, now=now, expires=ends)
        assert usable_key(conn, LEE, now=ends - timedelta(seconds=1)) == key
        with pytest.raises(NoUsableKey):
            usable_key(conn, LEE, now=ends)
        with pytest.raises(NoUsableKey):
            usable_key(conn, ORTIZ, now=now)
        assert [e.staff for e in expiring(conn, now=now, within=timedelta(days=366))] == [LEE]
        assert not expiring(conn, now=now, within=timedelta(days=30))


def test_a_revoked_key_is_never_used_again(database: Database, keys: Keys, now: datetime) -> None:
    later = now + timedelta(hours=1)
    with database.write() as conn:
        enrol(conn, LEE, keys.recipient.public, now=now, expires=None)
        revoke(conn, keys.recipient.kid, now=now)
        revoke(conn, keys.recipient.kid, now=later)
        with pytest.raises(NoUsableKey):
            usable_key(conn, LEE, now=later)
        with pytest.raises(KeyRefused, match="revoked"):
            enrol(conn, LEE, keys.recipient.public, now=later, expires=None)
        with pytest.raises(KeyRefused):
            revoke(conn, "no-such-key", now=later)


def test_a_new_key_takes_over(database: Database, keys: Keys, now: datetime) -> None:
    with database.write() as conn:
        enrol(conn, LEE, keys.recipient.public, now=now, expires=None)
        enrol(conn, LEE, keys.backup.public, now=now + timedelta(days=1), expires=None)
        assert usable_key(conn, LEE, now=now + timedelta(days=2)) == keys.backup.public
        revoke(conn, keys.backup.kid, now=now + timedelta(days=3))
        assert usable_key(conn, LEE, now=now + timedelta(days=4)) == keys.recipient.public


def test_a_key_belongs_to_one_person(database: Database, keys: Keys, now: datetime) -> None:
    with database.write() as conn:
        enrol(conn, LEE, keys.recipient.public, now=now, expires=None)
        with pytest.raises(KeyRefused, match="someone else"):
            enrol(conn, ORTIZ, keys.recipient.public, now=now, expires=None)
        with pytest.raises(KeyRefused, match="expiry"):
            enrol(conn, ORTIZ, keys.backup.public, now=now, expires=now)


def test_the_umask_does_not_matter(tmp_path: Path, keys: Keys) -> None:
    before = os.umask(0)
    try:
        keys.recipient.save(tmp_path / "k")
    finally:
        os.umask(before)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
