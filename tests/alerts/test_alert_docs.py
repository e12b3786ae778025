"""Is the alert that the guide shows the alert that is sent?"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from alerts.compose import compose
from alerts.content import AlertFacts, AlertKind, ConsentBasis, FacilityContact, Language, MatchClass
from alerts.render import render_text
from records import Custody, Personal
from tests.alerts.conftest import NOW, ZONE, instant

GUIDE = Path(__file__).parents[2] / "docs" / "alerts.md"


def test_the_guide_shows_what_is_sent() -> None:
    facts = AlertFacts(
        match=MatchClass.FULL,
        zone=ZONE,
        client=Personal("Rosa Delgado-Marsh"),
        client_number=Personal("4411"),
        booked_at=instant(2026, 3, 10, 6, 40),
        facility=FacilityContact("Lakeside County Jail", "555-0100", "555-0101"),
        custody=Custody.IN_CUSTODY,
        next_court_at=instant(2026, 3, 10, 18, 30),
        consent=ConsentBasis("C-001", date(2026, 1, 5), date(2026, 12, 31)),
    )
    booking = {f"booking.{name}" for name in ("fact", "time", "facility", "custody_status", "court_date")}
    allowed = frozenset(booking | {"match.fact", "client.ref"})
    made = compose(facts, allowed, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=NOW)
    shown = re.search(r"```text\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert shown
    assert shown[1] == render_text(made)
