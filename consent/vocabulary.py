"""The closed vocabulary of a request. A code outside it is an unreadable fact, and an unreadable fact denies."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    TREAT = "TREAT"
    COORD = "COORD"
    HOPERAT = "HOPERAT"
    ETREAT = "ETREAT"
    MATCH = "MATCH"
    CUSTODY = "CUSTODY"
    CJMONITOR = "CJMONITOR"
    LEGAL = "LEGAL"
    AUDIT = "AUDIT"
    MEASURE = "MEASURE"
    HRESCH = "HRESCH"
    PATRQT = "PATRQT"


TPO = frozenset({Purpose.TREAT, Purpose.COORD, Purpose.HOPERAT})
"""Treatment, payment and health care operations, as far as an alert can serve them."""


class ConsentPurpose(StrEnum):
    """What a consent form may name: a purpose, or TPO for its three."""

    TREAT = "TREAT"
    COORD = "COORD"
    HOPERAT = "HOPERAT"
    ETREAT = "ETREAT"
    MATCH = "MATCH"
    CUSTODY = "CUSTODY"
    CJMONITOR = "CJMONITOR"
    LEGAL = "LEGAL"
    AUDIT = "AUDIT"
    MEASURE = "MEASURE"
    HRESCH = "HRESCH"
    PATRQT = "PATRQT"
    TPO = "TPO"


class Kind(StrEnum):
    """What sort of recipient asks."""

    PROGRAM_STAFF = "program_staff"
    ADMIN_CONTROL_STAFF = "admin_control_staff"
    OUTSIDE_PROVIDER = "outside_provider"
    JAIL_HEALTH = "jail_health"
    CUSTODY_STAFF = "custody_staff"
    LAW_ENFORCEMENT = "law_enforcement"
    SUPERVISION_OFFICER = "supervision_officer"
    COURT = "court"
    FAMILY = "family"
    EMERGENCY_MEDICAL = "emergency_medical"
    LINKAGE_SYSTEM = "linkage_system"
    LINKAGE_STAFF = "linkage_staff"
    AUDITOR = "auditor"
    PATIENT = "patient"
    PERSONAL_REPRESENTATIVE = "personal_representative"
    ANALYST = "analyst"
    RESEARCHER = "researcher"


class FieldName(StrEnum):
    """One thing that can be told."""

    BOOKING_FACT = "booking.fact"
    BOOKING_TIME = "booking.time"
    BOOKING_FACILITY = "booking.facility"
    BOOKING_NUMBER = "booking.number"
    BOOKING_CHARGES = "booking.charges"
    BOOKING_BOND = "booking.bond"
    BOOKING_COURT_DATE = "booking.court_date"
    BOOKING_CUSTODY_STATUS = "booking.custody_status"
    MATCH_FACT = "match.fact"
    CLIENT_REF = "client.ref"
    CLIENT_NAME = "client.name"
    CLIENT_CASE_MANAGER = "client.case_manager"
    MED_LIST = "clinical.med_list"
    DIAGNOSIS = "clinical.diagnosis"
    PAD = "clinical.pad"
    CRISIS_PLAN = "clinical.crisis_plan"
    RISK_FLAGS = "clinical.risk_flags"
    APPOINTMENTS = "clinical.appointments"
    ATTENDANCE = "clinical.attendance"
    SUD_DETAIL = "clinical.sud_detail"
    PSYCHOTHERAPY_NOTES = "clinical.psychotherapy_notes"
    SUD_COUNSELING_NOTES = "clinical.sud_counseling_notes"
    AUDIT_DECISIONS = "audit.decisions"
    AGG_COUNTS = "agg.counts"
    LINK_ENCODINGS = "link.encodings"
    LINK_PLAIN = "link.plain"
    RESEARCH_DATASET = "research.dataset"


NOTES = frozenset({FieldName.PSYCHOTHERAPY_NOTES, FieldName.SUD_COUNSELING_NOTES})
"""Outside every envelope: each comes only through a consent of its own kind."""

PART2_ONLY = frozenset({FieldName.SUD_DETAIL, FieldName.SUD_COUNSELING_NOTES})
"""Only a Part 2 programme holds these."""

BOOKING_FIELDS = frozenset(f for f in FieldName if f.startswith("booking."))
IDENTITY_FIELDS = frozenset(f for f in FieldName if f.startswith(("match.", "client.")))
CLINICAL_FIELDS = frozenset(f for f in FieldName if f.startswith("clinical.")) - NOTES


class Group(StrEnum):
    """Several fields under one word on a consent form. No group holds notes."""

    ALL = "*"
    ALERT = "alert"
    IDENTITY = "identity"
    CLINICAL = "clinical"


GROUPS: dict[Group, frozenset[FieldName]] = {
    Group.ALL: BOOKING_FIELDS | IDENTITY_FIELDS | CLINICAL_FIELDS,
    Group.ALERT: BOOKING_FIELDS | IDENTITY_FIELDS,
    Group.IDENTITY: IDENTITY_FIELDS,
    Group.CLINICAL: CLINICAL_FIELDS,
}


class Scope(StrEnum):
    """How far an opt-out or a restriction reaches; the rule book says which kinds of recipient each one hits."""

    ALL = "all"
    MATCHING = "matching"
    ALERTS = "alerts"
    EXTERNAL = "external"
    CUSTODY = "custody"
    AGGREGATE = "aggregate"


class ClientStatus(StrEnum):
    ACTIVE = "active"
    MERGED = "merged"
    DECEASED = "deceased"


class AssignmentRole(StrEnum):
    PRIMARY = "primary"
    COVERING = "covering"


class BookingStatus(StrEnum):
    ACTIVE = "active"
    VOID = "void"
    SEALED = "sealed"
    EXPUNGED = "expunged"


class MatchTier(StrEnum):
    """How sure the link is, weakest first."""

    POSSIBLE = "possible"
    PROBABLE = "probable"
    CONFIRMED = "confirmed"
    EXACT = "exact"


TIER_RANK = {tier: rank for rank, tier in enumerate(MatchTier)}


class ConsentType(StrEnum):
    PART2_TPO = "part2_tpo"
    PART2_SPECIFIC = "part2_specific"
    CJ_REFERRAL = "cj_referral"
    PROCEEDINGS = "proceedings"
    SUD_COUNSELING_NOTES = "sud_counseling_notes"
    PSYCHOTHERAPY_NOTES = "psychotherapy_notes"
    HIPAA_AUTHORIZATION = "hipaa_authorization"
    GENERAL_ROI = "general_roi"


class ConsentStatus(StrEnum):
    """FHIR R4 Consent.status."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    ACTIVE = "active"
    REJECTED = "rejected"
    INACTIVE = "inactive"
    ENTERED_IN_ERROR = "entered-in-error"


class RuleVersion(StrEnum):
    """The text of 42 CFR 2.31 under which a form was made."""

    R2024 = "2024"
    PRE2024 = "pre2024"


class EventKind(StrEnum):
    """An event that ends a consent."""

    END_OF_TREATMENT = "end_of_treatment"
    CASE_DISPOSITION = "case_disposition"
    RELEASE_FROM_CUSTODY = "release_from_custody"
    NONE = "none"


class RevocationMethod(StrEnum):
    WRITTEN = "written"
    ORAL = "oral"


class Relationship(StrEnum):
    """Who signed."""

    PATIENT = "patient"
    PARENT = "parent"
    MINOR_AND_PARENT = "minor_and_parent"
    GUARDIAN = "guardian"
    PERSONAL_REPRESENTATIVE = "personal_representative"
    HEALTH_CARE_AGENT = "health_care_agent"


class Says(StrEnum):
    PERMIT = "permit"
    DENY = "deny"


class EntryKind(StrEnum):
    """How a form names a recipient."""

    PERSON = "person"
    ORG = "org"
    CLASS = "class"
    INTERMEDIARY = "intermediary"


class RecipientClass(StrEnum):
    TREATING_PROVIDERS = "treating_providers"
    OUTSIDE_PROVIDERS = "outside_providers"
    CRIMINAL_JUSTICE = "criminal_justice"


class Element(StrEnum):
    """What the text of a signed form must contain; the numbers are those of 42 CFR 2.31(a)."""

    PATIENT_NAME = "patient_name"  # (1)
    DISCLOSER = "discloser"  # (2)
    INFORMATION = "information"  # (3)
    RECIPIENT = "recipient"  # (4)
    PURPOSE = "purpose"  # (5)
    RIGHT_TO_REVOKE = "right_to_revoke"  # (6)
    EXPIRATION = "expiration"  # (7)
    SIGNATURE = "signature"  # (8)
    DATE_SIGNED = "date_signed"  # (9)
    REDISCLOSURE_STATEMENT = "redisclosure_statement"  # (10)
    REFUSAL_CONSEQUENCES = "refusal_consequences"  # (10)
    HIPAA_REDISCLOSURE_STATEMENT = "hipaa_redisclosure_statement"  # (4)(iii)
    PERIOD_STATED = "period_stated"  # 2.35
    REVOCATION_CONDITION = "revocation_condition"  # 2.35


class AgreementKind(StrEnum):
    QSOA = "QSOA"
    BAA = "BAA"
    P2_AUDIT = "P2_AUDIT"
    OVERSIGHT = "OVERSIGHT"
    RESEARCH_APPROVAL = "RESEARCH_APPROVAL"
    IL_9_2_JAIL = "IL_9_2_JAIL"
    CALAIM_JI = "CALAIM_JI"


class OrderKind(StrEnum):
    P2_2_64 = "2.64"
    P2_2_65 = "2.65"
    HIPAA_ORDER = "hipaa_order"
    SUBPOENA = "subpoena"


class Statute(StrEnum):
    """A statute under which an agency is listed for sharing."""

    TX_614_017 = "TX_614_017"
