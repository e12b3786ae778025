"""What ends with its key: bookings of nobody after the match window, sealed ones at once, and the archive that told of either.

Destroying a day's key takes with it whatever is sealed under it, in every copy there is. So what has to stay is carried to another key first:
stays that go on to this day's, what was linked or is under a legal hold to the booking's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import Connection, select

from audit.leaves import Kind, leaf
from config import FeedSettings
from connectors.schema import Scope
from connectors.scope import goes_on
from records import BookingRef
from service import archive
from service.engine import Engine
from service.feeds import place
from service.scopes import scopes_of
from store import bookings, feeds, findings, holds, purges, resealing
from store.holds import EVERYTHING
from store.tables import booking, booking_event

_AT_ONCE = 500


def fade(engine: Engine, by: str | None = None) -> tuple[int, int]:
    """Destroy the keys of the days that are over. Returns how many days, and how many bookings were carried on.

    Nothing is destroyed while a legal hold covers everything.
    """
    with engine.database.read() as conn:
        if any(hold.subject_kind == EVERYTHING for hold in holds.in_force(conn)):
            return 0, 0
    due = {day: key for day, key in engine.shelf.days().items() if day < _first_day(engine)}
    carried = sum(_carry(engine, key) for key in due.values())
    for day, key in due.items():
        with engine.database.write() as conn:  # said first: a key that is gone without a word would be a fault
            stated = leaf(Kind.KEY_CHANGE, key_purpose="store", change="destroyed", key=key, by=by)
            engine.audit.append(conn, [stated], engine.clock())
        engine.shelf.forget_day(day)
    for feed in engine.settings.feeds:
        _expire(engine, feed)
    return len(due), carried


def bury(engine: Engine, ended: Collection[str]) -> int:
    """Destroy the keys of these bookings, whose content is gone, and archived deliveries that told of a sealed one. Returns how many keys."""
    with engine.database.read() as conn:
        gone = _without_content(conn, ended)
        told = list(_told_of_sealed(conn, gone))
    kept = {feed.id: feed for feed in engine.settings.feeds}
    for feed, delivery in told:
        if feed in kept:
            archive.kept(place(engine.settings, kept[feed]), delivery).unlink(missing_ok=True)
    return engine.shelf.forget_bookings(gone)


def bury_all(engine: Engine) -> int:
    """The same of every booking that has a key: what was cut off between a commit and its `bury` is done now."""
    return bury(engine, engine.shelf.bookings())


def _first_day(engine: Engine) -> date:
    """The first day that is still within the match window."""
    return (engine.clock() - timedelta(days=engine.settings.audit.match_window_days)).date()


def _carry(engine: Engine, key: str) -> int:
    """Whatever retention left under this key is to stay, but for stays whose end nobody reported."""
    scopes = scopes_of(engine)
    with engine.database.read() as conn:
        left = resealing.under(conn, key)
    return sum(_carried(engine, scopes, ref) for ref in left)


def _carried(engine: Engine, scopes: Mapping[str, Scope], ref: BookingRef) -> bool:
    now = engine.clock()
    with engine.database.write() as conn:
        if findings.links_of(conn, ref) or _held(conn, ref):
            return resealing.reseal(conn, engine.vault, ref, engine.own(ref)) > 0
        stored = bookings.get(conn, engine.vault, ref)
        if stored is not None and goes_on(stored.event, scopes.get(stored.event.feed, Scope()), now):
            return resealing.reseal(conn, engine.vault, ref, engine.fading()) > 0
        purges.booking_content(conn, ref)
        gone = leaf(Kind.PURGE, subject_kind="booking", purge_reason="match_window", booking=ref)
        engine.audit.append(conn, [gone], now)
        return False


def _held(conn: Connection, ref: BookingRef) -> bool:
    covering = {ref, *purges.clients_of(conn, ref)}
    return any(hold.subject in covering for hold in holds.in_force(conn))


def _expire(engine: Engine, feed: FeedSettings) -> None:
    """Remove archived deliveries of days that are over: their key is gone."""
    first = _first_day(engine)
    with engine.database.read() as conn:
        received = {one.ref: one.received_at.date() for one in feeds.deliveries(conn, feed.id)}
    for file in archive.all_kept(place(engine.settings, feed)):
        if received.get(archive.delivery_of(file), first) < first:
            file.unlink(missing_ok=True)


def _without_content(conn: Connection, refs: Collection[str]) -> list[str]:
    found: list[str] = []
    for chunk in _chunks(sorted(refs)):
        query = select(booking.c.ref).where(booking.c.ref.in_(chunk), booking.c.sealed.is_(None))
        found += conn.execute(query).scalars()
    return found


def _told_of_sealed(conn: Connection, refs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Feed and name of each delivery that told of one of these, where it ended sealed."""
    events = select(booking_event.c.feed, booking_event.c.delivery).distinct()
    for chunk in _chunks(refs):
        of_sealed = events.join(booking, booking.c.ref == booking_event.c.booking).where(
            booking.c.ref.in_(chunk), booking.c.state == "sealed"
        )
        for row in conn.execute(of_sealed):
            yield row.feed, row.delivery


def _chunks(refs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(refs), _AT_ONCE):
        yield refs[start : start + _AT_ONCE]
