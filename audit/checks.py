"""Was everything looked at, and what became of it: proof-of-check, quarantine, retractions, decisions by reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from audit.leaves import Entry, Kind
from audit.report import ALWAYS, Period, Table, number, text, texts

_NO_CHECK_NEEDED = frozenset({"cancelled", "sealed"})


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One day (UTC) of one feed. Counts of bookings, by the day that each was first received."""

    day: date
    feed: str
    received: int
    checked: int
    not_checked: int


@dataclass(frozen=True, slots=True)
class CheckClassRow:
    """The same with the result classes. For the provider only: a jail must not learn how many are clients."""

    day: date
    feed: str
    received: int
    checked: int
    not_checked: int
    alert: int
    review: int
    none: int


@dataclass(slots=True)
class _Booking:
    first_at: datetime
    feed: str
    needs_check: bool = False
    verdict: str = ""


def proof_of_check(entries: Iterable[Entry], period: Period = ALWAYS, *, classes: bool = False) -> Table:
    """Every booking received and whether it was compared with the rosters. No identity, no booking number.

    `classes` adds the results, which tell how many of a jail's bookings are clients: never for the jail.
    """
    bookings: dict[str, _Booking] = {}
    refused: Counter[str] = Counter()
    for entry in entries:
        match entry.leaf.kind:
            case Kind.BOOKING_EVENT:
                ref = text(entry, "booking")
                booking = bookings.setdefault(ref, _Booking(entry.at, text(entry, "feed")))
                booking.needs_check |= text(entry, "event_kind") not in _NO_CHECK_NEEDED
            case Kind.VERDICT if (ref := text(entry, "booking")) in bookings:
                bookings[ref].verdict = text(entry, "verdict")
            case Kind.QUARANTINE if entry.at in period and _set_aside(entry):
                refused[text(entry, "feed")] += 1
            case _:
                pass
    counted = [b for b in bookings.values() if b.needs_check and b.first_at in period]
    rows = _check_rows(counted)
    plain = tuple(CheckRow(row.day, row.feed, row.received, row.checked, row.not_checked) for row in rows)
    unread = (
        f"Feed {feed}: {count} rows could not be read and were set aside." for feed, count in sorted(refused.items())
    )
    return Table(
        code="proof_of_check_classes" if classes else "proof_of_check",
        title="Proof of check",
        basis="Documentation, for inspection, that every person booked was checked",
        row_type=CheckClassRow if classes else CheckRow,
        rows=rows if classes else plain,
        period=period,
        notes=(f"{sum(row.not_checked for row in rows)} bookings were received and not checked.", *unread),
    )


def _set_aside(entry: Entry) -> bool:
    """A row that was set aside, and not what somebody did about it later."""
    return not (text(entry, "by") or text(entry, "change"))


def _check_rows(bookings: Iterable[_Booking]) -> tuple[CheckClassRow, ...]:
    groups: defaultdict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    for booking in bookings:
        groups[booking.first_at.date(), booking.feed][booking.verdict] += 1
    return tuple(
        CheckClassRow(
            day=day,
            feed=feed,
            received=counts.total(),
            checked=counts.total() - counts[""],
            not_checked=counts[""],
            alert=counts["ALERT"],
            review=counts["REVIEW"],
            none=counts["NONE"],
        )
        for (day, feed), counts in sorted(groups.items())
    )


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """Rows of one feed that were set aside for one reason."""

    feed: str
    code: str
    field: str
    rows: int
    first_at: datetime
    last_at: datetime


def quarantines(entries: Iterable[Entry], period: Period = ALWAYS) -> Table:
    """What was set aside and why, most frequent first."""
    groups: defaultdict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    for entry in entries:
        if entry.leaf.kind is Kind.QUARANTINE and entry.at in period and _set_aside(entry):
            groups[text(entry, "feed"), text(entry, "code"), text(entry, "field")].append(entry.at)
    rows = [QuarantineRow(*key, len(times), min(times), max(times)) for key, times in groups.items()]
    return Table(
        code="quarantine",
        title="Rows set aside",
        basis="Nothing that a feed delivered disappears: it is taken in or it stands here",
        row_type=QuarantineRow,
        rows=tuple(sorted(rows, key=lambda row: (-row.rows, row.feed, row.code, row.field))),
        period=period,
        notes=(f"{sum(row.rows for row in rows)} rows.",),
    )


@dataclass(frozen=True, slots=True)
class RetractionRow:
    """One alert that was taken back."""

    at: datetime
    thread: str
    alert: str
    reason: str
    recipient: str
    opened_before: bool
    position: int


def retractions(entries: Iterable[Entry], period: Period = ALWAYS) -> Table:
    """Alerts that were taken back, and whether the recipient had opened them by then."""
    opened: set[str] = set()
    rows = []
    for entry in entries:
        if entry.leaf.kind is Kind.OPENING:
            opened.add(text(entry, "alert"))
        elif entry.leaf.kind is Kind.RETRACTION and entry.at in period:
            alert = text(entry, "alert")
            facts = (text(entry, "thread"), alert, text(entry, "retraction_reason"), text(entry, "recipient"))
            rows.append(RetractionRow(entry.at, *facts, alert in opened, entry.position))
    return Table(
        code="retractions",
        title="Retractions",
        basis="42 CFR 2.13, 45 CFR 164.530(f): what went to someone wrongly, and what was done",
        row_type=RetractionRow,
        rows=tuple(rows),
        period=period,
        notes=(f"{sum(row.opened_before for row in rows)} of {len(rows)} had been opened.",),
    )


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How often a reason was given. A decision with several reasons counts for each."""

    stage: str
    effect: str
    reason: str
    rule_set: str
    decisions: int


def decisions_by_reason(entries: Iterable[Entry], period: Period = ALWAYS) -> Table:
    """Why alerts were permitted, cut down or denied, most frequent first."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    total = 0
    for entry in entries:
        if entry.leaf.kind is Kind.DECISION and entry.at in period:
            total += 1
            for reason in texts(entry, "reasons"):
                counts[text(entry, "stage"), text(entry, "effect"), reason, text(entry, "rule_set")] += 1
    rows = (ReasonRow(*key, count) for key, count in counts.items())
    return Table(
        code="decisions_by_reason",
        title="Consent decisions by reason",
        basis="Each decision names the rules that it rests on",
        row_type=ReasonRow,
        rows=tuple(sorted(rows, key=lambda row: (-row.decisions, row.stage, row.effect, row.reason, row.rule_set))),
        period=period,
        notes=(f"{total} decisions.",),
    )


@dataclass(frozen=True, slots=True)
class FeedRow:
    """What one feed brought."""

    feed: str
    pulls: int
    rows: int
    accepted: int
    quarantined: int
    repeated: int


def pulls(entries: Iterable[Entry], period: Period = ALWAYS) -> Table:
    """What every feed brought, to set against the jail's own counts."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.leaf.kind is Kind.PULL and entry.at in period:
            counts = {name: number(entry, name) for name in ("rows", "accepted", "quarantined", "repeated")}
            sums[text(entry, "feed")].update({"pulls": 1} | counts)
    names = ("pulls", "rows", "accepted", "quarantined", "repeated")
    rows = tuple(FeedRow(feed, *(counts[name] for name in names)) for feed, counts in sorted(sums.items()))
    return Table(
        code="pulls",
        title="Deliveries taken in",
        basis="Every delivery is in the log with its counts",
        row_type=FeedRow,
        rows=rows,
        period=period,
    )
