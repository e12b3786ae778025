"""The mail that something waits: not at night, not in bursts, not twice for the same, and never instead of the alert."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import update

from alerts.channels import Parcel, Receipt, SmtpNotice
from alerts.demo_sink import MaildirSink
from alerts.errors import ChannelDown
from audit.leaves import Kind
from config.settings import ClockSettings
from records import AlertRef, QuietHours, StaffId
from service import reading, registry
from service.desks import inbox as desk
from service.sealing import clocks_of
from store import tables
from tests.service.installation import AVELINE, CORISANDE, DEMETRIO, STAFF, Installation, facts_of

QUIET = QuietHours(time(20), time(7), "America/New_York")
EVENING = datetime(2026, 10, 31, 2, tzinfo=UTC)
"""22:00 on the wall in New York; in the night that follows the next, clocks go back."""


@contextmanager
def mailed(site: Installation, port: int = 0) -> Iterator[MaildirSink]:
    with MaildirSink(site.home / "mail", port=port) as sink:
        at(site, sink.port)
        yield sink


def at(site: Installation, port: int) -> None:
    mail = site.engine.settings.mail.model_copy(update={"host": "127.0.0.1", "port": port})
    site.engine = replace(site.engine, settings=site.engine.settings.model_copy(update={"mail": mail}))


def quiet(site: Installation) -> None:
    registry.import_staff(site.engine, tuple(replace(m, quiet_hours=QUIET) for m in STAFF))


def booked(site: Installation, number: str) -> None:
    site.bookings(AVELINE.booked(number, booked_at=site.clock().isoformat()), name=f"{number}.csv")
    site.cycle()


def test_a_notice_waits_for_the_morning_and_the_alert_does_not(site: Installation) -> None:
    with mailed(site) as sink:
        quiet(site)
        site.clock.at = EVENING
        booked(site, "J1")
        assert (site.count(tables.inbox_item), len(sink.messages())) == (1, 0)
        site.clock.at = datetime(2026, 10, 31, 10, 58, tzinfo=UTC)
        site.cycle()
        assert sink.messages() == ()
        site.clock.at = datetime(2026, 10, 31, 11, 1, tzinfo=UTC)
        site.cycle()
        assert len(sink.messages()) == 1


def test_the_night_in_which_clocks_go_back_is_an_hour_longer(sqlite_site: Installation) -> None:
    site = sqlite_site
    with mailed(site) as sink:
        quiet(site)
        site.clock.at = EVENING + timedelta(days=1)
        booked(site, "J1")
        site.clock.at = datetime(2026, 11, 1, 11, 30, tzinfo=UTC)
        site.cycle()
        assert sink.messages() == ()
        site.clock.at = datetime(2026, 11, 1, 12, 1, tzinfo=UTC)
        site.cycle()
        assert len(sink.messages()) == 1


def test_one_notice_in_the_morning_for_a_whole_night(sqlite_site: Installation) -> None:
    site = sqlite_site
    with mailed(site) as sink:
        quiet(site)
        site.clock.at = EVENING
        for number in range(6):
            booked(site, f"J{number}")
        site.clock.at = EVENING + timedelta(hours=10)
        site.cycle()
        assert (site.count(tables.inbox_item), len(sink.messages())) == (6, 1)


def test_a_hearing_in_the_early_morning_does_not_wait(sqlite_site: Installation) -> None:
    site = sqlite_site
    mapping = site.home / "jail.yaml"
    mapping.write_text(mapping.read_text("utf-8").replace("  facility: facility\n", "  next_court_at: city\n"), "utf-8")
    with mailed(site) as sink:
        quiet(site)
        site.clock.at = EVENING
        hearing = "2026-10-31T07:30:00-04:00"
        site.bookings(AVELINE.booked("J1", booked_at=EVENING.isoformat(), city=hearing))
        site.cycle()
        assert len(sink.messages()) == 1


def test_what_was_opened_needs_no_notice(sqlite_site: Installation) -> None:
    site = sqlite_site
    with mailed(site) as sink:
        quiet(site)
        site.clock.at = EVENING
        booked(site, "J1")
        reading.open_alert(site.engine, AlertRef(site.alert_of("J1", AVELINE)["ref"]), site.private["A1"])
        site.clock.at = EVENING + timedelta(hours=9, minutes=5)
        report = site.cycle()
        assert sink.messages() == ()
        assert dict(report.sent.spared) == {"opened": 1}
        assert site.alert_of("J1", AVELINE)["state"] == "opened"


# --- 42: fifty alerts to one clinician in an hour ---


def test_fifty_alerts_in_an_hour_are_announced_by_a_few_notices_and_none_is_lost(sqlite_site: Installation) -> None:
    site = sqlite_site
    with mailed(site) as sink:
        for batch in range(10):
            rows = (AVELINE.booked(f"J{batch}-{n}") for n in range(5))
            site.bookings(*rows, name=f"{batch}.csv")
            site.cycle()
            site.clock.forward(minutes=5)
        assert site.count(tables.inbox_item) == 50
        within_the_hour = len(sink.messages())
        assert 1 <= within_the_hour <= site.engine.settings.alerts.notices_an_hour
        site.clock.forward(minutes=30)
        site.cycle()
        assert len(sink.messages()) == within_the_hour + 1  # for what came after the last one
        assert {row["state"] for row in site.rows(tables.outbox)} <= {"delivered", "withdrawn"}
        assert {row["state"] for row in site.rows(tables.alert)} == {"delivered"}


# --- 39: the mail server is away for six hours ---


def test_after_six_hours_without_mail_one_notice_goes_and_nothing_was_lost(site: Installation) -> None:
    with MaildirSink(site.home / "elsewhere") as taken:
        port = taken.port
    at(site, port)
    for number, person in enumerate((AVELINE, DEMETRIO, CORISANDE)):
        site.bookings(person.booked(f"J{number}"), name=f"{number}.csv")
        site.cycle()
        assert site.alert_of(f"J{number}", person)["state"] == "delivered"
        site.clock.forward(hours=2)
    with mailed(site, port) as sink:
        site.clock.forward(minutes=20)
        site.cycle()
        to = sorted(line for m in sink.messages() for line in m.decode().splitlines() if line.startswith("To: "))
    assert set(to) >= {"To: a1@river.example.org", "To: b2@river.example.org"}
    assert to.count("To: b2@river.example.org") == 1
    assert not [row for row in site.rows(tables.outbox) if row["state"] in {"dead", "leased"}]


# --- one notice, whatever happens on the way ---


def answer_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail server takes the mails of this round, and each of its answers is lost."""
    send = SmtpNotice.send

    def unheard(channel: SmtpNotice, parcel: Parcel) -> Receipt:
        send(channel, parcel)
        raise ChannelDown("hung up", "unreachable")

    monkeypatch.setattr(SmtpNotice, "send", unheard)


def test_a_notice_whose_answer_was_lost_is_not_seen_twice(
    sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two alerts wait for one clinician: it does not matter under which entry the second try goes."""
    site = sqlite_site
    with mailed(site) as sink:
        with monkeypatch.context() as patch:
            answer_lost(patch)
            site.bookings(AVELINE.booked("J1"), DEMETRIO.booked("J2"))
            site.cycle()
        first = {row["ref"] for row in site.rows(tables.outbox, channel="mail", last_code="unreachable")}
        with site.engine.database.write() as conn:  # the one that was tried first is now behind the other
            held = min(first)
            conn.execute(update(tables.outbox).where(tables.outbox.c.ref == held).values(next_at=site.clock()))
        site.clock.forward(minutes=5)
        site.cycle()
        assert len(sink.messages()) == 1
        assert [row["state"] for row in site.rows(tables.outbox, channel="mail")].count("delivered") == 1


def test_news_since_then_is_another_notice(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """She may have looked after the first: then only another mail tells her that something came since."""
    site = sqlite_site
    with mailed(site) as sink:
        with monkeypatch.context() as patch:
            answer_lost(patch)
            booked(site, "J1")
        reading.open_alert(site.engine, AlertRef(site.alert_of("J1", AVELINE)["ref"]), site.private["A1"])
        site.clock.forward(minutes=5)
        site.bookings(DEMETRIO.booked("J2"))
        site.cycle()
        names = {message_from_bytes(raw)["Message-ID"] for raw in sink.messages()}
        assert len(names) == len(sink.messages()) == 2


def test_the_inbox_is_filled_before_anybody_is_told_to_look(sqlite_site: Installation) -> None:
    site = sqlite_site
    with mailed(site):
        site.bookings(*(person.booked(f"J{n}") for n, person in enumerate((AVELINE, DEMETRIO, CORISANDE))))
        site.cycle()
    channels = [facts_of(entry)["channel"] for entry in site.leaves(Kind.DELIVERY)]
    assert channels == sorted(channels, key=lambda name: name != "inbox")
    assert channels.count("inbox") == 3


def test_a_clinician_hears_of_her_own_alert_only(sqlite_site: Installation) -> None:
    with mailed(sqlite_site) as sink:
        booked(sqlite_site, "J1")
        (message,) = sink.messages()
        assert b"a1@river.example.org" in message
        assert b"Quistgaard" not in message
    assert [t.latest.kind.value for t in desk.threads(sqlite_site.engine, StaffId("A1"))[0]] == ["arrest"]


def test_the_countys_holidays_reach_the_steps(sqlite_site: Installation) -> None:
    wanted = ClockSettings.model_validate({"holidays": ["2026-11-26"], "first_contact_hours": 48})
    clocks = clocks_of(sqlite_site.engine.settings.model_copy(update={"clocks": wanted}))
    assert clocks.first_contact == timedelta(hours=48)
    assert [day.isoformat() for day in clocks.holidays] == ["2026-11-26"]
