"""What a sample of a feed looks like through its mapping: for `feed test`, before anybody goes live.

Shown to a person at a terminal who must not see anybody's name: fill rates, shapes, counts and faults, no values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.connector import Pull, Record, Summary
from connectors.heartbeat import guess_cadence
from connectors.rows import RowFault
from records import BookingEvent, Identity, Instant, RosterEntry, TimeQuality

_SHOWN = 10
_ENOUGH = 20
"""Moments. With fewer, a guess about the zone would be one."""
_RUN = re.compile(r"([A-Z])\1*|([a-z])\2*|(\d)\3*")


@dataclass(frozen=True, slots=True)
class FieldFill:
    """How often a field is filled, and the commonest shapes of what stands there (`A` letter, `a` small letter, `9` digit)."""

    field: str
    share: float
    shapes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedProfile:
    """Everything that `feed test` prints."""

    summary: Summary
    fill: tuple[FieldFill, ...]
    examples: tuple[dict[str, str], ...]
    """The first records, each field as its shape."""
    flags: tuple[tuple[str, str, int], ...]
    """Field, reason, count."""
    faults: tuple[RowFault, ...]
    fault_counts: tuple[tuple[str, int], ...]
    cadence: timedelta | None
    span: tuple[datetime, datetime] | None
    zone_doubt: str
    """A sentence if the declared zone looks wrong, else empty."""


def profile(pull: Pull, now: datetime, deliveries: Sequence[datetime] = ()) -> FeedProfile:
    """Read one delivery to its end and describe it. `deliveries`: when earlier ones came, for the cadence.

    Raises what `Pull.items` raises.
    """
    records: list[Record] = []
    faults: list[RowFault] = []
    for item in pull.items():
        (faults if isinstance(item, RowFault) else records).append(item)  # type: ignore[arg-type] # one list or the other
    facts = [_facts(record) for record in records if isinstance(record, BookingEvent | RosterEntry)]
    booked = [r.booked_at for r in records if isinstance(r, BookingEvent) and r.booked_at]
    moments = sorted(instant.at for instant in booked)
    return FeedProfile(
        summary=pull.summary,
        fill=tuple(_fill(facts)),
        examples=tuple({name: shape(text) for name, text in fact.items() if text} for fact in facts[:_SHOWN]),
        flags=_flag_counts(records),
        faults=tuple(faults[:_SHOWN]),
        fault_counts=tuple(Counter(fault.code for fault in faults).most_common()),
        cadence=guess_cadence(deliveries),
        span=(moments[0], moments[-1]) if moments else None,
        zone_doubt=doubt_zone(booked, now),
    )


def shape(text: str) -> str:
    """A text without its content: letters, small letters and digits as `A`, `a`, `9`, runs of more than three shortened.

    >>> shape("O'Rourke 0131")
    "A'Aa+ 9+"
    """
    masked = "".join(
        "9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c if c.isascii() else "?" for c in text
    )
    return _RUN.sub(lambda run: run.group() if len(run.group()) <= 3 else run.group()[0] + "+", masked)


def doubt_zone(booked: Iterable[Instant], now: datetime) -> str:
    """Whether the newest bookings lie ahead of `now` or the quiet hours lie at noon: then the declared zone is wrong.

    Arrests are fewest from five to nine in the morning, everywhere; a histogram whose valley lies elsewhere is shifted.
    """
    instants = [instant for instant in booked if instant.quality is not TimeQuality.DATE_ONLY]
    if not instants:
        return ""
    ahead = max(instant.at for instant in instants) - now
    if ahead > timedelta(minutes=5):
        return f"the newest booking lies {round(ahead.total_seconds() / 3600, 1)} hours ahead of now: the zone is too far west"
    if len(instants) < _ENOUGH * 24:
        return ""
    valley = _valley([instant.at.astimezone(ZoneInfo(instant.zone)).hour for instant in instants])
    shift = (valley - 7 + 12) % 24 - 12
    return (
        f"the quietest hours are around {valley}:00, not 7:00: the zone may be {shift:+d} hours off"
        if abs(shift) > 4
        else ""
    )


def _valley(hours: Sequence[int]) -> int:
    """The middle of the four quietest hours in a row."""
    counts = Counter(hours)
    start = min(range(24), key=lambda hour: sum(counts[(hour + n) % 24] for n in range(4)))
    return (start + 2) % 24


def _facts(record: BookingEvent | RosterEntry) -> dict[str, str]:
    person = record.identities[0] if record.identities else Identity()
    known = {field.name: getattr(person, field.name) for field in fields(Identity)}
    known["aliases"] = str(max(0, len(record.identities) - 1) or "")
    if isinstance(record, RosterEntry):
        return {"client_id": record.client_id, **known, **_care(record)}
    return {
        "booking_number": record.booking_number,
        "person_id": record.person_id or "",
        **known,
        "booked_at": str(record.booked_at or ""),
        "released_at": str(record.released_at or ""),
        "facility": record.facility or "",
        "charges": str(len(record.charges) or ""),
    }


def _care(entry: RosterEntry) -> dict[str, str]:
    return {
        "program": "|".join(enrolment.program for enrolment in entry.enrolments),
        "clinician": "|".join(assignment.staff for assignment in entry.assignments),
        "team": entry.team,
    }


def _fill(facts: Sequence[dict[str, str]]) -> Iterable[FieldFill]:
    for name in facts[0] if facts else ():
        texts = [fact[name] for fact in facts if fact[name]]
        shapes = Counter(map(shape, texts)).most_common(3)
        yield FieldFill(name, len(texts) / len(facts), tuple(found for found, _ in shapes))


def _flag_counts(records: Sequence[Record]) -> tuple[tuple[str, str, int], ...]:
    counts = Counter((f.field, f.reason) for r in records if isinstance(r, BookingEvent | RosterEntry) for f in r.flags)
    return tuple((field, reason, count) for (field, reason), count in counts.most_common())
