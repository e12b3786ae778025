"""One cycle, from pull to alert: rosters first, then bookings, then the outbox, then a checkpoint of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from config import FeedSettings, Retry, TellPerson, WarmlinkError
from connectors import Cursor, FeedMalformed, Pull
from service import archive
from service.caseload import RosterChange, RosterShrunk, load_index, take_roster
from service.checkpoints import publish_now
from service.dispatch import Dispatcher, Sent
from service.engine import Engine
from service.follow_up import Followed, FollowUp
from service.intake import Intake
from service.logs import error_code
from service.reconsider import Reconsidered, reconsider
from service.retention import daily
from service.screening import Screener, Tally
from store import feeds

Progress = Callable[[str, str], None]
"""Told what is being worked on: a stage and a feed. Never a person."""

Take = Callable[[FeedSettings, Pull], None]


def silent(_stage: str, _feed: str) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class CycleReport:
    """What a cycle did, in counts and codes."""

    started_at: datetime
    deliveries: dict[str, int] = field(default_factory=dict)
    rosters: dict[str, RosterChange] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    clients: int = 0
    rows: int = 0
    refused: int = 0
    tally: Tally = field(default_factory=Tally)
    reconsidered: Reconsidered = field(default_factory=lambda: Reconsidered(0, 0))
    followed: Followed = field(default_factory=Followed)
    sent: Sent = field(default_factory=Sent)
    checkpoints: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One run over every feed. A fault of one feed does not stop the others, and is kept in the report and the store."""

    engine: Engine
    progress: Progress = silent

    def run(self) -> CycleReport:
        report = CycleReport(self.engine.clock())
        self._feeds("roster", lambda feed, pull: self._take_roster(feed, pull, report), report)
        self.progress("index", "")
        screener = Screener.open(self.engine, load_index(self.engine))
        report.clients, report.tally = len(screener.index), screener.tally
        self._feeds("bookings", lambda feed, pull: self._take_bookings(screener, feed, pull), report)
        self.progress("consents", "")
        report.reconsidered = reconsider(self.engine)
        self.progress("follow up", "")
        report.followed = FollowUp(self.engine).run()
        self.progress("send", "")
        report.sent = Dispatcher(self.engine).run()
        self.progress("retention", "")
        daily(self.engine)
        self.progress("checkpoint", "")
        report.checkpoints = self.checkpoint()
        return report

    def _feeds(self, kind: str, take: Take, report: CycleReport) -> None:
        for feed in self.engine.settings.feeds:
            if feed.kind == kind:
                self.progress(kind, feed.id)
                self._one_feed(feed, take, report)

    def _one_feed(self, feed: FeedSettings, take: Take, report: CycleReport) -> None:
        drop = self.engine.settings.at(feed.path)
        try:
            archive.sweep(drop, self.engine.vault)
            sound = [self._one_delivery(feed, pull, take, report) for pull in self._pulls(feed)]
            archive.sweep(drop, self.engine.vault)
        except (Retry, TellPerson) as fault:
            self._failed(feed, fault, report)
        else:
            if all(sound):
                self._polled(feed)

    def _one_delivery(self, feed: FeedSettings, pull: Pull, take: Take, report: CycleReport) -> bool:
        """Take one delivery in; one that is not to be believed is set aside whole, and the next is read all the same."""
        try:
            take(feed, pull)
        except (FeedMalformed, RosterShrunk) as fault:
            self._refused(feed, pull, fault)
            self._failed(feed, fault, report)
            return False
        pull.acknowledge()
        report.rows += pull.summary.rows
        report.refused += pull.summary.refused
        report.deliveries[feed.id] = report.deliveries.get(feed.id, 0) + 1
        self._logged(feed, pull)
        return True

    def _refused(self, feed: FeedSettings, pull: Pull, fault: WarmlinkError) -> None:
        """Recorded first, moved afterwards: a file that leaves the folder has left a trace."""
        intake = Intake.begin(self.engine, feed.id, pull, self.engine.clock())
        with self.engine.database.write() as conn:
            intake.refuse(conn, type(fault).__name__)
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
        pull.check()
        baseline = self._first_load(feed)
        intake = Intake.begin(self.engine, feed.id, pull, self.engine.clock(), baseline=baseline)
        screener.take(pull, intake)

    def _first_load(self, feed: FeedSettings) -> bool:
        """A first load lists who is already there; telling clinicians of all of them at once would be a storm."""
        with self.engine.database.read() as conn:
            return feed.first_load == "baseline" and feeds.status(conn, feed.id).baseline_at is None

    def _failed(self, feed: FeedSettings, fault: WarmlinkError, report: CycleReport) -> None:
        code = type(fault).__name__
        report.faults[feed.id] = str(fault)
        self.engine.log.error("feed.failed", feed=feed.id, error=error_code(fault))
        now = self.engine.clock()
        state = "late" if isinstance(fault, Retry) else "refused"
        with self.engine.database.write() as conn:
            feeds.note(conn, feed.id, last_poll_at=now, last_error=code, state=state)

    def _polled(self, feed: FeedSettings) -> None:
        now = self.engine.clock()
        with self.engine.database.write() as conn:
            feeds.note(conn, feed.id, last_poll_at=now, last_ok_at=now, last_error=None, state="ok")

    def checkpoint(self) -> list[int]:
        """Sign what was appended and publish it outside the database."""
        try:
            return publish_now(self.engine)
        except Retry as fault:
            self.engine.log.error("checkpoint.unpublished", error=error_code(fault))
            return []
