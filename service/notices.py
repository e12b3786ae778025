"""The mail that says something waits: when it goes, and whether it is still needed when its time has come.

A notice says nothing, so one stands for any number of alerts: after a night, a busy hour or a stand-still of the mail
server one goes out, not twenty.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from alerts.answers import taken_on_by
from alerts.courier import NotNeeded, Postponed
from alerts.outbox import enqueue
from alerts.routing import Role
from alerts.timing import Pace, next_push
from records import BookingRef, StaffId, StaffMember, ThreadRef
from service.engine import Engine
from store import bookings, climbs, findings
from store.tables import alert, climb, inbox_item, outbox

MAIL, REMINDER = "mail", "reminder"
NOTICES = frozenset({MAIL, REMINDER})
SOON = timedelta(hours=1)
"""A hearing that is no further than this from the end of the quiet hours cannot wait for their end."""


def announce(engine: Engine, conn: Connection, row: Any, to: StaffMember, *, channel: str, now: datetime) -> bool:
    """Queue a notice for an alert at the first instant that suits its recipient. False where no mail can be sent."""
    if not engine.settings.mail.host or not to.email:
        return False
    hurry = urgent(engine, conn, row.link, to, now)
    planned = [at for at in _times(conn, engine, to.staff, now) if at <= now or not hurry]
    at = pace(engine).next_notice(planned, next_push(now, to.quiet_hours, urgent=hurry))
    at = next_push(at, to.quiet_hours, urgent=hurry)
    return enqueue(conn, engine.locator.ref("outbox", row.ref, channel), row.ref, channel, now=now, not_before=at)


def hindrance(
    engine: Engine, conn: Connection, channel: str, row: Any, to: StaffMember, *, now: datetime
) -> NotNeeded | Postponed | None:
    """Why a notice whose time has come does not go now: nobody needs it any more, or its time has to be another."""
    if not to.email:
        return NotNeeded("no_address")
    if done := _settled(conn, channel, row, to.staff):
        return NotNeeded(done)
    hurry = urgent(engine, conn, row.link, to, now)
    gone = [at for at in _times(conn, engine, to.staff, now) if at <= now and not hurry]
    at = next_push(pace(engine).next_notice(gone, now), to.quiet_hours, urgent=hurry)
    return Postponed(at, "not_now") if at > now else None


def urgent(engine: Engine, conn: Connection, link: str, to: StaffMember, now: datetime) -> bool:
    """A medical hold, or a hearing before the quiet hours are well over."""
    booking = bookings.get(conn, engine.vault, BookingRef(findings.get_link(conn, link).booking))
    if booking is None:
        return False
    court = booking.event.next_court_at
    return booking.event.medical_hold or (
        court is not None and now < court.at <= next_push(now, to.quiet_hours) + SOON and court.at - now < SOON * 12
    )


def pace(engine: Engine) -> Pace:
    return Pace(engine.settings.alerts.notices_an_hour)


def _times(conn: Connection, engine: Engine, to: StaffId, now: datetime) -> list[datetime]:
    """When this person's notices of the last hour went, and when those that wait are to go."""
    mine = (alert.c.recipient == to) & outbox.c.channel.in_(NOTICES)
    query = select(outbox.c.state, outbox.c.done_at, outbox.c.next_at).join(alert, alert.c.ref == outbox.c.alert)
    since = now - pace(engine).window
    gone = query.where(mine, outbox.c.state == "delivered", outbox.c.done_at > since)
    ahead = query.where(mine, outbox.c.state == "queued", outbox.c.next_at > now)
    return [r.done_at for r in conn.execute(gone)] + [r.next_at for r in conn.execute(ahead)]


def name_of_notice(engine: Engine, conn: Connection, to: StaffId) -> str:
    """What a notice is called: by the news that it stands for, whichever entry of the queue it goes out under.

    A try after a crash, or after an answer that was lost, bears the same name, and the receiving side drops it. News
    that came since makes it another notice, with another name. What was opened meanwhile stays in the name: a message
    must not come a second time because somebody read.
    """
    told = _last(conn, to)
    arrived = select(inbox_item.c.alert).where(inbox_item.c.recipient == to)
    reminded = (
        select(climb.c.alert).join(alert, alert.c.ref == climb.c.alert)
        .where(alert.c.recipient == to, climb.c.role == Role.ASSIGNED.value)
    )  # fmt: skip
    if told is not None:
        arrived, reminded = arrived.where(inbox_item.c.delivered_at > told), reminded.where(climb.c.at > told)
    news = sorted(conn.execute(arrived).scalars()), sorted(conn.execute(reminded).scalars())
    return engine.locator.ref("notice", to, *news[0], REMINDER, *news[1])


def _settled(conn: Connection, channel: str, row: Any, to: StaffId) -> str | None:
    """The code of why nobody waits for this notice any more; None while somebody does."""
    if channel == REMINDER:
        waits = row.state in {"delivered", "opened"} and taken_on_by(conn, ThreadRef(row.thread)) is None
        since = climbs.when(conn, row.ref, Role.ASSIGNED.value) if waits else None
        over = "answered"
    else:
        unread = select(func.max(inbox_item.c.delivered_at)).join(alert, alert.c.ref == inbox_item.c.alert)
        since = conn.execute(unread.where(alert.c.recipient == to, alert.c.state == "delivered")).scalar()
        over = "opened"
    if since is None:
        return over
    told = _last(conn, to)
    return "announced" if told is not None and told >= since else None


def _last(conn: Connection, to: StaffId) -> datetime | None:
    """When this person's last notice went."""
    mine = (alert.c.recipient == to) & outbox.c.channel.in_(NOTICES) & (outbox.c.state == "delivered")
    query = select(func.max(outbox.c.done_at)).join(alert, alert.c.ref == outbox.c.alert)
    at: datetime | None = conn.execute(query.where(mine)).scalar()
    return at
