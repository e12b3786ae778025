"""HTTP message signatures (RFC 9421) with Ed25519, over the few components that our requests have.

The receiver checks who sent a request and that its body, target and idempotency key are the ones that were sent.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from alerts.keys import Signer

COVERED = ("@method", "@target-uri", "content-type", "content-digest", "idempotency-key")
"""What every signature of ours covers."""


def content_digest(body: bytes) -> str:
    """The value of the Content-Digest field (RFC 9530)."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def signature_params(covered: Sequence[str], *, created: datetime, kid: str, alg: str | None = "ed25519") -> str:
    """The value of @signature-params (RFC 9421, 2.3)."""
    names = " ".join(f'"{name}"' for name in covered)
    declared = f';alg="{alg}"' if alg else ""
    return f'({names});created={int(created.timestamp())};keyid="{kid}"{declared}'


def signature_base(components: Mapping[str, str], params: str) -> bytes:
    """What is signed (RFC 9421, 2.5). `components` are in the order of `params`."""
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def signed_headers(
    url: str, body: bytes, *, content_type: str, idempotency_key: str, signer: Signer, now: datetime
) -> dict[str, str]:
    """The headers of a signed POST. The same for every alert but for the opaque key, the time and the signature."""
    headers = {
        "content-type": content_type,
        "content-digest": content_digest(body),
        "idempotency-key": idempotency_key,
    }
    params = signature_params(COVERED, created=now, kid=signer.kid)
    values = {"@method": "POST", "@target-uri": url, **headers}
    signature = signer.sign(signature_base({name: values[name] for name in COVERED}, params))
    return {
        **headers,
        "signature-input": f"warmlink={params}",
        "signature": f"warmlink=:{b64encode(signature).decode()}:",
    }
