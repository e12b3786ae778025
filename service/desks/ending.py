"""Consents that end soon: how many of which organisation, and which, so that a new form is signed before there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from audit.leaves import Kind, leaf
from config import Refuse
from consent import history as life
from records import OrgId, Personal
from service.consent_history import history_of
from service.engine import Engine
from store import clients, terms
from store.terms import Ending, Place

WINDOWS = (30, 60, 90)
"""Days ahead."""
MOST = 30
"""Rows of one page."""
COUNTED = 1_500
"""Forms that the counts look at; beyond them they say that there are more."""


@dataclass(frozen=True, slots=True)
class EndingForm:
    """One consent, by the client's number and the form's own."""

    org: str
    client: Personal
    form: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class EndingPage:
    """What ends within the days asked for, and how much in all."""

    days: int
    counts: dict[str, list[int]]
    """By organisation, for each of WINDOWS."""
    counted_until: datetime | None
    """Where there are more than COUNTED: the counts reach no further."""
    rows: tuple[EndingForm, ...]
    onward: Place | None
    """Where the next page begins; None on the last."""


def ending(
    engine: Engine, org: OrgId | None, by: str, days: int = WINDOWS[0], after: Place | None = None
) -> EndingPage:
    """Of the officer's organisation, or of all. Each client whose number is shown was looked at, and the log says so."""
    if days not in WINDOWS:
        raise Refuse(f"look {', '.join(map(str, WINDOWS))} days ahead")
    now = engine.clock()
    with engine.database.write() as conn:
        until = [now + timedelta(days=window) for window in WINDOWS]
        counts, last = terms.counts(conn, now, until, org, COUNTED)
        found = terms.ending(conn, now, now + timedelta(days=days), org, most=MOST + 1, after=after)
        rows, shown = tuple(_opened(engine, conn, found[:MOST], now)), found[:MOST]
        looked = [
            leaf(Kind.VIEW, by=by, screen="compliance", client=ref) for ref in dict.fromkeys(e.client for e in shown)
        ]
        engine.audit.append(conn, looked or [leaf(Kind.VIEW, by=by, screen="compliance", rows=0)], now)
    onward = Place(shown[-1].ends_at, shown[-1].ref) if len(found) > MOST else None
    return EndingPage(days, counts, last, rows, onward)


def _opened(engine: Engine, conn: Connection, found: Sequence[Ending], now: datetime) -> list[EndingForm]:
    """With the numbers that people know them by. What the form itself does not bear out is left out."""
    zone, rows = ZoneInfo(engine.settings.zone), []
    for each in found:
        stored = clients.get(conn, engine.vault, each.client)
        standing = life.expiring(history_of(conn, engine, each.client), now, each.ends_at - now + _DAY, zone)
        name = {engine.locator.ref("consent", consent.id): consent.id for consent, _ in standing}.get(each.form)
        if stored is not None and name is not None:
            rows.append(EndingForm(each.org, Personal(stored.entry.client_id), name, each.ends_at))
    return rows


_DAY = timedelta(days=1)
"""The rules may count a form's last day in another zone than the people who read this."""
