"""One canary goes through every feature of one installation; then every byte that is left is searched for her."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.followup import Contact, ContactMode, Verdict
from audit.errors import ReportRefused
from records import StaffId
from service import broken_glass, explain, feed_commands, held, reading, reports, retention, rotation, shelving
from service.desks import inbox, review
from service.desks.review import Opinion
from service.engine import Engine
from service.reports import Wish
from service.status import status
from store import tables
from tests.service import needles
from tests.service.feeding import folder, row, says
from tests.service.installation import AVELINE, CLIENTS, ORG, STRANGER, Installation, alert_ref
from tests.service.test_commands import warmlink

NOTE = "Aveline Quistgaard asked for her sister, 555-201-7733; she lives at 118 Tamarack Way."
NAMESAKE = replace(AVELINE, ssn4="6618", phone="5554405512", street="9 Mulberry Plac")


def _canary() -> needles.Needles:
    whole = {"middle_name": "", "aliases": "Avelina Quistgard"}
    return needles.of([AVELINE.roster_row() | AVELINE.booked("BK00000777") | whole])


def _report(engine: Engine, code: str) -> object:
    """Over everybody, or over her where a report is about one client."""
    try:
        return reports.produce(engine, Wish(code, "officer")).table.rows
    except ReportRefused:
        return reports.produce(engine, Wish(code, "officer", AVELINE.number, ORG)).table.rows


def test_the_canary_is_nowhere_in_the_clear(
    sqlite_site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    site, temporary, said = sqlite_site, tmp_path / "tmp", list[str]()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    # feeds: a plain booking, one that is set aside for its date, one in doubt, one that a court seals
    site.bookings(AVELINE.booked("BK00000777"), AVELINE.booked("BK00000778", dob="spring of 84"))
    folder(site, "jail2")
    engine = site.engine
    says(site, "jail2", row(NAMESAKE, "BK00000779", person_id="P77777", aliases="AVELINA QUISTGARD"))
    site.cycle()
    says(site, "jail2", row(AVELINE, "BK00000780"), name="b.csv")
    site.cycle()
    says(site, "jail2", row(AVELINE, "BK00000780", event="S"), name="c.csv")
    site.cycle()
    said += [repr(feed_commands.replay(engine, "jail2")), str(status(engine)), repr(rotation.status(engine))]
    # people: a reviewer, the clinician with note and answer, somebody who breaks the glass, the officer
    (doubt,) = site.rows(tables.link, verdict="REVIEW")
    review.decide(engine, doubt["ref"], None, StaffId("S9"), Opinion.CONFIRM)
    site.cycle()
    alert = site.alert_of("BK00000777", AVELINE)
    opened = reading.open_alert(engine, alert_ref(alert), site.private["A1"])
    assert any(AVELINE.last in line.value for line in opened.rows)
    inbox.answer(engine, alert_ref(alert), StaffId("A1"), Verdict.IS_MY_CLIENT)
    assert inbox.report(engine, alert_ref(alert), StaffId("A1"), Contact(site.clock(), ContactMode.PHONE), NOTE)
    broken_glass.declare(engine, AVELINE.number, StaffId("A1"), NOTE, org=ORG)
    said += [repr(explain.explain(engine, number)) for number in ("BK00000777", "BK00000779")]
    said += [str(_report(engine, code)) for code, _ in reports.catalogue()]
    said.append(warmlink("explain", "BK00000779", home=site.home).stdout)
    # keys, copies, retention, purge
    shelving.copy_to(engine.settings, tmp_path / "home" / "shelf-copy.db")
    with sqlite3.connect(site.home / "warmlink.db") as live, sqlite3.connect(site.home / "backup.db") as copy:
        live.backup(copy)
    copy.close()
    live.close()
    shutil.copytree(site.home, temporary / "while-it-ran")
    document = tmp_path / "mine.json"
    held.write_held(engine, site.client(AVELINE), document, "officer")
    assert NOTE in document.read_text()  # the search below is not blind: this is what she would look like
    site.roster([*CLIENTS, replace(STRANGER, number="CN9")], name="later.csv")
    site.cycle()
    held.purge_client(engine, site.client(AVELINE), "client_request", "officer")
    site.clock.forward(days=40)
    site.cycle()
    assert retention.run(engine).held == 0
    heard = capfd.readouterr()
    canary = _canary()
    numbers = {("number", n) for n in canary.numbers}  # whoever asks for a booking by its number has said it
    assert canary.in_bytes("\n".join([*said, heard.out, heard.err]).encode()) - numbers == set()
    assert canary.in_bytes(document.read_bytes())
    assert canary.in_folder(site.home, temporary) == set()
