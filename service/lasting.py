"""The audit log as an engine writes it: what a restore must not undo also goes onto the shelf, before it is committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from audit.leaves import Entry, Kind, Leaf
from audit.log import AuditLog
from records import EventKind, Op
from store import acts
from store.database import Database

Says = Callable[[Mapping[str, object]], bool]

BY_AGE = frozenset({"match_window", "retention"})
"""Reasons of a purge that comes by itself again, should what it destroyed come back."""


@dataclass(frozen=True, slots=True)
class LastingLog(AuditLog):
    """Writes as AuditLog does. Raises what the shelf raises, and then nothing is appended: what cannot be kept is not done."""

    shelf: Database = field(repr=False)

    def append(self, conn: Connection, leaves: Sequence[Leaf], at: datetime) -> range:
        positions = AuditLog.append(self, conn, leaves, at)
        placed = zip(positions, leaves, strict=True)
        kept = [(position, Entry(position, at, leaf).canonical()) for position, leaf in placed if lasts(leaf)]
        if kept:
            acts.remember(self.shelf, kept)
        return positions


def lasts(leaf: Leaf) -> bool:
    """Whether a restore must know of it, whatever else is lost."""
    says = _LASTING.get(leaf.kind)
    return says is not None and says(leaf.facts)


def _always(_said: Mapping[str, object]) -> bool:
    return True


def _ends_a_booking(said: Mapping[str, object]) -> bool:
    ends = {EventKind.CANCELLED.value, EventKind.SEALED.value}
    return said["event_kind"] in ends or said["op"] == Op.DELETE.value


def _of_people(said: Mapping[str, object]) -> bool:
    """An account or the staff directory changed: somebody may be out."""
    settings = said.get("settings", ())
    return isinstance(settings, tuple) and any(
        str(each) == "staff" or str(each).startswith("account.") for each in settings
    )


_LASTING: Mapping[Kind, Says] = {
    Kind.CONSENT: _always,
    Kind.RETRACTION: _always,
    Kind.LEGAL_HOLD: _always,
    Kind.REVIEW: lambda said: said["outcome"] in {"confirmed", "refused"},
    Kind.PURGE: lambda said: said["subject_kind"] == "client" or said["purge_reason"] not in BY_AGE,
    Kind.BOOKING_EVENT: _ends_a_booking,
    Kind.KEY_CHANGE: lambda said: said["change"] in {"revoked", "destroyed", "rotated"},
    Kind.CONFIG_CHANGE: _of_people,
    Kind.DELIVERY: lambda said: said["result"] == "delivered",
}
