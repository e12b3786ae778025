"""What feeds said of stays, read again from the sealed deliveries of the match window, for the names in it and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from config import FeedSettings, WarmlinkError
from connectors import Cursor, MemoryDelivery
from records import BookingEvent, EventKind
from service import archive
from service import feeds as feeds_of
from service.engine import Engine
from service.sequence import content_of
from store import feeds, sources
from store.errors import KeyDestroyed
from store.resealing import HeldEncoding
from store.sources import Taken

Contents = dict[str, bytes]
"""By the keyed content of an event: its encoding of now, empty where it names nobody."""
_AT_ONCE = 256


def encoded(engine: Engine, views: Mapping[str, HeldEncoding]) -> dict[str, bytes]:
    """By series: the encoding of now of whom each view is of, where every event that may have told it can still be read."""
    with engine.database.read() as conn:
        taken = sources.taken(conn, views)
    wanted = {one.content for events in taken.values() for one in events}
    contents: Contents = {}
    for feed in engine.settings.feeds if wanted else ():
        if feed.kind == "bookings":
            contents |= _said(engine, feed, wanted - contents.keys())
    found = {series: _latest(view, taken.get(series, ()), contents) for series, view in views.items()}
    return {series: encoding for series, encoding in found.items() if encoding}


def _latest(view: HeldEncoding, events: Sequence[Taken], contents: Contents) -> bytes:
    """Of the last event that was kept and names somebody; empty where one that may be it cannot be read any more."""
    for one in reversed(_kept([each for each in events if each.booking == view.booking])):
        if one.kind == EventKind.RELEASED.value and view.release_inferred and one.content not in contents:
            continue  # nobody said it: it followed from a snapshot's silence
        if (encoding := contents.get(one.content)) is None:
            return b""
        if encoding:
            return encoding
    return b""


def _kept(events: Sequence[Taken]) -> list[Taken]:
    """Without those of a delivery that was read again after its feed had said something newer: they were noted and no more."""
    kept: list[Taken] = []
    for one in events:
        if one.kind != EventKind.MERGED.value and (not kept or one.received_at >= kept[-1].received_at):
            kept.append(one)
    return kept


def _said(engine: Engine, feed: FeedSettings, wanted: set[str]) -> Contents:
    """The encodings of the wanted events, from whichever delivery of the feed still lies there."""
    found: Contents = {}
    for delivery in _deliveries(engine, feed):
        missing = wanted - found.keys()
        if not missing:
            break
        try:
            events = ((content_of(engine, feed.id, e), e) for e in delivery if isinstance(e, BookingEvent))
            found |= _encoded(engine, {content: e for content, e in events if content in missing})
        except WarmlinkError:
            continue  # refused then, or mapped otherwise since: what it told is told by none, or by another
    return found


def _deliveries(engine: Engine, feed: FeedSettings) -> Iterator[Iterator[object]]:
    with engine.database.read() as conn:
        known = {one.ref: one for one in feeds.deliveries(conn, feed.id)}
    for file in archive.all_kept(feeds_of.place(engine.settings, feed)):
        ref = archive.delivery_of(file)
        try:
            content = b"".join(archive.restore(file, engine.vault))
        except KeyDestroyed:
            continue  # its day is over
        if ref in known:
            pushed = MemoryDelivery(content, Cursor(""), name=f"delivery {ref}")
            yield engine.connector(feed).receive(pushed, known[ref].received_at).items()


def _encoded(engine: Engine, events: Mapping[str, BookingEvent]) -> Contents:
    found: Contents = dict.fromkeys((content for content, event in events.items() if not event.identities), b"")
    named = iter([(content, event.identities) for content, event in events.items() if event.identities])
    while chunk := list(islice(named, _AT_ONCE)):
        batch = engine.encoder.encode([identities for _, identities in chunk])
        found |= {content: batch.one(k).to_bytes() for k, (content, _) in enumerate(chunk)}
    return found
