"""A FHIR R4 server, asked by search; all pages of all searches make one bundle, because a roster is joined."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.delivery import Cursor, MemoryDelivery
from connectors.errors import FeedMalformed
from connectors.formats.documents import parse_json
from connectors.transports.web import POLITE, Client, Fetcher, Patience, next_address

_ROSTER = (
    "Patient?_count=200",
    "EpisodeOfCare?_count=200",
    "CareTeam?_count=200",
    "Practitioner?_count=200",
    "PractitionerRole?_count=200",
    "Group?type=person&_count=200",
    "Consent?scope=patient-privacy&_count=200",
)


@dataclass(frozen=True, slots=True)
class FhirSearch:
    """Runs `searches` against `base` (with a slash at its end) and delivers one collection bundle: the roster as it is now."""

    client: Client
    base: str
    searches: tuple[str, ...] = _ROSTER
    max_pages: int = 10_000
    max_megabytes: int = 256
    patience: Patience = POLITE

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[MemoryDelivery]:  # noqa: ARG002 - a roster is a snapshot: always the whole
        """One bundle. Nothing is delivered unless every page of every search was read: half a roster looks like discharges."""
        entries: list[Any] = []
        with self.client() as client:
            fetcher = Fetcher(client, self.patience, self.max_megabytes)
            for search in self.searches:
                entries += self._pages(fetcher, next_address(self.base, search))
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        yield MemoryDelivery(json.dumps(bundle).encode(), Cursor(now.isoformat()), name="search")

    def _pages(self, fetcher: Fetcher, address: str) -> Iterator[Any]:
        seen: set[str] = set()
        while address:
            if address in seen or len(seen) >= self.max_pages:
                raise FeedMalformed(f"the search's pages form a loop, or there are more than {self.max_pages}")
            seen.add(address)
            bundle = _bundle(parse_json(fetcher.get(address), numbers_as_text=False))
            yield from bundle.get("entry", [])
            links = [
                link for link in bundle.get("link", []) if isinstance(link, dict) and link.get("relation") == "next"
            ]
            address = next_address(address, str(links[0].get("url"))) if links else ""


def _bundle(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
        kind = document.get("resourceType") if isinstance(document, dict) else None
        raise FeedMalformed(
            f"the server answered with {'an OperationOutcome' if kind == 'OperationOutcome' else 'no Bundle'}"
        )
    if not isinstance(document.get("entry", []), list) or not isinstance(document.get("link", []), list):
        raise FeedMalformed("the bundle's entries or links are no list")
    return document
