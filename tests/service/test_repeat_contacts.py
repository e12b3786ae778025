"""Who sees that a client was booked again and again: those who were told each time and may hear it today, and nobody else."""

from __future__ import annotations

from audit.leaves import Kind
from audit.report import text
from records import StaffId
from service.desks.repeats import repeat_contacts
from tests.service.installation import AVELINE, Installation, revoked

A1, B2 = StaffId("A1"), StaffId("B2")


def booked_again_and_again(site: Installation, times: int) -> None:
    """A stay each month, ended after two days."""
    for n in range(times):
        site.clock.forward(days=30)
        at, end = site.clock(), site.clock().replace(hour=23)
        stay = {"booked_at": at.isoformat()}
        site.bookings(AVELINE.booked(f"26-{n}", **stay), name=f"in-{n}.csv")
        site.cycle()
        site.clock.at = end
        out = stay | {"release_at": end.isoformat()}
        site.bookings(AVELINE.booked(f"26-{n}", "R", **out), name=f"out-{n}.csv")
        site.cycle()


def test_only_whoever_was_told_each_time_sees_it_and_the_look_is_in_the_log(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked_again_and_again(site, 3)
    assert repeat_contacts(site.engine, A1) == ()
    booked_again_and_again_once_more(site)
    (found,) = repeat_contacts(site.engine, A1)
    assert found.bookings == 4
    assert repeat_contacts(site.engine, B2) == ()
    seen = [e for e in site.leaves(Kind.VIEW) if text(e, "screen") == "repeat_contacts"]
    assert [(text(e, "by"), bool(text(e, "client"))) for e in seen] == [("A1", True)]
    site.clock.forward(days=300)
    assert repeat_contacts(site.engine, A1) == ()


def booked_again_and_again_once_more(site: Installation) -> None:
    site.clock.forward(days=30)
    site.bookings(AVELINE.booked("26-last", booked_at=site.clock().isoformat()), name="last.csv")
    site.cycle()


def test_a_revoked_consent_ends_it(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked_again_and_again(site, 4)
    assert len(repeat_contacts(site.engine, A1)) == 1
    site.clock.forward(hours=1)
    site.consents(revoked(AVELINE, site.clock()))
    assert repeat_contacts(site.engine, A1) == ()
    decided = site.leaves(Kind.DECISION)[-1]
    assert (text(decided, "effect"), text(decided, "stage")) == ("deny", "open")
