"""Finding a client by name where no name is kept. What is typed is encoded at once, and only the encoding waits for an answer.

Whoever holds the index of clients answers: the process of the cycles, or the console itself where a roster is small. Only clients are
found, and bookings through them. Bookings of nobody are not: their names are gone on purpose, and a jail's book that can be
searched by name is nothing that this is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from config import Refuse
from matcher import EncodedBatch, Encoder, Link, RosterIndex, link
from records import ClientRef, Identity, OrgId, Personal
from service.engine import Engine
from store import clients, findings, searches
from store.searches import Search

AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
AT_MOST = 20
"""Searches of one person within an hour."""
SHOWN = 20
"""Clients of one answer, the most likely first."""
SMALL = 20_000
"""Clients up to which a process may load the index for a search alone."""


class SearchPurpose(StrEnum):
    """Why somebody looks for a name. It stands in the log."""

    COMPLAINT = "complaint"
    CLIENT_REQUEST = "client_request"
    ACCOUNTING = "accounting"
    WRONG_PERSON = "wrong_person"
    MISSED_ALERT = "missed_alert"


class TooManySearches(Refuse):
    """A person looks for so many names within an hour and no more."""


class NoSuchSearch(Refuse):
    """There is no such search, or somebody else's, or its day is over."""


@dataclass(frozen=True, slots=True)
class FoundClient:
    """A client whom the name may be of. `levels` tells what agreed, field by field; `bookings` what they were matched with."""

    org: str
    client: Personal
    probability: float
    weight: float
    levels: tuple[str, ...]
    bookings: tuple[tuple[str, str], ...]
    """(booking, verdict) of matches that stand."""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """`found` is None while it waits."""

    ref: str
    found: tuple[FoundClient, ...] | None


def named(first: str, last: str, born: date, middle: str = "") -> Identity:
    return Identity(first=first.strip(), middle=middle.strip(), last=last.strip(), birth_date=born.isoformat())


def ask(engine: Engine, who: Identity, purpose: SearchPurpose, org: OrgId | None, by: str) -> str:
    """Begin a search; gives its reference. The log has who asked, why, and a keyed digest that is the same for the same name.

    Raises TooManySearches, which is in the log too.
    """
    now = engine.clock()
    encoded = Encoder(engine.linkage_key, engine.model).encode([[who]]).one(0).to_bytes()
    digest = engine.locator.ref("name-search", sha256(encoded).hexdigest())
    ref = engine.locator.ref("name-search", engine.random(32).hex())
    with engine.database.write() as conn:
        searches.forget(conn, now - A_DAY)
        refused = searches.asked(conn, by, now - AN_HOUR) >= AT_MOST
        if refused:
            stated = leaf(
                Kind.REFUSED_ATTEMPT, action="view", reasons=["TOO_MANY_SEARCHES"], by=by, screen="name_search"
            )
        else:
            searches.add(conn, engine.vault, Search(ref, by, org, answered=False, content=encoded), now)
            stated = leaf(Kind.VIEW, by=by, screen="name_search", search=digest, search_purpose=purpose.value)
        engine.audit.append(conn, [stated], now)
    if refused:
        raise TooManySearches(f"no more than {AT_MOST} names within an hour")
    return ref


def answer_waiting(engine: Engine, index: RosterIndex) -> int:
    """Answer every search that waits, from the index of the clients who may be matched now. Returns how many."""
    with engine.database.read() as conn:
        asked = searches.waiting(conn, engine.vault)
    for search in asked:
        links = _links(engine, index, search.content)
        with engine.database.write() as conn:
            found = [kept for kept in (_kept(conn, engine, each, search.org) for each in links) if kept is not None]
            searches.answer(conn, engine.vault, search.ref, json.dumps(found[:SHOWN]).encode(), engine.clock())
    return len(asked)


def read(engine: Engine, ref: str, by: str) -> SearchAnswer:
    """What was found, for whoever asked. Each client in it was looked at, and the log says so. Raises NoSuchSearch."""
    now = engine.clock()
    with engine.database.write() as conn:
        search = searches.get(conn, engine.vault, ref)
        if search is None or search.by != by:
            raise NoSuchSearch("there is no such search; those of yesterday are gone")
        if not search.answered:
            return SearchAnswer(ref, None)
        found = tuple(_shown(engine, conn, json.loads(search.content)))
        looked = [leaf(Kind.VIEW, by=by, screen="name_search", client=each[0]) for each in found]
        engine.audit.append(conn, looked, now)
    return SearchAnswer(ref, tuple(client for _, client in found))


def _links(engine: Engine, index: RosterIndex, encoded: bytes) -> tuple[Link, ...]:
    """None for an encoding of an earlier epoch: two of them are never compared, and the search is asked anew."""
    batch = EncodedBatch.from_bytes(encoded)
    if batch.header != engine.encoder.header:
        return ()
    return link(batch, index)[0].links


def _kept(conn: Connection, engine: Engine, found: Link, org: OrgId | None) -> dict[str, Any] | None:
    stored = clients.get(conn, engine.vault, ClientRef(found.client))
    if stored is None or org not in {None, stored.entry.org}:
        return None
    levels = [f"{each.field}:{each.level}" for each in found.levels]
    return {"client": found.client, "probability": found.probability, "weight": found.weight, "levels": levels}


def _shown(engine: Engine, conn: Connection, kept: list[dict[str, Any]]) -> Iterator[tuple[ClientRef, FoundClient]]:
    """With the numbers that people know them by, of those who were not destroyed meanwhile."""
    for each in kept:
        ref = ClientRef(each["client"])
        stored = clients.get(conn, engine.vault, ref)
        if stored is not None:
            standing = [li for li in findings.links_with(conn, ref) if li.superseded_at is None]
            yield (
                ref,
                FoundClient(
                    org=stored.entry.org,
                    client=Personal(stored.entry.client_id),
                    probability=each["probability"],
                    weight=each["weight"],
                    levels=tuple(each["levels"]),
                    bookings=tuple((li.booking, li.verdict) for li in standing),
                ),
            )
