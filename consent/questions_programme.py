"""What is asked about one programme, its staff, its agreements and the orders that name it."""

from __future__ import annotations

from consent.case import OrderCase, ProgrammeCase
from consent.facts import ProgramFacts
from consent.questions import question
from consent.questions_gate import booking_of, open_since
from consent.times import end, start, within
from consent.vocabulary import AgreementKind, Kind, OrderKind, Statute


@question
def enrolled(at: ProgrammeCase) -> bool:
    """Enrolled now; an end that is a date is lengthened by the grace days."""
    ends = at.programme.enrolled_to
    return within(at.as_of, at.programme.enrolled_from, None, at.zone) and (
        ends is None or at.as_of < end(ends, at.zone, at.policy.discharge_grace_days)
    )


@question
def same_org(at: ProgrammeCase) -> bool:
    return at.request.recipient.org_id == at.programme.org_id


@question
def own_or_controlling_org(at: ProgrammeCase) -> bool:
    org = at.request.recipient.org_id
    return org is not None and (org == at.programme.org_id or org in at.programme.admin_control_orgs)


@question
def internal(at: ProgrammeCase) -> bool:
    """Inside the programme. Staff of a sister programme are not inside a Part 2 programme (42 CFR 2.12(c)(3))."""
    recipient = at.request.recipient
    if at.kind is Kind.ADMIN_CONTROL_STAFF:
        return recipient.org_id in at.programme.admin_control_orgs or (not at.part2 and same_org(at))
    if at.kind is Kind.PROGRAM_STAFF:
        return recipient.program_id == at.programme.id or (not at.part2 and same_org(at))
    return False


@question
def assigned(at: ProgrammeCase) -> bool:
    """The recipient holds an assignment in force that counts for this programme."""
    person = at.request.recipient.person_id
    if person is None:
        return False
    counting = _programmes_that_count(at)
    return any(
        a.person_id == person and a.program_id in counting and within(at.as_of, a.since, a.until, at.zone)
        for a in at.request.client.assignments
    )


def _programmes_that_count(at: ProgrammeCase) -> set[str | None]:
    if at.part2:
        return {at.programme.id}
    sisters = {p.id for p in at.request.programs if _hipaa_sister(p, at.programme)}
    return {at.programme.id, at.request.recipient.program_id, *sisters}


def _hipaa_sister(other: ProgramFacts, programme: ProgramFacts) -> bool:
    return not other.part2 and other.org_id == programme.org_id


@question
def anybody_assigned(at: ProgrammeCase) -> bool:
    return any(
        a.program_id == at.programme.id and within(at.as_of, a.since, a.until, at.zone)
        for a in at.request.client.assignments
    )


@question
def supervises(at: ProgrammeCase) -> bool:
    return at.programme.id in at.request.recipient.supervises


@question
def authority_verified(at: ProgrammeCase) -> bool:
    return at.request.recipient.authority_verified


@question
def programme_covered(at: ProgrammeCase) -> bool:
    return at.programme.covered_entity


def agreement_in_force(at: ProgrammeCase, kind: AgreementKind, org_id: str | None) -> bool:
    """Whether an agreement of this kind with this organisation covers the programme now."""
    return any(
        a.kind is kind
        and a.org_id == org_id
        and (a.program_ids is None or at.programme.id in a.program_ids)
        and within(at.as_of, a.since, a.until, at.zone)
        for a in at.request.context.agreements
    )


@question
def emergency_on(at: ProgrammeCase) -> bool:
    emergency = at.request.context.emergency
    return emergency is not None and open_since(start(emergency.at, at.zone), at.as_of, at.policy.emergency_ttl_hours)


@question
def medical_personnel(at: ProgrammeCase) -> bool:
    return at.request.recipient.medical_personnel


@question
def consent_obtainable(at: ProgrammeCase) -> bool:
    emergency = at.request.context.emergency
    return emergency is not None and emergency.consent_obtainable


@question
def order_in_force(it: OrderCase) -> bool:
    order, zone = it.order, it.at.zone
    vacated = order.vacated_at is not None and start(order.vacated_at, zone) <= it.as_of
    return not vacated and within(it.as_of, order.issued_at, order.expires_at, zone)


@question
def order_subpoena(it: OrderCase) -> bool:
    return it.order.kind is OrderKind.SUBPOENA


@question
def order_2_65(it: OrderCase) -> bool:
    return it.order.kind is OrderKind.P2_2_65


@question
def order_2_64_or_2_65(it: OrderCase) -> bool:
    return it.order.kind in {OrderKind.P2_2_64, OrderKind.P2_2_65}


@question
def order_findings(it: OrderCase) -> bool:
    return it.order.findings


@question
def order_notice(it: OrderCase) -> bool:
    return it.order.notice_given


@question
def both_listed_in_texas(at: ProgrammeCase) -> bool:
    law = Statute.TX_614_017
    return law in at.programme.statutory_agency and law in at.request.recipient.statutory_agency


@question
def in_custody(at: ProgrammeCase) -> bool:
    booking = booking_of(at)
    return within(at.as_of, booking.booked_at, booking.released_at, at.zone)


@question
def need_represented(at: ProgrammeCase) -> bool:
    asked = at.request.context.custody_request
    return asked is not None and asked.represented


@question
def illinois_agreement(at: ProgrammeCase) -> bool:
    recipient = at.request.recipient
    return recipient.mh_services and agreement_in_force(at, AgreementKind.IL_9_2_JAIL, recipient.org_id)


@question
def california_care(at: ProgrammeCase) -> bool:
    orgs = (at.programme.org_id, at.request.recipient.org_id)
    return care_responsibility(at) or all(agreement_in_force(at, AgreementKind.CALAIM_JI, org) for org in orgs)


@question
def care_responsibility(at: ProgrammeCase) -> bool:
    return at.request.recipient.has_care_responsibility


@question
def treating_relationship(at: ProgrammeCase) -> bool:
    return at.request.recipient.treating_relationship


@question
def ground_is_mandate(at: ProgrammeCase) -> bool:
    return at.ground_is_mandate
