"""A small installation to test with: a provider with two programmes, two jails, a handful of invented people."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, Table, func, select

from alerts.keys import PrivateKey
from audit.leaves import Entry, Kind
from audit.log import entries
from audit.verify import Verification, verify_database
from config import load
from records import AlertRef, ClientRef, OrgId, StaffId, StaffMember
from records.ids import ProgramId
from service import consents, logs, registry
from service.cycle import Cycle, CycleReport
from service.engine import Engine, open_engine
from service.keys import checkpoint_signer
from service.setup import CONFIG_NAME, install
from store import tables as _tables

START = datetime(2026, 10, 6, 10, 0, tzinfo=UTC)
AGENCY, ORG = "COMMON", "river-bh"

CONFIGURATION = """\
profile = "development"
organisation = "River County"
zone = "America/New_York"

[audit]
origin = "warmlink.example/river"

[mail]
host = "{mail_host}"
port = {mail_port}
starttls = false
sender = "warmlink@river.example.org"

[[programs]]
id = "OP-MH"
name = "Outpatient"
org = "river-bh"
part2 = false
covered_entity = true

[[programs]]
id = "SUD-OP"
name = "Recovery"
org = "river-bh"
part2 = true
covered_entity = true

[[feeds]]
id = "roster"
kind = "roster"
org = "river-bh"
path = "feeds/roster"
mapping = "common_roster"
max_shrink = 1.0

[[feeds]]
id = "jail"
kind = "bookings"
path = "feeds/jail"
mapping = "jail.yaml"
first_load = "{first_load}"

[[feeds]]
id = "second-jail"
kind = "bookings"
path = "feeds/second-jail"
mapping = "jail.yaml"
first_load = "{first_load}"
"""

MAPPING = """\
name: jail
kind: bookings
format: {type: csv, encoding: utf-8}
dates: [iso]
times: [iso]
bookings:
  agency: {constant: COMMON}
  booking_number: booking_id
  event: {column: event, codes: {B: booked, A: amended, I: identity_changed, R: released, C: cancelled, S: sealed}}
  first: first_name
  middle: middle_name
  last: last_name
  suffix: suffix
  birth_date: dob
  sex: sex
  ssn: ssn_last4
  phone: phone
  street: street
  city: city
  state: state
  zip: zip
  booked_at: booked_at
  released_at: release_at
  facility: facility
  charges: {column: charges, split: ";", between: "|"}
"""

ROSTER_COLUMNS = [
    "client_id",
    "first_name",
    "middle_name",
    "last_name",
    "suffix",
    "dob",
    "sex",
    "race_ethnicity",
    "ssn_last4",
    "phone",
    "street",
    "city",
    "state",
    "zip",
    "aliases",
    "program",
    "clinician_id",
]
BOOKING_COLUMNS = [
    "booking_id",
    "event",
    "first_name",
    "middle_name",
    "last_name",
    "suffix",
    "dob",
    "sex",
    "ssn_last4",
    "phone",
    "street",
    "city",
    "state",
    "zip",
    "booked_at",
    "release_at",
    "facility",
    "charges",
]

STAFF = (
    StaffMember(StaffId("A1"), OrgId(ORG), "Adeyemi, K.", email="a1@river.example.org", verified=True,
                programs=(ProgramId("OP-MH"), ProgramId("SUD-OP"))),
    StaffMember(StaffId("B2"), OrgId(ORG), "Brandt, L.", email="b2@river.example.org", verified=True,
                programs=(ProgramId("OP-MH"), ProgramId("SUD-OP"))),
    StaffMember(StaffId("S9"), OrgId(ORG), "Sorel, M.", email="s9@river.example.org", verified=True, role="supervisor",
                supervises=(ProgramId("OP-MH"), ProgramId("SUD-OP"))),
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Someone invented. `program` and `clinician` say whose client they are, if they are one."""

    number: str
    first: str
    last: str
    dob: str
    sex: str
    ssn4: str
    phone: str
    street: str
    zip: str
    program: str = "OP-MH"
    clinician: str = "A1"

    def __repr__(self) -> str:
        return f"<person {self.number}>"

    def facts(self) -> dict[str, str]:
        return {
            "first_name": self.first,
            "last_name": self.last,
            "dob": self.dob,
            "sex": self.sex,
            "ssn_last4": self.ssn4,
            "phone": self.phone,
            "street": self.street,
            "city": "HARLAN SPRINGS",
            "state": "OH",
            "zip": self.zip,
        }

    def roster_row(self) -> dict[str, str]:
        own = {"client_id": self.number, "program": self.program, "clinician_id": self.clinician}
        return dict.fromkeys(ROSTER_COLUMNS, "") | self.facts() | own

    def booked(self, number: str, event: str = "B", **other: str) -> dict[str, str]:
        stay = {
            "booked_at": "2026-10-06T05:00:00-04:00",
            "facility": "COUNTY JAIL",
            "charges": "TRES|Criminal trespass",
        }
        row = dict.fromkeys(BOOKING_COLUMNS, "") | self.facts() | stay
        return row | {"booking_id": number, "event": event} | other


AVELINE = Person("CN1", "Aveline", "Quistgaard", "1984-03-17", "F", "4471", "5552017733", "118 Tamarack Way", "00403")
BARNABY = Person("CN2", "Barnaby", "Oxenholme", "1971-11-29", "M", "9027", "5553318846", "6402 Juniper Ct", "00411",
                 program="SUD-OP")  # fmt: skip
CORISANDE = Person("CN3", "Corisande", "Vantongeren", "1990-07-08", "F", "3316", "5557742218", "77 Hawthorn Sq", "00421",
                   clinician="B2")  # fmt: skip
DEMETRIO = Person("CN4", "Demetrio", "Zurbaran", "1962-01-23", "M", "8850", "5559063357", "2311 Larkspur Rd", "00431")
CLIENTS = (AVELINE, BARNABY, CORISANDE, DEMETRIO)

STRANGER = Person("", "Hollis", "Pemberwick", "1979-09-02", "M", "1263", "5554405512", "9 Mulberry Pl", "00402")
TWIN = replace(AVELINE, number="", first="Seraphine", ssn4="6618")
"""Of Aveline: same day, same street, same telephone."""


def consent(person: Person, **other: object) -> dict[str, object]:
    """A consent in force that covers an alert, in the published schema."""
    return {
        "id": f"form-{person.number}",
        "client_id": person.number,
        "type": "part2_tpo" if person.program == "SUD-OP" else "general_roi",
        "status": "active",
        "rule_version": "2024",
        "signed_at": "2026-04-20T10:00:00-04:00",
        "effective_from": None,
        "expires_at": "2027-04-20",
        "expires_event": None,
        "revoked_at": None,
        "revocation_method": None,
        "revocable_from": None,
        "signer": {"relationship": "patient", "person_id": None, "authority_verified": False},
        "discloser": {"program_ids": [person.program], "any_treating_program": False},
        "base": "permit",
        "recipients": [{"kind": "class", "id": "treating_providers"}],
        "purposes": ["TPO"],
        "info": ["alert"],
        "provisions": [],
        "elements_missing": [],
        "known_false": False,
    } | other


def revoked(person: Person, at: datetime) -> dict[str, object]:
    return consent(person, status="inactive", revoked_at=at.isoformat(), revocation_method="written")


@dataclass(slots=True)
class Clock:
    """Stands where it is put."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(slots=True)
class Installation:
    """A real installation in a folder, with its engine open and a clock that is moved by hand."""

    home: Path
    engine: Engine
    clock: Clock
    private: dict[str, PrivateKey] = field(default_factory=dict)

    def roster(self, people: Sequence[Person] = CLIENTS, name: str = "roster.csv") -> None:
        self.drop("roster", ROSTER_COLUMNS, [p.roster_row() for p in people], name)

    def bookings(self, *rows: Mapping[str, str], feed: str = "jail", name: str = "bookings.csv") -> Path:
        return self.drop(feed, BOOKING_COLUMNS, rows, name)

    def drop(self, feed: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]], name: str) -> Path:
        path = self.home / "feeds" / feed / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def cycle(self) -> CycleReport:
        """One cycle, which must not have met a fault; the clock stands a minute later afterwards."""
        report = Cycle(self.engine).run()
        assert report.faults == {}
        self.clock.forward(minutes=1)
        return report

    def people(self) -> None:
        """Directory and keys; the private halves are in `private` and in `clinicians/`."""
        registry.import_staff(self.engine, STAFF)
        folder = self.home / "clinicians"
        folder.mkdir(mode=0o700)
        for member in STAFF:
            registry.enrol(self.engine, member.staff, registry.generate_key(folder / f"{member.staff}.jwk"))
            self.private[member.staff] = PrivateKey.load(folder / f"{member.staff}.jwk")

    def consents(self, *forms: Mapping[str, object]) -> None:
        path = self.home / "consents.jsonl"
        path.write_text("".join(json.dumps(form) + "\n" for form in forms), "utf-8")
        assert consents.import_file(self.engine, path, org=ORG, by="front-desk").unknown == ()
        path.unlink()

    def settle_in(self, people: Sequence[Person] = CLIENTS) -> None:
        """Roster, staff, keys and a consent of every client, as a provider brings them."""
        self.roster(people)
        self.cycle()
        self.people()
        self.consents(*(consent(p) for p in people))

    def rows(self, table: Table, **where: object) -> Sequence[RowMapping]:
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.engine.database.read() as conn:
            return conn.execute(query).mappings().all()

    def count(self, table: Table) -> int:
        with self.engine.database.read() as conn:
            return conn.execute(select(func.count()).select_from(table)).scalar_one()

    def leaves(self, *kinds: Kind) -> list[Entry]:
        with self.engine.database.read() as conn:
            return [e for e in entries(conn) if not kinds or e.leaf.kind in kinds]

    def booking(self, number: str) -> str:
        return self.engine.locator.ref("booking", AGENCY, number)

    def client(self, person: Person) -> ClientRef:
        return ClientRef(self.engine.locator.ref("client", ORG, person.number))

    def alert_of(self, number: str, person: Person) -> RowMapping:
        """The one alert that this booking of this client has, apart from what takes it back."""
        link = self.engine.locator.ref("link", self.booking(number), self.client(person))
        (found,) = (row for row in self.rows(_tables.alert, link=link) if row["kind"] != "retraction")
        return found

    def verified(self) -> Verification:
        keys = [checkpoint_signer(self.engine.settings).verifier]
        with self.engine.database.read() as conn:
            return verify_database(conn, self.engine.settings.audit.origin, keys)


def make(
    home: Path,
    *,
    database: str | None = None,
    mail: tuple[str, int] = ("", 25),
    first_load: str = "alert",
    clock: Clock | None = None,
) -> None:
    """Install in `home`, on SQLite or on the database of that URL."""
    text = CONFIGURATION.format(mail_host=mail[0], mail_port=mail[1], first_load=first_load)
    if database is not None:
        text += f'\n[database]\nurl = "{database}"\n'
    home.mkdir(parents=True, exist_ok=True)
    (home / "jail.yaml").write_text(MAPPING, "utf-8")
    install(home, text, random=os.urandom, now=(clock or Clock())(), environment={})


@contextmanager
def opened(home: Path, clock: Clock | None = None) -> Iterator[Installation]:
    """The installation in `home`, its log going to a file there."""
    clock = clock or Clock()
    private = {path.stem: PrivateKey.load(path) for path in (home / "clinicians").glob("*.jwk")}
    with (home / "warmlink.log").open("a", encoding="utf-8") as log:
        engine = open_engine(load(home / CONFIG_NAME, {}), clock=clock, log=logs.logger(clock, log))
        try:
            yield Installation(home, engine, clock, private)
        finally:
            engine.close()


def facts_of(entry: Entry) -> dict[str, Any]:
    return dict(entry.leaf.facts)


def alert_ref(row: RowMapping) -> AlertRef:
    return AlertRef(row["ref"])
