"""What a rule looks at: the whole case, one programme of it, one consent or one order within that programme.

Each carries what the rule book selects rules by (kind, purpose, part2) and the policy in force for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from consent.facts import (
    ConsentRecord,
    CourtOrder,
    DecisionRequest,
    ProgramFacts,
    RecipientEntry,
    RecipientFacts,
    Restriction,
)
from consent.policy import Policy
from consent.tables import Tables
from consent.times import within
from consent.vocabulary import BOOKING_FIELDS, NOTES, PART2_ONLY, EntryKind, FieldName, Kind, Purpose, RecipientClass


def bites(entry: RecipientEntry, recipient: RecipientFacts, tables: Tables, policy: Policy) -> bool:
    """Whether a restriction on this entry holds for the recipient, by whatever way it would be sent."""
    if entry.kind is EntryKind.PERSON:
        return entry.id == recipient.person_id
    if entry.kind is EntryKind.ORG:
        return entry.id == recipient.org_id
    if entry.kind is EntryKind.INTERMEDIARY:
        return recipient.via is not None and entry.id == recipient.via.org_id
    return tables.class_has(RecipientClass(entry.id), recipient.kind, recipient.treating_relationship, policy)


class Case:
    """One request under the policy of its jurisdiction. `part2` has no meaning for the whole case."""

    __slots__ = (
        "as_of",
        "booking_policy",
        "envelope",
        "kind",
        "part2",
        "policy",
        "purpose",
        "request",
        "restrictions",
        "tables",
        "wanted",
        "withheld",
        "zone",
    )

    def __init__(self, request: DecisionRequest, tables: Tables, policy: Policy, booking_policy: Policy) -> None:
        self.request = request
        self.tables = tables
        self.policy = policy
        self.booking_policy = booking_policy
        self.zone = policy.zone
        self.as_of = request.as_of
        self.kind: Kind = request.recipient.kind
        self.purpose: Purpose = request.purpose
        self.part2: bool | None = None
        self.envelope = tables.envelope(self.kind, self.purpose, policy)
        asked = request.context.request_fields
        self.wanted: frozenset[FieldName] = self.envelope if asked is None else frozenset(asked)
        self.withheld: set[FieldName] = set()
        self.restrictions = self._restrictions_in_force()

    def _restrictions_in_force(self) -> tuple[Restriction, ...]:
        return tuple(
            r
            for r in self.request.client.restrictions
            if r.agreed
            and self.tables.hits(r.scope, self.kind)
            and within(self.as_of, r.since, r.until, self.zone)
            and self._named(r.recipients)
        )

    def _named(self, entries: tuple[RecipientEntry, ...] | None) -> bool:
        """A restriction that names nobody is one on everybody."""
        recipient = self.request.recipient
        return not entries or any(bites(e, recipient, self.tables, self.policy) for e in entries)

    def drop_what_nobody_holds(self) -> None:
        """Where no programme is a Part 2 programme, the whole envelope does not include SUD detail."""
        if self.request.context.request_fields is None and not any(p.part2 for p in self.request.programs):
            self.wanted -= PART2_ONLY

    def withhold(self, what: str) -> None:
        """Keep back all booking fields (`booking`) or those under an agreed restriction (`restricted`)."""
        if what == "booking":
            self.withheld |= BOOKING_FIELDS
        else:
            self.withheld.update(f for r in self.restrictions for f in r.fields or ())


class ProgrammeCase:
    """One programme as a discloser, under the policy of its own jurisdiction."""

    __slots__ = (
        "as_of",
        "available",
        "case",
        "ground_is_mandate",
        "kind",
        "part2",
        "policy",
        "programme",
        "purpose",
        "request",
        "zone",
    )

    def __init__(self, case: Case, programme: ProgramFacts, policy: Policy) -> None:
        self.case = case
        self.request = case.request
        self.programme = programme
        self.policy = policy
        self.zone: ZoneInfo = policy.zone
        self.as_of: datetime = case.as_of
        self.kind = case.kind
        self.purpose = case.purpose
        self.part2 = programme.part2
        self.ground_is_mandate = False
        held = (case.wanted & case.envelope) - case.withheld
        self.available: frozenset[FieldName] = held if programme.part2 else held - PART2_ONLY

    @property
    def note(self) -> FieldName:
        """The kind of notes that this programme holds."""
        return FieldName.SUD_COUNSELING_NOTES if self.part2 else FieldName.PSYCHOTHERAPY_NOTES

    @property
    def notes_wanted(self) -> bool:
        return not NOTES.isdisjoint(self.case.wanted)


@dataclass(frozen=True, slots=True)
class OrderCase:
    """One court order that names this programme and the recipient's organisation."""

    at: ProgrammeCase
    order: CourtOrder
    kind: Kind
    purpose: Purpose
    part2: bool
    policy: Policy
    as_of: datetime


class ConsentCase:
    """One consent record, looked at for one programme; `note` where the question is about notes."""

    __slots__ = ("as_of", "at", "consent", "kind", "note", "part2", "policy", "purpose", "request", "zone")

    def __init__(self, at: ProgrammeCase, consent: ConsentRecord, note: FieldName | None = None) -> None:
        self.at = at
        self.consent = consent
        self.note = note
        self.request = at.request
        self.policy = at.policy
        self.zone = at.zone
        self.as_of = at.as_of
        self.kind = at.kind
        self.purpose = at.purpose
        self.part2 = at.part2


@dataclass(frozen=True, slots=True)
class ResultCase:
    """What came out, before it is dressed for the recipient."""

    kind: Kind | None
    purpose: Purpose | None
    policy: Policy | None
    as_of: datetime | None
    told_plainly: bool
    denies: bool
    outside_envelope: bool = False
    hides_programme: bool = False
    hides_part2_programme: bool = False
    denies_without_reason: bool = False
    part2: bool | None = None
