"""From shadow to live, in two steps that the audit log keeps: what would have been sent is shown first, then somebody says go.

In shadow every delivery is a baseline: people are matched, the rules are asked, and nobody is told. Whoever was booked
before going live therefore counts as known, and the first live cycle tells only of what is new.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from alerts import outbox
from audit.leaves import Kind, leaf
from audit.log import entries
from config import Refuse
from records import AlertRef
from service.engine import Engine
from service.reports import party
from store import operation
from store import tables as t
from store.operation import Mode

PROPOSED, LIVE = "go_live_proposed", "go_live"
GOOD_FOR = timedelta(hours=24)


class NotInShadow(Refuse):
    """The installation is live already."""


class NotAgreed(Refuse):
    """The code is not that of a proposal of the last day, or the configuration changed since."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one recipient would have received, in messages."""

    recipient: str
    total: int
    busiest_day: int
    a_day: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the days in shadow predict, by recipient and day. First loads are left out: they come once."""

    since: datetime
    days: int
    loads: tuple[Load, ...]
    denied: int
    reviews_a_day: float
    baseline: int
    """Bookings that stand in a first load, or were booked in shadow: they will not be told of."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The first step. `code` is asked for by the second; it is good for a day and for this configuration."""

    code: str
    forecast: Forecast


def propose(engine: Engine, by: str) -> Proposal:
    """Show what would happen, and note in the log that somebody looked. Raises NotInShadow."""
    now = engine.clock()
    with engine.database.write() as conn:
        stands = _shadow(conn)
        forecast = predict(engine, conn, stands.since or now, now)
        stated = leaf(Kind.CONFIG_CHANGE, config_hash=configuration_hash(engine), settings=[PROPOSED], by=party(by))
        (position,) = engine.audit.append(conn, [stated], now)
    return Proposal(_code(engine, position), forecast)


def confirm(engine: Engine, code: str, by: str) -> int:
    """Go live. Whatever waits to be sent is withdrawn first. Returns how many entries that were. Raises NotInShadow, NotAgreed."""
    now = engine.clock()
    with engine.database.write() as conn:
        _shadow(conn)
        if code not in _codes(engine, conn, now):
            raise NotAgreed(
                "run `warmlink go-live` again: the code is not of the last day, or the configuration changed"
            )
        withdrawn = _withdraw_all(conn, now)
        operation.set_mode(conn, Mode.LIVE, party(by), now)
        stated = leaf(Kind.CONFIG_CHANGE, config_hash=configuration_hash(engine), settings=[LIVE], by=party(by))
        engine.audit.append(conn, [stated], now)
    return withdrawn


def predict(engine: Engine, conn: Connection, since: datetime, now: datetime) -> Forecast:
    """Count what the rules permitted since then, as each recipient's own zone counts days."""
    zone = ZoneInfo(engine.settings.zone)
    days = max(1, (now.astimezone(zone).date() - since.astimezone(zone).date()).days + 1)
    permitted = _decisions(conn, since, ("permit", "redact"))
    by_day: dict[str, Counter[date]] = {}
    for recipient, at in permitted:
        by_day.setdefault(recipient, Counter())[at.astimezone(zone).date()] += 1
    loads = tuple(
        Load(who, sum(counts.values()), max(counts.values()), sum(counts.values()) / days)
        for who, counts in sorted(by_day.items(), key=lambda pair: (-sum(pair[1].values()), pair[0]))
    )
    opened = conn.execute(select(func.count()).select_from(t.review).where(t.review.c.opened_at >= since)).scalar_one()
    baseline = conn.execute(select(func.count()).select_from(t.booking).where(t.booking.c.baseline)).scalar_one()
    return Forecast(since, days, loads, len(_decisions(conn, since, ("deny",))), opened / days, baseline)


def _decisions(conn: Connection, since: datetime, effects: Sequence[str]) -> Sequence[tuple[str, datetime]]:
    """Decisions at linking about bookings that are not of a first load: one for each message that would have gone."""
    any_of = t.delivery.alias()
    first = select(func.min(any_of.c.received_at)).where(any_of.c.feed == t.booking_event.c.feed)
    of_first_load = (
        select(t.booking_event.c.booking)
        .join(t.delivery, t.delivery.c.ref == t.booking_event.c.delivery)
        .where(t.delivery.c.received_at == first.scalar_subquery())
    )
    query = (
        select(t.decision.c.recipient, t.decision.c.at)
        .join(t.link, t.link.c.ref == t.decision.c.link)
        .where(t.decision.c.stage == "link", t.decision.c.decision.in_(effects), t.decision.c.at >= since)
        .where(t.link.c.booking.not_in(of_first_load))
    )
    return [(row.recipient, row.at) for row in conn.execute(query)]


def _shadow(conn: Connection) -> operation.Standing:
    stands = operation.standing(conn)
    if stands.mode is not Mode.SHADOW:
        raise NotInShadow("this installation is live; `warmlink status` says since when")
    return stands


def _withdraw_all(conn: Connection, now: datetime) -> int:
    """Nothing should wait in shadow. What does all the same does not go out on the first live day."""
    waiting = select(t.outbox.c.alert).where(t.outbox.c.state.in_(("queued", "leased", "held"))).distinct()
    alerts = [AlertRef(ref) for ref in conn.execute(waiting).scalars()]
    return sum(outbox.withdraw(conn, ref, now=now, code="shadow") for ref in alerts)


def _codes(engine: Engine, conn: Connection, now: datetime) -> set[str]:
    """The codes of the proposals of the last day for the configuration as it is."""
    return {
        _code(engine, entry.position)
        for entry in entries(conn, kinds=[Kind.CONFIG_CHANGE])
        if now - GOOD_FOR <= entry.at <= now
        and entry.leaf.facts.get("settings") == (PROPOSED,)
        and entry.leaf.facts.get("config_hash") == configuration_hash(engine)
    }


def _code(engine: Engine, position: int) -> str:
    return engine.locator.ref("go-live", configuration_hash(engine), str(position))[:8]


def configuration_hash(engine: Engine) -> str:
    """Of the settings in force, secrets masked: which configuration was agreed to."""
    shown = engine.settings.model_dump(mode="json", exclude={"home"})
    return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
