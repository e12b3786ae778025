"""The connector: one feed's transport, format and mapping, and the pull of one delivery through all three."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import BinaryIO

from connectors.convert.bookings import BookingConverter, Origin
from connectors.convert.roster import RosterConverter
from connectors.delivery import Cursor, Delivery, Transport
from connectors.errors import FeedMalformed, FeedUnavailable
from connectors.rows import Format, RawResource, Remark, Row, RowFault, Skip
from connectors.schema import Mapping
from records import BookingEvent, EventKind, FeedId, Flag, Instant, Op, OrgId, RosterEntry, StaffMember

Record = BookingEvent | RosterEntry | StaffMember | RawResource
"""What an installation wants from a feed. Staff and raw resources come only from feeds that have them (FHIR)."""

_Made = BookingEvent | RosterEntry | RowFault

_GENERATION = 32_768
"""Records of one delivery that are remembered together and forgotten together, to find repetitions. The last so many are
always remembered, and never more than twice as many: memory stays flat, however long the file.
"""


_NO_ORG = OrgId("")
_UPDATE = Op.UPDATE
_CONTENT = attrgetter(*(one.name for one in fields(RosterEntry) if one.name != "source_line"))


@dataclass(slots=True)
class Summary:
    """What became of each row: `rows == records + refused + duplicates`. Lines that are no rows are `skipped`."""

    rows: int = 0
    records: int = 0
    flagged: int = 0
    refused: int = 0
    duplicates: int = 0
    updates: int = 0
    skipped: int = 0
    others: int = 0
    """Staff members and raw resources that were handed on beside the rows."""
    remarks: list[str] = field(default_factory=list)
    complete: bool = False
    """The delivery was read to its end and is believed. Until then it says nothing about who is absent."""

    @property
    def refused_share(self) -> float:
        return self.refused / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Connector:
    """One feed. `org` is whose roster it is; a booking feed has none."""

    feed_id: FeedId
    transport: Transport
    format: Format
    mapping: Mapping
    org: OrgId = _NO_ORG

    def pull(self, cursor: Cursor | None, now: datetime) -> Iterator[Pull]:
        """Deliveries after `cursor`, oldest first, each to be read, committed and acknowledged before the next."""
        for delivery in self.transport.poll(cursor, now):
            yield Pull(self, delivery, Instant(now))

    def receive(self, delivery: Delivery, now: datetime) -> Pull:
        """One delivery that was pushed to us: by the push endpoint or the MLLP listener."""
        return Pull(self, delivery, Instant(now))

    @classmethod
    def of(cls, feed_id: FeedId, transport: Transport, mapping: Mapping, org: OrgId = _NO_ORG) -> Connector:
        """A connector with the format that its mapping declares."""
        return cls(feed_id, transport, mapping.format, mapping, org)


class Pull:
    """One delivery. Read `items()` to the end, commit, then `acknowledge()`; or `refuse()` it as a whole."""

    def __init__(self, connector: Connector, delivery: Delivery, received_at: Instant) -> None:
        self._connector = connector
        self._delivery = delivery
        self._received_at = received_at
        self.summary = Summary()

    @property
    def name(self) -> str:
        return self._delivery.name

    @property
    def source_hash(self) -> str:
        return self._delivery.source_hash

    @property
    def cursor(self) -> Cursor:
        """The feed's cursor once this pull is committed."""
        return self._delivery.cursor

    def open(self) -> BinaryIO:
        """The bytes as they came, to be kept sealed. Raises as `items` does."""
        try:
            return self._delivery.open()
        except FeedMalformed as error:
            raise FeedMalformed(f"{self._where()}: {error}") from error

    def items(self) -> Iterator[Record | RowFault]:
        """Records and faults as they are read, in the order of the file. Starts afresh each time it is called.

        Raises `FeedMalformed` if the whole is not to be believed (perhaps only at its end: use `check` first where
        nothing of a bad file may count), `FeedUnavailable` if the bytes cannot be had.
        """
        summary = self.summary = Summary()
        try:
            if self._delivery.size == 0:
                raise FeedMalformed("the file has 0 bytes: the export failed, this is not an empty jail")  # noqa: TRY301 - it gets the feed's name below
            yield from self._converted(summary)
        except FeedMalformed as error:
            raise FeedMalformed(f"{self._where()}: {error}") from error
        except FeedUnavailable as error:
            raise FeedUnavailable(f"{self._where()}: {error}", retry_after=error.retry_after) from error
        except OSError as error:
            raise FeedUnavailable(f"{self._where()}: reading broke off ({type(error).__name__})") from error
        summary.complete = True

    def check(self) -> Summary:
        """Read the whole delivery once without keeping anything. Raises what `items` would raise."""
        for _ in self.items():
            pass
        return self.summary

    def acknowledge(self) -> None:
        """Every record is committed. Raises `ValueError` before the delivery was read to its end."""
        if not self.summary.complete:
            raise ValueError(f"{self._where()}: not read to the end, so it must not be acknowledged")
        self._delivery.acknowledge()

    def refuse(self, reason: str) -> None:
        """Set the delivery aside. `reason` names no person."""
        self._delivery.refuse(reason)

    def _where(self) -> str:
        return f"feed {self._connector.feed_id}, {self._delivery.name}"

    def _converted(self, summary: Summary) -> Iterator[Record | RowFault]:
        mapping = self._connector.mapping
        convert, judged = self._converter(), _Repeats().judge
        with closing(self._delivery.open()) as stream:
            for item in self._connector.format.rows(stream, mapping.fields.columns()):
                if isinstance(item, Row):
                    made = convert(item)
                    found = made if isinstance(made, RowFault) else judged(made)
                elif isinstance(item, RowFault):
                    found = item
                else:
                    yield from self._beside(item, summary)
                    continue
                _count(summary, found)
                if found is not None:
                    yield found
                if isinstance(found, RowFault):
                    self._believe(summary, ahead=1000)
        self._believe(summary, ahead=0)

    def _beside(self, item: Skip | Remark | StaffMember | RawResource, summary: Summary) -> Iterator[Record]:
        """What is no row: counted, and handed on where somebody wants it."""
        if isinstance(item, Skip):
            summary.skipped += 1
        elif isinstance(item, Remark):
            summary.remarks.append(item.reason)
        else:
            summary.others += 1
            yield item if isinstance(item, RawResource) else replace(item, org=item.org or self._connector.org)

    def _believe(self, summary: Summary, ahead: int) -> None:
        limit = self._connector.mapping.quarantine
        if summary.refused >= limit.rows and summary.rows >= ahead and summary.refused_share > limit.share:
            raise FeedMalformed(
                f"{summary.refused} of {summary.rows} rows were refused: the file as a whole is not believed"
            )

    def _converter(self) -> Callable[[Row], _Made]:
        connector = self._connector
        origin = Origin(connector.feed_id, self._received_at, self._delivery.source_hash)
        if connector.mapping.kind == "bookings":
            return BookingConverter(connector.mapping, origin).convert
        return RosterConverter(connector.mapping, origin, connector.org).convert


def _count(summary: Summary, found: _Made | None) -> None:
    summary.rows += 1
    if found is None:
        summary.duplicates += 1
    elif isinstance(found, RowFault):
        summary.refused += 1
    else:
        summary.records += 1
        if found.flags:
            summary.flagged += 1
        if type(found) is BookingEvent and found.op is _UPDATE:
            summary.updates += 1


class _Repeats:
    """Finds what one delivery says twice: the same again is dropped, something new about the same is an update."""

    def __init__(self) -> None:
        self._recent: dict[tuple[str, str], str | int] = {}
        self._older: dict[tuple[str, str], str | int] = {}

    def judge(self, found: BookingEvent | RosterEntry) -> BookingEvent | RosterEntry | None:
        return self._booking(found) if isinstance(found, BookingEvent) else self._client(found)

    def _booking(self, event: BookingEvent) -> BookingEvent | None:
        before = self._remember((event.agency, event.booking_number), event.content_hash)
        if before is None:
            return event
        if before == event.content_hash:
            return None
        if event.op is not Op.ADD:
            return event
        kind = EventKind.AMENDED if event.kind is EventKind.BOOKED else event.kind
        return replace(event, op=_UPDATE, kind=kind)

    def _client(self, entry: RosterEntry) -> RosterEntry | None:
        content = hash(
            _CONTENT(entry)
        )  # not the entry itself: a window of objects costs the collector more than the rest
        before = self._remember((entry.org, entry.client_id), content)
        if before == content:
            return None
        return entry if before is None else replace(entry, flags=(*entry.flags, Flag("client_id", "repeated")))

    def _remember(self, key: tuple[str, str], content: str | int) -> str | int | None:
        recent = self._recent
        before = recent.get(key)
        if before is None:
            before = self._older.get(key)
            if len(recent) >= _GENERATION:
                self._older = recent
                recent = self._recent = {}
        recent[key] = content
        return before
