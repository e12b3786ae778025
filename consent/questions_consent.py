"""What is asked about one consent record: whether it speaks, whether its form holds, who signed it."""

from __future__ import annotations

from datetime import date, datetime

from consent.case import ConsentCase
from consent.covering import exchange, root_has_purpose, root_specificity
from consent.questions import question
from consent.times import Unreadable, birthday, end, midnight, start, within
from consent.vocabulary import (
    TPO,
    ConsentPurpose,
    ConsentStatus,
    ConsentType,
    Element,
    EventKind,
    Relationship,
    RevocationMethod,
    RuleVersion,
    Says,
)

_TPO_WORDS = frozenset({ConsentPurpose.TPO, *(ConsentPurpose(p) for p in TPO)})
_NOTES_TYPES = frozenset({ConsentType.SUD_COUNSELING_NOTES, ConsentType.PSYCHOTHERAPY_NOTES})
_GENERAL_TYPES = frozenset({ConsentType.HIPAA_AUTHORIZATION, ConsentType.GENERAL_ROI})
_AUTHORITY_CHECKED = frozenset({Relationship.PERSONAL_REPRESENTATIVE, Relationship.HEALTH_CARE_AGENT})


def signed(c: ConsentCase) -> datetime:
    """When the form was signed. Only a consent that was never in force may lack it."""
    if c.consent.signed_at is None:
        raise Unreadable("a consent in force without the day it was signed")
    return start(c.consent.signed_at, c.zone)


# --- Does it speak? -------------------------------------------------------------------------------------------------


@question
def other_client(c: ConsentCase) -> bool:
    client = c.request.client
    return c.consent.client_id != client.id and c.consent.client_id not in client.merged_from


@question
def status_may_speak(c: ConsentCase) -> bool:
    """Active, or inactive by a revocation: before that instant it was in force, and a replay still sees it so."""
    status = c.consent.status
    return status is ConsentStatus.ACTIVE or (status is ConsentStatus.INACTIVE and c.consent.revoked_at is not None)


@question
def other_discloser(c: ConsentCase) -> bool:
    discloser = c.consent.discloser
    return not discloser.any_treating_program and c.at.programme.id not in discloser.program_ids


@question
def not_yet_effective(c: ConsentCase) -> bool:
    later = c.consent.effective_from
    return c.as_of < signed(c) or (later is not None and c.as_of < start(later, c.zone))


@question
def revoked(c: ConsentCase) -> bool:
    instants = [*_own_revocation(c), *_global_revocations(c)]
    if not instants or c.as_of < min(instants):
        return False
    if c.consent.type is not ConsentType.CJ_REFERRAL:
        return True
    since = c.consent.revocable_from
    return since is not None and c.as_of >= start(since, c.zone)


def _own_revocation(c: ConsentCase) -> list[datetime]:
    consent = c.consent
    unheard = consent.revocation_method is RevocationMethod.ORAL and not c.policy.honour_oral_revocation
    return [] if consent.revoked_at is None or unheard else [start(consent.revoked_at, c.zone)]


def _global_revocations(c: ConsentCase) -> list[datetime]:
    since = signed(c)
    return [at for r in c.request.client.global_revocations if (at := start(r.at, c.zone)) > since]


@question
def expired(c: ConsentCase) -> bool:
    consent = c.consent
    if consent.expires_at is not None and c.as_of >= end(consent.expires_at, c.zone):
        return True
    event = consent.expires_event
    if event is None or event.kind is EventKind.NONE:
        return False
    happened = event.occurred_at
    if happened is None and event.kind is EventKind.END_OF_TREATMENT:
        happened = c.at.programme.enrolled_to
    return happened is not None and c.as_of >= end(happened, c.zone)


# --- Why does it not speak about this? ------------------------------------------------------------------------------


@question
def recipient_covered(c: ConsentCase) -> bool:
    return root_specificity(c, exchange(c.request.recipient.via)) is not None


@question
def matches_but_for_exchange(c: ConsentCase) -> bool:
    return not recipient_covered(c) and root_specificity(c, None) is not None


@question
def purpose_covered(c: ConsentCase) -> bool:
    return root_has_purpose(c)


# --- Type -----------------------------------------------------------------------------------------------------------


@question
def for_notes(c: ConsentCase) -> bool:
    return c.note is not None


@question
def type_of_these_notes(c: ConsentCase) -> bool:
    return c.note is not None and c.note == f"clinical.{c.consent.type}"


@question
def type_notes(c: ConsentCase) -> bool:
    return c.consent.type in _NOTES_TYPES


@question
def type_proceedings(c: ConsentCase) -> bool:
    return c.consent.type is ConsentType.PROCEEDINGS


@question
def type_general(c: ConsentCase) -> bool:
    return c.consent.type in _GENERAL_TYPES


@question
def type_referral(c: ConsentCase) -> bool:
    return c.consent.type is ConsentType.CJ_REFERRAL


# --- Form -----------------------------------------------------------------------------------------------------------


def _lacks(c: ConsentCase, elements: frozenset[Element]) -> bool:
    return not elements.isdisjoint(c.consent.elements_missing)


@question
def form_2024(c: ConsentCase) -> bool:
    return c.consent.rule_version is RuleVersion.R2024


@question
def form_pre2024(c: ConsentCase) -> bool:
    return c.consent.rule_version is RuleVersion.PRE2024


@question
def lacks_part2_elements(c: ConsentCase) -> bool:
    forms = c.at.case.tables.forms
    if type_referral(c):
        return _lacks(c, forms.part2_referral)
    if lacks_the_nine(c):
        return True
    if c.purpose not in TPO:
        return False
    to_entity = c.request.recipient.covered_entity and _lacks(c, forms.part2_to_covered_entity)
    return to_entity or _lacks(c, forms.part2_tpo)


@question
def lacks_the_nine(c: ConsentCase) -> bool:
    return _lacks(c, c.at.case.tables.forms.part2_nine)


@question
def pre2024_still_counts(c: ConsentCase) -> bool:
    last = midnight(c.at.case.tables.forms.pre2024_signed_before, c.zone)
    return c.consent.type is ConsentType.PART2_SPECIFIC and signed(c) < last


@question
def no_sufficient_expiry(c: ConsentCase) -> bool:
    consent = c.consent
    if consent.expires_at is not None:
        return False
    if consent.expires_event is None:
        return True
    return consent.expires_event.kind is EventKind.NONE and not _only_tpo(c)


def _only_tpo(c: ConsentCase) -> bool:
    exceptions = c.consent.provisions if c.consent.base is Says.DENY else ()  # of the root's own type: ignored
    granting = (p for p in exceptions if p.type is Says.PERMIT)
    named = {*c.consent.purposes, *(w for p in granting for w in p.purposes or ())}
    return bool(named) and named <= _TPO_WORDS


@question
def lacks_hipaa_elements(c: ConsentCase) -> bool:
    forms = c.at.case.tables.forms
    if _lacks(c, forms.hipaa):
        return True
    return (c.note is not None or c.purpose not in TPO) and _lacks(c, forms.hipaa_outside_tpo)


@question
def known_false(c: ConsentCase) -> bool:
    return c.consent.known_false


# --- Signer ---------------------------------------------------------------------------------------------------------


def _reached(c: ConsentCase, age: int, at: datetime) -> bool:
    born: date = c.request.client.dob
    return midnight(birthday(born, age), c.zone) <= at


def _of_age(c: ConsentCase, at: datetime) -> bool:
    emancipated = c.request.client.emancipated_at
    if emancipated is not None and start(emancipated, c.zone) <= at:
        return True
    return _reached(c, c.at.case.tables.forms.of_age, at)


def _under_guardianship(c: ConsentCase, at: datetime) -> bool:
    guardian = c.request.client.guardian
    return guardian is not None and guardian.adjudicated and within(at, guardian.since, guardian.until, c.zone)


@question
def signer_authorised(c: ConsentCase) -> bool:
    return _adult_signer(c) if _of_age(c, signed(c)) else _minor_signer(c)


def _adult_signer(c: ConsentCase) -> bool:
    signer, guardian = c.consent.signer, c.request.client.guardian
    if signer.relationship is Relationship.PATIENT:
        return not _under_guardianship(c, signed(c))
    if signer.relationship is Relationship.GUARDIAN:
        was_guardian = guardian is not None and signer.person_id == guardian.person_id
        return was_guardian and _under_guardianship(c, signed(c))
    return signer.relationship in _AUTHORITY_CHECKED and signer.authority_verified


def _minor_signer(c: ConsentCase) -> bool:
    signer = c.consent.signer.relationship
    alone_age = c.policy.minor_sud_alone_age if c.part2 else c.policy.minor_mh_alone_age
    if alone_age is not None and _reached(c, alone_age, signed(c)):
        return signer in {Relationship.PATIENT, Relationship.MINOR_AND_PARENT}
    if c.part2:
        return signer is Relationship.MINOR_AND_PARENT
    return signer in {Relationship.PARENT, Relationship.MINOR_AND_PARENT}


@question
def guardianship_ended(c: ConsentCase) -> bool:
    return c.consent.signer.relationship is Relationship.GUARDIAN and not _under_guardianship(c, c.as_of)


@question
def parent_lapsed(c: ConsentCase) -> bool:
    return c.consent.signer.relationship is Relationship.PARENT and _of_age(c, c.as_of)


@question
def signed_with_parent_and_of_age_now(c: ConsentCase) -> bool:
    return c.consent.signer.relationship is Relationship.MINOR_AND_PARENT and _of_age(c, c.as_of)


# --- Several consents -----------------------------------------------------------------------------------------------


@question
def through_intermediary(c: ConsentCase) -> bool:
    return exchange(c.request.recipient.via) is not None
