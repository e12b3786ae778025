"""From a booking event to a recorded decision: link, decide, and write link, decision, audit leaf and outbox entry at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from alerts.content import AlertKind
from alerts.threads import next_kind, sameness
from audit.leaves import Kind, Leaf, leaf
from config import TellPerson
from connectors import Pull, RowFault
from matcher import BookingLinks, Link, RosterIndex, Verdict, link
from records import BookingEvent, BookingRef, ClientRef, Custody, EventKind, Op, StaffId, StaffMember
from service.disclosure import Case
from service.duty import on_duty
from service.engine import Engine
from service.facts import booking_facts
from service.intake import DeliveryCounts, Intake
from service.offers import News, Offer, offer, retract, said_to
from service.recipients import possible_recipients
from service.retention import end_booking
from store import bookings, clients, findings, reviews, staff
from store.bookings import FINAL, STATE_AFTER, StoredBooking
from store.errors import AlreadyDone, DatabaseBusy
from store.findings import LinkRow

_CHUNK = 256
"""Events that are encoded and linked together; each is then recorded in a transaction of its own."""


@dataclass(slots=True)
class Tally:
    """What the bookings of a cycle came to. Counts only."""

    events: int = 0
    replayed: int = 0
    candidates: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    alerts: int = 0
    baseline: int = 0
    nobody: int = 0

    def add(self, other: Tally) -> None:
        """Count in what one committed transaction did."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Screener:
    """Takes deliveries of one cycle in, against one index and one staff directory."""

    engine: Engine
    index: RosterIndex
    directory: dict[StaffId, StaffMember]
    tally: Tally

    @classmethod
    def open(cls, engine: Engine, index: RosterIndex) -> Screener:
        with engine.database.read() as conn:
            return cls(engine, index, staff.everyone(conn), Tally())

    def take(self, pull: Pull, intake: Intake) -> None:
        """Record every event of a delivery, then close it. Killed anywhere, it goes on where it stopped."""
        replayed = 0
        for events in _chunks(self._events(pull, intake)):
            fresh = self._not_yet_recorded(events)
            replayed += len(events) - len(fresh)
            for event, encoding, found in self._linked(fresh):
                self._record(event, encoding, found, intake)
        self.tally.replayed += replayed
        counts = DeliveryCounts.of(pull.summary, replayed=replayed)
        with self.engine.database.write() as conn:
            intake.finish(conn, counts)

    def _events(self, pull: Pull, intake: Intake) -> Iterator[BookingEvent]:
        for item in pull.items():
            if isinstance(item, RowFault):
                intake.faults.append(item)
            elif isinstance(item, BookingEvent):
                yield item
            else:
                raise TellPerson(f"feed {intake.feed} is of bookings, but its mapping gives roster entries")

    def _not_yet_recorded(self, events: Sequence[BookingEvent]) -> list[BookingEvent]:
        refs = {self.event_ref(event): event for event in events}
        with self.engine.database.read() as conn:
            known = bookings.known_events(conn, list(refs))
        return [event for ref, event in refs.items() if ref not in known]

    def _linked(self, events: Sequence[BookingEvent]) -> Iterator[tuple[BookingEvent, bytes, BookingLinks | None]]:
        """Each event with its encoding and what it links to. After this the names are gone."""
        named = [event.identities for event in events if event.identities]
        batch = self.engine.encoder.encode(named)
        results = enumerate(link(batch, self.index))
        for event in events:
            if not event.identities:
                yield event, b"", None
                continue
            at, links = next(results)
            yield event, batch.one(at).to_bytes(), links

    def event_ref(self, event: BookingEvent) -> str:
        return self.engine.locator.ref("event", event.feed, event.agency, event.booking_number, event.content_hash)

    def booking_ref(self, event: BookingEvent) -> BookingRef:
        """One booking, however many feeds report it: its agency's number names it; without an agency, the feed's."""
        return BookingRef(self.engine.locator.ref("booking", event.agency or event.feed, event.booking_number))

    def _record(self, event: BookingEvent, encoding: bytes, found: BookingLinks | None, intake: Intake) -> None:
        counted = Tally()
        try:
            with self.engine.database.write() as conn:
                Recorder(self, conn, intake, event, self.booking_ref(event), counted).record(encoding, found)
        except AlreadyDone as fault:
            if not self._recorded(
                event
            ):  # it ran into another event's work: nothing of it was kept, so it must come again
                raise DatabaseBusy("two processes worked on one booking; this delivery will be read again") from fault
            self.tally.replayed += 1
        else:
            self.tally.add(counted)

    def _recorded(self, event: BookingEvent) -> bool:
        """Whether another worker took the same event in; then its transaction counts."""
        with self.engine.database.read() as conn:
            return bookings.known_event(conn, self.event_ref(event))


@dataclass(slots=True)
class Recorder:
    """One event in one transaction: everything it leads to is written together or not at all."""

    screener: Screener
    conn: Connection
    intake: Intake
    event: BookingEvent
    ref: BookingRef
    tally: Tally
    leaves: list[Leaf] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.screener.engine

    @property
    def now(self) -> datetime:
        return self.intake.now

    def record(self, encoding: bytes, found: BookingLinks | None) -> None:
        state = bookings.state_of(self.conn, self.ref)
        if state in FINAL:
            self._note_event()  # a stale feed cannot bring back what was cancelled or sealed
        elif self.event.kind in {EventKind.SEALED, EventKind.CANCELLED} or self.event.op is Op.DELETE:
            self._end(found)
        else:
            self._keep_and_link(encoding, found)
        self.engine.audit.append(self.conn, self.leaves, self.now)

    def _end(self, found: BookingLinks | None) -> None:
        """Cancelled or sealed: what was queued stops, the content goes, the tombstone stays."""
        del found
        state = "void" if self.event.kind is EventKind.CANCELLED else "sealed"
        purged = end_booking(self.conn, self.ref, state, self.now)
        self._note_event()
        for row in findings.links_of(self.conn, self.ref):
            self._retract(row.ref, "cancelled" if state == "void" else "sealed")
        self.leaves += purged

    def _keep_and_link(self, encoding: bytes, found: BookingLinks | None) -> None:
        before = bookings.get(self.conn, self.engine.vault, self.ref)
        event = bookings.merged(before.event if before else None, self.event)
        stored = StoredBooking(
            ref=self.ref,
            event=event,
            encoding=encoding or (before.encoding if before else b""),
            state=STATE_AFTER.get(event.kind, "released" if event.released_at else "open"),
            baseline=before.baseline if before else self.intake.baseline,
        )
        bookings.put(self.conn, self.engine.vault, stored, self.now)
        self._note_event()
        if found is None:
            return
        self._verdict(found)
        held = {candidate.client: candidate for candidate in found.links if candidate.verdict is not Verdict.NONE}
        self._supersede(held)
        for candidate in held.values():
            self._link(stored, candidate)

    def _note_event(self) -> None:
        ref = self.screener.event_ref(self.event)
        bookings.add_event(self.conn, ref, self.ref, self.event, delivery=self.intake.delivery, now=self.now)
        self.tally.events += 1
        self.leaves.append(
            leaf(
                Kind.BOOKING_EVENT,
                feed=self.event.feed,
                booking=self.ref,
                event=ref,
                op=self.event.op,
                event_kind=self.event.kind,
                delivery=self.intake.delivery,
                baseline="yes" if self.intake.baseline else "no",
            )
        )

    def _verdict(self, found: BookingLinks) -> None:
        self.tally.verdicts[found.verdict.value] += 1
        self.tally.candidates += found.candidates
        self.leaves.append(
            leaf(
                Kind.VERDICT,
                booking=self.ref,
                event=self.screener.event_ref(self.event),
                verdict=found.verdict.value,
                model=self.engine.model.hash,
                epoch=self.engine.linkage_key.epoch,
                candidates=found.candidates,
            )
        )

    def _supersede(self, held: dict[str, Link]) -> None:
        """A corrected identity may unlink a client: what was queued for the old link stops."""
        for row in findings.links_of(self.conn, self.ref):
            if row.client not in held and row.superseded_at is None:
                findings.supersede(self.conn, str(row.ref), self.now)
                self._retract(str(row.ref), "superseded")

    def _link(self, stored: StoredBooking, candidate: Link) -> None:
        client = clients.get(self.conn, self.engine.vault, ClientRef(candidate.client))
        if client is None:
            return  # purged between loading the index and now
        row = findings.put_link(self.conn, self._link_row(candidate), self.now)
        self.leaves.append(self._link_leaf(row))
        if row.verdict != Verdict.ALERT.value:
            return
        client = on_duty(self.engine, self.conn, client, self.now)
        recipients = possible_recipients(client.entry, self.screener.directory, self.now)
        if not recipients:
            self.tally.nobody += 1
        for recipient in recipients:
            self._offer(Case(row.ref, row.verdict, client, stored), recipient)

    def _offer(self, case: Case, recipient: StaffMember) -> None:
        """What this event means to this recipient, given what they heard already: an arrest, a transfer, a release, nothing."""
        said = said_to(self.conn, case.link, recipient.staff)
        in_custody = case.booking.event.custody is not Custody.RELEASED
        kind = next_kind(_as_heard(self.event.kind, said), said, in_custody=in_custody)
        if kind is None or kind is AlertKind.RETRACTION:
            return
        facts = booking_facts(self.engine, case)
        news = News(
            kind, match=self._match(case.link), sameness=sameness(kind, facts, said), quiet=case.booking.baseline
        )
        made = offer(self.engine, self.conn, case, recipient, news, now=self.now)
        if made is not None:
            self._count(made, baseline=case.booking.baseline)

    def _match(self, link_ref: str) -> str:
        return "adjudicated" if reviews.outcome(self.conn, link_ref) == "confirmed" else "full"

    def _count(self, made: Offer, *, baseline: bool) -> None:
        self.leaves.extend(made.leaves)
        self.tally.decisions[made.decision.decision.value] += 1
        self.tally.reasons.update(made.decision.reason_codes)
        self.tally.baseline += baseline
        self.tally.alerts += made.queued

    def _retract(self, link_ref: str, reason: str) -> None:
        self.leaves.extend(retract(self.engine, self.conn, link_ref, reason=reason, now=self.now))

    def _link_row(self, candidate: Link) -> LinkRow:
        client = ClientRef(candidate.client)
        return LinkRow(
            ref=self.engine.locator.ref("link", self.ref, client),
            booking=self.ref,
            client=client,
            verdict=candidate.verdict.value,
            weight=candidate.weight,
            probability=candidate.probability,
            margin=candidate.margin,
            levels={level.field: level.level for level in candidate.levels},
            model_hash=self.engine.model.hash,
        )

    def _link_leaf(self, row: LinkRow) -> Leaf:
        return leaf(
            Kind.LINK,
            link=row.ref,
            booking=row.booking,
            client=row.client,
            verdict=row.verdict,
            model=row.model_hash,
            levels=[f"{name}:{level}" for name, level in row.levels.items()],
            weight_millibits=round(row.weight * 1000),
            margin_millibits=round(row.margin * 1000),
            epoch=self.engine.linkage_key.epoch,
        )


def _as_heard(event: EventKind, said: Sequence[AlertKind]) -> EventKind:
    """To whoever heard nothing yet, any news of a stay that goes on is the news of the booking.

    A correction may give a booking to another client, whose clinician has to hear of it as of an arrest.
    """
    return event if said or event in {*STATE_AFTER} else EventKind.BOOKED


def _chunks(events: Iterator[BookingEvent]) -> Iterator[list[BookingEvent]]:
    while chunk := list(islice(events, _CHUNK)):
        yield chunk
