"""Bounded, polite HTTPS: waits when asked, retries what may pass, follows no redirect, leaves its server for no link."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import httpx2

from connectors.errors import FeedMalformed, FeedRejected, FeedUnavailable

Client = Callable[[], AbstractContextManager[httpx2.Client]]
"""Makes a client with its credentials, certificates and timeouts. One is opened for each poll."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How a source that is slow or busy is treated within one poll. Beyond it the scheduler asks again."""

    attempts: int = 3
    first_wait: float = 1.0
    """Seconds; doubles with each attempt."""
    longest_wait: float = 60.0
    """Seconds that we stay for when the server names a time; a longer one is left to the scheduler."""
    longest_answer: float = 300.0
    """Seconds that the body of one answer may take. A server that sends a byte now and then would hold us for ever."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


POLITE = Patience()


@dataclass(frozen=True, slots=True)
class Fetcher:
    """GETs bodies of a bounded size. Faults become the errors of `connectors.errors`, without an URL in them: it may hold a query."""

    client: httpx2.Client
    patience: Patience
    max_megabytes: int

    def get(self, url: str) -> bytes:
        """The body of a 200. Raises `FeedUnavailable`, `FeedRejected` or `FeedMalformed`."""
        wait = self.patience.first_wait
        for attempt in range(1, self.patience.attempts + 1):
            try:
                return self._once(url)
            except FeedUnavailable as error:
                pause = wait if error.retry_after is None else error.retry_after
                if attempt == self.patience.attempts or pause > self.patience.longest_wait:
                    raise
                self.patience.sleep(pause)
                wait *= 2
        raise FeedUnavailable("the source was not asked: no attempts are allowed")

    def _once(self, url: str) -> bytes:
        try:
            with self.client.stream("GET", url) as response:
                _check_status(response)
                body, begun = bytearray(), self.patience.clock()
                for chunk in response.iter_bytes():
                    body += chunk
                    if self.patience.clock() - begun > self.patience.longest_answer:
                        raise FeedUnavailable("the source answers too slowly")
                    if len(body) > self.max_megabytes * _MEGABYTE:
                        raise FeedMalformed(f"the answer is larger than {self.max_megabytes} MB")
                return bytes(body)
        except (httpx2.DecodingError, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise FeedMalformed(f"the answer or its address cannot be used ({type(error).__name__})") from None
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise FeedUnavailable(f"the source did not answer ({type(error).__name__})") from None


def _check_status(response: httpx2.Response) -> None:
    status = response.status_code
    if status == httpx2.codes.OK:
        return
    if status in _PASSING:
        raise FeedUnavailable(f"the source answered {status}", retry_after=_retry_after(response))
    if status in {401, 403, 407}:
        raise FeedRejected(f"the source answered {status}: check the credential")
    raise FeedRejected(f"the source answered {status}: check the address")


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds, from either form of Retry-After (RFC 9110, 10.2.3), the date against the server's own clock."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        then, now = parsedate_to_datetime(text), parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return max(0.0, (then - now).total_seconds())


def next_address(current: str, link: str) -> str:
    """A link resolved against the page it stands on. Raises `FeedMalformed` if it leads to another server."""
    target = urljoin(current, link)
    here, there = urlsplit(current), urlsplit(target)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise FeedMalformed("the link to the next page leads to another server")
    return target
