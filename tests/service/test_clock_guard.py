"""Is nothing decided by a clock that was set back, and does everything go on once it is right?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.leaves import Kind
from config import Refuse
from console.probes import metric_lines
from service import clock_guard
from service.cli.app import app
from service.clock_guard import ClockBehind
from service.cycle import Cycle
from service.dispatch import Dispatcher
from service.doctor.examine import examine
from service.reading import open_alert
from service.schedule import work
from service.setup import CONFIG_NAME
from service.status import status
from store.tables import alert, booking_event, decision, delivery
from tests.service.installation import AVELINE, START, Clock, Installation, alert_ref, consent, make, opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make(tmp_path / "home", clock=Clock())
    return tmp_path / "home"


def _at_work(home: Path, site: Installation) -> None:
    site.settle_in()
    site.cycle()


def test_a_booking_waits_while_the_clock_is_behind_and_is_told_once_it_is_right(home: Path) -> None:
    """The consent is in force since spring. By a clock that stands in winter the booking would be denied and never asked again."""
    with opened(home) as site:
        _at_work(site=site, home=home)
        right = site.clock.at
        file = site.bookings(AVELINE.booked("J1"))
        site.clock.at = right - timedelta(days=250)
        with pytest.raises(ClockBehind, match="nothing is decided"):
            Cycle(site.engine).run()
        assert work(site.engine, "worker") is None
        assert file.exists()
        assert [site.count(t) for t in (booking_event, decision, alert)] == [0, 0, 0]
        site.clock.at = right + timedelta(minutes=5)
        assert site.cycle().tally.alerts == 1
        assert site.alert_of("J1", AVELINE)["state"] == "delivered"


def test_a_clock_that_is_set_back_between_two_stages_stops_the_cycle_there(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
        site.bookings(AVELINE.booked("J1"))
        right = site.clock.at

        def meddle(stage: str, _feed: str) -> None:
            if stage == "index":
                site.clock.at = right - timedelta(days=250)

        with pytest.raises(ClockBehind):
            Cycle(site.engine, meddle).run()
        assert site.count(decision) == 0
        site.clock.at = right + timedelta(minutes=5)
        assert site.cycle().tally.alerts == 1


def test_what_waits_in_the_outbox_is_not_sent_by_a_wrong_clock(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
        site.bookings(AVELINE.booked("J1"))
        right = site.clock.at

        def meddle(stage: str, _feed: str) -> None:
            if stage == "send":
                site.clock.at = right - timedelta(days=250)

        with pytest.raises(ClockBehind):
            Cycle(site.engine, meddle).run()
        assert Dispatcher(site.engine).run().delivered.total() == 0
        assert site.count(alert) == 1
        site.clock.at = right + timedelta(minutes=5)
        Dispatcher(site.engine).run()
        assert site.alert_of("J1", AVELINE)["state"] == "delivered"


def test_small_steps_back_are_nothing(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
        site.clock.at -= timedelta(seconds=100)
        site.bookings(AVELINE.booked("J1"))
        site.clock.at += timedelta(seconds=20)  # the folder has settled
        assert site.cycle().tally.events == 1


def test_a_leap_forward_is_noted_and_runs(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
        site.clock.forward(days=3)
        site.bookings(AVELINE.booked("J1"))
        assert site.cycle().tally.events == 1
    assert "clock.leapt" in (home / "warmlink.log").read_text("utf-8")


def test_the_operator_is_told_everywhere(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
        assert site.count(delivery) == 1
        site.clock.at -= timedelta(hours=6)
        page = status(site.engine)
        assert not page.healthy
        assert page.clock_behind_s == pytest.approx(6 * 3600, abs=120)
        assert f"warmlink_clock_behind_seconds {int(page.clock_behind_s)}" in list(metric_lines(page))
        found = examine(site.engine.settings, clock=site.clock, environment={}, only=["clock"])
        assert any("set back" in finding.words for finding in found)


def test_a_clock_that_was_ahead_is_set_right_by_a_persons_word(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
        right = site.clock.at
        with pytest.raises(Refuse, match="not behind"):
            clock_guard.accept(site.engine, "op")
        site.clock.forward(days=365)
        site.cycle()
        site.clock.at = right + timedelta(minutes=5)
        site.bookings(AVELINE.booked("J1"))
        with pytest.raises(ClockBehind):
            Cycle(site.engine).run()
        clock_guard.accept(site.engine, "op")
        assert [entry.leaf.facts["by"] for entry in site.leaves(Kind.CLOCK_ACCEPTED)] == ["op"]
        assert site.cycle().tally.events == 1
        assert site.verified().good


def test_the_terminal_says_it(home: Path) -> None:
    with opened(home) as site:
        _at_work(site=site, home=home)
    config, early = str(home / CONFIG_NAME), (START - timedelta(days=2)).isoformat()
    shown = CliRunner().invoke(app, ["clock", "show", "-c", config, "--now", early])
    assert shown.exit_code == 1
    assert "set back" in shown.output
    run = CliRunner().invoke(app, ["run", "--once", "-c", config, "--now", early])
    assert isinstance(run.exception, ClockBehind)
    told = CliRunner().invoke(app, ["clock", "accept", "-c", config, "--now", early, "--by", "op"])
    assert told.exit_code == 0, told.output
    assert CliRunner().invoke(app, ["run", "--once", "-c", config, "--now", early]).exit_code == 0


def test_a_consent_that_comes_into_force_while_the_person_is_held_is_asked_about_again(home: Path) -> None:
    """Nothing is recorded at that moment: only time passes. Until then no decision is added by each cycle."""
    with opened(home) as site:
        site.roster()
        site.cycle()
        site.people()
        site.consents(consent(AVELINE, effective_from=(START + timedelta(days=1)).date().isoformat()))
        site.bookings(AVELINE.booked("J1"))
        assert site.cycle().tally.alerts == 0
        decided = site.count(decision)
        site.cycle()
        assert site.count(decision) == decided
        site.clock.at = START + timedelta(days=1, hours=2)
        assert site.cycle().reconsidered.alerts == 1
        assert site.alert_of("J1", AVELINE)["kind"] == "already_in_custody"
        site.cycle()
        assert site.count(alert) == 1


def test_nothing_is_opened_by_a_wrong_clock(home: Path) -> None:
    """Opening asks the rules too. It is refused for now, and the alert is not shut by what a wrong time makes of a consent."""
    with opened(home) as site:
        _at_work(site=site, home=home)
        site.bookings(AVELINE.booked("J1"))
        site.cycle()
        right, ref = site.clock.at, alert_ref(site.alert_of("J1", AVELINE))
        site.clock.at = right - timedelta(days=250)
        with pytest.raises(ClockBehind):
            open_alert(site.engine, ref, site.private["A1"])
        site.clock.at = right
        assert open_alert(site.engine, ref, site.private["A1"])
