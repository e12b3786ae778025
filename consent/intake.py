"""What every way of taking in consents gives back: records, and faults that name a line and a field, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from consent.facts import CONSENT_RECORD, ConsentRecord


@dataclass(frozen=True, slots=True)
class Taken:
    """One record with where it stood and the security labels its source put on it."""

    record: ConsentRecord
    line: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One row or resource that was refused, or a doubt about one that was taken (`refused` False)."""

    line: int
    field: str
    why: str
    refused: bool = True

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.why}"


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything that a file held: what was taken and what was not. Nothing disappears."""

    taken: tuple[Taken, ...]
    faults: tuple[Fault, ...]

    @property
    def records(self) -> tuple[ConsentRecord, ...]:
        return tuple(t.record for t in self.taken)


class Unfit(ValueError):  # noqa: N818 - says what the row is
    """A row or resource that cannot become a record."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


def as_record(raw: Mapping[str, Any]) -> ConsentRecord:
    """Check a record in the published schema. Raises Unfit with the first field at fault."""
    try:
        return CONSENT_RECORD.validate_python(dict(raw))
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "record"
        raise Unfit(place, first["type"].replace("_", " ")) from None


def as_raw(record: ConsentRecord) -> dict[str, Any]:
    """A record in the published schema, with the keys in their order."""
    raw: dict[str, Any] = CONSENT_RECORD.dump_python(record, mode="json", by_alias=True)
    raw["recipients"] = [_entry(e) for e in raw["recipients"]]
    for provision in raw["provisions"]:
        if provision["recipients"] is not None:
            provision["recipients"] = [_entry(e) for e in provision["recipients"]]
    return raw


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Only an intermediary has participants."""
    return {k: v for k, v in entry.items() if v is not None and v != []}
