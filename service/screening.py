"""From a delivery of bookings to recorded decisions: what is new is encoded, linked, and recorded event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from config import TellPerson
from connectors import Mapping, Pull, RawResource, RowFault
from matcher import BookingLinks, Constraints, EncodedBatch, RosterIndex, link
from matcher.verdict import NO_LINKS
from records import BookingEvent, BookingRef, StaffId, StaffMember
from service.changes import Meaning
from service.engine import Engine
from service.intake import DeliveryCounts, Intake
from service.persons import constraints, person_numbers
from service.progress import Progress, silent
from service.recording import Recorder
from service.sequence import Contents, Fresh, Sorter, is_old, number_of, series_of
from service.snapshots import Snapshot
from store import bookings, sources, staff
from store.errors import AlreadyDone, DatabaseBusy

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
    not_news: Counter[str] = field(default_factory=Counter)
    """Why nobody was to be told of an event, whoever it was about."""
    alerts: int = 0
    baseline: int = 0
    nobody: int = 0

    def add(self, other: Tally) -> None:
        """Count in what one committed transaction did."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Screener:
    """Takes deliveries of one cycle in, against one index, one staff directory and what people said of matches."""

    engine: Engine
    index: RosterIndex
    directory: dict[StaffId, StaffMember]
    tally: Tally
    constraints: Constraints
    ended: list[BookingRef] = field(default_factory=list)
    """Bookings that a delivery of this cycle cancelled or sealed, or told of again: their keys and archived deliveries go."""
    within: Progress = silent

    @classmethod
    def open(cls, engine: Engine, index: RosterIndex, within: Progress = silent) -> Screener:
        with engine.database.read() as conn:
            return cls(engine, index, staff.everyone(conn), Tally(), constraints(conn), within=within)

    def take(self, pull: Pull, intake: Intake, mapping: Mapping) -> None:
        """Record every new event of a delivery, then close it. Killed anywhere, it goes on where it stopped.

        Raises FeedMalformed for a delivery, or a snapshot, that is not to be believed; then nothing of it is recorded.
        """
        contents = Contents.read(pull)
        snapshot = Snapshot.open(self.engine, intake, mapping.semantics, contents)
        numbered = mapping.bookings is not None and mapping.bookings.event_id is not None
        intake.old = not intake.again and self._is_old(intake.feed, contents, mapping)
        sorter = Sorter(self.engine, intake.feed, contents, whole=numbered or intake.again or intake.old)
        meaning, replayed = Meaning(mapping.semantics, mapping.scope), 0
        for events in _chunks(self._events(pull, intake)):
            replayed += len(events) - self._take_some(events, sorter, intake, meaning)
        self._take_some(snapshot.releases(), sorter, intake, meaning)
        self.tally.replayed += replayed
        counts = DeliveryCounts.of(contents.summary, replayed=replayed)
        with self.engine.database.write() as conn:
            snapshot.close(conn)
            intake.finish(conn, counts)

    def _is_old(self, feed: str, contents: Contents, mapping: Mapping) -> bool:
        """Whether this is an old file put in again. A list of everybody may well be as it was before; and where a feed takes
        a release back by not naming it any more, what was said before may be news.
        """
        if mapping.semantics.delivers == "snapshot" or mapping.semantics.blank_release == "withdrawn":
            return False
        with self.engine.database.read() as conn:
            return is_old(self.engine, conn, feed, contents)

    def _take_some(self, events: Sequence[BookingEvent], sorter: Sorter, intake: Intake, meaning: Meaning) -> int:
        """Record what is new among these; how many were."""
        names = {series_of(self.engine, intake.feed, number_of(event)) for event in events}
        with self.engine.database.read() as conn:
            before = sources.history(conn, names)
        fresh = sorter.fresh(events, before)
        self.within("match", intake.feed)
        linked = list(self.linked(fresh))
        self.within("decide", intake.feed)
        for one, encoding, found in linked:
            self._record(Recorder(self, intake, meaning, one, encoding, found))
        return len(fresh)

    def _events(self, pull: Pull, intake: Intake) -> Iterator[BookingEvent]:
        for item in pull.items():
            if isinstance(item, RowFault):
                intake.faults.append(item)
            elif isinstance(item, BookingEvent):
                yield item
            elif not isinstance(item, RawResource | StaffMember):
                raise TellPerson(f"feed {intake.feed} is of bookings, but its mapping gives roster entries")

    def linked(self, fresh: Sequence[Fresh]) -> Iterator[tuple[Fresh, bytes, BookingLinks | None]]:
        """Each event with its encoding and what it links to. After this the names are gone."""
        named = [one.event for one in fresh if one.event.identities]
        batch = self.engine.encoder.encode([event.identities for event in named])
        results = enumerate(self.match(batch, [person_numbers(self.engine, event) for event in named]))
        for one in fresh:
            if not one.event.identities:
                yield one, b"", None
                continue
            at, links = next(results)
            yield one, batch.one(at).to_bytes(), links

    def match(self, batch: EncodedBatch, persons: Sequence[Sequence[str]]) -> list[BookingLinks]:
        """What these encodings link to, with what people said before of their person numbers."""
        return link(batch, self.index, constraints=self.constraints, persons=persons)

    def match_stored(self, stored: Sequence[tuple[bytes, BookingEvent]]) -> list[BookingLinks]:
        """The same for encodings as they lie in the store. One of an earlier epoch or schema is never compared: it links to nobody, and the log says so."""
        batches = [EncodedBatch.from_bytes(encoding) for encoding, _ in stored]
        able = [n for n, batch in enumerate(batches) if batch.header == self.engine.encoder.header]
        found = [NO_LINKS] * len(stored)
        if len(able) < len(stored):
            self.engine.log.warning("encodings.outdated", count=len(stored) - len(able))
        if able:
            persons = [person_numbers(self.engine, stored[n][1]) for n in able]
            for n, links in zip(
                able, self.match(EncodedBatch.concat([batches[n] for n in able]), persons), strict=True
            ):
                found[n] = links
        return found

    def _record(self, recorder: Recorder) -> None:
        """One event in one transaction: everything it leads to is written together or not at all."""
        counted = Tally()
        try:
            with self.engine.database.write() as conn:
                recorder.record(conn, counted)
        except AlreadyDone as fault:
            # It ran into another worker. If that one took the same event in, its transaction counts; if it took in
            # another event of the booking, nothing of this one was kept, so it must come again.
            with self.engine.database.read() as conn:
                known = bookings.known_event(conn, recorder.fresh.ref)
            if not known:
                raise DatabaseBusy("two processes worked on one booking; this delivery will be read again") from fault
            self.tally.replayed += 1
        else:
            self.tally.add(counted)


def _chunks(events: Iterator[BookingEvent]) -> Iterator[list[BookingEvent]]:
    while chunk := list(islice(events, _CHUNK)):
        yield chunk
