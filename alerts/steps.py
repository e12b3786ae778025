"""What to do next, each step with its clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.content import AlertKind, Clocks, Step
from alerts.telling import Telling
from records.instant import Instant, TimeQuality

PLANS: Mapping[AlertKind, tuple[str, ...]] = {
    AlertKind.ARREST: ("verify", "claim", "checklist", "court"),
    AlertKind.ALREADY_IN_CUSTODY: ("verify", "claim", "checklist", "court"),
    AlertKind.TRANSFER: ("new_clinic",),
    AlertKind.COURT_DATE: ("court",),
    AlertKind.RELEASE: ("first_contact", "appointment"),
    AlertKind.RELEASE_WITHDRAWN: ("stop_release_plan", "verify"),
    AlertKind.HAND_OVER: ("claim", "read_thread"),
    AlertKind.RETRACTION: ("do_not_act", "if_shared"),
    AlertKind.CLINIC_SHEET: ("check_patient", "clinic_only"),
}

OWED: Mapping[str, str] = {"ASSIGN_CLINICIAN": "assign", "RECONSENT_DUE": "reconsent"}
"""Obligations that the reader of the alert meets."""


def next_steps(t: Telling) -> tuple[Step, ...]:
    """The kind's plan, what has a deadline by that deadline, then what the decision obliges the reader to do.

    A retraction carries its own steps only.
    """
    owed = () if t.kind is AlertKind.RETRACTION else tuple(OWED[o] for o in sorted(t.obligations) if o in OWED)
    planned = tuple(name for name in PLANS[t.kind] if name != "court" or _court_ahead(t))
    steps = [_step(name, t) for name in planned]
    steps.sort(key=lambda step: step.due.timestamp() if step.due else 0.0)
    return (*steps, *(_step(name, t) for name in owed))


def next_business_close(now: datetime, zone: str, clocks: Clocks) -> datetime:
    """Close of business on the next local weekday that is no holiday, as an instant in that zone."""
    local = now.astimezone(ZoneInfo(zone))
    day = local.date() + timedelta(days=1)
    while day.weekday() >= 5 or day in clocks.holidays:
        day += timedelta(days=1)
    return datetime.combine(day, clocks.close_of_business, ZoneInfo(zone))


def _step(name: str, t: Telling) -> Step:
    phrase = t.words.steps[name]
    if isinstance(phrase, str):
        return Step(phrase)
    due = _due(name, t)
    if due is None:
        return Step(phrase.plain)
    return Step(phrase.dated.format(due=t.words.at(due, t.facts.zone)), due)


def _court_ahead(t: Telling) -> bool:
    court = t.facts.next_court_at
    return court is not None and "booking.court_date" in t.allowed and not t.passed(court)


def _due(name: str, t: Telling) -> datetime | None:
    """The step's deadline. None where it has none, where it is not known, or where it would tell a hidden fact."""
    match name:
        case "checklist":
            return next_business_close(t.now, t.facts.zone, t.clocks)
        case "court":
            return _hearing(t.facts.next_court_at)
        case "first_contact":
            return _after_release(t, t.clocks.first_contact)
        case "appointment":
            return _after_release(t, t.clocks.appointment)
        case _:
            return None


def _hearing(court: Instant | None) -> datetime | None:
    """A hearing known by its day only has no hour to be ready by."""
    return court.at if court and court.quality is not TimeQuality.DATE_ONLY else None


def _after_release(t: Telling, within: timedelta) -> datetime | None:
    """Reckoned from the release, so it may be told only where the time of the release may be."""
    if t.facts.released_at is None or not {"booking.custody_status", "booking.time"} <= t.allowed:
        return None
    return t.facts.released_at.at + within
