"""Counts for a steering committee: what was matched, how fast people heard and acted. Small counts are kept back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from records import OrgId
from service.engine import Engine
from store.tables import acknowledgement, alert, booking, client, inbox_item, link, outcome

SMALLEST = 11
"""The least count that is shown, but for zero: the cell-size rule of CMS suppresses 1 to 10."""

STEPS = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24), timedelta(hours=72))


@dataclass(frozen=True, slots=True)
class Cell:
    """A count as it may be shown; None where it is too small, or would give a small one away."""

    label: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Speed:
    """How long something took. `shares` says, per step, how many were done within it, of `total`."""

    name: str
    total: int | None
    median: timedelta | None
    within: tuple[tuple[timedelta, int | None], ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """The page. Bookings are of the installation; everything else is of one organisation, or of all."""

    since: datetime
    alerts: int | None
    bookings: tuple[Cell, ...]
    matched: tuple[Cell, ...]
    speeds: tuple[Speed, ...]
    answers: tuple[Cell, ...]
    outcomes: tuple[Cell, ...]


def shown(count: int) -> int | None:
    """The count, or None for 1 to 10."""
    return count if count == 0 or count >= SMALLEST else None


def cells(counts: Mapping[str, int]) -> tuple[Cell, ...]:
    """Cells of one table whose total is known: where just one would be kept back, the next smallest is too."""
    values = {label: shown(count) for label, count in counts.items()}
    hidden = [label for label, value in values.items() if value is None]
    left = sorted((count, label) for label, count in counts.items() if values[label])
    if len(hidden) == 1 and left:
        values[left[0][1]] = None
    return tuple(Cell(label, value) for label, value in values.items())


def measures(engine: Engine, org: OrgId | None, days: int = 30) -> Measures:
    since = engine.clock() - timedelta(days=days)
    zone_days = _Days(engine)
    with engine.database.read() as conn:
        seen = conn.execute(select(booking.c.first_seen_at).where(booking.c.first_seen_at >= since)).scalars().all()
        alerts = _alerts(conn, org, since)
        matched: dict[str, datetime] = {}
        for row in alerts:
            matched.setdefault(row.booking, row.first_seen_at)
        answered = _answers(conn, org, since)
        done = _outcomes(conn, org, since)
    days_seen = zone_days.count(seen)
    return Measures(
        since=since,
        alerts=shown(len(alerts)),
        bookings=cells(days_seen),
        matched=cells({day: zone_days.count(matched.values()).get(day, 0) for day in days_seen}),
        speeds=tuple(_speeds(alerts, done)),
        answers=cells(Counter(answered.values())),
        outcomes=cells(Counter(code for rows in done.values() for kind, code, _ in rows if kind == "disposition")),
    )


@dataclass(frozen=True, slots=True)
class _Days:
    """Local days of the people who read the page."""

    engine: Engine

    def count(self, instants: Iterable[datetime]) -> dict[str, int]:
        zone = ZoneInfo(self.engine.settings.zone)
        counts: Counter[date] = Counter(at.astimezone(zone).date() for at in instants)
        return {day.isoformat(): counts[day] for day in sorted(counts)}


def _alerts(conn: Connection, org: OrgId | None, since: datetime) -> list[Any]:
    query = (
        select(alert.c.ref, alert.c.acknowledged_at, link.c.booking, booking.c.first_seen_at, inbox_item.c.delivered_at)
        .join(link, link.c.ref == alert.c.link)
        .join(client, client.c.ref == link.c.client)
        .join(booking, booking.c.ref == link.c.booking)
        .outerjoin(inbox_item, inbox_item.c.alert == alert.c.ref)
        .where(alert.c.created_at >= since, alert.c.kind != "clinic_sheet")
    )
    return list(conn.execute(query if org is None else query.where(client.c.org == org)).all())


def _of_alerts(query: Any, key: Any, org: OrgId | None, since: datetime) -> Any:
    """Only rows about the organisation's alerts of the period."""
    query = query.join(alert, alert.c.ref == key).join(link, link.c.ref == alert.c.link)
    query = query.join(client, client.c.ref == link.c.client).where(alert.c.created_at >= since)
    return query if org is None else query.where(client.c.org == org)


def _answers(conn: Connection, org: OrgId | None, since: datetime) -> dict[str, str]:
    """The last answer to each alert."""
    said = acknowledgement
    query = select(said.c.alert, said.c.verdict).order_by(said.c.id)
    return {row.alert: row.verdict for row in conn.execute(_of_alerts(query, said.c.alert, org, since))}


def _outcomes(conn: Connection, org: OrgId | None, since: datetime) -> dict[str, list[tuple[str, str, datetime]]]:
    found: dict[str, list[tuple[str, str, datetime]]] = {}
    query = select(outcome.c.alert, outcome.c.kind, outcome.c.codes, outcome.c.at).order_by(outcome.c.at)
    for row in conn.execute(_of_alerts(query, outcome.c.alert, org, since)):
        found.setdefault(row.alert, []).append((row.kind, row.codes[-1] if row.codes else "", row.at))
    return found


def _speeds(alerts: list[Any], done: dict[str, list[tuple[str, str, datetime]]]) -> Iterable[Speed]:
    yield _speed("to_alert", [r.delivered_at - r.first_seen_at for r in alerts if r.delivered_at])
    yield _speed(
        "to_answer", [r.acknowledged_at - r.delivered_at for r in alerts if r.acknowledged_at and r.delivered_at]
    )
    met = [(r, _first_contact(done.get(r.ref, []))) for r in alerts]
    yield _speed("to_contact", [at - r.delivered_at for r, at in met if at and r.delivered_at])


def _first_contact(rows: list[tuple[str, str, datetime]]) -> datetime | None:
    return next((at for kind, code, at in rows if kind in {"contact", "first_contact"} and code != "none"), None)


def _speed(name: str, spans: list[timedelta]) -> Speed:
    enough = shown(len(spans))
    middle = timedelta(seconds=median(s.total_seconds() for s in spans)) if enough else None
    within = tuple((step, _share(sum(s <= step for s in spans), len(spans))) for step in STEPS)
    return Speed(name, enough, middle, within)


def _share(part: int, whole: int) -> int | None:
    """Per cent, kept back where it would tell of fewer than the least count, or of all but fewer than that."""
    if not whole or shown(whole) is None or shown(part) is None or shown(whole - part) is None:
        return None
    return round(100 * part / whole)
