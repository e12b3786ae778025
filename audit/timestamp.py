"""RFC 3161 timestamps: an authority that is neither the operator nor a witness states when a checkpoint existed.

The stamp is over the very bytes of the published checkpoint, so that anybody can check it without this program:
`openssl ts -verify -data SIZE.checkpoint -in SIZE.tsr -CAfile authority.pem`. Needs the extra `timestamp`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from cryptography.x509 import load_pem_x509_certificates

from audit.errors import SignatureRefused, SinkRefused, SinkUnavailable
from config.errors import ConfigError

_ASK, _ANSWER = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """Asks one authority at its address. `roots` are PEM certificates that it is known by."""

    url: str
    client: httpx2.Client = field(repr=False)
    roots: bytes = field(repr=False)

    def stamp(self, checkpoint: bytes) -> bytes:
        """The authority's answer (DER), seen to be over this checkpoint and its own.

        Raises SinkUnavailable, SinkRefused, and SignatureRefused for an answer that proves nothing.
        """
        library = _library()
        asked = library.TimestampRequestBuilder().data(checkpoint).hash_algorithm(library.HashAlgorithm.SHA256).build()
        answer = self._ask(asked.as_bytes())
        _verified(answer, checkpoint, self.roots, nonce=asked.nonce)
        return answer

    def _ask(self, request: bytes) -> bytes:
        try:
            answer = self.client.post(self.url, content=request, headers={"Content-Type": _ASK, "Accept": _ANSWER})
        except httpx2.HTTPError as fault:
            raise SinkUnavailable(f"the timestamp authority does not answer ({type(fault).__name__})") from fault
        if answer.is_success:
            return answer.content
        words = f"the timestamp authority answered {answer.status_code}"
        raise SinkUnavailable(words) if answer.is_server_error else SinkRefused(f"{words}; look at its address")


def stamped_at(checkpoint: bytes, stamp: bytes, roots: bytes) -> datetime:
    """When the authority saw this checkpoint. Raises SignatureRefused."""
    when: datetime = _verified(stamp, checkpoint, roots).tst_info.gen_time
    return when.astimezone(UTC)


def _verified(stamp: bytes, checkpoint: bytes, roots: bytes, nonce: int | None = None) -> Any:
    library = _library()
    builder = library.VerifierBuilder(roots=load_pem_x509_certificates(roots), nonce=nonce)
    try:
        answer = library.decode_timestamp_response(stamp)
        builder.build().verify_message(answer, checkpoint)
    except (library.VerificationError, ValueError) as fault:
        raise SignatureRefused(
            f"the timestamp is not of this checkpoint, or not from the authority that is known ({type(fault).__name__})"
        ) from fault
    return answer


def _library() -> Any:
    try:
        import rfc3161_client
    except ImportError as fault:
        raise ConfigError("timestamps need the extra `timestamp`: pip install 'warmlink[timestamp]'") from fault
    return rfc3161_client
