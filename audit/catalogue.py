"""Every report by its code: for the command line and the console, which need to know nothing more about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from audit.access import access, break_glass
from audit.accounting import Accounting, accounting, after_revocation
from audit.checks import decisions_by_reason, proof_of_check, pulls, quarantines, retractions
from audit.errors import ReportRefused
from audit.facts import MAX_COUNT
from audit.leaves import Entry, Kind
from audit.log import entries
from audit.places import Sought, chunks, horizon
from audit.report import ALWAYS, Period, Table, text
from store.tables import booking


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
    of_clients: frozenset[Kind] = frozenset()
    """Kinds that are read, whenever they were written, for the clients whom the others name."""
    whole: bool = False
    """Reads its kinds from the beginning: they are rare, and an old one may still wait."""
    new_bookings: bool = False
    """Counts bookings by the day on which they were first received, and what was found about them within a day of it."""
    needs_client: bool = False
    of_feeds: bool = False
    """About deliveries, in counts without clients: the same for every officer."""
    whole_only: bool = False
    """Tells of every organisation's clients in counts: for an office of the whole installation only."""


_CHECKED_WITHIN = timedelta(days=1)
_MANY = 5_000
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
        frozenset({Kind.DECISION, Kind.DISCLOSURE}),
        lambda known, asked: after_revocation(known, asked.period),
        of_clients=frozenset({Kind.CONSENT}),
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
        frozenset({Kind.BREAK_GLASS, Kind.BREAK_GLASS_REVIEW}),
        lambda known, asked: break_glass(known, asked.as_of),
        of_clients=frozenset({Kind.OPENING}),
        whole=True,
    ),
    "proof_of_check": Offer(
        "Was every booking checked? Fit for the jail's inspector.",
        _CHECKED,
        lambda known, asked: proof_of_check(known, asked.period),
        new_bookings=True,
        of_feeds=True,
    ),
    "proof_of_check_classes": Offer(
        "The same with results. For the provider only, never for the jail.",
        _CHECKED,
        lambda known, asked: proof_of_check(known, asked.period, classes=True),
        new_bookings=True,
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
        frozenset({Kind.RETRACTION}),
        lambda known, asked: retractions(known, asked.period),
        of_clients=frozenset({Kind.OPENING}),
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
    offer = offered(code)
    if offer.needs_client and asked.client is None:
        raise ReportRefused(f"the report {code} is about one client; name the client")
    clients = {asked.client} if offer.needs_client and asked.client else None
    found = list(entries(conn, kinds=offer.kinds, period=_reach(offer, asked), clients=clients, stop=stop))
    if offer.of_clients:
        found = sorted(found + list(_besides(conn, offer, found, stop)), key=lambda entry: entry.position)
    if offer.new_bookings and asked.since is not None:
        found = _new(conn, found, asked.since)
    return offer.build(only(found), asked)


def offered(code: str) -> Offer:
    """Raises ReportRefused for a code that there is not."""
    if code not in REPORTS:
        raise ReportRefused(f"there is no such report; there are: {', '.join(REPORTS)}")
    return REPORTS[code]


def latest(conn: Connection, code: str, period: Period, most: int) -> Period:
    """The end of the period that no more than `most` entries are read for, or as many more as share an instant."""
    offer = offered(code)
    if offer.whole:
        return period
    since = horizon(conn, Sought(offer.kinds, period), most)
    return period if since is None else Period(since, period.until)


def _reach(offer: Offer, asked: Request) -> Period:
    """What has to be read to tell of the period."""
    if offer.whole or offer.needs_client:
        return ALWAYS
    until = asked.period.until
    return Period(asked.since, until + _CHECKED_WITHIN if until and offer.new_bookings else until)


def _besides(conn: Connection, offer: Offer, found: Sequence[Entry], stop: int) -> Iterator[Entry]:
    """By the clients, or, where somebody is not named or they are very many, all of the kind."""
    named = {text(entry, "client") for entry in found if entry.leaf.kind is not Kind.BREAK_GLASS_REVIEW}
    some = named if "" not in named and len(named) <= _MANY else None
    return entries(conn, kinds=offer.of_clients, clients=some, stop=stop)


def _new(conn: Connection, found: Sequence[Entry], since: datetime) -> list[Entry]:
    """Without what is about bookings that were first received before."""
    refs = sorted({text(entry, "booking") for entry in found} - {""})
    old: set[str] = set()
    for some in chunks(refs):
        known = select(booking.c.ref).where(booking.c.ref.in_(some), booking.c.first_seen_at < since)
        old.update(conn.execute(known).scalars())
    return [entry for entry in found if text(entry, "booking") not in old]
