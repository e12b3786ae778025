"""How fast one asker may ask: a bucket of requests for each session, each token, and each address that has neither.

In the memory of this process: it keeps one guest from starving the others, and guards no secret by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from math import ceil

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from console.faults import answer
from console.guard import address_of, bearer

FREE = ("/static/", "/healthz", "/readyz")
MOST_KEPT = 10_000
"""Askers whose buckets are remembered; beyond it the half that asked least is forgotten."""


@dataclass(slots=True)
class Bucket:
    """Requests left, as of an instant."""

    left: float
    at: datetime


@dataclass(slots=True)
class Buckets:
    """`each` requests at once, and as many again every minute."""

    each: int
    clock: Callable[[], datetime]
    kept: dict[bytes, Bucket] = field(default_factory=dict)

    def take(self, who: bytes) -> int:
        """0 when the request may go on, else the seconds to wait."""
        now = self.clock()
        if len(self.kept) > MOST_KEPT:
            emptiest = sorted(self.kept.items(), key=lambda kept: self._filled(kept[1], now))
            self.kept = dict(emptiest[: MOST_KEPT // 2])
        bucket = self.kept.setdefault(who, Bucket(self.each, now))
        bucket.left, bucket.at = self._filled(bucket, now), now
        if bucket.left < 1:
            return ceil((1 - bucket.left) * 60 / self.each)
        bucket.left -= 1
        return 0

    def _filled(self, bucket: Bucket, now: datetime) -> float:
        gone = max(0.0, (now - bucket.at).total_seconds())
        return min(float(self.each), bucket.left + gone * self.each / 60)


class Pace:
    """Answers 429 with Retry-After to whoever asks too fast."""

    def __init__(self, app: ASGIApp, *, buckets: Buckets, cookie: str) -> None:
        self._app, self._buckets, self._cookie = app, buckets, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._buckets.each or scope["path"].startswith(FREE):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        asker = bearer(request) or request.cookies.get(self._cookie) or address_of(request)
        wait = self._buckets.take(sha256(asker.encode()).digest())
        if not wait:
            await self._app(scope, receive, send)
            return
        refused = answer(request, 429, "too many requests; wait a little")
        refused.headers["retry-after"] = str(wait)
        await refused(scope, receive, send)
