"""Is content destroyed when it must be and not before, does a hold stop it, and does the log outlive it?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit.leaves import Kind
from config import Refuse
from service import reports, retention
from service.reports import Wish
from store import purges, tables
from tests.service.installation import AVELINE, BARNABY, ORG, STRANGER, Installation, facts_of

SIX_YEARS = timedelta(days=6 * 366)


def sealed_values(site: Installation, booking: str) -> list[bytes]:
    """Every envelope that lies somewhere about this booking, or about a decision or message on it."""
    links = {row["ref"] for row in site.rows(tables.link, booking=booking)}
    told = (row for row in site.rows(tables.alert) if row["kind"] != "retraction")
    alerts = {row["ref"] for row in told if row["link"] in links}
    found = [row["sealed"] for row in site.rows(tables.booking, ref=booking)]
    found += [row["sealed_input"] for row in site.rows(tables.decision) if row["link"] in links]
    for row in site.rows(tables.inbox_item):
        if row["alert"] in alerts:
            found += [(row["jwe"] or "").encode(), (row["backup_jwe"] or "").encode()]
    return [bytes(value) for value in found if value]


def share_on_disk(site: Installation, value: bytes) -> float:
    """How much of a value is found in the database file and its companions. A long one lies on several pages."""
    held = b"".join(path.read_bytes() for path in sorted(site.home.glob("warmlink.db*")))
    pieces = [value[at : at + 32] for at in range(256, len(value) - 32, 64)]  # after a header that all share
    return sum(piece in held for piece in pieces) / len(pieces)


@pytest.mark.parametrize("event", ["S", "C"])
def test_what_a_court_seals_is_gone_from_the_bytes_of_the_database_and_the_log_still_holds(
    event: str, sqlite_site: Installation
) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    site.cycle()
    values, others = sealed_values(site, site.booking("J1")), sealed_values(site, site.booking("J2"))
    assert len(values) >= 4
    assert all(share_on_disk(site, value) > 0.9 for value in values)
    site.bookings(AVELINE.booked("J1", event))
    site.cycle()
    purges.sweep(site.engine.database)
    assert sealed_values(site, site.booking("J1")) == []
    assert [share_on_disk(site, value) for value in values] == [0.0] * len(values)
    assert all(share_on_disk(site, value) > 0.9 for value in others)
    assert site.verified().good
    (gone,) = (facts_of(e) for e in site.leaves(Kind.PURGE))
    assert (gone["booking"], gone["purge_reason"]) == (site.booking("J1"), "sealed" if event == "S" else "cancelled")
    told = reports.produce(site.engine, Wish("everything", "officer", AVELINE.number, ORG)).table
    assert len(told.rows) == 1, "who was told survives what they were told"


def test_on_either_database_nothing_about_a_sealed_booking_is_left_in_a_row(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    assert sealed_values(site, site.booking("J1"))
    site.bookings(AVELINE.booked("J1", "S"))
    site.cycle()
    purges.sweep(site.engine.database)
    assert sealed_values(site, site.booking("J1")) == []
    assert site.verified().good


def test_a_hold_keeps_what_is_sealed_out_of_sight_until_it_is_lifted(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    hold = retention.place_hold(site.engine, "counsel-1", client=AVELINE.number, org=ORG, booking=None)
    site.bookings(AVELINE.booked("J1", "S"))
    site.cycle()
    assert site.rows(tables.booking)[0]["state"] == "sealed"
    kept = sealed_values(site, site.booking("J1"))
    assert kept
    assert site.leaves(Kind.PURGE) == []
    assert {row["state"] for row in site.rows(tables.alert) if row["kind"] != "retraction"} == {"withdrawn"}
    assert retention.run(site.engine).held == 1
    retention.lift_hold(site.engine, hold, "counsel-1")
    assert retention.run(site.engine).destroyed == {"sealed": 1}
    assert sealed_values(site, site.booking("J1")) == []
    assert [share_on_disk(site, value) for value in kept] == [0.0] * len(kept)
    assert [facts_of(e)["change"] for e in site.leaves(Kind.LEGAL_HOLD)] == ["placed", "lifted"]
    assert site.verified().good


def test_an_ended_stay_of_nobody_goes_after_the_window_and_a_clients_after_six_years(sqlite_site: Installation) -> None:
    site = sqlite_site
    released = {"release_at": "2026-10-06T05:30:00-04:00"}
    site.bookings(STRANGER.booked("J1"), AVELINE.booked("J2"), STRANGER.booked("J3", "R", **released))
    site.cycle()
    assert retention.run(site.engine).destroyed == {}
    site.clock.forward(days=31)
    assert retention.run(site.engine, rehearse=True).destroyed == {"match_window": 1}
    assert retention.run(site.engine).destroyed == {"match_window": 1}
    assert {r["ref"]: r["sealed"] is None for r in site.rows(tables.booking)} == {
        site.booking("J1"): False,
        site.booking("J2"): False,
        site.booking("J3"): True,
    }
    site.clock.at += SIX_YEARS
    assert retention.run(site.engine).destroyed == {"retention": 2}
    assert sealed_values(site, site.booking("J2")) == []
    assert site.verified().good


def test_a_client_who_left_goes_after_six_years_with_their_consents_and_does_not_come_back(
    sqlite_site: Installation,
) -> None:
    site = sqlite_site
    site.roster([BARNABY], name="shrunk.csv")
    site.cycle()
    site.clock.at += SIX_YEARS
    assert retention.run(site.engine).destroyed == {"retention": 3}
    ref = site.client(AVELINE)
    assert site.rows(tables.client, ref=ref)[0]["sealed"] is None
    assert {row["sealed"] for row in site.rows(tables.consent_record, client=ref)} == {None}
    assert all(row["sealed"] for row in site.rows(tables.consent_record, client=site.client(BARNABY)))
    site.roster([AVELINE, BARNABY], name="stale.csv")
    site.cycle()
    assert site.rows(tables.client, ref=ref)[0]["sealed"] is None


def test_holds_on_everything_and_on_one_booking(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"), BARNABY.booked("J2"))
    site.cycle()
    one = retention.place_hold(site.engine, "counsel-1", client=None, org=None, booking=site.booking("J1"))
    site.clock.at += SIX_YEARS
    assert retention.run(site.engine, rehearse=True).held == 1
    everything = retention.place_hold(site.engine, "counsel-1", client=None, org=None, booking=None)
    assert (retention.run(site.engine).destroyed, {h.ref for h in retention.list_holds(site.engine)}) == (
        {},
        {one, everything},
    )
    retention.lift_hold(site.engine, everything, "counsel-1")
    with pytest.raises(Refuse, match="no hold of this name"):
        retention.lift_hold(site.engine, everything, "counsel-1")
    with pytest.raises(Refuse, match="no booking"):
        retention.place_hold(site.engine, "counsel-1", client=None, org=None, booking="a" * 26)
    with pytest.raises(Refuse, match="one word"):
        retention.place_hold(site.engine, "Counsel One", client=None, org=None, booking=None)
    assert retention.run(site.engine).destroyed == {"retention": 1}


def test_the_first_cycle_of_a_day_purges_and_the_others_do_not(sqlite_site: Installation, tmp_path: Path) -> None:
    site = sqlite_site
    site.bookings(STRANGER.booked("J1", "R", release_at="2026-10-06T05:30:00-04:00"))
    site.cycle()
    site.clock.forward(days=40)
    site.cycle()
    assert len(site.leaves(Kind.PURGE)) == 1
    assert retention.daily(site.engine) is None
