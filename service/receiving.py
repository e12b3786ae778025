"""What senders push to us: kept sealed, answered, and read by the next cycle.

The receipt is written before anything of the delivery is matched, by code that has no roster: it follows from the content and
the feed's mapping alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from audit.leaves import Kind, leaf
from config import Refuse
from connectors import FeedMalformed, MemoryDelivery, MllpListener, Pull, RowFault
from connectors.feed import MllpFeed
from service import feeds as feeds_of
from service.engine import Engine
from service.feed_commands import UnknownFeed, named
from service.intake import Intake, delivery_ref
from service.spool import Incoming, SealedSpool

MOST_PUSHED = 64 << 20
"""Bytes of one pushed delivery."""
_MOST_TOLD = 1000
"""Rows that were set aside and are named in a receipt. All of them are in the quarantine."""


class TooLarge(Refuse):
    """More than we take at once. The sender has to cut it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender is told. It follows from the content and the feed's mapping alone: never from who is on a roster.

    The delivery waits sealed for the next cycle, so that not even the time to answer depends on what comes of it.
    """

    status: Literal["received", "refused"]
    delivery: str
    rows: int = 0
    refused: int = 0
    problems: tuple[tuple[int, str, str], ...] = ()
    """(line, field, code) of each row that was set aside, the first thousand of them."""
    reason: str = ""


def receive(engine: Engine, feed: str, content: bytes, now: datetime) -> Receipt:
    """Take one pushed delivery. Once it returns, a received one is on the disk and will be read in the next cycle.

    Raises UnknownFeed for a feed that is not pushed, TooLarge, and Retry where it cannot be kept: then the sender sends
    it again.
    """
    with arriving(engine, feed) as incoming:
        incoming.write(content)
        return taken(engine, feed, incoming, now)


@contextmanager
def arriving(engine: Engine, feed: str) -> Iterator[Incoming]:
    """Room for a delivery that comes in pieces. What was not `taken` in the end was never here."""
    with _spool(engine, feed).incoming(engine.random(8).hex()) as incoming:
        yield incoming


def taken(engine: Engine, feed: str, incoming: Incoming, now: datetime) -> Receipt:
    """Keep what has arrived, or refuse it; the answer to the sender. Raises as `receive` does."""
    if incoming.size > MOST_PUSHED:
        raise TooLarge(f"larger than {MOST_PUSHED >> 20} MB")
    arrived, spool = incoming.arrived(), _spool(engine, feed)
    pull = engine.connector(named(engine.settings, feed)).receive(arrived, now)
    name = delivery_ref(engine, feed, arrived.source_hash)
    receipt = _receipt(pull, name)
    if receipt.status == "received":
        spool.put(name, arrived.open())
        _noted(engine, feed, name, now)
    else:
        spool.set_aside(name, arrived.open())
        intake = Intake.begin(engine, feed, pull, now)
        with engine.database.write() as conn:
            intake.refuse(conn, FeedMalformed.__name__, receipt.reason)
    engine.log.info("feed.received", feed=feed, delivery=name, state=receipt.status, rows=receipt.rows)
    return receipt


def _spool(engine: Engine, feed: str) -> SealedSpool:
    spool = engine.connector(named(engine.settings, feed)).transport
    if not isinstance(spool, SealedSpool):
        raise UnknownFeed(f"feed {feed} is not one that is pushed")
    return spool


def _noted(engine: Engine, feed: str, delivery: str, now: datetime) -> None:
    """The log says that it was received and when, whatever comes of it and however long the next cycle takes."""
    with engine.database.write() as conn:
        engine.audit.append(conn, [leaf(Kind.PULL, feed=feed, delivery=delivery, result="received")], now)


def _receipt(pull: Pull, name: str) -> Receipt:
    try:
        faults = (item for item in pull.items() if isinstance(item, RowFault))
        problems = tuple((fault.line, fault.field, fault.code) for fault in islice(faults, _MOST_TOLD))
        for _ in faults:
            pass
    except FeedMalformed as fault:
        return Receipt("refused", name, pull.summary.rows, pull.summary.refused, reason=str(fault))
    read = pull.summary
    if read.rows and read.refused == read.rows:
        return Receipt("refused", name, read.rows, read.refused, problems, reason="not one of its rows can be read")
    return Receipt("received", name, read.rows, read.refused, problems)


@contextmanager
def listening(engine: Engine) -> Iterator[Sequence[MllpListener]]:
    """HL7 listeners of every feed that has one, from now until the end."""
    with ExitStack() as running:
        listeners = []
        for feed in engine.settings.feeds:
            transport = feeds_of.read(feed.file).seen_from(engine.settings.home) if feed.file else None
            if isinstance(transport, MllpFeed):
                listener = MllpListener(transport.settings(), _handler(engine, feed.id), engine.clock)
                listener.start()
                running.callback(listener.stop)
                listeners.append(listener)
        yield listeners


def _handler(engine: Engine, feed: str) -> Callable[[MemoryDelivery], None]:
    def handle(delivery: MemoryDelivery) -> None:
        receipt = receive(engine, feed, delivery.content, engine.clock())
        if receipt.status == "refused":
            raise FeedMalformed(receipt.reason)

    return handle
