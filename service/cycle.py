"""One cycle, from pull to alert: rosters first, then bookings, then the outbox, then a checkpoint of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from config import FeedSettings, Retry, TellPerson, WarmlinkError
from connectors import Cursor, FeedMalformed, FeedUnavailable, FolderDrop, Pull, SftpDrop
from connectors.heartbeat import beat
from service import archive, clock_guard, in_force
from service import feeds as feeds_of
from service.backups import journal
from service.caseload import RosterChange, RosterShrunk, load_index, take_roster
from service.checkpoints import publish_now
from service.dispatch import Dispatcher, Sent
from service.engine import Engine
from service.fading import bury
from service.follow_up import Followed, FollowUp
from service.intake import Intake, delivery_ref
from service.logs import error_code
from service.measures.closing import daily as daily_closing
from service.name_search import answer_waiting
from service.newcomers import look_back
from service.progress import Progress, silent
from service.reconsider import Reconsidered, reconsider
from service.reencoding import see_to
from service.retention import daily
from service.screening import Screener, Tally
from service.spool import SealedSpool
from store import feeds, operation

Take = Callable[[FeedSettings, Pull], None]


def even_out(engine: Engine, feed: FeedSettings, begun: datetime) -> None:
    """Wait until a whole number of steps have passed since a delivery was begun.

    A file that leaves its folder, or the next page that is asked for, is what a jail sees of us. How long a match, a
    decision and an alert took to record must not be told by when that happens.
    """
    if step := timedelta(milliseconds=feed.answer_step_ms):
        spent = (engine.clock() - begun) % step
        engine.wait((step - spent).total_seconds())


@dataclass(slots=True)
class CycleReport:
    """What a cycle did, in counts and codes."""

    started_at: datetime
    deliveries: dict[str, int] = field(default_factory=dict)
    rosters: dict[str, RosterChange] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    clients: int = 0
    looked_back: int = 0
    """Clients who were added or corrected, and looked for among those in custody."""
    rows: int = 0
    refused: int = 0
    tally: Tally = field(default_factory=Tally)
    reconsidered: Reconsidered = field(default_factory=lambda: Reconsidered(0, 0))
    aftercare: Followed = field(default_factory=Followed)
    """Open alerts that changed hands, climbed or closed."""
    sent: Sent = field(default_factory=Sent)
    checkpoints: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One run over every feed. A fault of one feed does not stop the others, and is kept in the report and the store."""

    engine: Engine
    progress: Progress = silent
    within: Progress = silent
    """Told of the parts of a delivery: matching its bookings, and deciding about them."""

    def run(self) -> CycleReport:
        """Raises ClockBehind where the clock was set back: then nothing is pulled, decided or sent."""
        clock_guard.check(self.engine)
        report = CycleReport(self.engine.clock())
        in_force.note(self.engine)
        self._stage("encodings", "")
        see_to(self.engine)
        self._feeds("roster", lambda feed, pull: self._take_roster(feed, pull, report), report)
        self._stage("index", "")
        screener = Screener.open(self.engine, load_index(self.engine), self.within)
        report.clients, report.tally = len(screener.index), screener.tally
        answer_waiting(self.engine, screener.index)
        report.looked_back = look_back(screener)
        self._feeds("bookings", lambda feed, pull: self._take_bookings(screener, feed, pull), report)
        bury(self.engine, screener.ended)
        self._stage("consents", "")
        report.reconsidered = reconsider(self.engine)
        self._stage("follow up", "")
        report.aftercare = FollowUp(self.engine).run()
        self._stage("send", "")
        report.sent = Dispatcher(self.engine).run()
        self._stage("retention", "")
        daily(self.engine)
        self._stage("measures", "")
        self._close_months()
        self._stage("checkpoint", "")
        report.checkpoints = self.checkpoint()
        return report

    def _stage(self, name: str, feed: str) -> None:
        """A stage begins, unless the clock was set back meanwhile."""
        clock_guard.check(self.engine)
        self.progress(name, feed)

    def _feeds(self, kind: str, take: Take, report: CycleReport) -> None:
        for feed in self.engine.settings.feeds:
            if feed.kind == kind:
                self._stage(kind, feed.id)
                self._one_feed(feed, take, report)

    def _one_feed(self, feed: FeedSettings, take: Take, report: CycleReport) -> None:
        drop = feeds_of.place(self.engine.settings, feed)
        try:
            if not self._due(feed):
                return
            self._sweep(feed, drop)
            sound = [self._one_delivery(feed, pull, take, report) for pull in self._pulls(feed)]
            self._sweep(feed, drop)
        except (Retry, TellPerson) as fault:
            self._failed(feed, fault, report)
        else:
            if all(sound):
                self._polled(feed)

    def _due(self, feed: FeedSettings) -> bool:
        """Whether the source lets us ask now. Also notices that we were away for longer than it keeps its news."""
        now = self.engine.clock()
        with self.engine.database.read() as conn:
            known = feeds.status(conn, feed.id)
        if known.not_before is not None and now < known.not_before:
            return False
        semantics = self.engine.connector(feed).mapping.semantics
        if beat(known.last_delivery_at, known.last_ok_at, now, semantics).missed_window:
            self.engine.log.error("feed.gap", feed=feed.id, state="degraded")
            with self.engine.database.write() as conn:
                feeds.note(conn, feed.id, gap_at=known.gap_at or now)
        return True

    def _sweep(self, feed: FeedSettings, drop: Path) -> None:
        archive.sweep(drop, self.engine.fading(), partial(delivery_ref, self.engine, feed.id))

    def _one_delivery(self, feed: FeedSettings, pull: Pull, take: Take, report: CycleReport) -> bool:
        """Take one delivery in; one that is not to be believed is set aside whole, and the next is read all the same."""
        begun = self.engine.clock()
        try:
            self._keep(feed, pull)
            take(feed, pull)
        except (FeedMalformed, RosterShrunk) as fault:
            self._refused(feed, pull, fault, begun)
            self._failed(feed, fault, report)
            return False
        even_out(self.engine, feed, begun)
        pull.acknowledge()
        report.rows += pull.summary.rows
        report.refused += pull.summary.refused
        report.deliveries[feed.id] = report.deliveries.get(feed.id, 0) + 1
        self._logged(feed, pull)
        return True

    def _keep(self, feed: FeedSettings, pull: Pull) -> None:
        """What did not come as a file is sealed away before anything of it is committed: afterwards it may not come again."""
        transport = self.engine.connector(feed).transport
        if not isinstance(transport, FolderDrop | SealedSpool):
            name = delivery_ref(self.engine, feed.id, pull.source_hash)
            with pull.open() as stream:
                archive.keep(feeds_of.place(self.engine.settings, feed), name, stream, self.engine.fading())

    def _refused(self, feed: FeedSettings, pull: Pull, fault: WarmlinkError, begun: datetime) -> None:
        """Recorded first, moved afterwards: a file that leaves the folder has left a trace."""
        intake = Intake.begin(self.engine, feed.id, pull, self.engine.clock())
        stays = isinstance(self.engine.connector(feed).transport, SftpDrop)  # on the server, where it would come again
        with self.engine.database.write() as conn:
            intake.refuse(conn, type(fault).__name__, str(fault), step_over=stays)
        even_out(self.engine, feed, begun)
        pull.refuse(str(fault))

    def _logged(self, feed: FeedSettings, pull: Pull) -> None:
        read = pull.summary
        counts = {"rows": read.rows, "records": read.records, "refused": read.refused, "flagged": read.flagged}
        self.engine.log.info("feed.delivered", feed=feed.id, delivery=pull.source_hash[:12], **counts)

    def _pulls(self, feed: FeedSettings) -> Iterator[Pull]:
        with self.engine.database.read() as conn:
            token = feeds.status(conn, feed.id).cursor
        yield from self.engine.connector(feed).pull(Cursor(token) if token else None, self.engine.clock())

    def _take_roster(self, feed: FeedSettings, pull: Pull, report: CycleReport) -> None:
        pull.check()
        intake = Intake.begin(self.engine, feed.id, pull, self.engine.clock())
        report.rosters[feed.id] = take_roster(self.engine, feed, pull, intake, self.engine.clock())

    def _take_bookings(self, screener: Screener, feed: FeedSettings, pull: Pull) -> None:
        baseline = self._first_load(feed)
        intake = Intake.begin(self.engine, feed.id, pull, self.engine.clock(), baseline=baseline)
        screener.take(pull, intake, self.engine.connector(feed).mapping)

    def _first_load(self, feed: FeedSettings) -> bool:
        """A first load lists who is already there; telling clinicians of all of them at once would be a storm."""
        with self.engine.database.read() as conn:
            if operation.in_shadow(conn):
                return True  # whoever is booked in shadow counts as known when it ends
            return feed.first_load == "baseline" and feeds.status(conn, feed.id).baseline_at is None

    def _failed(self, feed: FeedSettings, fault: WarmlinkError, report: CycleReport) -> None:
        code = type(fault).__name__
        report.faults[feed.id] = str(fault)
        self.engine.log.error("feed.failed", feed=feed.id, error=error_code(fault))
        now = self.engine.clock()
        state = "late" if isinstance(fault, Retry) else "refused"
        wait = fault.retry_after if isinstance(fault, FeedUnavailable) else None
        not_before = now + timedelta(seconds=wait) if wait else None
        with self.engine.database.write() as conn:
            feeds.note(conn, feed.id, last_poll_at=now, last_error=code, state=state, not_before=not_before)

    def _polled(self, feed: FeedSettings) -> None:
        now = self.engine.clock()
        with self.engine.database.write() as conn:
            feeds.note(conn, feed.id, last_poll_at=now, last_ok_at=now, last_error=None, state="ok", not_before=None)

    def _close_months(self) -> None:
        """Counts can wait: a month that cannot be closed keeps no booking from anybody."""
        try:
            daily_closing(self.engine)
        except TellPerson as fault:
            self.engine.log.error("measures.not_closed", error=error_code(fault))

    def checkpoint(self) -> list[int]:
        """Sign what was appended and publish it outside the database."""
        try:
            published = publish_now(self.engine)
        except Retry as fault:
            self.engine.log.error("checkpoint.unpublished", error=error_code(fault))
            published = []
        try:
            journal.ship(self.engine)
        except Retry as fault:
            self.engine.log.error("journal.unwritten", error=error_code(fault))
        return published
