"""Do other people's implementations read what we seal, and do we read what they seal?"""

from __future__ import annotations

import json
import subprocess
import warnings
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from playwright._impl._driver import compute_driver_executable

from alerts.content import AlertContent
from alerts.seal import Sealed, open_sealed
from records import AlertRef
from tests.alerts.conftest import Keys

PEER = Path(__file__).parent / "interop" / "peer.mjs"


def node(**request: Any) -> dict[str, Any]:
    """Ask npm's jose, in the Node that Playwright brings along."""
    program = compute_driver_executable()[0]
    done = subprocess.run(
        [program, PEER], input=json.dumps(request), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def private(key: Any) -> dict[str, Any]:
    return dict(key.as_dict(private=True))


def test_npm_jose_opens_what_we_seal(sealed: Sealed, content: AlertContent, keys: Keys) -> None:
    answer = node(do="open", jwe=sealed.jwe, recipient=private(keys.recipient.key), signer=keys.signer.trusted.jwk())
    assert answer["kid"] == answer["claims"]["aud"] == keys.recipient.kid
    assert answer["claims"]["alert"] == sealed.alert
    assert AlertContent.from_json(json.dumps(answer["claims"]["content"]).encode()) == content


def test_we_open_what_npm_jose_seals(content: AlertContent, keys: Keys, now: datetime) -> None:
    claims = {
        "alert": "b" * 26,
        "aud": keys.recipient.kid,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(days=1)).timestamp()),
        "content": json.loads(content.to_json()),
    }
    answer = node(
        do="make",
        claims=claims,
        recipient=dict(keys.recipient.public.jwk),
        signer=private(keys.signer.key),
        recipientKid=keys.recipient.kid,
        signerKid=keys.signer.kid,
    )
    opened = open_sealed(answer["jwe"], keys.recipient, keys.signer.trusted, now=now)
    assert opened == (AlertRef("b" * 26), content)


def test_authlib_opens_what_we_seal(sealed: Sealed, content: AlertContent, keys: Keys) -> None:
    """A second Python implementation for the encryption; the signature is checked with the bare primitive."""
    with warnings.catch_warnings(record=True):  # it gives way to joserfc one day, which is what makes it a second one
        from authlib.jose import JsonWebEncryption, JsonWebKey  # type: ignore[import-untyped]

        key = JsonWebKey.import_key(private(keys.recipient.key))
        signed = JsonWebEncryption(["ECDH-ES+A256KW", "A256GCM"]).deserialize_compact(sealed.jwe.encode(), key)[
            "payload"
        ]
    head, payload, signature = signed.decode().split(".")
    raw = keys.signer.key.public_key
    assert isinstance(raw, Ed25519PublicKey)
    raw.verify(_bytes(signature), f"{head}.{payload}".encode())
    assert AlertContent.from_json(json.dumps(json.loads(_bytes(payload))["content"]).encode()) == content


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "==")
