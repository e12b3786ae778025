"""A JSON interface that is read page by page, from a watermark on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from connectors.delivery import Cursor, MemoryDelivery
from connectors.errors import FeedMalformed
from connectors.formats.documents import parse_json
from connectors.transports.web import POLITE, Client, Fetcher, Patience, next_address


@dataclass(frozen=True, slots=True)
class JsonPages:
    """Pulls `url` from the last poll on (less `overlap`), following the link at `next_path` until there is none.

    A delivery is a page. Its cursor names the page after it, so that a walk that broke off goes on where it was. What
    overlaps comes again and is recognised by its content hash.
    """

    client: Client
    url: str
    since_parameter: str = "since"
    next_path: str = "page.next"
    first_since: datetime | None = None
    overlap: timedelta = timedelta(minutes=10)
    max_pages: int = 1000
    max_megabytes: int = 64
    patience: Patience = POLITE

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[MemoryDelivery]:
        """The pages since `cursor`. Raises `FeedMalformed` for a loop, or for links that lead elsewhere."""
        walk = _Walk.read(cursor, now, self.first_since)
        address = walk.address or self._start(walk.since)
        seen: set[str] = set()
        with self.client() as client:
            fetcher = Fetcher(client, self.patience, self.max_megabytes)
            for number in range(1, self.max_pages + 1):
                if address in seen:
                    raise FeedMalformed(f"the pages form a loop: page {number} was read before")
                seen.add(address)
                body = fetcher.get(address)
                link = self._next(body)
                following = next_address(address, link) if link else ""
                if following in seen:
                    raise FeedMalformed(f"the pages form a loop: page {number} leads back")
                delivery = MemoryDelivery(body, walk.after(following, self.overlap), name=f"page {number}")
                yield delivery
                if not (following and delivery.settled):
                    return
                address = following
        raise FeedMalformed(f"there are more than {self.max_pages} pages")

    def _start(self, since: datetime | None) -> str:
        if since is None:
            return self.url
        joint = "&" if urlsplit(self.url).query else "?"
        return f"{self.url}{joint}{urlencode({self.since_parameter: since.isoformat(timespec='seconds')})}"

    def _next(self, body: bytes) -> str:
        found: Any = parse_json(body)
        for step in self.next_path.split("."):
            if not isinstance(found, dict) or step not in found:
                raise FeedMalformed(f"the page does not say at '{self.next_path}' whether another follows")
            found = found[step]
        if found is None or isinstance(found, str):
            return found or ""
        raise FeedMalformed(f"what stands at '{self.next_path}' is no link")


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk over the pages: since when, begun when, and at which page it stands."""

    since: datetime | None
    begun: datetime
    address: str = ""

    @classmethod
    def read(cls, cursor: Cursor | None, now: datetime, first: datetime | None) -> _Walk:
        if cursor is None:
            return cls(first, now)
        try:
            token = json.loads(cursor.token)
            since = datetime.fromisoformat(token["since"]) if token["since"] else None
            if token.get("next"):
                return cls(since, datetime.fromisoformat(token["begun"]), token["next"])
        except (ValueError, KeyError, TypeError) as error:
            raise FeedMalformed("the cursor is not one of this transport; reset the feed's cursor") from error
        return cls(since, now)

    def after(self, following: str, overlap: timedelta) -> Cursor:
        if following:
            since = self.since.isoformat() if self.since else ""
            return Cursor(json.dumps({"since": since, "begun": self.begun.isoformat(), "next": following}))
        return Cursor(json.dumps({"since": (self.begun - overlap).isoformat()}))
