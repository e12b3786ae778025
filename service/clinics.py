"""The health services of the jails, as recipients: which one a booking's facility has, and its key."""

from __future__ import annotations

import json

from alerts.errors import KeyRefused, NoUsableKey
from alerts.keys import PublicKey
from config import ClinicSettings
from records import BookingEvent
from service.engine import Engine
from service.requests import name_of


def clinic_at(engine: Engine, event: BookingEvent) -> ClinicSettings | None:
    """The clinic of the place where the person is held."""
    place = engine.facilities.get(event.facility.upper()) if event.facility else None
    return place.clinic if place else None


def clinic_named(engine: Engine, recipient: str) -> ClinicSettings | None:
    """The clinic that a recipient's name stands for; None for a member of staff."""
    clinics = (place.clinic for place in engine.settings.facilities if place.clinic is not None)
    return next((clinic for clinic in clinics if name_of(clinic) == recipient), None)


def clinic_key(engine: Engine, clinic: ClinicSettings) -> PublicKey:
    """What sheets are sealed to. Raises NoUsableKey: there is no plaintext instead."""
    path = engine.settings.at(clinic.key)
    try:
        return PublicKey.enrol(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyRefused):
        raise NoUsableKey(f"clinic {clinic.id} has no usable key; check {path.name}") from None
