"""One event in one transaction: booking, links, decisions, audit leaves and outbox entries are written together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from alerts.content import AlertKind
from alerts.threads import sameness
from audit.leaves import Kind, Leaf, leaf
from matcher import BookingLinks, Link, Verdict
from records import BookingEvent, BookingRef, ClientRef, EventKind, Op, StaffMember
from service import changes
from service.changes import Before, Meaning
from service.disclosure import Case
from service.duty import on_duty
from service.engine import Engine
from service.facts import booking_facts
from service.intake import Intake
from service.offers import News, Offer, offer, retract, said_to
from service.persons import fold, person_numbers
from service.recipients import possible_recipients
from service.retention import end_booking
from service.sequence import Fresh
from service.stays import stay_of
from store import bookings, clients, findings, persons, reviews, sources
from store.bookings import FINAL, StoredBooking
from store.envelope import Vault
from store.findings import LinkRow
from store.resealing import reseal
from store.sources import Source

if TYPE_CHECKING:
    from service.screening import Screener, Tally


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell of an event: its kind, why it is no news to who heard nothing yet, and whether a corrected
    identity has only now given the booking to this client.
    """

    kind: EventKind
    reasons: tuple[str, ...]
    corrected: bool


@dataclass(slots=True)
class Recorder:
    """Records one event. Made outside the transaction, with everything that takes time already done."""

    screener: Screener
    intake: Intake
    meaning: Meaning
    fresh: Fresh
    encoding: bytes
    found: BookingLinks | None
    leaves: list[Leaf] = field(default_factory=list)
    conn: Connection = field(init=False)
    tally: Tally = field(init=False)
    ref: BookingRef = field(init=False)
    _seals: Vault = field(init=False)

    @property
    def engine(self) -> Engine:
        return self.screener.engine

    @property
    def event(self) -> BookingEvent:
        return self.fresh.event

    @property
    def now(self) -> datetime:
        return self.intake.now

    def record(self, conn: Connection, tally: Tally) -> None:
        self.conn, self.tally = conn, tally
        self.ref = stay_of(self.engine, conn, self.event)
        linked = bool(findings.links_of(conn, self.ref))
        self._seals = self.engine.own(self.ref) if linked else self.engine.fading()
        if bookings.state_of(conn, self.ref) in FINAL or self._is_stale():
            self._note(self.event)  # a stale feed cannot bring back what was cancelled or sealed
            self.screener.ended.append(self.ref)
        elif self.event.kind in {EventKind.SEALED, EventKind.CANCELLED} or self.event.op is Op.DELETE:
            self._end()
        elif self.event.kind is EventKind.MERGED:
            self._merge()
        else:
            self._keep_and_link()
        self.engine.audit.append(conn, self.leaves, self.now)

    def _is_stale(self) -> bool:
        """Whether a delivery that is read again is older than what its feed has said since."""
        if not self.intake.again:
            return False
        source = sources.get(self.conn, self.engine.vault, self.fresh.place.series)
        return source is not None and source.received_at > self.intake.received_at

    def _end(self) -> None:
        """Cancelled or sealed: what was queued stops, the content goes, the tombstone stays."""
        state = "void" if self.event.kind is EventKind.CANCELLED else "sealed"
        purged = end_booking(self.conn, self.ref, state, self.now)
        self.screener.ended.append(self.ref)
        self._note(self.event)
        for row in findings.links_of(self.conn, self.ref):
            self._retract(row.ref, "cancelled" if state == "void" else "sealed")
        self.leaves += purged

    def _merge(self) -> None:
        """Two person numbers became one. It says nothing about a stay, so nobody is linked or told by it."""
        fold(self.engine, self.conn, self.event)
        if bookings.state_of(self.conn, self.ref) is None:
            bare = replace(self.event, identities=(), booked_at=None, charges=())
            stub = StoredBooking(self.ref, bare, b"", baseline=self.intake.baseline)
            bookings.put(self.conn, self._seals, stub, self.now)
        self._note(self.event)

    def _keep_and_link(self) -> None:
        before = bookings.get(self.conn, self.engine.vault, self.ref)
        said = self._said_before()
        event = replace(self.event, kind=changes.kind_of(self.event, self.encoding, said, self.meaning.semantics))
        stored = self._kept(event, before)
        self._keep_source(event, said)
        persons.put(self.conn, self.ref, self._persons(stored.event))
        reasons = changes.untold(stored.event, stored.state, self.meaning.scope, before.event if before else None)
        self._note(event, reasons)
        self.tally.not_news.update(reasons)
        linked = self._alerting()
        if self.found is not None:
            self._verdict(self.found)
            self._link(self._held(self.found))
        corrected = changes.corrected(self.encoding, said.encoding if said else before.encoding if before else b"")
        for link, client in self._alerting().items():
            told = Told(event.kind, tuple(reasons), corrected=corrected and link not in linked)
            self._tell(stored, link, client, told)

    def _alerting(self) -> dict[str, ClientRef]:
        """The links that stand as matches, and whose they are."""
        rows = findings.links_of(self.conn, self.ref)
        return {
            str(row.ref): ClientRef(row.client)
            for row in rows
            if row.verdict == Verdict.ALERT.value and row.superseded_at is None
        }

    def _said_before(self) -> Before | None:
        """What this feed said of this stay. What it said of an earlier one under the same number does not count."""
        source = sources.get(self.conn, self.engine.vault, self.fresh.place.series)
        if source is None or source.booking != self.ref:
            return None
        return Before(source.event, source.encoding)

    def _kept(self, event: BookingEvent, before: StoredBooking | None) -> StoredBooking:
        merged = bookings.merged(before.event if before else None, event)
        stored = StoredBooking(
            ref=self.ref,
            event=merged,
            encoding=self.encoding or (before.encoding if before else b""),
            state=changes.state_after(merged, event.kind, before.state if before else None),
            baseline=before.baseline if before else self.intake.baseline,
        )
        bookings.put(self.conn, self._seals, stored, self.now)
        return stored

    def _keep_source(self, event: BookingEvent, said: Before | None) -> None:
        own = bookings.merged(said.event if said else None, event)
        source = Source(
            self.fresh.place.series,
            self.ref,
            own,
            self.encoding or (said.encoding if said else b""),
            self.intake.received_at,
        )
        state = changes.state_after(own, event.kind, None)
        sources.put(self.conn, self._seals, source, event.feed, state)

    def _persons(self, event: BookingEvent) -> set[str]:
        """The person numbers that this feed and the others give the booking now."""
        told = [event, *(source.event for source in self._others())]
        return {number for each in told for number in person_numbers(self.engine, each)}

    def _others(self) -> list[Source]:
        return sources.others(self.conn, self.engine.vault, self.ref, self.fresh.place.series)

    def _note(self, event: BookingEvent, not_news: Sequence[str] = ()) -> None:
        bookings.add_event(
            self.conn,
            self.fresh.ref,
            self.ref,
            event,
            place=self.fresh.place,
            not_news=not_news,
            delivery=self.intake.delivery,
            now=self.now,
        )
        self.tally.events += 1
        self.leaves.append(
            leaf(
                Kind.BOOKING_EVENT,
                feed=event.feed,
                booking=self.ref,
                event=self.fresh.ref,
                op=event.op,
                event_kind=event.kind,
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
                event=self.fresh.ref,
                verdict=found.verdict.value,
                model=self.engine.model.hash,
                epoch=self.engine.linkage_key.epoch,
                candidates=found.candidates,
            )
        )

    def _held(self, found: BookingLinks) -> dict[str, Link]:
        """The links that hold by what any feed says of the booking: one that knows less takes nothing away."""
        others = [(source.encoding, source.event) for source in self._others() if source.encoding]
        told = [found, *self.screener.match_stored(others)]
        best: dict[str, Link] = {}
        for each in (candidate for links in told for candidate in links.links if candidate.verdict is not Verdict.NONE):
            held = best.get(each.client)
            if held is None or (each.verdict is Verdict.ALERT, each.weight) > (
                held.verdict is Verdict.ALERT,
                held.weight,
            ):
                best[each.client] = each
        return best

    def _link(self, held: dict[str, Link]) -> None:
        """Keep the links. A corrected identity may unlink a client: what was queued for the old link stops."""
        for row in findings.links_of(self.conn, self.ref):
            if row.client not in held and row.superseded_at is None:
                findings.supersede(self.conn, str(row.ref), self.now)
                self._retract(str(row.ref), "superseded")
        for candidate in held.values():
            if clients.get(self.conn, self.engine.vault, ClientRef(candidate.client)) is None:
                continue  # purged between loading the index and now
            self.leaves.append(put_link(self.engine, self.conn, self.ref, candidate, self.now))

    def _tell(self, stored: StoredBooking, link: str, client_ref: ClientRef, told: Told) -> None:
        client = clients.get(self.conn, self.engine.vault, client_ref)
        if client is None:
            return
        client = on_duty(self.engine, self.conn, client, self.now)
        recipients = possible_recipients(client.entry, self.screener.directory, self.now)
        if not recipients:
            self.tally.nobody += 1
        for recipient in recipients:
            self._offer(Case(link, Verdict.ALERT.value, client, stored), recipient, told)

    def _offer(self, case: Case, recipient: StaffMember, told: Told) -> None:
        """What this event means to this recipient, given what they heard already: an arrest, a transfer, a release, nothing."""
        stored, ever = case.booking, said_to(self.conn, case.link, recipient.staff)
        said = changes.standing(ever, corrected=told.corrected)
        message, quiet = changes.news(stored.event, told.kind, stored.state, said), stored.baseline and not said
        if not said and told.corrected and (quiet or told.reasons) and self._goes_on(stored):
            message, quiet = AlertKind.ALREADY_IN_CUSTODY, False
        elif message is None or (told.reasons and not said):
            return
        parts = (*sameness(message, booking_facts(self.engine, case), said), *changes.rounds(ever))
        news = News(message, self._match(case.link), parts, quiet=quiet)
        made = offer(self.engine, self.conn, case, recipient, news, now=self.now)
        if made is not None:
            self._count(made, baseline=quiet)

    def _goes_on(self, stored: StoredBooking) -> bool:
        return changes.goes_on_untold(stored.event, stored.state, self.meaning.scope, self.now)

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


def put_link(engine: Engine, conn: Connection, booking: BookingRef, candidate: Link, now: datetime) -> Leaf:
    """Keep a link as it now stands, and say so in the log. The booking is from now on sealed under its own key, not its day's."""
    client = ClientRef(candidate.client)
    proposed = LinkRow(
        ref=engine.locator.ref("link", booking, client),
        booking=booking,
        client=client,
        verdict=candidate.verdict.value,
        weight=candidate.weight,
        probability=candidate.probability,
        margin=candidate.margin,
        levels={level.field: level.level for level in candidate.levels},
        model_hash=engine.model.hash,
    )
    row = findings.put_link(conn, proposed, now)
    reseal(conn, engine.vault, booking, engine.own(booking))
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
        epoch=engine.linkage_key.epoch,
    )
