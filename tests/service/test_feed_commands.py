"""Describing, trying, pushing to and reading again: what operators do without seeing a name, and what senders learn."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit.leaves import Kind
from config import ConfigError, ProgramSettings, Refuse
from consent.fhir_extension import PURPOSE_SYSTEM
from records import ClientRef, ProgramId, StaffId
from service import feed_commands
from service.cycle import Cycle
from service.feed_commands import UnknownFeed
from service.receiving import Receipt, listening, receive
from store import consents, staff, tables
from tests.service.feeding import alerts, describe, folder, mapping, row, says, text
from tests.service.installation import AVELINE, DEMETRIO, ROSTER_COLUMNS, STRANGER, Installation
from tests.service.test_commands import warmlink

READY = files("connectors") / "mappings"

WRONG = "Quistgaard", "Aveline", "Tamarack", "1984-03-17", "Pemberwick", "Zurbaran"


@pytest.fixture
def site(sqlite_site: Installation) -> Installation:
    return sqlite_site


def pushed(site: Installation) -> None:
    describe(site, "post", {"type": "push"}, mapping("post"))


# --- what a sender learns ---


def _given(site: Installation, *rows: dict[str, str]) -> tuple[Receipt, list[dict[str, Any]], list[str]]:
    """The receipt, the log lines and the files that a push leaves behind, before and after the cycle."""
    log = site.home / "warmlink.log"
    before = len(log.read_text("utf-8").splitlines())
    receipt = receive(site.engine, "post", text(rows).encode(), site.clock())
    site.cycle()
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()[before:]]
    kept = sorted(p.parent.name for p in (site.home / "feeds" / "post").rglob("*") if p.is_file())
    return receipt, lines, kept


def test_receipts_logs_and_files_are_the_same_whatever_matched(site: Installation) -> None:
    """A client with consent, a client without, somebody in doubt and a stranger: rows of equal length, one push each."""
    pushed(site)
    site.consents()  # nothing more
    twin = replace(AVELINE, first="Seraphi", ssn4="6618")
    outsider = replace(AVELINE, first="Hollist", last="Pemberwic", dob="1979-09-02", ssn4="1263", phone="5554405512")
    seen = []
    for number, person in enumerate((AVELINE, twin, outsider)):
        receipt, lines, kept = _given(site, row(person, f"J{number}"), row(STRANGER, "", dob="x"))
        assert receipt.problems == ((3, "booking_number", "no-booking-number"),)
        plain = replace(receipt, delivery="")
        quiet = [
            {k: v for k, v in line.items() if k not in {"timestamp", "delivery"}}
            for line in lines
            if line.get("feed") == "post"
        ]
        seen.append((plain, quiet, len(kept) - number))
    assert seen[0] == seen[1] == seen[2]
    assert site.count(tables.alert) == 1  # so something did differ inside


def test_a_pushed_delivery_waits_sealed_and_is_read_once(site: Installation) -> None:
    pushed(site)
    content = text([row(AVELINE, "J1")]).encode()
    first = receive(site.engine, "post", content, site.clock())
    assert receive(site.engine, "post", content, site.clock()) == first
    (waiting,) = (site.home / "feeds" / "post" / "spool").iterdir()
    assert not any(word.encode() in waiting.read_bytes() for word in WRONG)
    site.cycle()
    assert alerts(site) == ["arrest"]
    assert receive(site.engine, "post", content, site.clock()).status == "received"
    assert site.cycle().tally.events == 0


def test_pushes_are_read_in_the_order_of_their_arrival(site: Installation) -> None:
    pushed(site)
    for event in ("", "C"):
        receive(site.engine, "post", text([row(AVELINE, "J1", event=event)]).encode(), site.clock())
    site.cycle()
    assert [r["state"] for r in site.rows(tables.booking)] == ["void"]


def test_a_push_that_is_not_to_be_believed_is_refused_and_kept_sealed(site: Installation) -> None:
    pushed(site)
    receipt = receive(site.engine, "post", b"<html>Aveline Quistgaard</html>", site.clock())
    assert receipt.status == "refused"
    assert "Aveline" not in receipt.reason
    assert [r["state"] for r in site.rows(tables.delivery, feed="post")] == ["refused"]
    assert len(list((site.home / "feeds" / "post" / "archive").iterdir())) == 1
    with pytest.raises(UnknownFeed):
        receive(site.engine, "jail", b"", site.clock())


def _segment(name: str, **fields: str) -> str:
    """A segment by the numbers of its fields, `f5` for the fifth."""
    numbered = {int(field[1:]): value for field, value in fields.items()}
    return "|".join([name, *(numbered.get(n, "") for n in range(1, max(numbered) + 1))])


def _message(last: str, first: str, number: str, born: str, ssn4: str) -> bytes:
    segments = (
        f"MSH|^~\\&|EMR|COUNTY|WL|WL|20261006090000||ADT^A01|M{number}|P|2.5.1",
        _segment(
            "PID", f3=f"P{number}", f5=f"{last}^{first}", f7=born, f8="F", f11="118 Tamarack Way^^X^OH^00403", f19=ssn4
        ),
        _segment("PV1", f2="I", f3="^^^COUNTY JAIL", f19=number, f44="20261006050000-0400"),
    )
    return b"\x0b" + "\r".join(segments).encode("latin-1") + b"\r\x1c\r"


def test_hl7_messages_are_acknowledged_alike_and_read_in_the_next_cycle(site: Installation) -> None:
    described = (READY / "hl7_adt.yaml").read_text("utf-8")
    describe(site, "adt", {"type": "mllp", "port": 0}, described)
    answers = []
    with listening(site.engine) as (listener,):
        for last, first, number, born, ssn4 in (
            ("Quistgaard", "Aveline", "V1", "19840317", "4471"),
            ("Pemberwick", "Hollist", "V2", "19790902", "1263"),
        ):
            with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as sender:
                sender.sendall(_message(last, first, number, born, ssn4))
                answers.append(sender.recv(4096).replace(number.encode(), b"V"))
        with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as sender:
            sender.sendall(b"\x0bnonsense\x1c\r")
            assert sender.recv(4096).split(b"\rMSA")[1][1:3] == b"AR"
    assert answers[0].split(b"\rMSA")[1] == answers[1].split(b"\rMSA")[1]
    assert b"MSA|AA" in answers[0]
    site.cycle()
    assert (alerts(site), site.count(tables.booking)) == (["arrest"], 2)


# --- transports from configuration ---


def _database(path: Path, *rows: tuple[int, str, str]) -> None:
    with sqlite3.connect(path) as conn:
        conn.execute(
            "create table if not exists b (at int, booking_id text, last_name text, first_name text, dob text, ssn_last4 text)"
        )
        for at, number, event in rows:
            conn.execute("insert into b values (?, ?, 'Quistgaard', 'Aveline', '1984-03-17', '4471')", (at, number))
            del event


SQL = """\
name: sql
kind: bookings
format: {type: json, lines: true}
dates: [iso]
times: [iso]
bookings:
  agency: {constant: COMMON}
  booking_number: booking_id
  first: first_name
  last: last_name
  birth_date: dob
  ssn: ssn_last4
  booked_at: booked_at
"""


def test_a_query_with_its_secret_in_the_environment(site: Installation, tmp_path: Path) -> None:
    _database(tmp_path / "jail.db", (1, "J1", ""))
    query = "select *, '2026-10-06T05:00:00-04:00' as booked_at from b where at > :after order by at"
    describe(site, "sql", {"type": "sql", "url": "jail-db", "query": query, "watermark": "at"}, SQL)
    assert "secret 'jail-db'" in Cycle(site.engine).run().faults["sql"]
    site.engine = replace(site.engine, secrets={"WARMLINK_SECRET_JAIL_DB": f"sqlite:///{tmp_path}/jail.db"})
    assert site.cycle().tally.alerts == 1
    _database(tmp_path / "jail.db", (2, "J2", ""))
    assert site.cycle().tally.events == 1
    archived = list((site.home / "feeds" / "sql" / "archive").iterdir())
    assert len(archived) == 2  # kept sealed before they were committed, since the query does not give them again
    assert not any(b"Quistgaard" in path.read_bytes() for path in archived)
    again = feed_commands.replay(site.engine, "sql")
    assert [(one.rows, one.fresh) for one in again] == [(1, 0), (1, 0)]


def test_a_secret_never_stands_in_a_feed_file(site: Installation) -> None:
    with pytest.raises(ConfigError, match="host_key"):
        feed_commands.add(
            site.engine.settings, "sftp", {"mapping": "jms_export", "transport": {"type": "sftp", "password": "x"}}
        )


def test_one_broken_feed_stops_no_other(site: Installation) -> None:
    folder(site, "jail2")
    (site.home / "jail2.map.yaml").write_text("name: nothing\n", "utf-8")
    site.bookings(AVELINE.booked("J1"))
    report = Cycle(site.engine).run()
    assert list(report.faults) == ["jail2"]
    assert report.tally.alerts == 1


# --- an electronic record ---


def _fhir(site: Installation, **feed: Any) -> None:
    programs = tuple(
        ProgramSettings(id=name, name=name, org="clinic", part2=part2, covered_entity=True)
        for name, part2 in (("ACT", False), ("SUD-OP2", True))
    )
    site.engine = replace(
        site.engine,
        settings=site.engine.settings.model_copy(update={"programs": (*site.engine.settings.programs, *programs)}),
    )
    (site.home / "feeds" / "ehr").mkdir()
    transport = {"type": "folder", "path": "feeds/ehr", "pattern": "*.json", "settle_seconds": 0}
    described = (READY / "fhir_roster.yaml").read_text("utf-8")
    describe(site, "ehr", transport, described, kind="roster", org="clinic", **feed)
    (site.home / "feeds" / "ehr" / "roster.json").write_text(json.dumps(BUNDLE), "utf-8")


BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"resource": resource}
        for resource in (
            {
                "resourceType": "Patient",
                "id": "p1",
                "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "77"}],
                "name": [{"family": "Quistgaard", "given": ["Aveline"]}],
                "birthDate": "1984-03-17",
            },
            {
                "resourceType": "EpisodeOfCare",
                "id": "e1",
                "status": "active",
                "type": [{"coding": [{"code": "ACT"}]}],
                "patient": {"reference": "Patient/p1"},
                "careManager": {"reference": "Practitioner/d1"},
            },
            {
                "resourceType": "Practitioner",
                "id": "d1",
                "identifier": [{"value": "N1"}],
                "name": [{"family": "Adeyemi", "given": ["Kemi"]}],
            },
            {
                "resourceType": "Consent",
                "id": "c1",
                "status": "active",
                "scope": {"coding": [{"code": "patient-privacy"}]},
                "patient": {"reference": "Patient/p1"},
                "dateTime": "2026-01-14",
                "provision": {"type": "permit", "purpose": [{"system": PURPOSE_SYSTEM, "code": "TREAT"}]},
            },
        )
    ],
}


def test_an_electronic_record_brings_clients_staff_and_consents(site: Installation) -> None:
    _fhir(site, consents={"signed_by_patient": True, "any_treating_program": True})
    report = site.cycle()
    assert report.rosters["ehr"].changed == 1
    client = ClientRef(site.engine.locator.ref("client", "clinic", "77"))
    with site.engine.database.read() as conn:
        member = staff.get(conn, StaffId("N1"))
        history = consents.history(conn, site.engine.vault, client)
    assert member is not None
    assert (member.name, member.org, member.verified) == ("Kemi Adeyemi", "clinic", False)
    assert len(history) == 1, [(r["code"], r["field"], r["reason"]) for r in site.rows(tables.quarantine)]
    verified = replace(member, verified=True, programs=(ProgramId("ACT"),))
    with site.engine.database.write() as conn:
        staff.put(conn, verified, site.clock())
    changed = json.loads(json.dumps(BUNDLE).replace("Kemi", "Kemisola"))
    (site.home / "feeds" / "ehr" / "again.json").write_text(json.dumps(changed), "utf-8")
    site.cycle()
    with site.engine.database.read() as conn:
        assert staff.get(conn, StaffId("N1")) == replace(verified, name="Kemisola Adeyemi")
        assert len(consents.history(conn, site.engine.vault, client)) == 1


def test_without_a_form_no_consent_is_taken(site: Installation) -> None:
    _fhir(site)
    before = site.count(tables.consent_record)
    site.cycle()
    assert site.count(tables.consent_record) == before


# --- quarantine ---


def test_a_row_is_taken_in_once_its_programme_is_configured(site: Installation) -> None:
    newcomer = replace(STRANGER, number="CN9", program="NEW")
    site.drop("roster", ROSTER_COLUMNS, [p.roster_row() for p in (AVELINE, newcomer)], "r.csv")
    site.cycle()
    (waiting,) = site.rows(tables.quarantine)
    assert waiting["code"] == "unknown-program"
    program = ProgramSettings(id="NEW", name="New", org="river-bh", part2=False, covered_entity=True)
    programs = (*site.engine.settings.programs, program)
    site.engine = replace(site.engine, settings=site.engine.settings.model_copy(update={"programs": programs}))
    done = feed_commands.retry(site.engine, waiting["ref"], "operator")
    assert (done.fresh, done.still_refused) == (1, 0)
    stated = site.leaves(Kind.QUARANTINE)[-1].leaf.facts
    assert (stated["by"], stated["result"], stated["row"]) == ("operator", "retry", waiting["ref"])
    assert [r["state"] for r in site.rows(tables.quarantine)] == ["retried"]


def test_reading_an_old_file_again_undoes_nothing(site: Installation) -> None:
    """The first file had a row that could not be read; meanwhile the feed said more of the other booking."""
    folder(site, "jail2", semantics={"blank_release": "withdrawn"}, times=["iso"])
    says(site, "jail2", row(AVELINE, "J1"), row(DEMETRIO, "J2", booked_at="06.10.2026 05:00"), name="a.csv")
    site.cycle()
    says(site, "jail2", row(AVELINE, "J1", release_at="2026-10-06T06:00:00-04:00"), name="b.csv")
    site.cycle()
    (waiting,) = site.rows(tables.quarantine)
    folder(
        site,
        "jail2",
        semantics={"blank_release": "withdrawn"},
        times=["iso", "%d.%m.%Y %H:%M"],
        zone="America/New_York",
    )
    done = feed_commands.retry(site.engine, waiting["ref"], "operator")
    assert (done.fresh, done.still_refused) == (1, 0)
    assert sorted(alerts(site)) == ["arrest", "arrest", "release"]
    assert site.rows(tables.booking, ref=site.booking("J1"))[0]["state"] == "released"


def test_a_row_that_is_given_up_stays_in_the_log(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1", first_name="", last_name=""))
    site.cycle()
    (waiting,) = site.rows(tables.quarantine)
    feed_commands.discard(site.engine, waiting["ref"], "operator")
    assert [r["state"] for r in site.rows(tables.quarantine)] == ["discarded"]
    stated = site.leaves(Kind.QUARANTINE)[-1].leaf.facts
    assert (stated["change"], stated["by"]) == ("destroyed", "operator")
    with pytest.raises(Refuse):
        feed_commands.discard(site.engine, waiting["ref"], "operator")


# --- at the terminal ---


@pytest.fixture
def outputs() -> Iterator[list[str]]:
    """Everything that was printed; no word of it may be somebody's."""
    said: list[str] = []
    yield said
    assert not [word for word in WRONG for text_ in said if word.lower() in text_.lower()]


def test_the_whole_day_of_a_new_feed(site: Installation, tmp_path: Path, outputs: list[str]) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text(text([row(AVELINE, "J1"), row(DEMETRIO, "J2", dob="1962-02-30"), row(STRANGER, "")]), "utf-8")
    (site.home / "lkc.map.yaml").write_text(mapping("lkc"), "utf-8")

    def run(*arguments: str, code: int = 0) -> str:
        done = warmlink(*arguments, home=site.home)
        outputs.append(done.stdout + done.stderr)
        assert done.returncode == code, done.stderr
        return done.stdout

    settings = ("--set", "path=feeds/lkc", "--set", "settle_seconds=0")
    run("feed", "add", "lkc", "--kind", "bookings", "--type", "folder", "--map", "lkc.map.yaml", *settings)
    run("feed", "add", "lkc", "--kind", "bookings", "--type", "folder", "--map", "lkc.map.yaml", *settings, code=65)
    tried = run("feed", "test", "lkc", "--sample", str(sample))
    assert "3 rows: 2 records (1 flagged, 0 updates), 1 refused" in tried
    assert "birth_date: impossible-date" in tried
    assert site.count(tables.booking) == 0
    (site.home / "feeds" / "lkc" / "a.csv").write_bytes(sample.read_bytes())
    run("run", "--once", "--now", "2026-10-06T10:10:00Z")
    assert "complete" in run("feed", "status", "lkc", "--now", "2026-10-06T10:11:00Z")
    (waiting,) = json.loads(run("feed", "quarantine", "list", "lkc", "--json"))
    assert "no-booking-number" in run("feed", "quarantine", "show", waiting["ref"])
    assert "0 taken in, 1 still set aside" in run("feed", "quarantine", "retry", waiting["ref"], "--by", "operator")
    run("feed", "quarantine", "discard", waiting["ref"], "--by", "operator")
    assert "Nothing waits" in run("feed", "quarantine", "list")
    assert "3 rows, 0 taken in" in run("feed", "replay", "lkc")
    run("config", "check")
    assert "lkc" in [feed["id"] for feed in json.loads(run("config", "show", "--json"))["feeds"]]


def test_the_files_that_feed_add_writes_can_be_read(site: Installation) -> None:
    transport = {
        "type": "sftp",
        "host": "sftp.example.org",
        "username": "w",
        "host_key": "ssh-ed25519 AAAA",
        "client_key": "k",
        "folder": "/o",
    }
    file = feed_commands.add(site.engine.settings, "north", {"mapping": "jms_export", "transport": transport})
    assert yaml.safe_load(file.read_text("utf-8"))["transport"] == transport


def test_two_rosters_of_one_organisation_would_discharge_each_others_clients(site: Installation) -> None:
    described = (READY / "common_roster.yaml").read_text("utf-8")
    transport = {"type": "folder", "path": "feeds/more"}
    with pytest.raises(ConfigError, match="river-bh has two rosters"):
        describe(site, "more", transport, described, kind="roster", org="river-bh")
