"""A short way from bytes to records, for the tests of connectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors import Connector, Mapping, Pull, Record, RowFault, ScriptedTransport, load_mapping
from records import BookingEvent, FeedId, OrgId, RosterEntry

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@dataclass
class Read:
    """What one delivery became."""

    pull: Pull
    records: list[Record] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)

    @property
    def events(self) -> list[BookingEvent]:
        return [record for record in self.records if isinstance(record, BookingEvent)]

    @property
    def entries(self) -> list[RosterEntry]:
        return [record for record in self.records if isinstance(record, RosterEntry)]

    def of(self, number: str) -> list[BookingEvent]:
        return [event for event in self.events if event.booking_number == number]

    def one(self, number: str) -> BookingEvent:
        (event,) = self.of(number)
        return event

    def flags(self, number: str) -> set[tuple[str, str]]:
        return {(flag.field, flag.reason) for event in self.of(number) for flag in event.flags}


def read(content: bytes, mapping: Mapping | str, now: datetime = NOW) -> Read:
    """One delivery through a connector."""
    chosen = load_mapping(mapping) if isinstance(mapping, str) else mapping
    connector = Connector.of(FeedId("jail"), ScriptedTransport([content]), chosen, OrgId("riverbend"))
    (pull,) = connector.pull(None, now)
    result = Read(pull)
    for item in pull.items():
        (result.faults if isinstance(item, RowFault) else result.records).append(item)  # type: ignore[arg-type] # one list or the other
    return result


def changed(mapping: Mapping | str, **settings: object) -> Mapping:
    """A mapping with some settings of its format changed."""
    chosen = load_mapping(mapping) if isinstance(mapping, str) else mapping
    return chosen.model_copy(update={"format": chosen.format.model_copy(update=settings)})
