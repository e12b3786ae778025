"""What of a delivery is new, judged by what the same feed said of the same booking before.

A feed that says A, then B, then A again has changed its mind twice; a feed whose window overlaps with the last poll, or
whose delivery is read again after a crash, has not. Both are told apart by the longest overlap: the end of what was taken in
with the beginning of what is delivered. What follows the overlap is new. Reading on after a crash finds exactly what is
missing, because whatever was taken in of a delivery lengthens the overlap by just that much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection

from connectors import Pull, Summary
from records import BookingEvent
from service.engine import Engine
from store import sources
from store.bookings import Place
from store.sources import Said

_SEVERAL = 2
_CHUNK = 500
Number = tuple[str, str]
"""Agency and booking number, as the feed writes them."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """An event that was not taken in before, with its name and its place in its series."""

    event: BookingEvent
    ref: str
    place: Place


@dataclass(frozen=True, slots=True, repr=False)
class Contents:
    """The first reading of a delivery: what it says of each booking number, in order, by content hash."""

    summary: Summary
    said: dict[Number, list[str]]

    @classmethod
    def read(cls, pull: Pull) -> Contents:
        """Read a delivery once without keeping anything of it but hashes. Raises what `Pull.items` raises."""
        said: dict[Number, list[str]] = defaultdict(list)
        for item in pull.items():
            if isinstance(item, BookingEvent):
                said[number_of(item)].append(item.content_hash)
        return cls(pull.summary, said)


def number_of(event: BookingEvent) -> Number:
    return event.agency, event.booking_number


def series_of(engine: Engine, feed: str, number: Number) -> str:
    return engine.locator.ref("series", feed, *number)


def content_of(engine: Engine, feed: str, event: BookingEvent) -> str:
    """What an event of this feed says, as the store names it."""
    return _keyed(engine, feed, number_of(event), event.content_hash)


def _keyed(engine: Engine, feed: str, number: Number, content_hash: str) -> str:
    """A plain hash of a name and a birth date is as good as both to whoever has a list of people."""
    return engine.locator.ref("event", feed, *number, content_hash)


def overlap(before: Sequence[str], now: Sequence[str]) -> int:
    """The length of the longest end of `before` that is a beginning of `now`."""
    longest = min(len(before), len(now))
    return next((n for n in range(longest, 0, -1) if before[-n:] == now[:n]), 0)


@dataclass(slots=True)
class Sorter:
    """Goes through a delivery a second time and lets through what is new.

    `whole`: what was ever said is known, wherever it stood. So it is in a feed that numbers its events, and in a
    delivery that is read again long afterwards.
    """

    engine: Engine
    feed: str
    contents: Contents
    whole: bool = False
    _seen: dict[str, _Course] = field(default_factory=dict)

    def fresh(self, events: Sequence[BookingEvent], history: dict[str, list[Said]]) -> list[Fresh]:
        """The new ones among these. `history` is that of every series in them."""
        found = [self._judged(event, history) for event in events]
        return [one for one in found if one is not None]

    def _judged(self, event: BookingEvent, history: dict[str, list[Said]]) -> Fresh | None:
        number = number_of(event)
        series = series_of(self.engine, self.feed, number)
        course = self._seen.get(series) or self._begin(number, history.get(series, []))
        content = self._content(number, event.content_hash)
        if len(course.delivered) > 1:
            self._seen[series] = course
        return course.take(self.engine, event, Place(series, course.seq + 1, content), whole=self.whole)

    def course(self, number: Number, before: Sequence[Said]) -> tuple[list[str], list[str]]:
        """The contents that were said of a booking number before, and those that this delivery says, each in order."""
        return [said.content for said in before], [self._content(number, one) for one in self.contents.said[number]]

    def _begin(self, number: Number, before: Sequence[Said]) -> _Course:
        said, delivered = self.course(number, before)
        last = before[-1] if before else Said("", 0, "")
        return _Course(delivered, overlap(said, delivered), last.ref, last.seq, set(said))

    def _content(self, number: Number, content_hash: str) -> str:
        return _keyed(self.engine, self.feed, number, content_hash)


def is_old(engine: Engine, conn: Connection, feed: str, contents: Contents) -> bool:
    """Whether a delivery says only what its feed said before, and of several bookings less than it has said since.

    Then it is an old file that was put in again, under whatever name. One booking is no proof: a feed may change its mind
    about it and change it back, in the same words. About several at once, and with nothing new beside them, it does not.
    """
    sorter, older, numbers = Sorter(engine, feed, contents), 0, iter(contents.said)
    while chunk := {series_of(engine, feed, number): number for number in islice(numbers, _CHUNK)}:
        history = sources.history(conn, chunk)
        for series, number in chunk.items():
            before, delivered = sorter.course(number, history.get(series, []))
            if not set(delivered) <= set(before):
                return False
            older += overlap(before, delivered) < len(delivered)
    return older >= _SEVERAL


def alone(engine: Engine, conn: Connection, event: BookingEvent) -> Fresh | None:
    """An event that came by itself; None if its feed ever said just this of the booking."""
    number = number_of(event)
    series = series_of(engine, event.feed, number)
    contents = Contents(Summary(), {number: [event.content_hash]})
    found = Sorter(engine, event.feed, contents, whole=True).fresh([event], sources.history(conn, [series]))
    return found[0] if found else None


@dataclass(slots=True)
class _Course:
    """How far the reading of one series has come."""

    delivered: Sequence[str]
    known: int
    last: str
    seq: int
    ever: set[str]
    at: int = 0

    def take(self, engine: Engine, event: BookingEvent, place: Place, *, whole: bool) -> Fresh | None:
        self.at += 1
        if (place.content in self.ever) if whole else (self.at <= self.known):
            return None
        ref = engine.locator.ref("event", place.content, self.last) if self.last else place.content
        self.last, self.seq = ref, place.seq
        self.ever.add(place.content)
        return Fresh(event, ref, place)
