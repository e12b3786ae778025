"""Snapshots: everybody who is in custody now. Who is not listed any more left, where the feed declares that it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy import Connection

from connectors.schema import Semantics
from connectors.snapshot import Change, compare, guard_shrink, released
from records import BookingEvent, Custody, EventKind, Instant, Op
from service.engine import Engine
from service.intake import Intake
from service.sequence import Contents, series_of
from store import feeds, sources


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot beside the one before it. A feed of changes has none: then every step does nothing."""

    engine: Engine
    intake: Intake
    semantics: Semantics
    contents: Contents
    change: Change[str] | None

    @classmethod
    def open(cls, engine: Engine, intake: Intake, semantics: Semantics, contents: Contents) -> Snapshot:
        """Raises FeedMalformed for a snapshot that lost too many, unless a person said that it is to be believed."""
        if semantics.delivers != "snapshot" or intake.again:
            return cls(engine, intake, semantics, contents, None)
        with engine.database.read() as conn:
            last = feeds.status(conn, intake.feed).snapshot
            before = sources.listed(conn, intake.feed, last) if last else None
        change = compare(before, (series_of(engine, intake.feed, number) for number in contents.said))
        if not intake.believed:
            guard_shrink(change, contents.summary, semantics)
        return cls(engine, intake, semantics, contents, change)

    def releases(self) -> Sequence[BookingEvent]:
        """The releases that follow from absence. When exactly somebody left, nobody knows: between two snapshots."""
        if self.change is None:
            return []
        gone = released(self.change, self.contents.summary, self.semantics)
        with self.engine.database.read() as conn:
            found = [sources.get(conn, self.engine.vault, series) for series in sorted(gone)]
        events = [self._left(source.event) for source in found if source is not None]
        for event in events:
            self.contents.said[event.agency, event.booking_number] = [event.content_hash]
        return events

    def _left(self, event: BookingEvent) -> BookingEvent:
        now = Instant(self.intake.now, event.received_at.zone)
        return replace(
            event,
            op=Op.UPDATE,
            kind=EventKind.RELEASED,
            identities=(),
            content_hash=sha256(f"absent from {self.intake.delivery}".encode()).hexdigest(),
            received_at=now,
            released_at=now,
            release_inferred=True,
            custody=Custody.RELEASED,
        )

    def close(self, conn: Connection) -> None:
        """From now on this is the snapshot that the next one is compared with."""
        if self.change is None:
            return
        listed = self.change.arrived | self.change.stayed
        if self.contents.summary.refused:
            listed |= self.change.absent  # one of them may be who could not be read: they are looked for next time
        sources.mark(conn, listed, self.intake.delivery)
        feeds.note(conn, self.intake.feed, snapshot=self.intake.delivery)
        feeds.replaced_asides(conn, self.intake.feed, self.intake.delivery)
