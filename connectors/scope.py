"""Whether a booking event is news for a clinician at all, before anybody is matched or any consent is asked.

What is not news is still recorded, counted and listed; it is only never pushed. Every reason is given, not the first.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.schema import Scope
from records import BookingEvent, Custody, EventKind


def not_news(event: BookingEvent, scope: Scope) -> tuple[str, ...]:
    """Why an event must not be pushed; empty if it may be. Codes are stable: they are counted.

    Age is measured at receipt, so that a replay gives the same answer. A booking without a time is never fresh. An
    event that ends something is news to those who were told of its beginning, whatever its age.
    """
    if event.kind not in _BEGINNINGS:
        return ()
    reasons = [*_time(event, scope), *_who(event, scope)]
    if event.kind is EventKind.TRANSFERRED:
        reasons.append("transfer-is-no-arrest")
    return tuple(reasons)


_BEGINNINGS = (EventKind.BOOKED, EventKind.AMENDED, EventKind.IDENTITY_CHANGED, EventKind.TRANSFERRED)


def _time(event: BookingEvent, scope: Scope) -> list[str]:
    if event.booked_at is None:
        return ["no-booking-time"]
    age = event.received_at.at - event.booked_at.at
    return ["too-old"] if age > timedelta(hours=scope.max_age_hours) else []


def _who(event: BookingEvent, scope: Scope) -> list[str]:
    reasons = []
    if event.juvenile and not scope.juveniles:
        reasons.append("juvenile")
    if event.custody is Custody.WEEKENDER and not scope.weekenders:
        reasons.append("weekender")
    excluded = {hold.casefold() for hold in scope.excluded_holds}
    if any(hold.casefold() in excluded for hold in event.holds):
        reasons.append("excluded-hold")
    return reasons
