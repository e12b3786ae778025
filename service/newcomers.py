"""Clients who are added, or whose name is corrected, may be in jail at this moment: open bookings are looked through for them.

Each client is looked for in one transaction and stays marked until that is committed. Who heard of the stay already, or has it
from somebody who did, is not told by this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from alerts.content import AlertKind
from audit.leaves import Leaf
from connectors.schema import Scope
from connectors.scope import goes_on, who
from matcher import Link, Verdict
from records import BookingRef, ClientRef, StaffMember
from service.disclosure import Case
from service.duty import on_duty
from service.engine import Engine
from service.offers import News, offer
from service.recipients import possible_recipients
from service.recording import put_link
from service.scopes import scopes_of
from service.screening import Screener
from service.standing import matched
from store import bookings, clients, findings, reviews
from store.bookings import StoredBooking
from store.clients import StoredClient

_CHUNK = 256


def look_back(screener: Screener) -> int:
    """Look for every client who waits for it among the stays that go on. Returns how many clients were looked for."""
    engine = screener.engine
    with engine.database.read() as conn:
        waiting = clients.pending(conn)
        found = _backwards(screener, conn, frozenset(waiting)) if waiting else {}
    for ref in waiting:
        with engine.database.write() as conn:
            _Newcomer(screener, conn, engine.clock()).tell(ref, found.get(ref, ()))
    return len(waiting)


def _backwards(
    screener: Screener, conn: Connection, wanted: frozenset[ClientRef]
) -> dict[ClientRef, list[tuple[StoredBooking, Link]]]:
    """Links of open bookings to these clients. All clients are compared: a twin on the roster counts as ever."""
    engine, now = screener.engine, screener.engine.clock()
    scopes = scopes_of(engine)
    standing = (
        b
        for b in bookings.open_bookings(conn, engine.vault)
        if b.encoding and goes_on(b.event, scopes.get(b.event.feed, Scope()), now)
    )
    found: dict[ClientRef, list[tuple[StoredBooking, Link]]] = defaultdict(list)
    while chunk := list(islice(standing, _CHUNK)):
        results = screener.match_stored([(b.encoding, b.event) for b in chunk])
        for stored, links in zip(chunk, results, strict=True):
            for each in links.links:
                if ClientRef(each.client) in wanted and each.verdict is not Verdict.NONE:
                    found[ClientRef(each.client)].append((stored, each))
    return found


@dataclass(slots=True)
class _Newcomer:
    """One client in one transaction."""

    screener: Screener
    conn: Connection
    now: datetime
    leaves: list[Leaf] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.screener.engine

    def tell(self, ref: ClientRef, links: Sequence[tuple[StoredBooking, Link]]) -> None:
        client = clients.get(self.conn, self.engine.vault, ref)
        if client is not None and not client.retired and matched(client.entry):
            for stored, candidate in links:
                self._in_custody(on_duty(self.engine, self.conn, client, self.now), stored.ref, candidate)
        clients.followed(self.conn, ref)
        self.engine.audit.append(self.conn, self.leaves, self.now)

    def _in_custody(self, client: StoredClient, booking: BookingRef, candidate: Link) -> None:
        stored = bookings.get(self.conn, self.engine.vault, booking)
        if stored is None or stored.state != "open":
            return
        self.leaves.append(put_link(self.engine, self.conn, booking, candidate, self.now))
        link = self.engine.locator.ref("link", booking, client.ref)
        row = findings.get_link(self.conn, link)
        if row.verdict != Verdict.ALERT.value or row.superseded_at is not None or self._is_settled(link, stored):
            return
        case = Case(link, Verdict.ALERT.value, client, stored)
        for member in possible_recipients(client.entry, self.screener.directory, self.now):
            self._offer(case, member)

    def _is_settled(self, link: str, stored: StoredBooking) -> bool:
        """Somebody heard of the stay, whose alert changes hands in another way; or nobody is to hear of such a stay."""
        told = [row for row in findings.alerts_for_link(self.conn, link) if row.state != "withdrawn"]
        return bool(told or who(stored.event, scopes_of(self.engine).get(stored.event.feed, Scope())))

    def _offer(self, case: Case, member: StaffMember) -> None:
        match = "adjudicated" if reviews.outcome(self.conn, case.link) == "confirmed" else "full"
        made = offer(self.engine, self.conn, case, member, News(AlertKind.ALREADY_IN_CUSTODY, match), now=self.now)
        if made is not None:
            self.leaves += made.leaves
            self.screener.tally.alerts += made.queued
            self.screener.tally.decisions[made.decision.decision.value] += 1
