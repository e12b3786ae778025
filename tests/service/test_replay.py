"""What comes again, and what is taken back: nothing is told twice, and what must not be told any more is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from audit.leaves import Kind
from service import reading
from service.cli.app import app
from service.desks.operations import operations
from service.reading import NotAvailable
from service.setup import CONFIG_NAME
from store import feeds, tables
from store.feeds import FeedStatus
from tests.service.installation import (
    AVELINE,
    BARNABY,
    CORISANDE,
    DEMETRIO,
    STRANGER,
    TWIN,
    Installation,
    alert_ref,
    consent,
    facts_of,
    revoked,
)

FOUND = (
    tables.booking,
    tables.booking_event,
    tables.link,
    tables.decision,
    tables.alert,
    tables.outbox,
    tables.inbox_item,
    tables.attempt,
)


def counts(site: Installation) -> dict[str, int]:
    return {table.name: site.count(table) for table in FOUND}


def kinds(site: Installation) -> Counter[Kind]:
    return Counter(entry.leaf.kind for entry in site.leaves())


def test_the_same_file_again_does_nothing(site: Installation) -> None:
    rows = [person.booked(f"J{n}") for n, person in enumerate((AVELINE, BARNABY, STRANGER, TWIN))]
    site.bookings(*rows)
    first = site.cycle()
    assert (first.tally.events, first.tally.alerts, first.sent.delivered["inbox"]) == (4, 2, 2)
    before, leaves = counts(site), kinds(site)

    for name in ("bookings.csv", "the-same-under-another-name.csv"):
        site.bookings(*rows, name=name)
        again = site.cycle()
        assert (again.tally.events, again.tally.replayed, again.tally.alerts) == (0, 4, 0)
    assert counts(site) == before
    assert set(kinds(site) - leaves) <= {Kind.PULL, Kind.CHECKPOINT_PUBLISHED}


def test_one_booking_from_two_feeds_is_one_booking(site: Installation) -> None:
    site.bookings(AVELINE.booked("J1"))
    site.bookings(AVELINE.booked("J1"), feed="second-jail")
    report = site.cycle()
    assert report.tally.alerts == 1
    assert site.count(tables.booking) == 1
    assert {row["feed"] for row in site.rows(tables.booking_event)} == {"jail", "second-jail"}
    assert site.count(tables.inbox_item) == 1


def test_an_update_says_nothing_anew_and_a_release_is_said_once(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    site.bookings(AVELINE.booked("J1", "A", charges="DUI|Driving under the influence"))
    report = site.cycle()
    assert (report.tally.events, report.tally.alerts, report.sent.delivered["inbox"]) == (1, 0, 0)
    released = AVELINE.booked("J1", "R", release_at="2026-10-06T06:00:00-04:00")
    site.bookings(released, feed="second-jail")
    site.bookings(released)
    report = site.cycle()
    assert (report.tally.events, report.tally.alerts, report.sent.delivered["inbox"]) == (2, 1, 1)
    assert [row["kind"] for row in site.rows(tables.alert)] == ["arrest", "release"]
    assert site.rows(tables.booking)[0]["state"] == "released"


def test_every_row_of_one_file_counts_also_of_a_booking_nobody_may_be_told_of(site: Installation) -> None:
    """Two rows of one booking are decided at the same instant: neither may push the other out."""
    site.consents(revoked(AVELINE, site.clock()))
    site.bookings(
        AVELINE.booked("J1"),
        AVELINE.booked("J1", "A", charges="DUI|Driving under the influence"),
        AVELINE.booked("J1", "R", release_at="2026-10-06T06:00:00-04:00"),
    )
    report = site.cycle()
    assert (report.tally.events, report.tally.replayed) == (3, 0)
    assert site.rows(tables.booking)[0]["state"] == "released"
    assert [row["decision"] for row in site.rows(tables.decision)] == ["deny"] * 3
    (state,) = {row["state"] for row in site.rows(tables.delivery)}
    assert state == "complete"


@pytest.mark.parametrize(("event", "state", "reason"), [("C", "void", "cancelled"), ("S", "sealed", "sealed")])
def test_cancelled_or_sealed_before_it_was_sent(site: Installation, event: str, state: str, reason: str) -> None:
    site.bookings(AVELINE.booked("J1"), AVELINE.booked("J1", event))
    report = site.cycle()
    assert report.tally.alerts == 1
    assert report.sent.delivered == {}
    assert site.count(tables.inbox_item) == 0
    assert site.alert_of("J1", AVELINE)["state"] == "withdrawn"
    (booking,) = site.rows(tables.booking)
    assert (booking["state"], booking["sealed"]) == (state, None)
    (retraction,) = site.leaves(Kind.RETRACTION)
    assert facts_of(retraction)["retraction_reason"] == reason
    assert len(site.leaves(Kind.PURGE)) == 1


@pytest.mark.parametrize("event", ["C", "S"])
def test_a_stale_feed_does_not_bring_back_what_was_ended(sqlite_site: Installation, event: str) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"), AVELINE.booked("J1", event))
    site.cycle()
    before = counts(site)
    site.bookings(AVELINE.booked("J1"), feed="second-jail")
    site.bookings(AVELINE.booked("J1", "A", charges="DUI|Driving under the influence"))
    report = site.cycle()
    assert report.tally.events == 2
    assert report.tally.alerts == 0
    assert counts(site) == before | {"booking_event": before["booking_event"] + 2}
    assert site.rows(tables.booking)[0]["sealed"] is None


@pytest.mark.parametrize("event", ["C", "S"])
def test_ended_after_delivery_it_can_no_longer_be_opened(sqlite_site: Installation, event: str) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    site.bookings(AVELINE.booked("J1", event))
    site.cycle()
    with pytest.raises(NotAvailable):
        reading.open_alert(site.engine, alert_ref(site.alert_of("J1", AVELINE)), site.private["A1"])
    assert len(site.leaves(Kind.REFUSED_ATTEMPT)) == 1
    assert site.leaves(Kind.OPENING) == []


def test_a_cancellation_of_a_booking_never_received_bars_it(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1", "C"))
    site.cycle()
    site.bookings(AVELINE.booked("J1"))
    report = site.cycle()
    assert report.tally.alerts == 0
    assert site.count(tables.link) == 0


def test_a_corrected_identity_unlinks_and_withdraws(sqlite_site: Installation) -> None:
    """The first report gave Aveline's particulars; the fingerprints say that it was somebody else."""
    site = sqlite_site
    corrected = STRANGER.booked("J1", "I")
    site.bookings(AVELINE.booked("J1"), corrected)
    report = site.cycle()
    assert report.tally.alerts == 1
    assert report.sent.delivered == {}
    (link,) = site.rows(tables.link)
    assert link["superseded_at"] is not None
    assert site.alert_of("J1", AVELINE)["state"] == "withdrawn"
    assert [facts_of(e)["retraction_reason"] for e in site.leaves(Kind.RETRACTION)] == ["superseded"]


def test_an_identity_corrected_to_another_client_tells_their_clinician(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"), CORISANDE.booked("J1", "I"))
    report = site.cycle()
    assert report.tally.alerts == 2
    assert site.alert_of("J1", AVELINE)["state"] == "withdrawn"
    assert site.alert_of("J1", CORISANDE)["state"] == "delivered"
    (item,) = site.rows(tables.inbox_item)
    assert item["recipient"] == "B2"


def test_an_identity_corrected_away_and_back_is_told(site: Installation) -> None:
    """Nothing was delivered for the first report, so the third must not count as told already."""
    site.bookings(
        AVELINE.booked("J1"),
        STRANGER.booked("J1", "I"),
        AVELINE.booked("J1", "I", charges="DUI|Driving under the influence"),
    )
    report = site.cycle()
    assert report.sent.delivered["inbox"] == 1
    assert sorted(row["state"] for row in site.rows(tables.alert)) == ["delivered", "withdrawn"]
    assert site.rows(tables.link)[0]["superseded_at"] is None


def test_a_first_load_is_a_baseline_and_what_follows_is_not(sqlite_site: Installation) -> None:
    site = sqlite_site
    settings = site.engine.settings
    feeds = tuple(feed.model_copy(update={"first_load": "baseline"}) for feed in settings.feeds)
    site.engine = replace(site.engine, settings=settings.model_copy(update={"feeds": feeds}))
    site.bookings(AVELINE.booked("J1"), AVELINE.booked("J1", "A", charges="DUI|Driving under the influence"))
    first = site.cycle()
    assert (first.tally.events, first.tally.alerts) == (2, 0)
    site.bookings(DEMETRIO.booked("J2"), AVELINE.booked("J1", "R", release_at="2026-10-06T06:00:00-04:00"))
    second = site.cycle()
    assert (second.tally.events, second.tally.alerts) == (2, 1)
    assert [row["recipient"] for row in site.rows(tables.alert)] == ["A1"]


def test_a_client_who_left_the_roster_is_looked_for_no_more(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.roster([BARNABY, CORISANDE, DEMETRIO])
    site.cycle()
    site.bookings(AVELINE.booked("J1"))
    report = site.cycle()
    assert (report.tally.alerts, report.tally.verdicts["NONE"]) == (0, 1)
    site.roster([AVELINE, BARNABY, CORISANDE, DEMETRIO])
    site.cycle()
    site.bookings(AVELINE.booked("J2"))
    assert site.cycle().tally.alerts == 1


def test_a_changed_clinician_gets_what_is_booked_from_then_on(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    site.roster([replace(AVELINE, clinician="B2"), BARNABY, CORISANDE, DEMETRIO])
    site.bookings(AVELINE.booked("J2"))
    site.cycle()
    assert {row["recipient"] for row in site.rows(tables.inbox_item)} == {"A1", "B2"}
    assert site.alert_of("J2", AVELINE)["recipient"] == "B2"


def test_the_same_consents_again_change_nothing(sqlite_site: Installation) -> None:
    site = sqlite_site
    before = site.count(tables.consent_record)
    site.consents(*(consent(p) for p in (AVELINE, BARNABY)))
    assert site.count(tables.consent_record) == before


def _moved_on(site: Installation) -> list[dict[str, str]]:
    """Two bookings of which more was said since: what was said of them at first."""
    first = [AVELINE.booked("J1"), BARNABY.booked("J2"), STRANGER.booked("J3")]
    released = {"release_at": "2026-10-06T06:10:00-04:00"}
    site.bookings(*first, name="first.csv")
    site.cycle()
    site.bookings(AVELINE.booked("J1", "R", **released), BARNABY.booked("J2", "R", **released), name="second.csv")
    site.cycle()
    return first


@pytest.mark.parametrize("rows", [slice(None), slice(2)], ids=["the same file", "a part of it"])
def test_an_old_file_under_another_name_is_known_for_one_and_takes_nothing_back(
    site: Installation, rows: slice
) -> None:
    first = _moved_on(site)
    before, leaves = counts(site), kinds(site)
    stored = site.rows(tables.booking_source)
    heard = _status(site).last_delivery_at
    for name in ("old.csv", "older.csv"):
        site.clock.forward(minutes=5)
        site.bookings(*first[rows], name=name)
        again = site.cycle()
        assert (again.tally.events, again.tally.alerts) == (0, 0)
    assert counts(site) == before
    assert site.rows(tables.booking_source) == stored
    assert set(kinds(site) - leaves) <= {Kind.PULL, Kind.CHECKPOINT_PUBLISHED}
    assert _status(site).last_delivery_at == heard  # no sign that the source is alive
    (told,) = (row for row in site.rows(tables.delivery) if row["again"])
    assert told["again"] == 2
    assert told["counts"]["rows"] == len(first[rows])
    (shown,) = (one for one in operations(site.engine).deliveries if one.again)
    assert shown.again == 2
    run = CliRunner().invoke(app, ["feed", "status", "jail", "-c", str(site.home / CONFIG_NAME)])
    assert "delivered again 2 times" in " ".join(run.output.split())


def test_a_feed_that_changes_its_mind_about_one_booking_is_believed(site: Installation) -> None:
    """In the same words as before, beside rows that say nothing new: that is no old file."""
    rows = [AVELINE.booked("J1"), STRANGER.booked("J3")]
    for name, facility in (("a.csv", "COUNTY JAIL"), ("b.csv", "ANNEX"), ("c.csv", "COUNTY JAIL")):
        site.bookings(rows[0] | {"facility": facility}, rows[1], name=name)
        site.cycle()
    assert site.count(tables.booking_event) == 4
    assert not any(row["again"] for row in site.rows(tables.delivery))


def test_old_rows_beside_a_new_one_are_no_old_file(site: Installation) -> None:
    first = _moved_on(site)
    site.bookings(*first, CORISANDE.booked("J9"), name="new.csv")
    assert site.cycle().tally.events == 3


def _status(site: Installation) -> FeedStatus:
    with site.engine.database.read() as conn:
        return feeds.status(conn, "jail")
