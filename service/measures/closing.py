"""Closing a month: it is counted once, what may be shown is settled once, and neither is changed afterwards.

Figures that slide with the calendar, or are counted anew after a correction, tell by their differences what suppression
keeps back. So a month is counted ten days after its end, with what is on record then; later corrections are in no figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from audit.leaves import Kind, canonical, leaf
from service.engine import Engine
from service.measures import facts
from service.measures.counting import REBOOKED_WITHIN, Facts, count_month, rebooked
from service.measures.definitions import ALL, MEASURES, TOTAL, nested, relations
from service.measures.facts import Window
from service.measures.periods import Month, parts
from service.measures.suppression import Key, small, suppress
from store import claims, measures
from store.measures import Settled

AFTER = timedelta(days=10)
"""From the end of a month until it closes: contact within seven days of a release is part of it, and people write late."""
_DAY = timedelta(days=1)


def close_due(engine: Engine) -> list[str]:
    """Close every month whose time has come, in order. Gives those that this call closed."""
    zone, done = ZoneInfo(engine.settings.zone), []
    with engine.database.read() as conn:
        month = _next(conn, zone)
    while month is not None and month.ends(zone) + AFTER <= engine.clock():
        if close(engine, month):
            done.append(str(month))
        month = month.plus(1)
    return done


def daily(engine: Engine) -> list[str]:
    """The same, tried once a day at most: what cannot be closed costs no cycle its time."""
    zone, now = ZoneInfo(engine.settings.zone), engine.clock()
    with engine.database.read() as conn:
        month = _next(conn, zone)
    if month is None or month.ends(zone) + AFTER > now:
        return []
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if not claims.claim(engine.database, "measures", day, "cycle", now):
        return []
    done = close_due(engine)
    claims.finish(engine.database, "measures", day, "cycle", engine.clock())
    return done


def closes_next(engine: Engine) -> datetime | None:
    """When the next month closes; None before the first booking."""
    zone = ZoneInfo(engine.settings.zone)
    with engine.database.read() as conn:
        month = _next(conn, zone)
    return month.ends(zone) + AFTER if month is not None else None


def _next(conn: Connection, zone: ZoneInfo) -> Month | None:
    closed = measures.months(conn)
    if closed:
        return Month.parse(closed[-1]).plus(1)
    first = facts.first_month_at(conn)
    return Month.of(first, zone) if first is not None else None


def close(engine: Engine, month: Month) -> bool:
    """Count and settle a month. False if another process was first. Raises CannotProtect."""
    with engine.database.read() as conn:
        cells = _Closing(engine, conn, month).settle()
    content_hash = _hash(cells)
    stated = leaf(Kind.MEASURES_CLOSED, period=str(month), rows=len(cells), content_hash=content_hash)
    with engine.database.write() as conn:
        now = engine.clock()
        new = measures.close(conn, str(month), cells.items(), content_hash, now)
        if new:
            engine.audit.append(conn, [stated], now)
    return new


@dataclass(frozen=True, slots=True)
class _Closing:
    engine: Engine
    conn: Connection
    month: Month

    def settle(self) -> dict[Key, Settled]:
        orgs = facts.organisations(self.conn)
        earlier = self._earlier()
        counts = {key: cell.count for key, cell in earlier.items()}
        fresh = count_month(self._facts(), str(self.month), orgs) | self._ripe(counts)
        fresh |= self._nested(counts | fresh)
        counts |= fresh
        shown = frozenset(key for key, cell in earlier.items() if cell.shown)
        known = list(relations(counts))
        back = suppress(
            counts, known, shown=shown, hidden=frozenset(earlier) - shown, sensitive=frozenset(_sensitive(counts))
        )
        return {key: Settled(count, key not in back) for key, count in fresh.items()}

    def _earlier(self) -> dict[Key, Settled]:
        """What hangs together with the new cells: everything of this year, and of the last where something ripens now."""
        years = sorted({f"{m.year:04}" for m in (self.month, self.month.plus(-2))})
        return {Key(*name): cell for name, cell in measures.of_years(self.conn, years).items()}

    def _window(self, month: Month) -> Window:
        zone = ZoneInfo(self.engine.settings.zone)
        return Window(month.begins(zone), month.ends(zone))

    def _facts(self) -> Facts:
        window = self._window(self.month)
        stays = facts.ended(self.engine, self.conn, window)
        since = min([s.began for s in stays if s.began and s.owners], default=window.since)
        spoken = Window(min(since, window.since), window.until + 8 * _DAY)
        year = Window(self._window(self.month.plus(-11)).since, window.until)
        return Facts(
            booked=facts.booked(self.conn, window),
            ended=stays,
            told=facts.told(self.conn, window),
            outcomes=facts.reported(self.conn, spoken),
            begins=window.since,
            ends=window.until,
            year=facts.stays_of_clients(self.conn, year),
        )

    def _ripe(self, counts: dict[Key, int]) -> dict[Key, int]:
        """What can be told only now of an earlier month: who came back. Of the stays that were counted when it closed."""
        period = str(self.month.plus(-2))
        window = self._window(self.month.plus(-2))
        totals = {k.scope: n for k, n in counts.items() if (k.measure, k.cell, k.period) == ("stays", TOTAL, period)}
        if not totals:
            return {}
        later = facts.stays_of_clients(self.conn, Window(window.since, window.until + REBOOKED_WITHIN + _DAY))
        again = rebooked(facts.ended(self.engine, self.conn, window), later)
        made: dict[Key, int] = {}
        for org in totals.keys() - {ALL}:
            back = min(again[org], totals[org])
            for scope in (org, ALL):
                for row, count in (("within_60_days", back), ("not_within_60_days", totals[org] - back)):
                    key = Key("rebooked", row, scope, period)
                    made[key] = made.get(key, 0) + count
        return made

    def _nested(self, counts: dict[Key, int]) -> dict[Key, int]:
        """Quarters and years that are complete with this: sums of what was settled, never counted anew."""
        made: dict[Key, int] = {}
        for done in (self.month, self.month.plus(-2)):
            if done.last_of_quarter:
                made |= _sums(counts, done.quarter)
        for done in (self.month, self.month.plus(-2)):
            if done.last_of_year:
                made |= _sums(counts | made, f"{done.year:04}")
        return {key: count for key, count in made.items() if key not in counts}


def _sums(counts: dict[Key, int], period: str) -> dict[Key, int]:
    """Of every cell that all parts of the period have for the whole installation."""
    smaller = parts(period)
    names = {key[:3] for key in counts if key.period == smaller[-1] and nested(key.measure)}
    full = {n for n in names if all(Key(n[0], n[1], ALL, part) in counts for part in smaller)}
    return {Key(*n, period): sum(counts.get(Key(*n, part), 0) for part in smaller) for n in sorted(full)}


def _sensitive(counts: dict[Key, int]) -> Iterable[Key]:
    """Amounts that rest on a small count."""
    for measure in MEASURES:
        if measure.amount_of:
            for key in counts:
                if key.measure == measure.code and small(counts[Key(measure.amount_of, TOTAL, key.scope, key.period)]):
                    yield key


def _hash(cells: dict[Key, Settled]) -> str:
    """Over every cell, in order: what the log can be asked about later."""
    said: Sequence[object] = [[*key, cell.count, cell.shown] for key, cell in sorted(cells.items())]
    return sha256(canonical({"cells": said})).hexdigest()
