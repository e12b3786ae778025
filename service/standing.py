"""The index of all clients who may be matched, kept between cycles and brought up to date by what changed since.

Opening half a million sealed clients takes some twenty seconds, a roster's daily changes a moment. Several engines may share one
database: each follows the others' changes by their revisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from matcher import EncodedBatch, RosterIndex
from records import ClientRef, EnrolmentStatus, RosterEntry
from service.kernel import warm
from store import clients
from store.clients import Listed

if TYPE_CHECKING:
    from service.engine import Engine

MATCHED = frozenset({EnrolmentStatus.ACTIVE, EnrolmentStatus.ON_HOLD})
"""Enrolments whose clients are looked for. A discharged client stops matching; their history stays."""

REBUILT_AFTER = 0.1
"""Share of the clients that may have changed before the index is made anew: tombstones cost memory."""
_FEW = 1_000
_CHUNK = 2_000
T = TypeVar("T")


@dataclass(slots=True)
class StandingIndex:
    """One engine's index, and how far it has followed the changes. For one thread."""

    index: RosterIndex | None = None
    revision: int = 0
    replaced: int = field(default=0)
    """Clients who changed since the index was made."""
    seen_to: bool = False
    """Whether this process has seen to encodings that it cannot compare. Once: two programs of two schemas would undo each other's work."""

    def follow(self, engine: Engine) -> RosterIndex:
        """The index as of now."""
        if self.index is None or self.replaced > max(_FEW, REBUILT_AFTER * len(self.index)):
            self.index = self._made(engine)
        else:
            self._changed(engine, self.index)
        return self.index

    def _made(self, engine: Engine) -> RosterIndex:
        index = RosterIndex(engine.model, kernel=engine.kernel)
        with engine.database.read() as conn:
            self.revision, self.replaced = clients.revision(conn), 0
            for chunk in _chunks(c for c in clients.listed(conn, engine.vault) if _standing(c)):
                _add(engine, conn, index, chunk)
        warm(index, engine.encoder)
        return index

    def _changed(self, engine: Engine, index: RosterIndex) -> None:
        with engine.database.read() as conn:
            revision = clients.revision(conn)
            if revision == self.revision:
                return
            # Removed first: should what follows fail, the whole is made anew and nobody is missing meanwhile.
            self.index = None
            for chunk in _chunks(clients.changed(conn, engine.vault, self.revision)):
                self.replaced += _replace(engine, conn, index, chunk)
            self.index, self.revision = index, revision


def _replace(
    engine: Engine, conn: Connection, index: RosterIndex, chunk: Sequence[tuple[ClientRef, Listed | None]]
) -> int:
    for ref, _ in chunk:
        if ref in index:
            index.remove(ref)
    _add(engine, conn, index, [listed for _, listed in chunk if listed is not None and _standing(listed)])
    return len(chunk)


def _add(engine: Engine, conn: Connection, index: RosterIndex, listed: Sequence[Listed]) -> None:
    if listed:
        index.add(_encodings(engine, conn, listed), [c.ref for c in listed], orgs=[c.org for c in listed])


def _encodings(engine: Engine, conn: Connection, listed: Sequence[Listed]) -> EncodedBatch:
    """The clients' encodings of today; made anew where the stored one is of another epoch or schema, which is never compared."""
    header = engine.encoder.header
    encodings = {c.ref: c.encoding for c in listed}
    old = [c.ref for c in listed if EncodedBatch.header_of(c.encoding) != header]
    if held := [c for ref in old if (c := clients.get(conn, engine.vault, ref)) is not None]:
        renewed = engine.encoder.encode([c.entry.identities for c in held])
        encodings |= {c.ref: renewed.one(k).to_bytes() for k, c in enumerate(held)}
    return EncodedBatch.join(list(encodings.values()), header)


def matched(entry: RosterEntry) -> bool:
    return any(enrolment.status in MATCHED for enrolment in entry.enrolments)


def _standing(listed: Listed) -> bool:
    return any(status in MATCHED for status in listed.statuses)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
