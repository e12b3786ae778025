"""Why someone was told, why nobody was, or that the booking was never received: three different answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select

from records import BookingRef
from service import stays
from service.engine import Engine
from service.feeds import mapping
from store import bookings, findings
from store.tables import booking_event

_REUSED = 8
"""As many stays under one booking number are looked for."""


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One decision about one recipient."""

    at: datetime
    recipient: str
    stage: str
    decision: str
    reasons: tuple[str, ...]
    ref: str = ""


@dataclass(frozen=True, slots=True)
class LinkLine:
    """One client the booking was linked to, by opaque reference, with the evidence per field."""

    client: str
    verdict: str
    weight: float
    probability: float
    levels: dict[str, str]
    superseded: bool
    decisions: tuple[DecisionLine, ...]
    alerts: tuple[tuple[str, str, str], ...]
    """(alert, recipient, state)."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the record says about one booking number."""

    answer: str
    """`told`, `not told` or `never received`."""
    because: str
    booking: str | None = None
    state: str | None = None
    received: tuple[tuple[datetime, str, str], ...] = ()
    """(instant, feed, kind of event)."""
    links: tuple[LinkLine, ...] = ()


def explain(engine: Engine, number: str, agency: str | None = None) -> Explanation:
    """The record of a booking, by the jail's number. `agency` is needed where several jails use the same numbers."""
    with engine.database.read() as conn:
        for ref in _refs(engine, number, agency):
            state = bookings.state_of(conn, ref)
            if state is not None:
                return _explained(conn, ref, state)
    return Explanation("never received", "no feed has delivered a booking of this number")


def _refs(engine: Engine, number: str, agency: str | None) -> Iterator[BookingRef]:
    names = [agency] if agency else list(dict.fromkeys(agencies(engine)))
    for name in names:
        yield from reversed(list(islice(stays.names(engine, name, number), _REUSED)))  # the latest stay first


def agencies(engine: Engine) -> Iterator[str]:
    """The agencies that the configured mappings name, and the feeds themselves for those that name none."""
    for feed in engine.settings.feeds:
        if feed.kind == "bookings":
            found = mapping(engine.settings, feed)
            fields = found.bookings
            if fields is not None and fields.agency is not None and fields.agency.constant:
                yield fields.agency.constant
            yield from (place.agency for place in found.facilities.values() if place.agency)
            yield feed.id


def _explained(conn: Connection, ref: BookingRef, state: str) -> Explanation:
    links = tuple(_link(conn, row) for row in findings.links_of(conn, ref))
    told = any(state in {"delivered", "opened", "acknowledged", "closed"} for li in links for _, _, state in li.alerts)
    return Explanation(
        answer="told" if told else "not told",
        because=_because(links, _not_news(conn, ref), told=told),
        booking=ref,
        state=state,
        received=tuple(_received(conn, ref)),
        links=links,
    )


def _not_news(conn: Connection, ref: BookingRef) -> tuple[str, ...]:
    """Why its events were news to nobody, whoever it was about; empty if one of them was."""
    said = conn.execute(select(booking_event.c.not_news).where(booking_event.c.booking == ref)).scalars().all()
    codes = [list(codes or ()) for codes in said]
    return tuple(sorted({code for each in codes for code in each})) if codes and all(codes) else ()


def _because(links: tuple[LinkLine, ...], not_news: tuple[str, ...], *, told: bool) -> str:
    decisions = [d for li in links for d in li.decisions]
    answers = (
        (told, "a client was matched, the rules permitted it, and the alert was delivered"),
        (not links, "it was compared with every roster and matched no client"),
        (all(li.superseded for li in links), "a match was made and does not stand: corrected, or refused by a person"),
        (
            all(li.verdict == "REVIEW" for li in links if not li.superseded),
            "the match is doubtful and waits for a reviewer; nobody is told before",
        ),
        (any(li.alerts for li in links), "an alert was permitted but is not delivered; see its state"),
        (not_news, f"it is recorded and no news to anybody ({', '.join(not_news)})"),
        (not decisions, "a client was matched, but nobody is assigned who could be told"),
        (all(d.decision == "deny" for d in decisions), "the rules did not permit it"),
        (True, "it was part of a feed's first load, which notifies nobody"),
    )
    return next(words for holds, words in answers if holds)


def _link(conn: Connection, row: Any) -> LinkLine:
    decisions: Any = findings.decisions_of(conn, row.ref)
    alerts: Any = findings.alerts_for_link(conn, row.ref)
    return LinkLine(
        client=row.client,
        verdict=row.verdict,
        weight=row.weight,
        probability=row.probability,
        levels=dict(row.levels),
        superseded=row.superseded_at is not None,
        decisions=tuple(
            DecisionLine(d.at, d.recipient, d.stage, d.decision, tuple(d.reason_codes), d.ref) for d in decisions
        ),
        alerts=tuple((a.ref, a.recipient, a.state) for a in alerts),
    )


def _received(conn: Connection, ref: BookingRef) -> Iterator[tuple[datetime, str, str]]:
    rows = conn.execute(
        select(booking_event.c.at, booking_event.c.feed, booking_event.c.kind)
        .where(booking_event.c.booking == ref)
        .order_by(booking_event.c.at)
    )
    yield from ((at, feed, kind) for at, feed, kind in rows)
