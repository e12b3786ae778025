"""What two snapshots of one feed say together: who came, who is gone, and whether the newer one can be believed.

Pure functions over keys. A key is what names a record within its feed: agency and booking number, or organisation and
client number. Nothing here knows a person.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.connector import Summary
from connectors.errors import FeedMalformed
from connectors.schema import Semantics
from records import BookingEvent, RosterEntry

K = TypeVar("K", bound=Hashable)

_FEW = 10
"""A jail that goes from four people to one has not lost a file."""


@dataclass(frozen=True, slots=True)
class Change(Generic[K]):
    """The difference between the last snapshot and a new one."""

    arrived: frozenset[K]
    stayed: frozenset[K]
    absent: frozenset[K]
    """No longer listed. Means released only where the feed's mapping says so: see `released`."""
    baseline: bool
    """The first snapshot of its feed: everybody arrived before we looked, so nobody is news."""


def booking_key(event: BookingEvent) -> tuple[str, str]:
    """What names a booking within its feed: two jails use the same number, and one uses it again after years."""
    return event.agency, event.booking_number


def client_key(entry: RosterEntry) -> tuple[str, str]:
    """What names a client within a roster."""
    return entry.org, entry.client_id


def compare(before: Collection[K] | None, now: Iterable[K]) -> Change[K]:
    """Compare the open records of the last snapshot with those of the new one. `before` is None on first load."""
    listed = frozenset(now)
    if before is None:
        return Change(listed, frozenset(), frozenset(), baseline=True)
    known = frozenset(before)
    return Change(listed - known, listed & known, known - listed, baseline=False)


def guard_shrink(change: Change[K], summary: Summary, semantics: Semantics) -> None:
    """Refuse a snapshot that lost too many at once: a file that was cut off looks just like a mass release.

    Refused rows count as still present, since we cannot tell who they are. Raises `FeedMalformed` with counts only,
    and for a snapshot that was not read to its end.
    """
    if not summary.complete:
        raise FeedMalformed("the snapshot was not read to its end, so it says nothing about who is absent")
    before = len(change.stayed) + len(change.absent)
    lost = len(change.absent) - summary.refused
    if before >= _FEW and lost > semantics.max_shrink * before:
        share = round(100 * lost / before)
        raise FeedMalformed(
            f"the snapshot lost {lost} of {before} records ({share} %): it is not believed; confirm it by hand"
        )


def released(change: Change[K], summary: Summary, semantics: Semantics) -> frozenset[K]:
    """Whose absence means release: nobody's unless the mapping declares it, and nobody's while a row was refused.

    A refused row may be anyone who seems absent, so one bad row holds back every inferred release until it is mended.
    """
    if not semantics.absence_means_release or change.baseline or summary.refused or not summary.complete:
        return frozenset()
    return change.absent
