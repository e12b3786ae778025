"""A client in jail of whom nobody could be told: whoever takes them on hears of it then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from records import StaffMember
from records.roster import Absence
from service import registry
from store import tables
from tests.service.installation import AVELINE, CLIENTS, STAFF, Installation


def directory(site: Installation, hers: StaffMember = STAFF[0]) -> None:
    """There is neither supervisor nor anybody on call."""
    registry.import_staff(site.engine, [hers, STAFF[1], replace(STAFF[2], role="case_manager", supervises=())])


def booked_untold(site: Installation, **other: str) -> None:
    """She is found, and nobody is asked about."""
    site.bookings(AVELINE.booked("J1", **other))
    site.cycle()
    site.cycle()
    assert site.count(tables.link) == 1
    assert site.count(tables.alert) == site.count(tables.decision) == 0


def told(site: Installation) -> tuple[object, ...]:
    row = site.alert_of("J1", AVELINE)
    return row["recipient"], row["kind"], row["state"]


def test_whoever_takes_them_on_is_told_once(site: Installation) -> None:
    directory(site)
    site.roster([replace(AVELINE, clinician=""), *CLIENTS[1:]], "roster-2.csv")
    site.cycle()
    booked_untold(site)
    site.roster(CLIENTS, "roster-3.csv")
    site.cycle()
    site.cycle()
    assert told(site) == ("A1", "already_in_custody", "delivered")


def away(site: Installation, *, hours: float) -> None:
    now = site.clock()
    directory(site, replace(STAFF[0], absences=(Absence(now - timedelta(days=1), now + timedelta(hours=hours)),)))


def test_whoever_comes_back_is_told_of_whom_they_missed(site: Installation) -> None:
    away(site, hours=5)
    booked_untold(site)
    site.clock.forward(hours=6)
    site.cycle()
    assert told(site) == ("A1", "already_in_custody", "delivered")
    site.cycle()
    assert site.count(tables.alert) == 1
    assert (
        site.count(tables.decision) == len(site.rows(tables.decision, stage="link")) + 1
    )  # asked again when it was sent


def test_somebody_released_meanwhile_is_no_news(site: Installation) -> None:
    away(site, hours=5)
    booked_untold(site)
    site.bookings(AVELINE.booked("J1", "R", release_at="2026-10-06T08:00:00-04:00"), name="later.csv")
    site.cycle()
    site.clock.forward(hours=6)
    site.cycle()
    assert site.count(tables.alert) == 0
