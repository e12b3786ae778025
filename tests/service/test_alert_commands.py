"""The commands of alerts and of the outbox, as a clinician and an operator type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerts.enrolment import revoke
from records import QuietHours, StaffMember
from service import directory
from service.directory import StaffFileInvalid
from store import tables
from tests.service.installation import AVELINE, Installation
from tests.service.test_commands import document, said, warmlink


def told(site: Installation) -> str:
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    return str(site.alert_of("J1", AVELINE)["ref"])


def key(site: Installation, who: str = "A1") -> str:
    return str(site.home / "clinicians" / f"{who}.jwk")


def now(site: Installation) -> str:
    return site.clock().isoformat()


def test_answering_and_reporting_take_a_few_letters(sqlite_site: Installation) -> None:
    site = sqlite_site
    short = told(site)[:5]
    at = ("--key", key(site), "--now", now(site))
    assert "Recorded: mine" in said(warmlink("alerts", "ack", short, "mine", *at, home=site.home), 0)
    assert "Recorded." in said(warmlink("alerts", "outcome", short, "contact", "phone", *at, home=site.home), 0)
    assert "before" in said(warmlink("alerts", "outcome", short, "contact", "phone", *at, home=site.home), 0)
    assert [(r["kind"], r["codes"]) for r in site.rows(tables.outcome)] == [("contact", ["phone"])]
    trace = document(warmlink("alerts", "show", short, "--json", home=site.home))
    assert [h["code"] for h in trace["happenings"]] == ["is_my_client", "phone"]
    assert [t["result"] for t in trace["tries"]] == ["delivered"]


def test_the_list_names_nobody(sqlite_site: Installation) -> None:
    site = sqlite_site
    ref = told(site)
    (entry,) = site.rows(tables.outbox)
    for command, name in (
        (("alerts", "list"), ref),
        (("alerts", "show", ref), ref),
        (("outbox", "list", "--state", "delivered"), entry["ref"]),
    ):
        words = said(warmlink(*command, home=site.home), 0)
        assert name in words
        assert "Quistgaard" not in words
        assert "J1" not in words


@pytest.mark.parametrize(
    ("arguments", "who"),
    [
        pytest.param(("ack", "ALERT", "mine"), "B2", id="a colleague's alert"),
        pytest.param(("ack", "zzzz", "mine"), "A1", id="no such alert"),
        pytest.param(("ack", "a", "mine"), "A1", id="too short"),
        pytest.param(("outcome", "ALERT", "contact", "phone"), "A1", id="not answered yet"),
        pytest.param(("outcome", "ALERT", "contact", "telepathy"), "A1", id="no such code"),
    ],
)
def test_what_cannot_be_is_refused(sqlite_site: Installation, arguments: tuple[str, ...], who: str) -> None:
    site = sqlite_site
    ref = told(site)
    typed = [part if part != "ALERT" else ref for part in arguments]
    said(warmlink("alerts", *typed, "--key", key(site, who), "--now", now(site), home=site.home), 65)
    assert site.rows(tables.acknowledgement) == []
    assert site.rows(tables.outcome) == []


def test_what_gave_up_is_listed_and_tried_again(sqlite_site: Installation) -> None:
    site = sqlite_site
    with site.engine.database.write() as conn:
        revoke(conn, site.private["A1"].kid, now=site.clock())
    told(site)
    (entry,) = document(warmlink("outbox", "list", "--json", home=site.home))
    assert (entry["state"], entry["code"]) == ("dead", "no_usable_key")
    said(warmlink("outbox", "retry", home=site.home), 65)
    said(warmlink("outbox", "retry", entry["ref"], "--now", now(site), home=site.home), 0)
    assert [row["state"] for row in site.rows(tables.outbox)] == ["queued"]
    said(warmlink("outbox", "retry", entry["ref"], home=site.home), 65)


def test_a_sheet_needs_a_clinic(sqlite_site: Installation) -> None:
    site = sqlite_site
    ref = told(site)
    sheet = site.home / "sheet.json"
    sheet.write_text(json.dumps({"medications": "Olanzapine"}), "utf-8")
    at = ("--key", key(site), "--now", now(site))
    said(warmlink("alerts", "ack", ref, "mine", *at, home=site.home), 0)
    words = said(warmlink("alerts", "clinic-sheet", ref, "--sheet", str(sheet), *at, home=site.home), 65)
    assert "no clinic is configured" in words
    assert "Olanzapine" not in words


HEAD = ",".join(directory.COLUMNS)
ROW = "A1,river-bh,Adeyemi,clinician,a1@x.org,OP-MH,,yes,yes,en"


def read(tmp_path: Path, columns: str, cells: str) -> object:
    file = tmp_path / "staff.csv"
    file.write_text(f"{HEAD},{columns}\n{ROW},{cells}\n", "utf-8")
    (member,) = directory.read(file)
    return member


def test_the_directory_knows_nights_leave_shifts_and_channels(tmp_path: Path) -> None:
    member = read(
        tmp_path,
        "zone,quiet_hours,absences,on_call,channels",
        "America/Chicago,20:00-07:00,2026-10-30/2026-11-02/B2|2026-12-24/2026-12-26,"
        "2026-11-07T17:00/2026-11-08T08:00,folder=lee|smime",
    )
    assert isinstance(member, StaffMember)
    assert isinstance(member.quiet_hours, QuietHours)
    assert member.quiet_hours.zone == "America/Chicago"
    first, second = member.absences
    assert (first.starts.isoformat(), first.ends.isoformat(), first.cover) == (
        "2026-10-30T05:00:00+00:00",
        "2026-11-03T06:00:00+00:00",  # clocks went back within the absence
        "B2",
    )
    assert second.cover is None
    assert [shift.starts.isoformat() for shift in member.on_call] == ["2026-11-07T23:00:00+00:00"]
    assert [(a.channel, a.at) for a in member.channels] == [("folder", "lee"), ("smime", "")]


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("zone,quiet_hours", "Atlantis/Main,20:00-07:00"),
        ("quiet_hours", "20:00-07:00"),
        ("zone,quiet_hours", "America/Chicago,late"),
        ("zone,absences", "America/Chicago,2026-10-30"),
        ("zone,absences", "America/Chicago,2026-11-02/2026-10-30/B2"),
        ("channels", "pigeon=loft"),
        ("channels", "folder"),
    ],
)
def test_half_a_directory_is_refused(tmp_path: Path, columns: str, cells: str) -> None:
    with pytest.raises(StaffFileInvalid, match=r"staff\.csv line 2"):
        read(tmp_path, columns, cells)
