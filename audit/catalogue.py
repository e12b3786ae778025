"""Every report by its code: for the command line and the console, which need to know nothing more about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from audit.access import access, break_glass
from audit.accounting import Accounting, accounting, after_revocation
from audit.checks import decisions_by_reason, proof_of_check, pulls, quarantines, retractions
from audit.errors import ReportRefused
from audit.facts import MAX_COUNT
from audit.leaves import Entry, Kind
from audit.log import entries
from audit.report import Period, Table


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a report: from `since` to before `as_of`, about one client or person where that makes sense.

    `to_the_end`: `as_of` is now, and what stands in the log at this very instant belongs to it.
    """

    as_of: datetime
    since: datetime | None = None
    client: str | None = None
    by: str | None = None
    to_the_end: bool = False

    @property
    def period(self) -> Period:
        return Period(self.since, None if self.to_the_end else self.as_of)


Build = Callable[[Iterable[Entry], Request], Table]
Only = Callable[[Iterable[Entry]], Iterable[Entry]]
"""What a reader may see of the log."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A report on offer: what it answers, the kinds of entry it reads, and whether a client must be named."""

    answers: str
    kinds: frozenset[Kind]
    build: Build
    needs_client: bool = False
    of_feeds: bool = False
    """About deliveries, in counts without clients: the same for every officer."""
    whole_only: bool = False
    """Tells of every organisation's clients in counts: for an office of the whole installation only."""


_LOOKS = frozenset({Kind.OPENING, Kind.VIEW, Kind.REFUSED_ATTEMPT, Kind.LOGIN, Kind.EXPORT, Kind.BREAK_GLASS})
_TOLD = frozenset({Kind.DISCLOSURE, Kind.RETRACTION})
_CHECKED = frozenset({Kind.BOOKING_EVENT, Kind.VERDICT, Kind.QUARANTINE})


def _accounting(which: Accounting, answers: str) -> Offer:
    def build(known: Iterable[Entry], asked: Request) -> Table:
        return accounting(known, asked.client or "", which, asked.as_of, asked.since)

    return Offer(answers, _TOLD, build, needs_client=True)


REPORTS: Mapping[str, Offer] = {
    Accounting.HIPAA.value: _accounting(Accounting.HIPAA, "Who was told about this client? The HIPAA accounting."),
    Accounting.PART2.value: _accounting(Accounting.PART2, "Which Part 2 records went out with consent?"),
    Accounting.INTERMEDIARY.value: _accounting(Accounting.INTERMEDIARY, "Whom did an intermediary pass them on to?"),
    Accounting.EVERYTHING.value: _accounting(Accounting.EVERYTHING, "Who was told about this client, at all?"),
    "after_revocation": Offer(
        "Did anything rely on a consent after its end? There must be nothing.",
        frozenset({Kind.CONSENT, Kind.DECISION, Kind.DISCLOSURE}),
        lambda known, asked: after_revocation(known, asked.period),
    ),
    "access": Offer(
        "Who looked, and who was refused?",
        _LOOKS,
        lambda known, asked: access(known, asked.period, by=asked.by, client=asked.client),
    ),
    "access_unusual": Offer(
        "Which looks stand out?",
        _LOOKS,
        lambda known, asked: access(known, asked.period, by=asked.by, client=asked.client, unusual_only=True),
    ),
    "break_glass": Offer(
        "Which emergency accesses wait for a review?",
        frozenset({Kind.BREAK_GLASS, Kind.BREAK_GLASS_REVIEW, Kind.OPENING}),
        lambda known, asked: break_glass(known, asked.as_of),
    ),
    "proof_of_check": Offer(
        "Was every booking checked? Fit for the jail's inspector.",
        _CHECKED,
        lambda known, asked: proof_of_check(known, asked.period),
        of_feeds=True,
    ),
    "proof_of_check_classes": Offer(
        "The same with results. For the provider only, never for the jail.",
        _CHECKED,
        lambda known, asked: proof_of_check(known, asked.period, classes=True),
        whole_only=True,
    ),
    "quarantine": Offer(
        "Which rows were set aside, and why?",
        frozenset({Kind.QUARANTINE}),
        lambda known, asked: quarantines(known, asked.period),
        of_feeds=True,
    ),
    "retractions": Offer(
        "Which alerts were taken back?",
        frozenset({Kind.OPENING, Kind.RETRACTION}),
        lambda known, asked: retractions(known, asked.period),
    ),
    "decisions_by_reason": Offer(
        "Why were alerts permitted or denied?",
        frozenset({Kind.DECISION}),
        lambda known, asked: decisions_by_reason(known, asked.period),
    ),
    "pulls": Offer(
        "What did every feed bring?",
        frozenset({Kind.PULL}),
        lambda known, asked: pulls(known, asked.period),
        of_feeds=True,
    ),
}


def produce(conn: Connection, code: str, asked: Request, stop: int = MAX_COUNT, only: Only = iter) -> Table:
    """The report of this code from those entries before `stop` that `only` lets through. Raises ReportRefused, LogBroken."""
    offer = REPORTS.get(code)
    if offer is None:
        raise ReportRefused(f"there is no such report; there are: {', '.join(REPORTS)}")
    if offer.needs_client and asked.client is None:
        raise ReportRefused(f"the report {code} is about one client; name the client")
    return offer.build(only(entries(conn, kinds=offer.kinds, stop=stop)), asked)
