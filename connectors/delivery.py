"""Where bytes come from: a transport hands over deliveries, one at a time, and is told what became of each."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a feed was read. Opaque: only the transport that made the token understands it. Holds no personal data."""

    token: str


class Delivery(Protocol):
    """One file, page or message. Nothing is taken from the source until `acknowledge`."""

    @property
    def name(self) -> str:
        """A name that is safe in a log: it never carries what a sender may have put into a file name."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def source_hash(self) -> str:
        """SHA-256 of the bytes, in hex."""
        ...

    @property
    def cursor(self) -> Cursor:
        """Where to go on once this delivery and all before it are committed."""
        ...

    def open(self) -> BinaryIO:
        """The bytes from the beginning. May be called again. Raises `FeedUnavailable` if they changed since the poll."""
        ...

    def acknowledge(self) -> None:
        """Tell the source that every record is committed. Safe to repeat, safe to be killed in."""
        ...

    def refuse(self, reason: str) -> None:
        """Set the delivery aside so that it is not offered again. `reason` names no person."""
        ...


class Transport(Protocol):
    """Asks a source for what is new. Raises only the errors of `connectors.errors`."""

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Delivery]:
        """Deliveries after `cursor`, oldest first. A delivery that is neither acknowledged nor refused comes again.

        Where a cursor counts on (pages, queries), the poll ends at such a delivery, so that no later cursor can be
        stored that steps over it.
        """
        ...


@dataclass(slots=True)
class MemoryDelivery:
    """Bytes that are already here: a page of an interface, a message, a test."""

    content: bytes
    cursor: Cursor
    name: str = "memory"
    acknowledged: bool = False
    refused: str = ""

    @property
    def settled(self) -> bool:
        """Whether the caller is done with it, either way."""
        return self.acknowledged or bool(self.refused)

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def source_hash(self) -> str:
        return sha256(self.content).hexdigest()

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)

    def acknowledge(self) -> None:
        self.acknowledged = True

    def refuse(self, reason: str) -> None:
        self.refused = reason


class PushOnly:
    """The transport of a feed that is pushed to us: there is nothing to ask. See `Connector.receive`."""

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[Delivery]:  # noqa: ARG002 - the protocol has both
        return iter(())


@dataclass(slots=True)
class ScriptedTransport:
    """Plays back contents, or raises, one step a poll: for tests, demonstrations and `feed test --sample`."""

    script: Sequence[bytes | Exception]
    deliveries: list[MemoryDelivery] = field(default_factory=list)

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[MemoryDelivery]:  # noqa: ARG002 - the protocol has a clock
        done = int(cursor.token) if cursor else 0
        for number, step in enumerate(self.script[done:], start=done + 1):
            if isinstance(step, Exception):
                raise step
            delivery = MemoryDelivery(step, Cursor(str(number)), name=f"step {number}")
            self.deliveries.append(delivery)
            yield delivery
