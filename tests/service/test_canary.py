"""One canary goes through every feature of one installation; then every byte that is left is searched for her."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import zipfile
from dataclasses import replace
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest

from alerts.followup import Contact, ContactMode, Verdict
from audit.errors import ReportRefused
from records import StaffId
from service import broken_glass, explain, feed_commands, held, reading, reports, retention, rotation, shelving
from service.backups.make import make
from service.desks import inbox, review
from service.desks.review import Opinion
from service.engine import Engine
from service.reports import Wish
from service.status import status
from store import tables
from tests.service import needles
from tests.service.feeding import describe, folder, row, says
from tests.service.installation import AVELINE, CLIENTS, ORG, STRANGER, Installation, Person, alert_ref
from tests.service.test_commands import warmlink
from tests.service.test_transports import adt_message, fhir_record

NOTE = "Aveline Quistgaard asked for her sister, 555-201-7733; she lives at 118 Tamarack Way."
NAMESAKE = replace(AVELINE, ssn4="6618", phone="5554405512", street="9 Mulberry Plac")


def canary() -> needles.Needles:
    """What is looked for of her."""
    whole = {"middle_name": "", "aliases": "Avelina Quistgard"}
    return needles.of([AVELINE.roster_row() | AVELINE.booked("BK00000777") | whole])


def _copied_out(site: Installation) -> list[Path]:
    """The two ways in which everything leaves at once: the audit log for others to check, and a backup."""
    file = site.home / "log.jsonl"
    file.with_suffix(".checkpoint").write_text(reports.export_log(site.engine, file, "officer"))
    return [file, make(site.engine, "nightly", {}).path]


def _packed(folder: Path) -> list[str]:
    """Files that are compressed and not sealed: no search would see into them."""
    return [p.name for p in folder.rglob("*") if p.is_file() and p.read_bytes()[:2] in {b"PK", b"\x1f\x8b"}]


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
    assert [path.stat().st_size > 0 for path in _copied_out(site)] == [True, True]
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
    sought = canary()
    numbers = {("number", n) for n in sought.numbers}  # whoever asks for a booking by its number has said it
    assert sought.in_bytes("\n".join([*said, heard.out, heard.err]).encode()) - numbers == set()
    assert sought.in_bytes(document.read_bytes())
    assert sought.in_folder(site.home, temporary) == set()
    assert _packed(site.home) == []


# --- in every format that a jail or an electronic record writes ---

READY = files("connectors") / "mappings"
WORKBOOK = Path(__file__).parents[3] / "shared" / "data" / "feeds" / "xlsx" / "roster.xlsx"
AT = "20261006050000"


def _fixed_width(person: Person) -> bytes:
    born = person.dob.replace("-", "")
    detail = (
        f"D{'2600000777':10}{'P77777':8}{person.last:25}{person.first:15}{'':15}{'':4}{born}{person.sex}W{'00000' + person.ssn4}"
        f"{AT}{'0' * 14}{'MAIN':6}{'FTA':12}{'FAILURE TO APPEAR':30}"
    )
    return f"HANYTOWN JAIL\r\n{detail}\r\nT00000001\r\n".encode()


def _json(person: Person) -> bytes:
    subject = {"name": {"last": person.last, "first": person.first}, "dateOfBirth": person.dob, "sex": person.sex}
    booked = {"bookingId": "J-777", "permanentId": "P77777", "subject": subject, "bookedAt": "2026-10-06T05:00:00-04:00",
              "status": "ACTIVE", "facility": {"code": "MAIN"}, "charges": [], "version": 1}  # fmt: skip
    return json.dumps({"data": [booked]}).encode()


def _niem(person: Person) -> bytes:
    name = f"<PersonName><PersonGivenName>{person.first}</PersonGivenName><PersonSurName>{person.last}</PersonSurName></PersonName>"
    born = f"<PersonBirthDate><Date>{person.dob}</Date></PersonBirthDate>"
    phone = f"<ContactTelephoneNumber><FullTelephoneNumber><TelephoneNumberFullID>{person.phone}</TelephoneNumberFullID></FullTelephoneNumber></ContactTelephoneNumber>"
    street = f"<ContactMailingAddress><AddressFullText>{person.street}</AddressFullText><AddressPostalCode>{person.zip}</AddressPostalCode></ContactMailingAddress>"
    return (
        "<BookingExchange><MessageOperationCode>add</MessageOperationCode><Booking>"
        "<ActivityDate><DateTime>2026-10-06T05:00:00-04:00</DateTime></ActivityDate>"
        "<BookingAgency><OrganizationName>County Jail</OrganizationName></BookingAgency>"
        "<BookingAgencyRecordIdentification><IdentificationID>NX-777</IdentificationID></BookingAgencyRecordIdentification>"
        f"<BookingSubject><RoleOfPerson>{born}{name}<PersonSexText>Female</PersonSexText></RoleOfPerson></BookingSubject></Booking>"
        f"<ContactInformation>{street}{phone}</ContactInformation></BookingExchange>"
    ).encode()


def _workbook(person: Person) -> bytes:
    """The sample's, with her as its first client."""
    made = BytesIO()
    with zipfile.ZipFile(WORKBOOK) as sample, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sample.namelist():
            raw = sample.read(name)
            raw = raw.replace(b"Pe&#241;a-Ortega, Marisol", f"{person.last}, {person.first}".encode())
            out.writestr(name, raw.replace(b"555-555-0120", person.phone.encode()))
    return made.getvalue()


def _electronic_record(person: Person) -> bytes:
    entries = [{"resource": one} for kind in fhir_record(person).values() for one in kind]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


FORMATS = {
    "fixed": ("fixed_width_sample", "bookings", "bookings.txt", _fixed_width),
    "api": ("json_api_sample", "bookings", "page.json", _json),
    "niem": ("niem_booking", "bookings", "booking.xml", _niem),
    "adt": ("hl7_adt", "bookings", "adt.hl7", lambda person: adt_message(person, "V777").strip(b"\x0b\x1c\r")),
    "sheet": ("xlsx_roster", "roster", "caseload.xlsx", _workbook),
    "record": ("fhir_roster", "roster", "record.json", _electronic_record),
}


HERS = ((ORG, AVELINE.number), ("sheet-bh", "1001"), ("record-bh", AVELINE.number))
"""Her numbers, at each organisation."""


def _connected(site: Installation) -> None:
    """Each roster is of an organisation of its own; all know her."""
    for name, (mapping, kind, file, write) in FORMATS.items():
        transport = {"type": "folder", "path": f"feeds/{name}", "pattern": f"*{Path(file).suffix}", "settle_seconds": 0}
        described = (READY / f"{mapping}.yaml").read_text("utf-8")
        (site.home / "feeds" / name).mkdir()
        (site.home / "feeds" / name / file).write_bytes(write(AVELINE))
        further = {"kind": kind, "org": f"{name}-bh", "max_shrink": 1.0} if kind == "roster" else {}
        describe(site, name, transport, described, **further)


def test_she_is_nowhere_in_the_clear_in_whatever_format_she_comes(
    sqlite_site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    site, temporary = sqlite_site, tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    _connected(site)
    came = site.home / "feeds"
    assert {kind for kind, _ in canary().in_folder(came)} >= {"name", "full name", "birth date"}
    report = site.cycle()
    assert site.count(tables.booking) == 4
    known = {site.engine.locator.ref("client", org, number) for org, number in HERS}
    assert known <= {row["ref"] for row in site.rows(tables.client)}
    assert [row["client"] for row in site.rows(tables.link, verdict="ALERT")] == [site.client(AVELINE)] * 4
    _copied_out(site)
    assert canary().in_folder(site.home, temporary) == set()
    assert _packed(site.home) == []
    heard = capfd.readouterr()
    assert (
        canary().in_bytes("\n".join([repr(report), str(status(site.engine)), heard.out, heard.err]).encode()) == set()
    )
