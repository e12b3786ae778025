"""In shadow nothing leaves, whatever happens; and going live tells of what is new and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import outbox as entries
from audit.leaves import Kind
from records import AlertRef
from service import go_live
from service.cycle import Cycle
from service.status import status
from store import operation
from store import tables as t
from store.operation import Mode
from tests.service.installation import AVELINE, BARNABY, CORISANDE, Installation, consent, facts_of


def shadow(site: Installation) -> None:
    with site.engine.database.write() as conn:
        operation.set_mode(conn, Mode.SHADOW, "test", site.clock())


def live(site: Installation, by: str = "chief") -> None:
    go_live.confirm(site.engine, go_live.propose(site.engine, by).code, by)
    site.clock.forward(minutes=1)


def test_in_shadow_people_are_matched_and_decided_upon_and_nobody_is_told(site: Installation) -> None:
    shadow(site)
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"))
    report = site.cycle()
    assert report.tally.verdicts["ALERT"] == 2
    assert report.tally.decisions["permit"] + report.tally.decisions["redact"] > 0
    assert (site.count(t.alert), site.count(t.outbox), site.count(t.inbox_item)) == (0, 0, 0)
    assert site.leaves(Kind.ALERT, Kind.DELIVERY, Kind.DISCLOSURE) == []
    assert status(site.engine).shadow


def test_a_consent_that_arrives_in_shadow_tells_nobody_either(sqlite_site: Installation) -> None:
    site = sqlite_site
    shadow(site)
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    site.consents(consent(AVELINE, id="form-later"))
    report = site.cycle()
    assert report.reconsidered.links == 1
    assert site.count(t.outbox) == 0


def test_even_what_waits_in_the_outbox_does_not_leave(sqlite_site: Installation) -> None:
    """A belt beside the braces: an entry that got there by whatever way stays there."""
    site = sqlite_site
    with site.engine.database.read() as conn:
        assert operation.standing(conn).mode is Mode.LIVE
    site.bookings(AVELINE.booked("B-1"))
    Cycle(replace(site.engine)).run()
    (told,) = {row["alert"] for row in site.rows(t.outbox)}
    shadow(site)
    with site.engine.database.write() as conn:
        entries.enqueue(
            conn, site.engine.locator.ref("outbox", told, "webhook"), AlertRef(told), "webhook", now=site.clock()
        )
    site.clock.forward(hours=1)
    assert not site.cycle().sent.delivered
    (waiting,) = site.rows(t.outbox, channel="webhook")
    assert waiting["state"] == "queued"
    assert waiting["attempts"] == 0
    live(site)
    (waiting,) = site.rows(t.outbox, channel="webhook")
    assert (waiting["state"], waiting["last_code"]) == ("withdrawn", "shadow")


def test_going_live_makes_no_burst(site: Installation) -> None:
    """Whoever was booked in shadow is known; whoever is booked afterwards is news. A release of the first is no news."""
    shadow(site)
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"))
    site.cycle()
    live(site)
    assert not site.cycle().sent.delivered
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"), name="again.csv")
    assert not site.cycle().sent.delivered
    site.bookings(CORISANDE.booked("B-3"), name="new.csv")
    site.cycle()
    told = {row["link"] for row in site.rows(t.alert)}
    assert told == {site.engine.locator.ref("link", site.booking("B-3"), site.client(CORISANDE))}


def test_the_forecast_counts_messages_by_recipient_without_the_first_load(sqlite_site: Installation) -> None:
    site = sqlite_site
    shadow(site)
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()  # the first load of this feed
    site.clock.forward(days=1)
    site.bookings(BARNABY.booked("B-2"), CORISANDE.booked("B-3"), name="day2.csv")
    site.cycle()
    site.clock.forward(days=1)
    made = go_live.propose(site.engine, "chief")
    assert made.forecast.days == 3
    assert sum(load.total for load in made.forecast.loads) == len(
        [
            r
            for r in site.rows(t.decision)
            if r["decision"] != "deny" and r["at"] > site.clock() - timedelta(days=1, hours=1)
        ]
    )
    assert sum(load.total for load in made.forecast.loads) > 0
    assert made.forecast.baseline == 3


def test_both_steps_are_in_the_log_and_the_code_is_asked_for(sqlite_site: Installation) -> None:
    site = sqlite_site
    shadow(site)
    with pytest.raises(go_live.NotAgreed):
        go_live.confirm(site.engine, "guess", "chief")
    made = go_live.propose(site.engine, "clerk")
    site.clock.forward(hours=25)
    with pytest.raises(go_live.NotAgreed):
        go_live.confirm(site.engine, made.code, "chief")
    made = go_live.propose(site.engine, "clerk")
    go_live.confirm(site.engine, made.code, "chief")
    said = [
        (facts_of(e)["settings"], facts_of(e)["by"]) for e in site.leaves(Kind.CONFIG_CHANGE) if "by" in facts_of(e)
    ]
    assert said == [(("go_live_proposed",), "clerk"), (("go_live_proposed",), "clerk"), (("go_live",), "chief")]
    with pytest.raises(go_live.NotInShadow):
        go_live.propose(site.engine, "clerk")
    assert site.verified().good


def test_a_changed_configuration_has_to_be_looked_at_again(sqlite_site: Installation) -> None:
    site = sqlite_site
    shadow(site)
    made = go_live.propose(site.engine, "clerk")
    other = replace(site.engine, settings=site.engine.settings.model_copy(update={"organisation": "Another County"}))
    with pytest.raises(go_live.NotAgreed):
        go_live.confirm(other, made.code, "chief")
