"""Turns what the store knows into the question that the consent rules answer.

Nothing is assumed in a client's favour or against them: a fact that is not known makes the request invalid, and an
invalid request is denied by the rules themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from config import ClinicSettings, ProgramSettings
from consent import (
    NO_CONTEXT,
    AssignmentFacts,
    BookingFacts,
    ClientFacts,
    ConsentRecord,
    ContextFacts,
    Decision,
    DecisionRequest,
    ProgramFacts,
    RecipientFacts,
    RuleBook,
    Verdict,
    decide,
)
from consent.vocabulary import AssignmentRole, BookingStatus, ClientStatus, Kind, MatchTier, Purpose, Statute
from records import Assignment, BookingEvent, Enrolment, EnrolmentStatus, RosterEntry, StaffMember
from store.bookings import StoredBooking

_STATUS = {"open": "active", "released": "active", "void": "void", "sealed": "sealed"}
_ENROLLED = frozenset({EnrolmentStatus.ACTIVE, EnrolmentStatus.ON_HOLD})
_ENDED = frozenset({EnrolmentStatus.FINISHED, EnrolmentStatus.CANCELLED})


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """May this clinician be told that this client was booked, or this jail's clinic what continues their care?"""

    entry: RosterEntry
    booking: StoredBooking
    recipient: StaffMember | ClinicSettings
    tier: MatchTier
    consents: tuple[ConsentRecord, ...]
    programs: Mapping[str, ProgramSettings]
    jurisdiction: str
    circumstances: Callable[[ClientFacts], ClientFacts] = field(default=lambda facts: facts)
    """Adds what is on file beside the roster: opt-outs, restrictions, a guardian, a merger, a death."""
    context: ContextFacts = NO_CONTEXT
    purpose: Purpose = Purpose.TREAT

    def __repr__(self) -> str:
        return f"<question about a booking for {name_of(self.recipient)}>"


def name_of(recipient: StaffMember | ClinicSettings) -> str:
    """What a recipient is called in the store and the log. No member of staff can be called as a clinic is."""
    return recipient.staff if isinstance(recipient, StaffMember) else f"clinic.{recipient.id}"


def ask(question: Question, rulebook: RuleBook, as_of: datetime) -> tuple[Decision, DecisionRequest | None]:
    """The decision, and the request it was made upon for the record; no request where facts are missing.

    A birth date that is known in part is asked about as its first and as its last day, and the answer that allows
    less counts.
    """
    days = birth_days(question.entry)
    if question.booking.event.booked_at is None or not days or not _known_programs(question):
        return decide({}, rulebook), None
    asked = [request(question, day, as_of) for day in days]
    answers = [(decide(one, rulebook), one) for one in asked]
    return min(answers, key=lambda answer: (answer[0].decision is not Verdict.DENY, len(answer[0].fields_allowed)))


def request(question: Question, born: date, as_of: datetime) -> DecisionRequest:
    programs = _known_programs(question)
    return DecisionRequest(
        as_of=as_of,
        jurisdiction=question.jurisdiction,
        purpose=question.purpose,
        client=_client(question, born),
        programs=programs,
        consents=question.consents,
        booking=_booking(question.booking, question.tier),
        recipient=_facts_of(question.recipient, question.entry, programs, as_of),
        context=question.context,
        policy={},
    )


def birth_days(entry: RosterEntry) -> tuple[date, ...]:
    """The day, or the first and the last day that a partial date of birth may mean; none if it is unknown."""
    text = entry.identities[0].birth_date if entry.identities else ""
    first = text + "0001-01-01"[len(text) :]
    if not text:
        return ()
    try:
        start = date.fromisoformat(first)
    except ValueError:
        return ()
    if len(text) == len("YYYY-MM-DD"):
        return (start,)
    following = start.replace(year=start.year + 1) if len(text) == len("YYYY") else _next_month(start)
    return (start, date.fromordinal(following.toordinal() - 1))


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _client(question: Question, born: date) -> ClientFacts:
    entry = question.entry
    base = ClientFacts(
        id=entry.client_id,
        dob=born,
        emancipated_at=None,
        status=ClientStatus.ACTIVE,
        died_at=None,
        merged_from=(),
        merged_into=None,
        guardian=None,
        assignments=tuple(_assignment(a) for a in entry.assignments),
        opt_outs=(),
        restrictions=(),
        global_revocations=(),
    )
    return question.circumstances(base)


def _assignment(assignment: Assignment) -> AssignmentFacts:
    covering = assignment.role == AssignmentRole.COVERING.value
    return AssignmentFacts(
        person_id=assignment.staff,
        program_id=assignment.program,
        role=AssignmentRole.COVERING if covering else AssignmentRole.PRIMARY,
        since=assignment.starts,
        until=assignment.ends,
    )


def _known_programs(question: Question) -> tuple[ProgramFacts, ...]:
    """The programmes the client is in or was in. One that is not configured has unknown facts: then there is no answer."""
    enrolled = [e for e in question.entry.enrolments if e.status in _ENROLLED | _ENDED]
    if any(e.program not in question.programs for e in enrolled):
        return ()
    return tuple(_program(question.programs[e.program], e) for e in enrolled if _has_an_end(e))


def _has_an_end(enrolment: Enrolment) -> bool:
    """A finished enrolment whose last day nobody wrote down is over, at a time we do not know: it says nothing."""
    return enrolment.status in _ENROLLED or enrolment.ends is not None


def _program(settings: ProgramSettings, enrolment: Enrolment) -> ProgramFacts:
    return ProgramFacts(
        id=settings.id,
        name=settings.name,
        org_id=settings.org,
        part2=settings.part2,
        covered_entity=settings.covered_entity,
        admin_control_orgs=settings.admin_control_orgs,
        enrolled_from=enrolment.starts,
        enrolled_to=enrolment.ends,
        jurisdiction=settings.jurisdiction,
        statutory_agency=tuple(Statute(name) for name in settings.statutory_agency),
    )


def _booking(booking: StoredBooking, tier: MatchTier) -> BookingFacts:
    event = booking.event
    return BookingFacts(
        id=booking.ref,
        status=BookingStatus(_STATUS[booking.state]),
        sealed_at=None,
        juvenile=event.juvenile,
        booked_at=_moment(event),
        released_at=event.released_at.at if event.released_at else None,
        match_tier=tier,
        jurisdiction=None,
    )


def _moment(event: BookingEvent) -> datetime:
    if event.booked_at is None:
        raise ValueError("asked about a booking without a time")  # `ask` lets none through
    return event.booked_at.at


def _facts_of(
    recipient: StaffMember | ClinicSettings, entry: RosterEntry, programs: Sequence[ProgramFacts], as_of: datetime
) -> RecipientFacts:
    if isinstance(recipient, StaffMember):
        return _recipient(recipient, entry, programs, as_of)
    return _clinic(recipient)


def _clinic(clinic: ClinicSettings) -> RecipientFacts:
    """The health service of a jail, as the county's configuration vouches for it."""
    return RecipientFacts(
        kind=Kind.JAIL_HEALTH,
        person_id=None,
        org_id=clinic.org,
        program_id=None,
        supervises=(),
        verified=clinic.verified,
        active=True,
        treating_relationship=clinic.has_care_responsibility,
        has_care_responsibility=clinic.has_care_responsibility,
        covered_entity=clinic.covered_entity,
        medical_personnel=clinic.medical_personnel,
        mh_services=clinic.mh_services,
        authority_verified=False,
        statutory_agency=tuple(Statute(name) for name in clinic.statutory_agency),
        via=None,
    )


def _recipient(
    member: StaffMember, entry: RosterEntry, programs: Sequence[ProgramFacts], as_of: datetime
) -> RecipientFacts:
    assigned = [a.program for a in entry.assignments if a.staff == member.staff and in_force(a, as_of)]
    home = _home(member, entry, programs, as_of)
    treats = bool(assigned) or _answers_for(member, entry, as_of)
    return RecipientFacts(
        kind=Kind.PROGRAM_STAFF,
        person_id=member.staff,
        org_id=member.org,
        program_id=home.id if home else None,
        supervises=tuple(member.supervises),
        verified=member.verified,
        active=member.active,
        treating_relationship=treats,
        has_care_responsibility=treats,
        covered_entity=bool(home and home.covered_entity),
        medical_personnel=False,
        mh_services=False,
        authority_verified=False,
        statutory_agency=(),
        via=None,
    )


def _home(
    member: StaffMember, entry: RosterEntry, programs: Sequence[ProgramFacts], at: datetime
) -> ProgramFacts | None:
    """As whose staff they are asked about, of the client's programmes: where they are assigned, else where nobody is and they
    supervise, else their own. Under Part 2 first: into such a programme nobody comes from another one, out of it they do.
    """
    running = [a for a in entry.assignments if in_force(a, at)]
    mine = {a.program for a in running if a.staff == member.staff}
    unserved = {*member.supervises} - {a.program for a in running}
    kinds = (mine, unserved, {*member.programs}, {*member.supervises})
    found = (p for kind in kinds for part2 in (True, False) for p in programs if p.id in kind and p.part2 is part2)
    return next(found, None)


def _answers_for(member: StaffMember, entry: RosterEntry, at: datetime) -> bool:
    """A programme's supervisor treats its clients to whom nobody is assigned, until somebody is."""
    if any(in_force(assignment, at) for assignment in entry.assignments):
        return False
    return member.org == entry.org and any(e.program in member.supervises for e in entry.enrolments)


def in_force(assignment: Assignment, at: datetime) -> bool:
    """Half-open, as every period here."""
    started = assignment.starts is None or assignment.starts <= at
    return started and (assignment.ends is None or at < assignment.ends)
