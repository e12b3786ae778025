"""Who looked: openings, views, refusals and logins, what among them is unusual, and break-glass for review."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.leaves import Entry, Kind
from audit.report import ALWAYS, Period, Table, moment, text, texts

_LOOKS = frozenset({Kind.OPENING, Kind.VIEW, Kind.REFUSED_ATTEMPT, Kind.LOGIN, Kind.EXPORT, Kind.BREAK_GLASS})


@dataclass(frozen=True, slots=True)
class Usual:
    """Where the ordinary ends. Counts are for one person within any hour."""

    openings: int = 20
    refusals: int = 3
    failed_logins: int = 3


@dataclass(frozen=True, slots=True)
class AccessRow:
    """One look, or attempt to look. `unusual` says why it stands out, in codes; empty for the ordinary."""

    at: datetime
    by: str
    what: str
    where: str
    alert: str
    client: str
    answer: str
    unusual: tuple[str, ...]
    position: int


def access(
    entries: Iterable[Entry],
    period: Period = ALWAYS,
    *,
    by: str | None = None,
    client: str | None = None,
    unusual_only: bool = False,
    usual: Usual | None = None,
) -> Table:
    """Who opened, viewed, exported or was refused; of one person, or about one client, or all."""
    looks = [entry for entry in entries if entry.leaf.kind in _LOOKS and entry.at in period]
    crowded = _crowded(looks, usual or Usual())
    rows = tuple(
        row
        for entry in looks
        if (by is None or text(entry, "by") == by) and (client is None or text(entry, "client") == client)
        for row in (_row(entry, crowded.get(entry.position, ())),)
        if row.unusual or not unusual_only
    )
    return Table(
        code="access_unusual" if unusual_only else "access",
        title="Who looked, and who was refused",
        basis="45 CFR 164.312(b), 164.308(a)(1)(ii)(D): audit controls and the review of records of activity",
        row_type=AccessRow,
        rows=rows,
        period=period,
        notes=(f"{sum(bool(row.unusual) for row in rows)} of {len(rows)} stand out.",),
    )


@dataclass(frozen=True, slots=True)
class BreakGlassRow:
    """One use of the emergency key: what it was used for, and what the review said."""

    at: datetime
    by: str
    client: str
    expires_at: datetime | None
    opened: int
    reviewed_at: datetime | None
    reviewed_by: str
    outcome: str
    overdue: bool
    position: int


def break_glass(entries: Iterable[Entry], as_of: datetime, within: timedelta = timedelta(days=7)) -> Table:
    """Every declaration and its review. One that is not reviewed within the term, or by its own author, is overdue."""
    known = [entry for entry in entries if entry.at <= as_of]
    reviews = {text(e, "declaration"): e for e in known if e.leaf.kind is Kind.BREAK_GLASS_REVIEW}
    openings: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for each in known:
        if each.leaf.kind is Kind.OPENING:
            openings[text(each, "by"), text(each, "client")].append(each.at)
    rows = tuple(
        _declared(
            entry,
            openings[text(entry, "by"), text(entry, "client")],
            reviews.get(text(entry, "declaration")),
            as_of - within,
        )
        for entry in known
        if entry.leaf.kind is Kind.BREAK_GLASS
    )
    return Table(
        code="break_glass",
        title="Break-glass review",
        basis="45 CFR 164.312(a)(2)(ii): emergency access, each looked at afterwards by someone else",
        row_type=BreakGlassRow,
        rows=rows,
        period=Period(until=as_of),
        notes=(f"{sum(row.overdue for row in rows)} of {len(rows)} wait for a review beyond its term.",),
    )


def _declared(entry: Entry, openings: Sequence[datetime], review: Entry | None, term: datetime) -> BreakGlassRow:
    ends = moment(entry, "expires_at")
    opened = sum(entry.at <= at and (ends is None or at < ends) for at in openings)
    own = review is not None and text(review, "by") == text(entry, "by")
    return BreakGlassRow(
        at=entry.at,
        by=text(entry, "by"),
        client=text(entry, "client"),
        expires_at=ends,
        opened=opened,
        reviewed_at=review.at if review else None,
        reviewed_by=text(review, "by") if review else "",
        outcome="by_its_own_author" if own else text(review, "outcome") if review else "",
        overdue=own or (review is None and entry.at <= term),
        position=entry.position,
    )


def _row(entry: Entry, crowded: tuple[str, ...]) -> AccessRow:
    kind = entry.leaf.kind
    reasons = list(crowded)
    if text(entry, "assigned") == "no":
        reasons.append("without_assignment")
    if kind is Kind.BREAK_GLASS:
        reasons.append("break_glass")
    if kind is Kind.LOGIN and text(entry, "result") != "ok" and not text(entry, "by"):
        reasons.append("unknown_person")
    return AccessRow(
        at=entry.at,
        by=text(entry, "by"),
        what=text(entry, "action") or kind.value,
        where=text(entry, "screen") or text(entry, "report") or text(entry, "method"),
        alert=text(entry, "alert"),
        client=text(entry, "client"),
        answer=_answer(entry),
        unusual=tuple(sorted(reasons)),
        position=entry.position,
    )


def _answer(entry: Entry) -> str:
    if entry.leaf.kind is Kind.REFUSED_ATTEMPT:
        return "refused: " + ", ".join(texts(entry, "reasons"))
    return text(entry, "result") or "ok"


def _crowded(looks: Sequence[Entry], usual: Usual) -> dict[int, tuple[str, ...]]:
    """Positions of looks that are too many of their sort by one person within an hour."""
    found: dict[int, tuple[str, ...]] = {}
    for code, most, mine in (
        ("many_openings", usual.openings, [e for e in looks if e.leaf.kind is Kind.OPENING]),
        ("many_refusals", usual.refusals, [e for e in looks if e.leaf.kind is Kind.REFUSED_ATTEMPT]),
        ("failed_logins", usual.failed_logins, [e for e in looks if e.leaf.kind is Kind.LOGIN and _answer(e) != "ok"]),
    ):
        for position in _bursts(mine, most):
            found[position] = (*found.get(position, ()), code)
    return found


def _bursts(entries: Sequence[Entry], most: int) -> set[int]:
    """Positions that lie in an hour with more than `most` entries of the same person (sliding window)."""
    marked: set[int] = set()
    window: list[Entry] = []
    counts: Counter[str] = Counter()
    for entry in sorted(entries, key=lambda e: e.at):
        window.append(entry)
        counts[text(entry, "by")] += 1
        while window[0].at <= entry.at - timedelta(hours=1):
            counts[text(window.pop(0), "by")] -= 1
        if counts[text(entry, "by")] > most:
            marked |= {e.position for e in window if text(e, "by") == text(entry, "by")}
    return marked
