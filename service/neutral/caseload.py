"""A provider's edge over a provider's installation: its clients, its rules, its store, its clinicians' keys.

What the unit releases goes the way of any booking: recorded with link, decision, alert and audit leaf in one transaction, decided again
by the provider's own rules, sealed to the clinician's key at sending. No alert comes about in any other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors import Cursor
from consent import DecisionRequest
from matcher import BookingLinks, Encoder, Link, RosterIndex, Verdict
from records import BookingEvent, BookingNumber, BookingRef, ClientRef, EventKind, FeedId, Identity, Instant, Op
from service.changes import Meaning
from service.disclosure import Case, consider
from service.engine import Engine
from service.intake import DeliveryCounts, Intake
from service.neutral.padding import COMPARED_WITH_ALL
from service.neutral.provider import CANDIDATES
from service.neutral.session import Shared
from service.recipients import possible_recipients
from service.recording import Recorder
from service.screening import Screener
from service.sequence import alone
from service.standing import matched
from store import clients, feeds, staff
from store.bookings import StoredBooking
from store.errors import AlreadyDone

FEED = "neutral-unit"
"""The feed under whose name released bookings stand in the store and the log."""


@dataclass(frozen=True, slots=True)
class EngineCaseload:
    """The caseload that a `ProviderEdge` works on, from the sealed store."""

    engine: Engine

    def identities(self, refs: Sequence[ClientRef]) -> list[tuple[Identity, ...]]:
        with self.engine.database.read() as conn:
            found = [clients.get(conn, self.engine.vault, ref) for ref in refs]
        return [client.entry.identities if client is not None else () for client in found]

    def requests(self, ref: ClientRef, now: datetime) -> Sequence[DecisionRequest]:
        """What the rules would be asked for each possible recipient; none where facts are missing."""
        with self.engine.database.read() as conn:
            client = clients.get(conn, self.engine.vault, ref)
            if client is None:
                return ()
            case = Case("session", Verdict.ALERT.value, client, _some_booking(now))
            recipients = possible_recipients(client.entry, staff.everyone(conn), now)
            asked = [consider(self.engine, conn, case, recipient, now)[1] for recipient in recipients]
        return [request for request in asked if request is not None]

    def receive(self, event: BookingEvent, links: Sequence[Link], now: datetime) -> None:
        """Record a released booking. A second release of the same one changes nothing."""
        screener = Screener.open(self.engine, RosterIndex(self.engine.model))
        delivery = self.engine.locator.ref("delivery", FEED, event.content_hash)
        verdict = next((v for v in Verdict if any(link.verdict is v for link in links)), Verdict.NONE)
        found = BookingLinks(verdict, tuple(links), CANDIDATES)
        intake = Intake(self.engine, FEED, delivery, Cursor(""), now)
        try:
            with self.engine.database.write() as conn:
                feeds.begin_delivery(conn, delivery, FEED, now)
                fresh = alone(self.engine, conn, event)
                if fresh is not None:
                    Recorder(screener, intake, Meaning(), fresh, b"", found).record(conn, screener.tally)
                intake.finish(conn, DeliveryCounts(rows=1, records=1, flagged=0, refused=0, repeated=0, skipped=0))
        except AlreadyDone:
            self.engine.log.info("neutral.replayed", feed=FEED, count=1)

    def index(self, shared: Shared) -> RosterIndex:
        """Every client who may be matched now, under the shared linkage key. Lives in memory only."""
        encoder = Encoder(shared.key, shared.model)
        with self.engine.database.read() as conn:
            held = [c for c in clients.every(conn, self.engine.vault) if not c.retired and matched(c.entry)]
        index = RosterIndex(shared.model, exhaustive=len(held) <= COMPARED_WITH_ALL)
        if held:
            index.add(encoder.encode([c.entry.identities for c in held]), [c.ref for c in held])
        return index


def _some_booking(now: datetime) -> StoredBooking:
    """Stands for the booking that the provider does not know yet; the unit puts the real facts in its place."""
    event = BookingEvent(
        feed=FeedId(FEED),
        agency="",
        booking_number=BookingNumber("session"),
        op=Op.ADD,
        kind=EventKind.BOOKED,
        identities=(),
        content_hash="",
        received_at=Instant(now),
        booked_at=Instant(now),
    )
    return StoredBooking(BookingRef("session"), event, b"")
