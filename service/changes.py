"""What an event is, against what the same feed said before: the kinds that one row alone does not tell. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerts.content import AlertKind
from alerts.threads import OPENING, next_kind
from connectors.schema import Scope, Semantics
from connectors.scope import goes_on, not_news, who
from matcher import EncodedBatch
from records import BookingEvent, Custody, EventKind
from store.bookings import STATE_AFTER

_PLAIN = frozenset({EventKind.BOOKED, EventKind.AMENDED})
"""Kinds that say no more than that there is a row."""
_GOING_ON = frozenset(
    {EventKind.BOOKED, EventKind.AMENDED, EventKind.IDENTITY_CHANGED, EventKind.TRANSFERRED, EventKind.COURT_DATE}
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a feed's mapping says that its deliveries mean, and which of its bookings are news."""

    semantics: Semantics = field(default_factory=Semantics)
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True, slots=True)
class Before:
    """What a feed said of a booking until now."""

    event: BookingEvent
    encoding: bytes


def kind_of(event: BookingEvent, encoding: bytes, before: Before | None, semantics: Semantics) -> EventKind:
    """The kind of an event, by comparison with what the same feed said. A kind that the source itself names stands."""
    if event.kind not in _PLAIN or before is None or before.event.kind is EventKind.MERGED:
        return event.kind
    if _released(before.event):
        return EventKind.RELEASE_WITHDRAWN if _withdrawn(event, before.event, semantics) else EventKind.AMENDED
    if event.facility and before.event.facility and event.facility != before.event.facility:
        return EventKind.TRANSFERRED
    if corrected(encoding, before.encoding):
        return EventKind.IDENTITY_CHANGED
    if event.next_court_at and event.next_court_at != before.event.next_court_at:
        return EventKind.COURT_DATE
    return EventKind.AMENDED


def _released(event: BookingEvent) -> bool:
    return event.released_at is not None or event.custody is Custody.RELEASED


def _withdrawn(event: BookingEvent, before: BookingEvent, semantics: Semantics) -> bool:
    """Whether a release that is not mentioned any more did not happen.

    It did not where a snapshot lists the person again whose absence had meant release, and where the feed declares
    that a blank release is one that was taken back. Who serves weekends comes and goes: that takes nothing back.
    """
    if Custody.WEEKENDER in {event.custody, before.custody}:
        return False
    return before.release_inferred or semantics.blank_release == "withdrawn"


def state_after(event: BookingEvent, kind: EventKind, before: str | None) -> str:
    """The state of a booking after an event, which is already merged with what was known."""
    if kind in STATE_AFTER:
        return STATE_AFTER[kind]
    if kind is EventKind.RELEASE_WITHDRAWN:
        return "open"
    return "released" if event.released_at or before == "released" else "open"


def news(event: BookingEvent, kind: EventKind, state: str, said: Sequence[AlertKind]) -> AlertKind | None:
    """What somebody should hear who heard `said`; None for nothing.

    Whoever heard nothing yet hears of the booking first, whatever the event is; and of a stay that is over, that it
    is over. A correction may give a booking to another client, whose clinician has to hear of it as of an arrest.
    """
    over = state == "released" and kind in _GOING_ON
    as_heard = EventKind.RELEASED if over else kind if said or kind in STATE_AFTER else EventKind.BOOKED
    found = next_kind(as_heard, said, in_custody=state == "open" and event.custody is not Custody.RELEASED)
    return None if found is AlertKind.RETRACTION else found


def standing(said: Sequence[AlertKind], *, corrected: bool) -> Sequence[AlertKind]:
    """What stands of what somebody heard. A match that was taken back and is corrected back has to be told anew."""
    return () if corrected and said and said[-1] is AlertKind.RETRACTION else said


def rounds(said: Sequence[AlertKind]) -> tuple[str, ...]:
    """What tells messages apart that say the same before and after it was taken back."""
    times = sum(kind is AlertKind.RETRACTION for kind in said)
    return (f"after {times}",) if times else ()


def untold(event: BookingEvent, state: str, scope: Scope, before: BookingEvent | None = None) -> tuple[str, ...]:
    """Why an event is no news for anybody who has not heard of the booking yet; empty if it may be.

    What kept the stay quiet (a sentence served at weekends) also keeps its end quiet.
    """
    kind = EventKind.RELEASED if state == "released" else EventKind.BOOKED
    reasons = (*not_news(replace(event, kind=kind), scope), *(who(before, scope) if before else ()))
    return tuple(dict.fromkeys(reasons))


def corrected(encoding: bytes, before: bytes) -> bool:
    """Whether somebody else, or the same person otherwise described, is said to be in a booking that was known.

    Where the two are of different epochs or schemas nobody can tell, and a new program's first delivery corrects nobody.
    """
    if not (encoding and before) or encoding == before:
        return False
    return EncodedBatch.header_of(encoding) == EncodedBatch.header_of(before)


def goes_on_untold(event: BookingEvent, state: str, scope: Scope, now: datetime) -> bool:
    """Whether somebody who heard nothing of a stay should hear that the person is in custody, however long ago it began."""
    return state == "open" and not who(event, scope) and goes_on(event, scope, now)


def heard(said: Sequence[AlertKind]) -> bool:
    """Whether somebody was told of the stay itself."""
    return bool(OPENING & set(said))
