"""What a clinician can say to an alert, what follows from it, and what they can report back afterwards.

Pure: a typed state machine and typed outcomes. `alerts.answers` writes both down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from alerts.content import AlertKind
from alerts.errors import AlertNotOpen, OutcomeRefused


class AlertState(Enum):
    """Where an alert is between the decision and its end."""

    QUEUED = "queued"
    STUCK = "stuck"
    DELIVERED = "delivered"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Verdict(Enum):
    """The recipient's answer."""

    SEEN = "seen"
    IS_MY_CLIENT = "is_my_client"
    NOT_MY_CLIENT = "not_my_client"
    """The wrong person: the match is false."""
    NOT_ON_MY_CASELOAD = "not_on_my_caseload"
    """The right person, but no longer mine."""
    CANNOT_ACT = "cannot_act"


class Consequence(Enum):
    """What the service has to do about an answer."""

    STOP_LADDER = "stop_ladder"
    CONFIRM_LINK = "confirm_link"
    """The link is right: keep it for good (must-link)."""
    REFUSE_LINK = "refuse_link"
    """The link is wrong: never make it again (cannot-link), and retract the thread for everyone who was told."""
    REROUTE = "reroute"
    """The roster is wrong: find who is responsible, and tell whoever keeps the roster."""
    CLIMB_NOW = "climb_now"
    """Turn to the next person on the ladder without waiting."""


@dataclass(frozen=True, slots=True)
class Transition:
    """Where the alert goes and what follows."""

    state: AlertState
    consequences: frozenset[Consequence] = frozenset()


ANSWERS: Mapping[Verdict, Transition] = {
    Verdict.SEEN: Transition(AlertState.OPENED),
    Verdict.IS_MY_CLIENT: Transition(
        AlertState.ACKNOWLEDGED, frozenset({Consequence.STOP_LADDER, Consequence.CONFIRM_LINK})
    ),
    Verdict.NOT_MY_CLIENT: Transition(AlertState.CLOSED, frozenset({Consequence.STOP_LADDER, Consequence.REFUSE_LINK})),
    Verdict.NOT_ON_MY_CASELOAD: Transition(AlertState.CLOSED, frozenset({Consequence.REROUTE})),
    Verdict.CANNOT_ACT: Transition(AlertState.ACKNOWLEDGED, frozenset({Consequence.CLIMB_NOW})),
}

ANSWERABLE = frozenset({AlertState.DELIVERED, AlertState.OPENED, AlertState.ACKNOWLEDGED})
"""A second answer is allowed: a clinician who said "mine" at 8:10 may find at the jail that it is a cousin."""


def acknowledge(kind: AlertKind, state: AlertState, verdict: Verdict) -> Transition:
    """What an answer does. Raises AlertNotOpen for an alert that was not received yet, or is over.

    Any answer to a retraction only says that it was read: it must not confirm a link that has just fallen.
    """
    if state not in ANSWERABLE:
        raise AlertNotOpen(f"this alert is {state.value}; it takes no answer")
    if kind is AlertKind.RETRACTION:
        return Transition(AlertState.CLOSED)
    if verdict is Verdict.SEEN and state is AlertState.ACKNOWLEDGED:
        return Transition(AlertState.ACKNOWLEDGED)
    return ANSWERS[verdict]


class ContactMode(Enum):
    """How the client was reached in custody."""

    IN_JAIL_VISIT = "in_jail_visit"
    VIDEO = "video"
    PHONE = "phone"
    JAIL_CLINIC_CONTACT = "jail_clinic_contact"
    FAMILY = "family"
    NONE = "none"


class Initiator(Enum):
    """Who began the contact."""

    CLINICIAN = "clinician"
    CLIENT = "client"
    FAMILY = "family"
    JAIL_CLINIC = "jail_clinic"
    COURT = "court"
    OTHER_PROVIDER = "other_provider"


class Reason(Enum):
    """What the contact was about. Which illness is not among them."""

    MEDICATION = "medication"
    CRISIS = "crisis"
    RELEASE_PLAN = "release_plan"
    COURT_CASE = "court_case"
    ENGAGEMENT = "engagement"
    HOUSING_BENEFITS = "housing_benefits"
    OTHER = "other"


class InfoItem(Enum):
    """What was given to the jail's clinic. Names of items, never their content."""

    MEDICATION_LIST = "medication_list"
    DIAGNOSES = "diagnoses"
    PHARMACY = "pharmacy"
    ALLERGIES = "allergies"
    RISK = "risk"
    CRISIS_PLAN = "crisis_plan"
    ADVANCE_DIRECTIVE = "advance_directive"


class Disposition(Enum):
    """How it ended."""

    DIVERTED = "diverted"
    RELEASED_WITH_PLAN = "released_with_plan"
    RELEASED_BEFORE_CONTACT = "released_before_contact"
    TRANSFERRED = "transferred"
    DECLINED_SERVICES = "declined_services"
    HOSPITALISED = "hospitalised"
    RE_ENGAGED = "re-engaged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Contact:
    """The client, or someone for them, was reached. Who began it and why may be left unsaid."""

    at: datetime
    mode: ContactMode
    initiator: Initiator | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class InfoSent:
    """The jail's clinic was told something, under a decision of its own: `decision` is that decision's reference."""

    at: datetime
    decision: str
    items: frozenset[InfoItem]

    def __post_init__(self) -> None:
        if not self.decision or not self.items:
            raise OutcomeRefused("information sent to a jail needs the decision that allowed it, and what was sent")


@dataclass(frozen=True, slots=True)
class Disposed:
    """The booking's end, as the clinician sees it."""

    at: datetime
    disposition: Disposition


@dataclass(frozen=True, slots=True)
class FirstContact:
    """The first contact after release: measured against 72 hours."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment after release: measured against 7 days, if it was kept."""

    at: datetime
    kept: bool


Outcome = Contact | InfoSent | Disposed | FirstContact | Appointment


def check_outcome(state: AlertState, outcome: Outcome, now: datetime) -> None:
    """Raises OutcomeRefused for what cannot have happened yet, AlertNotOpen for an alert nobody took on.

    An appointment may lie ahead unless it is said to have been kept.
    """
    if state not in {AlertState.ACKNOWLEDGED, AlertState.CLOSED}:
        raise AlertNotOpen(f"this alert is {state.value}; answer it before reporting on it")
    ahead = isinstance(outcome, Appointment) and not outcome.kept
    if outcome.at > now and not ahead:
        raise OutcomeRefused("an outcome cannot lie in the future; check the date and time")


def within(released_at: datetime | None, at: datetime | None, limit: timedelta, now: datetime) -> bool | None:
    """Whether something happened in time after release; None while it still may, or when there was no release."""
    if released_at is None:
        return None
    if at is not None and released_at <= at <= released_at + limit:
        return True
    return False if now > released_at + limit else None
