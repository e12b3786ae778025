"""What is destroyed and when: at once what a court seals, the rest after its time, and nothing that a legal hold covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Connection

from audit.leaves import Kind, Leaf, leaf
from audit.report import years_before
from audit.retention import Hold, Retention
from config import Refuse
from records import BookingRef
from service import fading
from service.engine import Engine
from service.reports import client_ref, party
from store import bookings, claims, holds, purges
from store.holds import EVERYTHING, LegalHold

DAILY = "retention"


@dataclass(slots=True)
class Purged:
    """What a run destroyed, and what a hold kept, counted by reason. A rehearsal only counts."""

    destroyed: Counter[str] = field(default_factory=Counter)
    held: int = 0
    days: int = 0
    """Days whose key was destroyed."""
    carried: int = 0
    """Bookings of such days that stay: their stay goes on, they were linked, or a hold covers them."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something whose time has come."""

    kind: str
    ref: str
    reason: str
    last_used: datetime


def end_booking(conn: Connection, ref: BookingRef, state: str, now: datetime) -> list[Leaf]:
    """A booking was cancelled or sealed: its content goes at once, and the tombstone stays.

    Under a hold the content stays, out of everybody's sight, and goes when the hold is lifted.
    """
    reason = "cancelled" if state == "void" else "sealed"
    if held(conn, ref, *purges.clients_of(conn, ref)):
        bookings.close(conn, ref, state, now)
        return []
    bookings.destroy(conn, ref, state, now)
    purges.booking_content(conn, ref)
    return [leaf(Kind.PURGE, subject_kind="booking", booking=ref, purge_reason=reason)]


def held(conn: Connection, *refs: str) -> bool:
    """Whether a legal hold covers one of these."""
    return any(hold.stops(refs) for hold in _holds(conn))


def run(engine: Engine, by: str | None = None, *, rehearse: bool = False) -> Purged:
    """Destroy everything whose time has come and that no hold covers; each destruction is in the log with it."""
    now, done = engine.clock(), Purged()
    rule = Retention(engine.settings.audit.retention_years)
    with engine.database.read() as conn:
        due = list(_due(engine, conn, now))
    for item in due:
        with engine.database.write() as conn:
            refs = _covering(conn, item)
            if rule.stop(item.reason, refs, last_used=item.last_used, now=now, holds=_holds(conn)):
                done.held += 1
                continue
            done.destroyed[item.reason] += 1
            if not rehearse:
                _destroy(engine, conn, item, by, now)
    if not rehearse:
        done.days, done.carried = fading.fade(engine, by)
        fading.bury_all(engine)
    if not rehearse and (due or done.days):
        purges.sweep(engine.database)
    return done


def daily(engine: Engine) -> Purged | None:
    """The run of the day, unless it was done."""
    now = engine.clock()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if not claims.claim(engine.database, DAILY, day, "cycle", now):
        return None
    done = run(engine)
    claims.finish(engine.database, DAILY, day, "cycle", engine.clock())
    return done


def place_hold(engine: Engine, by: str, *, client: str | None, org: str | None, booking: str | None) -> str:
    """Stop every destruction of one client's or booking's content, or of everything. Gives the hold's name."""
    if client is not None and booking is not None:
        raise Refuse("a hold covers one client, or one booking, or everything")
    subject = client_ref(engine, client, org) if client is not None else booking
    kind = "client" if client is not None else "booking" if booking is not None else EVERYTHING
    now = engine.clock()
    name = engine.locator.ref("legal-hold", kind, subject or "", now.isoformat())
    with engine.database.write() as conn:
        if booking is not None and bookings.state_of(conn, BookingRef(booking)) is None:
            raise Refuse("no booking of this reference is known; `warmlink explain` gives it")
        holds.place(conn, LegalHold(name, kind, subject, now, party(by)))
        covers = {kind: subject} if subject else {}
        engine.audit.append(conn, [leaf(Kind.LEGAL_HOLD, hold=name, change="placed", by=by, **covers)], now)
    return name


def lift_hold(engine: Engine, hold: str, by: str) -> None:
    now = engine.clock()
    with engine.database.write() as conn:
        if not holds.lift(conn, hold, party(by), now):
            raise Refuse("no hold of this name is in force; `warmlink audit hold list` shows them")
        engine.audit.append(conn, [leaf(Kind.LEGAL_HOLD, hold=hold, change="lifted", by=by)], now)


def list_holds(engine: Engine) -> Iterable[LegalHold]:
    with engine.database.read() as conn:
        return holds.in_force(conn)


def _due(engine: Engine, conn: Connection, now: datetime) -> Iterator[Due]:
    """A booking that is due for two reasons goes for the first."""
    old = years_before(now, engine.settings.audit.retention_years)
    window = now - timedelta(days=engine.settings.audit.match_window_days)
    seen: set[str] = set()
    for reason, found in (
        ("sealed", purges.held_back_bookings(conn)),
        ("match_window", purges.unmatched_bookings(conn, window)),
        ("retention", purges.old_bookings(conn, old)),
    ):
        for ref, at in found:
            if ref not in seen:
                seen.add(ref)
                yield Due("booking", ref, reason, at)
    for ref, at in purges.old_clients(conn, old):
        yield Due("client", ref, "retention", at)


def _covering(conn: Connection, item: Due) -> list[str]:
    """A hold on a client covers their bookings, and one on a booking the clients it is about."""
    around = purges.clients_of if item.kind == "booking" else purges.bookings_of
    return list(chain([item.ref], around(conn, item.ref)))


def _destroy(engine: Engine, conn: Connection, item: Due, by: str | None, now: datetime) -> None:
    if item.kind == "booking":
        purges.booking_content(conn, item.ref)
    else:
        purges.client_content(conn, item.ref, now)
    named = {item.kind: item.ref}
    gone = leaf(Kind.PURGE, subject_kind=item.kind, purge_reason=item.reason, by=by, **named)
    engine.audit.append(conn, [gone], now)


def _holds(conn: Connection) -> list[Hold]:
    standing = holds.in_force(conn)
    return [Hold(h.ref, h.placed_at, frozenset({h.subject} if h.subject else ())) for h in standing]
