"""One signed POST, and what its answer means for the queue. Shared by the webhook and the FHIR channel."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from alerts.channels.parcel import Parcel, Receipt
from alerts.errors import ChannelDown, ChannelFault, ChannelRefused, ChannelUnsafe
from alerts.keys import Signer
from alerts.signatures import signed_headers

ASK_AGAIN = frozenset({408, 425, 429})
"""Client errors that are about the moment and not about the message (RFC 9110, 15.5; RFC 6585, 4)."""

LONGEST_WISH = timedelta(hours=6)
"""A Retry-After beyond this is cut: news of an arrest does not wait for days."""


@dataclass(frozen=True, slots=True)
class HttpSender:
    """Posts with a signature. Follows no redirect, keeps no cookie, reads no environment, and never reads the answer's
    body: what a receiver writes there is nobody's business here.
    """

    signer: Signer
    tls: ssl.SSLContext
    production: bool = True
    timeout: float = 20.0
    """Seconds, for connecting and for each answer."""
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers the receiver asked for, such as its bearer token."""

    def post(self, parcel: Parcel, body: bytes, content_type: str, **headers: str) -> Receipt:
        """Raises ChannelDown, ChannelRefused or ChannelUnsafe. `headers` are added with - for _."""
        url = self._checked(parcel)
        signed = signed_headers(
            url,
            body,
            content_type=content_type,
            idempotency_key=parcel.outbox,
            signer=self.signer,
            now=parcel.at,
        )
        added = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._send(url, body, {"user-agent": "warmlink", **self.extra, **signed, **added}, parcel.at)

    def _checked(self, parcel: Parcel) -> str:
        try:
            url = httpx2.URL(parcel.address)
        except (httpx2.InvalidURL, TypeError):
            raise ChannelRefused(f"the address of {parcel.recipient} is not a URL", "bad_address") from None
        if url.scheme not in {"http", "https"} or not url.host:
            raise ChannelRefused(f"the address of {parcel.recipient} is not a URL", "bad_address")
        if url.scheme != "https" and self.production:
            raise ChannelUnsafe(f"the address of {parcel.recipient} is not https; nothing was sent", "no_tls")
        return str(url)

    def _send(self, url: str, body: bytes, headers: Mapping[str, str], now: datetime) -> Receipt:
        try:
            with (
                httpx2.Client(verify=self.tls, timeout=self.timeout, trust_env=False) as client,
                client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                status, wish = answer.status_code, answer.headers.get("retry-after", "")
        except httpx2.RequestError as fault:
            raise _connection_fault(fault) from None
        if 200 <= status < 300:
            return Receipt(f"http_{status}")
        raise answer_fault(status, wish, now)


def _connection_fault(fault: httpx2.RequestError) -> ChannelFault:
    """The library's messages quote the address; only what to do goes further."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ChannelUnsafe("the receiver's certificate does not verify; nothing was sent", "tls")
        cause = cause.__cause__ or cause.__context__
    code = "timeout" if isinstance(fault, httpx2.TimeoutException) else "unreachable"
    return ChannelDown(f"the receiver cannot be reached ({type(fault).__name__})", code)


def answer_fault(status: int, retry_after: str, now: datetime) -> ChannelFault:
    """What a status other than 2xx means. 410 is the receiver's word that this address is closed for good."""
    code = f"http_{status}"
    if status in ASK_AGAIN or status >= 500:
        return ChannelDown(f"the receiver answered {status}", code, _wish(retry_after, now))
    return ChannelRefused(f"the receiver answered {status}", code)


def _wish(retry_after: str, now: datetime) -> datetime | None:
    """Retry-After as an instant (RFC 9110, 10.2.3): seconds or a date. Nonsense is no wish."""
    try:
        asked = (
            now + timedelta(seconds=int(retry_after)) if retry_after.isdecimal() else parsedate_to_datetime(retry_after)
        )
        return max(now, min(asked, now + LONGEST_WISH))
    except (ValueError, TypeError, OverflowError):
        return None
