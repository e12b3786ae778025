"""Through a neutral unit as at the provider's own: while a clinician is away, her cover is asked about and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from consent import decide
from matcher import Link, Verdict
from records import Absence, BookingEvent, BookingNumber, EventKind, FacilityId, FeedId, Instant, Op, StaffId
from service import reading, registry
from service.dispatch import Dispatcher
from service.neutral.caseload import EngineCaseload
from store import tables
from tests.service.installation import BARNABY, STAFF, START, Installation, alert_ref


def away(site: Installation, *pairs: tuple[str, str | None]) -> None:
    absent = {
        name: (Absence(START - timedelta(days=1), START + timedelta(days=9), StaffId(cover) if cover else None),)
        for name, cover in pairs
    }
    registry.import_staff(site.engine, tuple(replace(m, absences=absent.get(m.staff, ())) for m in STAFF))


def released(site: Installation) -> None:
    """What the unit hands over once its own rules have said yes: the booking, and the link, without a name."""
    now = site.clock()
    event = BookingEvent(
        feed=FeedId("neutral-unit"),
        agency="COMMON",
        booking_number=BookingNumber("J1"),
        op=Op.ADD,
        kind=EventKind.BOOKED,
        identities=(),
        content_hash="0" * 64,
        received_at=Instant(now),
        booked_at=Instant(now - timedelta(hours=2)),
        facility=FacilityId("COUNTY JAIL"),
    )
    link = Link(site.client(BARNABY), Verdict.ALERT, 30.0, 0.9999, 12.0, ())
    EngineCaseload(site.engine).receive(event, [link], now)
    Dispatcher(site.engine).run()


@pytest.mark.parametrize(
    ("absences", "expected"),
    [
        pytest.param((), "A1", id="nobody away"),
        pytest.param((("A1", "B2"),), "B2", id="covered"),
        pytest.param((("A1", "B2"), ("B2", "A1")), "S9", id="cover away too"),
        pytest.param((("A1", None),), "S9", id="without a cover"),
    ],
)
def test_whoever_answers_now_is_asked_about_and_told(
    sqlite_site: Installation, absences: tuple[tuple[str, str | None], ...], expected: str
) -> None:
    """Barnaby is in a Part 2 programme: only its own staff, its supervisor, and whoever covers inside it, may hear."""
    site = sqlite_site
    away(site, *absences)
    (request,) = EngineCaseload(site.engine).requests(site.client(BARNABY), site.clock())
    assert request.recipient.person_id == expected
    assert decide(request, site.engine.rulebook).discloses
    released(site)
    assert [(r["recipient"], r["state"]) for r in site.rows(tables.alert)] == [(expected, "delivered")]
    ref = alert_ref(site.rows(tables.alert)[0])
    assert "Barnaby Oxenholme" in reading.open_alert(site.engine, ref, site.private[expected]).headline
