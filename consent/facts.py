"""The facts of one request, as typed values. Nothing has a default that could hide a fact nobody looked up.

Service code builds these directly; `read_request` builds them from a mapping in the published schema. Their reprs
name the kind of fact and never a value: they hold a client's number and date of birth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, PlainValidator, Strict, TypeAdapter, ValidationError
from pydantic import Field as Key

from consent.times import Moment, read_day, read_instant, read_moment, write_moment
from consent.vocabulary import (
    AgreementKind,
    AssignmentRole,
    BookingStatus,
    ClientStatus,
    ConsentPurpose,
    ConsentStatus,
    ConsentType,
    Element,
    EntryKind,
    EventKind,
    FieldName,
    Group,
    Kind,
    MatchTier,
    OrderKind,
    Purpose,
    RecipientClass,
    Relationship,
    RevocationMethod,
    RuleVersion,
    Says,
    Scope,
    Statute,
)

Text = Annotated[str, Strict()]
YesNo = Annotated[bool, Strict()]
_AS_TEXT = PlainSerializer(write_moment, return_type=str)
When = Annotated[Moment, PlainValidator(read_moment), _AS_TEXT]
Exactly = Annotated[datetime, PlainValidator(read_instant), _AS_TEXT]
Day = Annotated[date, PlainValidator(read_day), _AS_TEXT]
Since = Annotated[When | None, Key(alias="from")]


def _none_is_empty(value: Any) -> Any:
    return () if value is None else value


_BORDER = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Unprinted:
    """Facts about people: the repr says which sort, never what."""

    __slots__ = ()
    __pydantic_config__ = _BORDER

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Period(_Unprinted):
    """Half-open; None leaves a side open."""

    since: Since
    until: When | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RecipientEntry(_Unprinted):
    """One line of "who may receive" on a form. Only an intermediary has participants."""

    kind: EntryKind
    id: Text
    participants: Annotated[tuple[Text, ...], BeforeValidator(_none_is_empty)] = ()
    participant_class: RecipientClass | None = None

    def __post_init__(self) -> None:
        if self.kind is EntryKind.CLASS and self.id not in RecipientClass.__members__.values():
            raise ValueError("a class of recipients outside the vocabulary")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Guardian(_Unprinted):
    person_id: Text
    adjudicated: YesNo
    since: Since
    until: When | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class AssignmentFacts(_Unprinted):
    person_id: Text
    program_id: Text
    role: AssignmentRole
    since: Since
    until: When | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class OptOut(_Unprinted):
    scope: Scope
    since: Since
    until: When | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Restriction(_Unprinted):
    """What the client asked to be kept back. It binds once `agreed` (45 CFR 164.522(a))."""

    id: Text
    agreed: YesNo
    scope: Scope
    recipients: tuple[RecipientEntry, ...] | None
    fields: tuple[FieldName, ...] | None
    since: Since
    until: When | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class GlobalRevocation(_Unprinted):
    """The client took back every consent signed before this moment."""

    at: When
    scope: Annotated[str, Key(pattern="^all$"), Strict()]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ClientFacts(_Unprinted):
    id: Text
    dob: Day
    emancipated_at: When | None
    status: ClientStatus
    died_at: When | None
    merged_from: tuple[Text, ...]
    merged_into: Text | None
    guardian: Guardian | None
    assignments: tuple[AssignmentFacts, ...]
    opt_outs: tuple[OptOut, ...]
    restrictions: tuple[Restriction, ...]
    global_revocations: tuple[GlobalRevocation, ...]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ProgramFacts(_Unprinted):
    """A programme in which the client is or was enrolled: each is a discloser of its own."""

    id: Text
    name: Text
    org_id: Text
    part2: YesNo
    covered_entity: YesNo
    admin_control_orgs: tuple[Text, ...]
    enrolled_from: When | None
    enrolled_to: When | None
    jurisdiction: Text | None
    statutory_agency: tuple[Statute, ...]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ExpiryEvent(_Unprinted):
    kind: EventKind
    occurred_at: When | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Signer(_Unprinted):
    relationship: Relationship
    person_id: Text | None
    authority_verified: YesNo


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Discloser(_Unprinted):
    program_ids: tuple[Text, ...]
    any_treating_program: YesNo


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Provision(_Unprinted):
    """An exception to the root of a consent. None means any."""

    type: Says
    recipients: tuple[RecipientEntry, ...] | None
    purposes: tuple[ConsentPurpose, ...] | None
    fields: tuple[FieldName | Group, ...] | None
    period: Period | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ConsentRecord(_Unprinted):
    """One signed form, with what its text contains or lacks (42 CFR 2.31(a))."""

    id: Text
    client_id: Text
    type: ConsentType
    status: ConsentStatus
    rule_version: RuleVersion
    signed_at: When | None
    effective_from: When | None
    expires_at: When | None
    expires_event: ExpiryEvent | None
    revoked_at: When | None
    revocation_method: RevocationMethod | None
    revocable_from: When | None
    signer: Signer
    discloser: Discloser
    base: Says
    recipients: tuple[RecipientEntry, ...]
    purposes: tuple[ConsentPurpose, ...]
    info: tuple[FieldName | Group, ...]
    provisions: tuple[Provision, ...]
    elements_missing: tuple[Element, ...]
    known_false: YesNo

    def __post_init__(self) -> None:
        if self.signed_at is None and self.status in {ConsentStatus.ACTIVE, ConsentStatus.INACTIVE}:
            raise ValueError("a consent that was in force needs the day it was signed")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class BookingFacts(_Unprinted):
    id: Text
    status: BookingStatus
    sealed_at: When | None
    juvenile: YesNo
    booked_at: When
    released_at: When | None
    match_tier: MatchTier
    jurisdiction: Text | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Via(_Unprinted):
    """The exchange through which it would be sent."""

    org_id: Text
    business_associate: YesNo


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RecipientFacts(_Unprinted):
    kind: Kind
    person_id: Text | None
    org_id: Text | None
    program_id: Text | None
    supervises: tuple[Text, ...]
    verified: YesNo
    active: YesNo
    treating_relationship: YesNo
    has_care_responsibility: YesNo
    covered_entity: YesNo
    medical_personnel: YesNo
    mh_services: YesNo
    authority_verified: YesNo
    statutory_agency: tuple[Statute, ...]
    via: Via | None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Emergency(_Unprinted):
    declared_by: Text | None
    nature: Text | None
    at: When
    consent_obtainable: YesNo


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class BreakGlass(_Unprinted):
    declared_by: Text | None
    reason: Text | None
    at: When


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class CustodyRequest(_Unprinted):
    """The jail's statement that it needs the record for one of the ends of 45 CFR 164.512(k)(5)(i)."""

    represented: YesNo


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Agreement(_Unprinted):
    """A written agreement. Without `program_ids` it covers every programme."""

    kind: AgreementKind
    org_id: Text
    since: Since
    until: When | None
    program_ids: tuple[Text, ...] | None = None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class CourtOrder(_Unprinted):
    id: Text
    kind: OrderKind
    program_ids: tuple[Text, ...]
    recipient_org_id: Text | None
    fields: tuple[FieldName, ...]
    issued_at: When
    expires_at: When | None
    vacated_at: When | None
    findings: YesNo
    notice_given: YesNo


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ContextFacts(_Unprinted):
    """What surrounds the request. `request_fields` None asks for the whole envelope."""

    request_fields: tuple[FieldName, ...] | None
    emergency: Emergency | None
    break_glass: BreakGlass | None
    custody_request: CustodyRequest | None
    agreements: tuple[Agreement, ...]
    court_orders: tuple[CourtOrder, ...]


NO_CONTEXT = ContextFacts(
    request_fields=None, emergency=None, break_glass=None, custody_request=None, agreements=(), court_orders=()
)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class DecisionRequest(_Unprinted):
    """Who would receive what, for which purpose, at which instant, about which client.

    `consents` holds every record the store has for the client: an empty tuple says that there is none. Whoever cannot
    reach the store must not build a request. `policy` changes settings for this request alone.
    """

    as_of: Exactly
    jurisdiction: Text
    purpose: Purpose
    client: ClientFacts
    programs: Annotated[tuple[ProgramFacts, ...], Key(min_length=1)]
    consents: tuple[ConsentRecord, ...]
    booking: BookingFacts | None
    recipient: RecipientFacts
    context: ContextFacts
    policy: dict[str, Any]


_REQUEST = TypeAdapter(DecisionRequest)
CONSENT_RECORD: TypeAdapter[ConsentRecord] = TypeAdapter(ConsentRecord)
"""Reads and writes one consent in the published schema; intake validates with it."""

FOR_PEOPLE = frozenset({"id", "area", "title", "expect", "citation"})
"""Keys of a vector that decide nothing."""


class InvalidRequest(ValueError):  # noqa: N818 - says what the request is
    """A request that cannot be read. `faults` names places in it and what is wrong there, never a value."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def read_request(raw: Mapping[str, Any]) -> DecisionRequest:
    """Read a request in the published schema. Raises InvalidRequest."""
    try:
        return _REQUEST.validate_python({k: v for k, v in raw.items() if k not in FOR_PEOPLE})
    except ValidationError as fault:
        raise InvalidRequest(places(fault)) from None
    except (AttributeError, TypeError, RecursionError) as fault:
        raise InvalidRequest((f"request: not an object ({type(fault).__name__})",)) from None


def places(fault: ValidationError) -> tuple[str, ...]:
    """Where each fault of a validation is and of which type, without the values that were there."""
    found = fault.errors(include_input=False, include_context=False, include_url=False)
    return tuple(f"{'.'.join(map(str, e['loc'])) or 'request'}: {e['type'].replace('_', ' ')}" for e in found)
