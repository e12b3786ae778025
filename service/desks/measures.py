"""The desk of those who steer: what was closed, for all providers or one, as a page and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from audit.leaves import Kind, leaf
from audit.render import Provenance
from config import Refuse
from records import OrgId
from service.engine import Engine
from service.measures import facts
from service.measures.closing import closes_next
from service.measures.definitions import ALL
from service.measures.exports import WRITERS
from service.measures.periods import Month, check
from service.measures.sheet import Making, Sheet
from service.reports import party
from store import measures

MONTHS = 12
"""Of the drawing over time."""


class NotClosed(Refuse):
    """There are no figures of this period, or none for this reader."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be looked at. `next_at` is when the next month closes."""

    periods: Sequence[str]
    scopes: Sequence[str]
    next_at: datetime | None


def choices(engine: Engine, org: OrgId | None) -> Choice:
    """The reader of one organisation sees that one; a reader of the whole installation all together, or each."""
    with engine.database.view() as conn:
        known = [scope for scope in measures.scopes(conn) if scope != ALL]
        scopes = [str(org)] if org is not None else [ALL, *known]
        periods = measures.periods(conn, scopes[0])
    return Choice(periods, scopes, closes_next(engine))


def sheet(engine: Engine, org: OrgId | None, period: str, scope: str | None = None, language: str = "en") -> Sheet:
    """The sheet of a closed period. Raises NotClosed."""
    found = choices(engine, org)
    scope = scope or found.scopes[0]
    if check(period) not in found.periods or scope not in found.scopes:
        raise NotClosed("no figures of this period were closed for you; see which were")
    zone = ZoneInfo(engine.settings.zone)
    months = sorted(p for p in found.periods if len(p) == 7 and "Q" not in p)
    last = _last_month(period, months)
    with engine.database.view() as conn:
        cells: dict[tuple[str, str, str, str], int | None] = {}
        for each in (period, str(last.plus(-2))):
            cells |= measures.shown(conn, each, [scope, ALL])
        closed, began = measures.closed_at(conn, str(last)), facts.first_month_at(conn)
        measure, row = ("bookings", "clients") if scope == ALL else ("told", "total")
        trend = [(p, n) for p, n in measures.series(conn, measure, row, scope) if p in months and p <= str(last)]
    if closed is None:
        raise NotClosed("no figures of this period were closed for you; see which were")
    making = Making(cells, engine.settings.organisation, period, scope, language, zone, began)
    return making.sheet(closed, trend[-MONTHS:])


def export(engine: Engine, made: Sheet, form: str, by: str) -> bytes:
    """The sheet as a file's bytes. Who took it, and its hash, are in the log before it is given."""
    now = engine.clock()
    with engine.database.write() as conn:
        source = Provenance(party(by), now, engine.audit.origin, engine.audit.head(conn))
        content = WRITERS[form](made, source)
        stated = leaf(
            Kind.EXPORT,
            report="measures",
            format=form,
            by=source.by,
            rows=sum(len(block.rows) for block in made.blocks),
            content_hash=sha256(content).hexdigest(),
        )
        engine.audit.append(conn, [stated], now)
    return content


def _last_month(period: str, months: Sequence[str]) -> Month:
    """The month with which the period was complete."""
    year = period[:4]
    within = [m for m in months if m.startswith(year) and period in {m, Month.parse(m).quarter, year}]
    return Month.parse(within[-1])
