"""The sample feeds of jails and of an electronic record, together in one installation: who is told of whom, and who never.

What each single record becomes is in tests/connectors; here is what the whole makes of them.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from config import ProgramSettings
from records import BookingRef, ProgramId, StaffId
from service.cycle import Cycle
from store import bookings, staff, tables
from tests.service.feeding import describe
from tests.service.installation import AVELINE, Installation, consent
from tests.service.test_commands import warmlink
from tests.service.test_feed_commands import READY

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "feeds"
FEEDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "jms": ("jms_export", "*.csv", ("jms_csv/jms_export.csv",)),
    "fixed": ("fixed_width_sample", "*.txt", ("fixed_width/bookings.txt",)),
    "api": ("json_api_sample", "*.json", tuple(f"json_api/page-{n}.json" for n in (1, 2, 3))),
    "niem": (
        "niem_booking",
        "*.xml",
        tuple(f"niem_xml/{p.name}" for p in sorted((SAMPLES / "niem_xml").glob("*.xml"))),
    ),
    "adt": ("hl7_adt", "*.hl7", ("hl7_adt/adt_messages.hl7",)),
}
CONSENTED = {1: "OP-MH", 2: "ACT", 3: "SUD-OP", 4: "OP-MH", 5: "OP-MH", 6: "OP-MH", 7: "ACT", 9: "OP-MH", 10: "OP-MH"}
"""Clients by the end of their number, with a programme of theirs: all but Terrence Okafor (8) and Jasmine Two Crow (12)."""


def _without_its_own_roster(site: Installation) -> None:
    act = ProgramSettings(id="ACT", name="ACT", org="river-bh", part2=False, covered_entity=True)
    settings = site.engine.settings
    feeds = tuple(feed for feed in settings.feeds if feed.id != "roster")
    site.engine = replace(
        site.engine, settings=settings.model_copy(update={"feeds": feeds, "programs": (*settings.programs, act)})
    )


@pytest.fixture
def site(sqlite_site: Installation) -> Installation:
    """The provider's caseload comes from the FHIR bundle; its two clinicians are verified."""
    found = sqlite_site
    found.clock.at = datetime(2026, 10, 7, 21, 0, tzinfo=UTC)
    _without_its_own_roster(found)
    (found.home / "feeds" / "ehr").mkdir()
    shutil.copy(SAMPLES / "fhir" / "roster_bundle.json", found.home / "feeds" / "ehr" / "roster.json")
    transport = {"type": "folder", "path": "feeds/ehr", "pattern": "*.json", "settle_seconds": 0}
    described = (READY / "fhir_roster.yaml").read_text("utf-8")
    describe(found, "ehr", transport, described, kind="roster", org="river-bh", max_shrink=1.0)
    found.cycle()
    with found.engine.database.write() as conn:
        for name in ("S001", "S002"):
            member = staff.get(conn, StaffId(name))
            assert member is not None
            programs = (ProgramId("OP-MH"), ProgramId("ACT"), ProgramId("SUD-OP"))
            staff.put(conn, replace(member, verified=True, programs=programs), found.clock())
    found.consents(
        *(consent(replace(AVELINE, number=f"MRN10{n:02d}", program=program)) for n, program in CONSENTED.items())
    )
    return found


def connect(site: Installation, *names: str) -> None:
    for name in names:
        mapping, pattern, files = FEEDS[name]
        folder = site.home / "feeds" / name
        folder.mkdir()
        for file in files:
            shutil.copy(SAMPLES / file, folder)
        transport = {
            "type": "folder",
            "path": f"feeds/{name}",
            "pattern": pattern,
            "settle_seconds": 0,
            "order": "name",
        }
        described = yaml.safe_load((READY / f"{mapping}.yaml").read_text("utf-8"))
        describe(site, name, transport, yaml.safe_dump(described))


TOLD = {
    ("jms", "26-000101"): ["S001 arrest 2", "S001 release 2"],
    ("jms", "26-000102"): ["S001 release 1"],
    ("jms", "26-000103"): ["S002 arrest 3"],
    ("jms", "26-000104"): ["S002 arrest 4"],
    ("jms", "26-000105"): ["S002 release 5"],
    ("jms", "26-000113"): ["S001 arrest 7"],
    ("fixed", "2600000501"): ["S001 arrest 2"],
    ("fixed", "2600000502"): ["S002 release 3"],
    ("fixed", "2600000503"): ["S002 arrest 4"],
    ("api", "J-1"): ["S001 arrest 2", "S001 release 2"],
    ("api", "J-2"): ["S001 arrest 1"],
    ("api", "J-5"): ["S002 arrest 5"],
    ("api", "6"): ["S9 arrest 10"],
    ("niem", "NX-0002"): ["S001 arrest 1"],
    ("niem", "NX-0008"): ["S001 arrest 7"],
    ("adt", "V9001"): ["S001 arrest 2", "S001 release 2"],
    ("adt", "V9002"): ["S001 arrest 1"],
    ("adt", "V9008"): ["S001 arrest 7"],
    ("adt", "V9009"): ["S9 arrest 10"],
    ("adt", "V9011"): ["S002 arrest 4"],
}
"""Who hears what of which client, by the end of the client's number. The clinician of client 10 is unknown: the supervisor hears."""
IN_DOUBT = {("jms", "26-000121"): 2, ("api", "J-3"): 3, ("api", "J-8"): 9, ("adt", "V9007"): 5}
"""For a reviewer: the father under the son's number; the maiden name; a day of birth that does not exist; a year alone."""
NOBODYS = {
    "jms": ("26-000106", "26-000112", "26-000114", "26-000119", "26-000122", "26-000123", "26-000125"),
    "fixed": ("2600000504", "2600000506", "2600000508"),
    "adt": ("V8888", "V9010"),
}
"""The twin of a client, the placeholders, whom nobody knows, the discharge of who was never admitted."""
GONE = ("NX-0001", "J-9", "V9006")


def _by_booking(site: Installation) -> dict[str, tuple[str, str]]:
    with site.engine.database.read() as conn:
        found = [bookings.get(conn, site.engine.vault, BookingRef(row["ref"])) for row in site.rows(tables.booking)]
    return {str(one.ref): (str(one.event.feed), str(one.event.booking_number)) for one in found if one is not None}


def _number_of(site: Installation, client: str) -> int:
    names = {site.engine.locator.ref("client", "river-bh", f"MRN10{n:02d}"): n for n in range(1, 13)}
    return names[client]


def _taken_in(site: Installation) -> dict[str, str]:
    """Every sample through one cycle. The faults are those of whole files, by feed."""
    connect(site, *FEEDS)
    return Cycle(site.engine).run().faults


def test_who_is_told_of_whom_and_who_never(site: Installation) -> None:
    faults = _taken_in(site)
    assert list(faults) == ["niem"]  # three of its ten files are refused whole
    named, links = _by_booking(site), {row["ref"]: row for row in site.rows(tables.link)}
    told: dict[tuple[str, str], list[str]] = {}
    for row in sorted(site.rows(tables.alert), key=lambda r: r["created_at"]):
        if row["state"] != "withdrawn":
            link = links[row["link"]]
            said = f"{row['recipient']} {row['kind']} {_number_of(site, link['client'])}"
            told.setdefault(named[link["booking"]], []).append(said)
    assert told == TOLD
    doubts = {
        named[row["booking"]]: _number_of(site, row["client"]) for row in links.values() if row["verdict"] == "REVIEW"
    }
    assert doubts == IN_DOUBT
    linked = {named.get(row["booking"]) for row in links.values()}
    assert [n for feed, numbers in NOBODYS.items() for n in numbers if (feed, n) in linked] == []


def test_what_was_expunged_or_cancelled_is_gone_and_nobody_heard_of_it(site: Installation) -> None:
    _taken_in(site)
    gone = [row for row in site.rows(tables.booking) if row["state"] in {"sealed", "void"}]
    assert len(gone) == len(GONE)
    assert {row["sealed"] for row in gone} == {None}
    assert not set(GONE) & {number for _, number in _by_booking(site).values()}
    links = {row["ref"] for row in site.rows(tables.link) if row["booking"] in {g["ref"] for g in gone}}
    assert {row["state"] for row in site.rows(tables.alert) if row["link"] in links} == {"withdrawn"}


def test_everything_again_is_news_to_nobody(site: Installation) -> None:
    """The three files of one booking say in turns what they said before: that is kept, and changes nothing of a tombstone."""
    _taken_in(site)
    counted = (tables.booking, tables.alert, tables.link, tables.decision)
    counts = [site.count(table) for table in counted]
    for name, (_, _, files) in FEEDS.items():
        for file in files:
            shutil.copy(SAMPLES / file, site.home / "feeds" / name)
    report = Cycle(site.engine).run()
    assert (report.tally.events, report.tally.alerts, report.tally.replayed) == (3, 0, 55)
    assert [site.count(table) for table in counted] == counts


# --- as an operator tries them out ---


PERSONS = (
    "WHITFIELD",
    "ORTEGA",
    "ROURKE",
    "BARRERA",
    "VANG",
    "NGUY",
    "OKAFOR",
    "HARGROVE",
    "DOROFEYEV",
    "BRIGHTWATER",
    "TWO CROW",
)


@pytest.mark.parametrize(
    ("mapping", "file", "first"),
    [
        (
            "jms_export",
            "jms_csv/jms_export.csv",
            "28 rows: 21 records (9 flagged, 1 updates), 6 refused, 1 repeated; 2 lines skipped",
        ),
        ("fixed_width_sample", "fixed_width/bookings.txt", "11 rows"),
        ("json_api_sample", "json_api/page-2.json", "4 rows"),
        ("niem_booking", "niem_xml/01-booking.xml", "1 rows"),
        ("hl7_adt", "hl7_adt/adt_messages.hl7", "17 rows"),
        ("fhir_roster", "fhir/roster_bundle.json", "13 rows"),
        ("xlsx_roster", "xlsx/roster.xlsx", "11 rows"),
    ],
)
def test_feed_test_shows_much_and_names_nobody(sqlite_site: Installation, mapping: str, file: str, first: str) -> None:
    kind = "roster" if mapping.endswith("roster") else "bookings"
    org = ("--org", "other-bh") if kind == "roster" else ()

    def run(*arguments: str) -> str:
        done = warmlink(*arguments, home=sqlite_site.home)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("feed", "add", "tried", "--kind", kind, "--type", "folder", "--map", mapping, *org, "--set", "path=feeds/tried")
    shown = " ".join(
        run("feed", "test", "tried", "--sample", str(SAMPLES / file), "--now", "2026-12-01T12:00:00Z").split()
    )
    assert shown.startswith(first)
    assert not [name for name in PERSONS if name in shown.upper()]
    for part in ("How often each field is filled", "example 1:", "cadence:", "zone:"):
        assert part in shown
    assert sqlite_site.count(tables.booking) == 0
