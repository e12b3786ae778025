"""Each transport through a whole installation: described at the terminal, asked by `run --once`, and an alert at the end.

The servers are real ones that the test starts; what they hold is what a jail's or provider's would.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text

from service.receiving import listening
from service.setup import CONFIG_NAME
from store import tables
from tests.connectors.servers import Source, certificate, sftp_server, web_server
from tests.service import feeding
from tests.service.feeding import mapping, reopened, row
from tests.service.installation import AVELINE, STRANGER, Installation, Person, consent
from tests.service.test_commands import environment, warmlink

READY = files("connectors") / "mappings"
NOW = "2026-10-06T10:10:00Z"
NAMES = ("Quistgaard", "Aveline", "Tamarack", "1984-03-17")


@dataclass(slots=True)
class Operator:
    """What an operator types, and what the outcome was."""

    site: Installation
    secrets: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> str:
        done = warmlink(*arguments, home=self.site.home, **self.secrets)
        assert done.returncode == code, done.stdout + done.stderr
        assert not any(name in done.stdout + done.stderr for name in NAMES)
        return done.stdout

    def add(self, name: str, kind: str, transport: str, described: str, **settings: object) -> None:
        """Write the mapping beside the configuration, and add the feed with its settings."""
        (self.site.home / f"{name}.map.yaml").write_text(described, "utf-8")
        given = [
            part for key, value in settings.items() for part in ("--set", f"{key}={yaml.safe_dump(value).strip()}")
        ]
        org = ("--org", "river-bh") if kind == "roster" else ()
        self.run("feed", "add", name, "--kind", kind, "--type", transport, "--map", f"{name}.map.yaml", *org, *given)
        file = self.site.home / "feeds" / f"{name}.yaml"
        file.write_text(file.read_text("utf-8") + "first_load: alert\nmax_shrink: 1.0\n", "utf-8")
        reopened(self.site)

    def cycle(self, now: str = NOW) -> str:
        return self.run("run", "--once", "--now", now)

    def alerts(self) -> list[str]:
        return feeding.alerts(self.site)


@pytest.fixture
def operator(sqlite_site: Installation) -> Operator:
    return Operator(sqlite_site, {})


def csv_of(*people: Person) -> bytes:
    return feeding.text([row(person, f"J{n}") for n, person in enumerate(people)]).encode()


def test_sftp(operator: Operator, tmp_path: Path) -> None:
    """A real SSH server, its host key pinned, our key a secret that the feed file only names."""
    with sftp_server(tmp_path / "jail") as server:
        operator.secrets["WARMLINK_SECRET_JAIL_KEY"] = server.client_key
        operator.add(
            "jail2", "bookings", "sftp", mapping("jail2"), host="127.0.0.1", port=server.port, username="warmlink",
            host_key=server.host_key.strip(), client_key="jail-key", folder="/out", pattern="*.csv",
        )  # fmt: skip
        dropped = server.root / "out" / "today.csv"
        dropped.write_bytes(csv_of(AVELINE, STRANGER))
        long_ago = (operator.site.clock() - timedelta(hours=1)).timestamp()
        os.utime(dropped, (long_ago, long_ago))
        operator.cycle()
        assert operator.alerts() == ["arrest"]
        operator.cycle("2026-10-06T10:15:00Z")
        assert operator.alerts() == ["arrest"]
        assert dropped.exists()  # nothing is written to their server unless that was agreed
    operator.cycle("2026-10-06T10:20:00Z")
    assert "late" in operator.run("feed", "status", "jail2", "--now", "2026-10-06T10:21:00Z", code=1)
    (kept,) = (operator.site.home / "feeds" / "jail2" / "archive").iterdir()
    assert not any(name.encode() in kept.read_bytes() for name in NAMES)


def _serve(source: Source, documents: dict[str, object], token: str) -> None:
    """Answers by path, to whoever shows the token."""

    def answer(path: str, _count: int) -> tuple[int, dict[str, str], bytes]:
        if source.headers[-1].get("Authorization") != f"Bearer {token}":
            return 401, {}, b""
        found = documents.get(path.partition("?")[0] if path not in documents else path)
        return (
            (404, {}, b"") if found is None else (200, {"Content-Type": "application/json"}, json.dumps(found).encode())
        )

    source.answer = answer


def _booking(number: str, person: Person) -> dict[str, object]:
    return {
        "bookingId": number, "status": "ACTIVE", "version": 1, "bookedAt": "2026-10-06T05:00:00-04:00", "facility": {"code": "MAIN"},
        "subject": {"name": {"first": person.first, "last": person.last}, "dateOfBirth": person.dob, "sex": person.sex},
        "ssn": person.ssn4, "charges": [],
    }  # fmt: skip


def test_https_pages(operator: Operator, tmp_path: Path) -> None:
    """Two pages over TLS with a certificate of the jail's own making, and a bearer token."""
    pem = certificate(tmp_path / "jail.pem")
    described = yaml.safe_load((READY / "json_api_sample.yaml").read_text("utf-8"))
    described |= {"name": "api", "format": {"type": "json", "records": "bookings"}}
    described["bookings"] |= {"ssn": "ssn", "agency": {"constant": "COMMON"}}
    with web_server(pem) as jail:
        first = {"bookings": [_booking("J1", STRANGER)], "page": {"next": f"{jail.base}/bookings/2"}}
        second = {"bookings": [_booking("J2", AVELINE)], "page": {"next": None}}
        _serve(jail, {"/bookings": first, "/bookings/2": second}, "s3cret")
        operator.secrets["WARMLINK_SECRET_JAIL_TOKEN"] = "s3cret"
        operator.add(
            "api", "bookings", "json_pages", yaml.safe_dump(described), url=f"{jail.base}/bookings", token="jail-token", ca_file=str(pem)
        )  # fmt: skip
        operator.cycle()
        assert operator.alerts() == ["arrest"]
        operator.cycle("2026-10-06T10:15:00Z")
        assert (operator.alerts(), operator.site.count(tables.booking_event)) == (["arrest"], 2)
        assert "since=2026-10-06T10" in jail.asked[2]
        operator.secrets["WARMLINK_SECRET_JAIL_TOKEN"] = "stolen"
        operator.cycle("2026-10-06T10:20:00Z")
    assert "FeedRejected" in operator.run("feed", "status", "api", "--now", "2026-10-06T10:21:00Z", code=1)


SQL = """\
name: db
kind: bookings
format: {type: json, lines: true}
dates: [iso]
times: [iso]
bookings:
  agency: {constant: COMMON}
  booking_number: booking_no
  first: first_name
  last: last_name
  birth_date: dob
  ssn: ssn4
  booked_at: booked_at
"""


def test_a_query_of_a_real_postgresql(operator: Operator, postgres_url: str) -> None:
    """The jail's database is a server of its own; the account's password is a secret."""
    jail = create_engine(postgres_url)
    with jail.begin() as conn:
        conn.execute(text("create table custody (seq int, booking_no text, first_name text, last_name text, dob date, ssn4 text, booked_at timestamptz)"))  # fmt: skip

    def books(seq: int, person: Person) -> None:
        values = {"seq": seq, "n": f"J{seq}", "f": person.first, "l": person.last, "d": person.dob, "s": person.ssn4}
        with jail.begin() as conn:
            conn.execute(
                text("insert into custody values (:seq, :n, :f, :l, :d, :s, '2026-10-06T05:00:00-04:00')"), values
            )

    books(1, STRANGER)
    operator.secrets["WARMLINK_SECRET_JAIL_DB"] = postgres_url
    query = "select * from custody where seq > :after order by seq"
    operator.add("db", "bookings", "sql", SQL, url="jail-db", query=query, watermark="seq")
    operator.cycle()
    assert operator.alerts() == []
    books(2, AVELINE)
    operator.cycle("2026-10-06T10:15:00Z")
    assert (operator.alerts(), operator.site.count(tables.booking_event)) == (["arrest"], 2)
    jail.dispose()


def fhir_record(person: Person) -> dict[str, list[dict[str, object]]]:
    return {
        "Patient": [
            {
                "resourceType": "Patient", "id": "p1", "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": person.number}],
                "name": [{"family": person.last, "given": [person.first]}], "birthDate": person.dob, "gender": "male",
                "telecom": [{"system": "phone", "value": person.phone}],
                "address": [{"line": [person.street], "postalCode": person.zip}],
            }
        ],
        "EpisodeOfCare": [
            {
                "resourceType": "EpisodeOfCare", "id": "e1", "status": "active", "type": [{"coding": [{"code": "OP-MH"}]}],
                "patient": {"reference": "Patient/p1"}, "careManager": {"reference": "Practitioner/d1"},
            }
        ],
        "Practitioner": [
            {
                "resourceType": "Practitioner", "id": "d1", "identifier": [{"value": "A1"}],
                "name": [{"family": "Adeyemi", "given": ["K."]}], "active": True,
            }
        ],
    }  # fmt: skip


def _searches(base: str, resources: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    """A page of each search; patients come on the second of two pages."""
    found: dict[str, object] = {}
    for kind in ("Patient", "EpisodeOfCare", "CareTeam", "Practitioner", "PractitionerRole", "Group", "Consent"):
        page = {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": r} for r in resources.get(kind, [])],
        }
        found[f"/r4/{kind}"] = page
    found["/r4/Patient/2"] = found["/r4/Patient"]
    found["/r4/Patient"] = {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": f"{base}/r4/Patient/2"}],
        "entry": [],
    }
    return found


def test_a_fhir_server(operator: Operator, tmp_path: Path) -> None:
    """A provider whose caseload comes from the electronic record now, and no longer from a file."""
    config = operator.site.home / CONFIG_NAME
    before, _, after = config.read_text("utf-8").partition('[[feeds]]\nid = "roster"')
    config.write_text(before + after[after.index("[[feeds]]") :], "utf-8")
    others = tuple(feed for feed in operator.site.engine.settings.feeds if feed.id != "roster")
    settings = operator.site.engine.settings.model_copy(update={"feeds": others})
    operator.site.engine = replace(operator.site.engine, settings=settings)
    pem, person = (
        certificate(tmp_path / "ehr.pem"),
        replace(STRANGER, number="E77"),
    )
    with web_server(pem) as record:
        _serve(record, _searches(record.base, fhir_record(person)), "ehr-s3cret")
        operator.secrets["WARMLINK_SECRET_EHR_TOKEN"] = "ehr-s3cret"
        described = (READY / "fhir_roster.yaml").read_text("utf-8")
        described = described.replace("name: fhir_roster", "name: ehr")
        operator.add(
            "ehr", "roster", "fhir_search", described, base=f"{record.base}/r4", token="ehr-token", ca_file=str(pem)
        )
        operator.cycle()
        operator.site.consents(consent(person))
        operator.site.bookings(person.booked("J9"))
        operator.cycle("2026-10-06T10:15:00Z")
        assert operator.alerts() == ["arrest"]
    operator.cycle("2026-10-06T10:20:00Z")  # the record is away: its clients stay
    assert len([r for r in operator.site.rows(tables.client) if r["retired_at"] is None]) == 1


def adt_message(person: Person, number: str) -> bytes:
    born = person.dob.replace("-", "")
    pid = f"PID|||P{number}||{person.last}^{person.first}||{born}|{person.sex}|||{person.street}^^X^OH^{person.zip}||||||||{person.ssn4}"
    pv1 = "|".join(["PV1", "", "I", "^^^COUNTY JAIL", *[""] * 15, number, *[""] * 24, "20261006050000-0400"])
    head = f"MSH|^~\\&|EMR|COUNTY|WL|WL|20261006090000||ADT^A01|M{number}|P|2.5.1"
    return b"\x0b" + f"{head}\r{pid}\r{pv1}".encode("latin-1") + b"\r\x1c\r"


def _sent(port: int, *messages: bytes) -> list[bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sender:
        answers = []
        for message in messages:
            sender.sendall(message)
            answers.append(sender.recv(4096))
    return answers


def test_hl7_over_mllp(operator: Operator) -> None:
    operator.add(
        "adt",
        "bookings",
        "mllp",
        (READY / "hl7_adt.yaml").read_text("utf-8").replace("name: hl7_adt", "name: adt"),
        port=0,
    )
    with listening(operator.site.engine) as (listener,):
        answers = _sent(listener.port, adt_message(STRANGER, "V1"), adt_message(AVELINE, "V2"))
    assert all(b"MSA|AA|" in answer for answer in answers)
    operator.cycle()
    assert (operator.alerts(), operator.site.count(tables.booking)) == (["arrest"], 2)


def _until(done: Callable[[], object]) -> None:
    """Asks until it answers, for at most a minute: a new process has to begin first."""
    for _ in range(600):
        try:
            done()
        except OSError:
            subprocess.run(["sleep", "0.1"], check=True)
        else:
            return
    raise TimeoutError


def test_the_process_that_runs_on_a_schedule_listens(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    operator.add(
        "adt",
        "bookings",
        "mllp",
        (READY / "hl7_adt.yaml").read_text("utf-8").replace("name: hl7_adt", "name: adt"),
        port=port,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "from service.cli import main; main()", "run"],
        env=environment(operator.site.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _until(lambda: socket.create_connection(("127.0.0.1", port), timeout=10).close())
        assert b"MSA|AA|" in _sent(port, adt_message(AVELINE, "V1"))[0]
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert not any(name.encode() in said for name in NAMES)
    folder = operator.site.home / "feeds" / "adt"
    assert len(list((folder / "spool").iterdir())) + len(list(folder.glob("archive/*"))) == 1
