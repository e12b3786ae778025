"""What an alert says when the booking is out of the ordinary: a planned release, a medical hold, a match that a person made sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from alerts.content import AlertContent
from alerts.demo_sink import MaildirSink
from alerts.followup import Verdict
from audit.leaves import Kind
from records import AlertRef, OrgId, QuietHours, StaffId
from service import reading, registry
from service.desks import inbox as desk
from service.desks import review
from service.desks.review import Opinion
from store import tables
from tests.service.installation import AVELINE, ORG, STAFF, Installation, alert_ref, facts_of

IN_DOUBT = replace(AVELINE, ssn4="6618", phone="5554405512", street="9 Mulberry Plac")
NIGHT = datetime(2026, 10, 31, 2, tzinfo=UTC)
"""22:00 in New York."""


def column(site: Installation, field: str) -> None:
    """The jail's export gains a column: what it wrote into `city` is now this field."""
    mapping = site.home / "jail.yaml"
    text = mapping.read_text("utf-8").replace("  city: city\n", f"  {field}: city\n")
    mapping.write_text(text, "utf-8")


def read(site: Installation, number: str) -> AlertContent:
    return reading.open_alert(site.engine, alert_ref(site.alert_of(number, AVELINE)), site.private["A1"])


def said(content: AlertContent, row: str) -> str | None:
    return next((r.value for r in content.rows if r.name == row), None)


# --- when they are to be let go ---


def test_a_planned_release_is_told_in_the_jails_own_time(sqlite_site: Installation) -> None:
    site = sqlite_site
    column(site, "release_planned_at")
    site.bookings(AVELINE.booked("J1", city="2026-10-09T13:00:00Z"))
    site.cycle()
    assert "Oct 9, 2026, 9:00 AM EDT" in (said(read(site, "J1"), "planned") or "")


def test_a_plan_that_the_next_file_leaves_out_stands_and_is_no_news(sqlite_site: Installation) -> None:
    site = sqlite_site
    column(site, "release_planned_at")
    site.bookings(AVELINE.booked("J1", city="2026-10-09T13:00:00Z"))
    site.cycle()
    site.bookings(AVELINE.booked("J1", "A", city="", charges="X|Changed"), name="2.csv")
    site.cycle()
    assert site.count(tables.alert) == 1
    assert said(read(site, "J1"), "planned")


# --- somebody who needs medicine now ---


def test_a_medical_hold_is_announced_at_night(sqlite_site: Installation) -> None:
    site = sqlite_site
    column(site, "medical_hold")
    night = QuietHours(time(20), time(7), "America/New_York")
    registry.import_staff(site.engine, tuple(replace(m, quiet_hours=night) for m in STAFF))
    with MaildirSink(site.home / "mail") as sink:
        mail = site.engine.settings.mail.model_copy(update={"host": "127.0.0.1", "port": sink.port})
        site.engine = replace(site.engine, settings=site.engine.settings.model_copy(update={"mail": mail}))
        for number, (held, notices) in enumerate((("no", 0), ("yes", 1))):
            site.clock.at = NIGHT + timedelta(minutes=number)
            site.bookings(AVELINE.booked(f"J{number}", city=held, booked_at=NIGHT.isoformat()), name=f"{number}.csv")
            site.cycle()
            assert len(sink.messages()) == notices


# --- a match that a reviewer made sure ---


def _doubt(site: Installation) -> str:
    site.bookings(IN_DOUBT.booked("J1"))
    site.cycle()
    (waiting,) = review.queue(site.engine, OrgId(ORG), "S9")
    assert site.count(tables.alert) == 0
    return waiting.link


def test_a_reviewed_match_alerts_once_and_says_that_a_person_decided(site: Installation) -> None:
    link = _doubt(site)
    assert review.decide(site.engine, link, OrgId(ORG), StaffId("S9"), Opinion.CONFIRM) == "confirmed"
    for _ in range(3):
        site.cycle()
    (row,) = site.rows(tables.alert)
    assert (row["kind"], row["match_class"], row["state"]) == ("arrest", "adjudicated", "delivered")
    assert "reviewer" in (said(read(site, "J1"), "match") or "")
    site.bookings(IN_DOUBT.booked("J1", "A", charges="X|Changed"), name="2.csv")
    site.cycle()
    assert site.count(tables.alert) == 1


def test_a_release_after_it_is_marked_too(sqlite_site: Installation) -> None:
    site = sqlite_site
    link = _doubt(site)
    review.decide(site.engine, link, OrgId(ORG), StaffId("S9"), Opinion.CONFIRM)
    site.cycle()
    site.bookings(IN_DOUBT.booked("J1", "R", release_at="2026-10-06T06:01:00-04:00"), name="2.csv")
    site.cycle()
    assert sorted((r["kind"], r["match_class"]) for r in site.rows(tables.alert)) == [
        ("arrest", "adjudicated"),
        ("release", "adjudicated"),
    ]


def test_a_refused_match_alerts_nobody_ever(sqlite_site: Installation) -> None:
    site = sqlite_site
    link = _doubt(site)
    assert review.decide(site.engine, link, OrgId(ORG), StaffId("S9"), Opinion.REFUSE) == "refused"
    site.cycle()
    site.bookings(IN_DOUBT.booked("J1", "A", charges="X|Changed"), name="2.csv")
    site.cycle()
    assert site.count(tables.alert) == 0


def test_a_clinician_may_still_say_that_the_reviewer_was_wrong(sqlite_site: Installation) -> None:
    site = sqlite_site
    link = _doubt(site)
    review.decide(site.engine, link, OrgId(ORG), StaffId("S9"), Opinion.CONFIRM)
    site.cycle()
    ref = AlertRef(site.rows(tables.alert)[0]["ref"])
    desk.answer(site.engine, ref, StaffId("A1"), Verdict.NOT_MY_CLIENT)
    site.cycle()
    assert [row["state"] for row in site.rows(tables.alert)] == ["closed"]
    assert [(row["jwe"], row["backup_jwe"]) for row in site.rows(tables.inbox_item)] == [(None, None)]
    assert [facts_of(entry)["subject"] for entry in site.leaves(Kind.PURGE)] == [ref]
