"""Counts of closed months, and which of them may be shown. What was settled once is never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from store.tables import measure_cell, measure_month

Name = tuple[str, str, str, str]
"""(measure, cell, scope, period)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A count, and whether it may be shown."""

    count: int
    shown: bool


def months(conn: Connection) -> Sequence[str]:
    """The closed months, oldest first."""
    return conn.execute(select(measure_month.c.month).order_by(measure_month.c.month)).scalars().all()


def closed_at(conn: Connection, month: str) -> datetime | None:
    found: datetime | None = conn.execute(
        select(measure_month.c.closed_at).where(measure_month.c.month == month)
    ).scalar_one_or_none()
    return found


def close(
    conn: Connection, month: str, cells: Iterable[tuple[Name, Settled]], content_hash: str, now: datetime
) -> bool:
    """Settle a month for good; False if another process has done so."""
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    head = make(measure_month).values(month=month, closed_at=now, content_hash=content_hash).on_conflict_do_nothing()
    if conn.execute(head.returning(measure_month.c.month)).first() is None:
        return False
    rows = [
        {"measure": m, "cell": c, "scope": s, "period": p, "number": x.count, "shown": x.shown, "month": month}
        for (m, c, s, p), x in cells
    ]
    conn.execute(insert(measure_cell), rows)
    return True


def of_years(conn: Connection, years: Sequence[str]) -> dict[Name, Settled]:
    """Every cell of these years."""
    found: dict[Name, Settled] = {}
    for year in years:
        rows = conn.execute(
            select(measure_cell).where(measure_cell.c.period >= year, measure_cell.c.period < f"{year}~")
        )
        found |= {(r.measure, r.cell, r.scope, r.period): Settled(r.number, r.shown) for r in rows}
    return found


def shown(conn: Connection, period: str, scopes: Sequence[str]) -> dict[Name, int | None]:
    """The cells of a period as anybody may see them: None for a count that is kept back."""
    t = measure_cell
    rows = conn.execute(select(t).where(t.c.period == period, t.c.scope.in_(scopes)))
    return {(r.measure, r.cell, r.scope, r.period): r.number if r.shown else None for r in rows}


def series(conn: Connection, measure: str, cell: str, scope: str) -> Sequence[tuple[str, int | None]]:
    """One cell over all its periods, in their order, as anybody may see it."""
    t = measure_cell
    rows = conn.execute(
        select(t.c.period, t.c.number, t.c.shown)
        .where(t.c.measure == measure, t.c.cell == cell, t.c.scope == scope)
        .order_by(t.c.period)
    )
    return [(row.period, row.number if row.shown else None) for row in rows]


def periods(conn: Connection, scope: str) -> Sequence[str]:
    """Every period that there is something to see of, the newest first."""
    rows = conn.execute(select(measure_cell.c.period).where(measure_cell.c.scope == scope).distinct())
    return sorted(rows.scalars(), reverse=True)


def scopes(conn: Connection) -> Sequence[str]:
    """Whom there are figures of."""
    return conn.execute(select(measure_cell.c.scope).distinct().order_by(measure_cell.c.scope)).scalars().all()
