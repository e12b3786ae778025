"""Whether a booking event is news for a clinician at all, before anybody is matched or any consent is asked.

What is not news is still recorded, counted and listed; it is only never pushed. Every reason is given, not the first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.schema import Scope
from records import BookingEvent, Custody, EventKind, Instant


def not_news(event: BookingEvent, scope: Scope) -> tuple[str, ...]:
    """Why an event must not be pushed to whoever has not heard of the booking; empty if it may be.

    Codes are stable: they are counted. Age is measured at receipt, so that a replay gives the same answer. A booking
    without a time is never fresh, and a release is no news where the booking itself was never received. Sealed and
    cancelled bookings, mergers and hearings are news only to those who were told of the beginning.
    """
    if event.kind is EventKind.RELEASED:
        return (*_release(event, scope), *who(event, scope))
    if event.kind not in _BEGINNINGS:
        return ()
    reasons = [*_time(event.booked_at, event.received_at, scope), *who(event, scope)]
    if event.kind is EventKind.TRANSFERRED:
        reasons.append("transfer-is-no-arrest")
    return tuple(reasons)


_BEGINNINGS = (EventKind.BOOKED, EventKind.AMENDED, EventKind.IDENTITY_CHANGED, EventKind.TRANSFERRED)


def _release(event: BookingEvent, scope: Scope) -> list[str]:
    if event.booked_at is None:
        return ["no-booking-time"]
    if event.released_at is None:
        return ["no-release-time"]
    if event.released_at.at < event.booked_at.at:
        return ["released-before-booked"]
    return _time(event.released_at, event.received_at, scope)


def _time(moment: Instant | None, received: Instant, scope: Scope) -> list[str]:
    if moment is None:
        return ["no-booking-time"]
    return ["too-old"] if received.at - moment.at > timedelta(hours=scope.max_age_hours) else []


def who(event: BookingEvent, scope: Scope) -> tuple[str, ...]:
    """Why nobody is to be told of this person's stay, whenever it began."""
    reasons = []
    if event.juvenile and not scope.juveniles:
        reasons.append("juvenile")
    if event.custody is Custody.WEEKENDER and not scope.weekenders:
        reasons.append("weekender")
    excluded = {hold.casefold() for hold in scope.excluded_holds}
    if any(hold.casefold() in excluded for hold in event.holds):
        reasons.append("excluded-hold")
    return tuple(reasons)


def goes_on(event: BookingEvent, scope: Scope, now: datetime) -> bool:
    """Whether a stay that nobody reported as ended can be believed to go on."""
    return event.booked_at is not None and now - event.booked_at.at <= timedelta(days=scope.max_stay_days)
