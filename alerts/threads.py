"""One thread for one booking of one client: which message comes next, and which would say the same again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from alerts.content import AlertFacts, AlertKind
from records.booking import EventKind

OPENING = frozenset({AlertKind.ARREST, AlertKind.ALREADY_IN_CUSTODY, AlertKind.HAND_OVER})
"""Kinds that tell of the stay itself. Only after one of them do a transfer or a hearing mean anything to the reader."""

FOLLOWING: Mapping[EventKind, AlertKind] = {
    EventKind.TRANSFERRED: AlertKind.TRANSFER,
    EventKind.COURT_DATE: AlertKind.COURT_DATE,
}

ENDING = frozenset({EventKind.CANCELLED, EventKind.SEALED, EventKind.IDENTITY_CHANGED})
"""Events after which an earlier message may no longer stand."""


def next_kind(event: EventKind, said: Sequence[AlertKind], *, in_custody: bool = True) -> AlertKind | None:
    """What this recipient should hear, given what was said to them in this thread; None for nothing.

    `said` is in the order of saying. An event that ends the stay's story retracts only where something was said:
    whoever heard nothing must not learn from a retraction that there was something. (For IDENTITY_CHANGED the caller
    links again first and asks here only if the link fell.)
    """
    if said and said[-1] is AlertKind.RETRACTION:
        return None
    told = bool(OPENING & set(said))
    if event in ENDING:
        return AlertKind.RETRACTION if said else None
    if event in {EventKind.BOOKED, EventKind.RELEASE_WITHDRAWN}:
        return _booked(said, told)
    if event is EventKind.RELEASED:
        return None if _last_word(said) is AlertKind.RELEASE else AlertKind.RELEASE
    if in_custody and _last_word(said) is AlertKind.RELEASE and event is EventKind.AMENDED:
        return AlertKind.RELEASE_WITHDRAWN
    return FOLLOWING.get(event) if told else None


def _booked(said: Sequence[AlertKind], told: bool) -> AlertKind | None:
    """A booking that is reported again after its release: the release was wrong."""
    if _last_word(said) is AlertKind.RELEASE:
        return AlertKind.RELEASE_WITHDRAWN
    return None if told else AlertKind.ARREST


def _last_word(said: Sequence[AlertKind]) -> AlertKind | None:
    """The last thing said about being in or out."""
    kinds = (*OPENING, AlertKind.RELEASE, AlertKind.RELEASE_WITHDRAWN)
    return next((kind for kind in reversed(said) if kind in kinds), None)


def sameness(kind: AlertKind, facts: AlertFacts, said: Collection[AlertKind] = ()) -> tuple[str, ...]:
    """What tells two messages of a kind within a thread apart: the parts to add to an alert's reference.

    Equal parts give the same reference, and the database's primary key refuses the second one. Releases and their
    withdrawals are counted, because a stay may be reported as ended more than once.
    """
    match kind:
        case AlertKind.TRANSFER:
            return (kind.value, facts.facility.name if facts.facility else "")
        case AlertKind.COURT_DATE:
            return (kind.value, str(facts.next_court_at or ""))
        case AlertKind.RELEASE | AlertKind.RELEASE_WITHDRAWN:
            return (kind.value, str(sum(1 for earlier in said if earlier is AlertKind.RELEASE_WITHDRAWN)))
        case AlertKind.RETRACTION:
            return (kind.value, facts.retracts or "")
        case AlertKind.ARREST | AlertKind.ALREADY_IN_CUSTODY | AlertKind.HAND_OVER | AlertKind.CLINIC_SHEET:
            return (kind.value,)
