"""Is anybody to be found in what we leave behind? A search over every byte, and proof that the search can find."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import update

from audit.vocabulary import TYPES, Kind
from config import WarmlinkError
from config.keys import as_text, keys
from consent.vocabulary import FieldName
from service import directory, reading, registry
from service.cycle import Cycle
from service.demonstration import run_demo
from service.explain import explain
from service.setup import CONFIG_NAME, install
from service.status import status
from store import tables
from store.tables import metadata
from tests.service import needles
from tests.service.installation import AVELINE, CLIENTS, STRANGER, TWIN, Clock, Installation, alert_ref, opened
from tests.service.needles import Needles
from tests.service.week import COUNTY, Week, table

RULES = [path.read_text("utf-8") for path in (files("consent") / "book").iterdir() if path.name.endswith(".yaml")]
CODES = (*TYPES, *(kind.value for kind in Kind), *(name.value for name in FieldName), *metadata.tables, *RULES)
"""Words of the closed vocabularies and of the rule book, which is kept too: some of them are surnames, Fields and Justice."""

SOURCES = ("roster-harlan.csv", "roster-north.csv", *sorted(p.name for p in COUNTY.glob("harlan-jail-*.csv")))


def people() -> Iterator[dict[str, str]]:
    """Everybody in the sample, in the common form."""
    for name in SOURCES:
        yield from table(name)
    yield from (_common(row) for row in jms_rows())


def jms_rows() -> list[dict[str, str]]:
    text = (COUNTY / "north-jail-2026-10-07.csv").read_text("utf-8-sig")
    return [row for row in csv.DictReader(text.splitlines()) if None not in row and None not in row.values()]


def _common(row: dict[str, str]) -> dict[str, str]:
    last, _, first = row["Inmate Name"].partition(",")
    month, _, rest = row["DOB"].strip().partition("/")
    day, _, year = rest.partition("/")
    return {
        "first_name": first,
        "middle_name": "",
        "last_name": last,
        "aliases": "|".join(" ".join(reversed(aka.split(", "))) for aka in row["AKA(s)"].split("|")),
        "dob": f"{year}-{month}-{day}" if len(year) == 4 and int(month) <= 12 and int(day) < 29 else "",
        "ssn_last4": row["SSN"][-4:] if "4417" in row["SSN"] else "",
        "phone": row["Phone"],
        "street": row["Address"],
        "booking_id": row["Booking #"],
        "person_id": row["Perm ID"],
    }


@pytest.fixture(scope="module")
def everybody() -> Needles:
    return needles.of(people())


@pytest.fixture(scope="module")
def sought(everybody: Needles, tmp_path_factory: pytest.TempPathFactory) -> Needles:
    """Without what an installation of the same county holds that has never seen a person, and without words of our codes."""
    home = tmp_path_factory.mktemp("control") / "home"
    install(home, (COUNTY / CONFIG_NAME).read_text("utf-8"), random=os.urandom, now=Clock()(), environment={})
    with opened(home) as nobody:
        registry.import_staff(nobody.engine, directory.read(COUNTY / "staff.csv"))
        Cycle(nobody.engine).run()
    return everybody.without(everybody.in_folder(home) | everybody.in_bytes(" ".join(CODES).encode()))


def test_the_search_means_something(everybody: Needles, sought: Needles) -> None:
    """There are many needles, and hardly any of them stands in an empty installation."""
    assert len(sought) > 0.97 * len(everybody)
    for kind, least in (
        ("words", 400),
        ("pairs", 800),
        ("births", 500),
        ("ssn4", 150),
        ("phones", 350),
        ("streets", 300),
    ):
        assert len(getattr(sought, kind)) >= least, kind


def test_nobody_is_in_what_the_week_left(week: Week, sought: Needles) -> None:
    """Database, logs, mail, archived files, checkpoints, keys."""
    assert {p.suffix for p in week.home.rglob("*") if p.is_file()} >= {".db", ".log", ".sealed", ".checkpoint", ".jwk"}
    assert sought.in_folder(week.home) == set()


def test_nobody_is_on_the_disk_while_it_runs(week: Week, sought: Needles) -> None:
    """With the write-ahead log still there, and all that the run put into the temporary folder."""
    assert (week.during / "warmlink.db-wal").stat().st_size > 0
    assert sought.in_folder(week.during, week.temp) == set()


def test_no_cell_of_text_holds_a_name_however_short(week: Week) -> None:
    """Cells of text are no ciphertext, so here a bare surname of four letters counts."""
    surnames = {word for name in SOURCES for row in table(name) for word in needles.words(row["last_name"])}
    staff = {word for row in table("staff.csv") for word in needles.words(row["name"])}
    ours = set(re.findall("[a-z]+", (" ".join(CODES) + as_text(keys())).lower()))  # codes, and what is said of settings
    short = {word for word in surnames if len(word) >= 4} - staff - ours
    assert len(short) > 300
    held = set(_cell_words(week.home / "warmlink.db"))
    assert held & short == set()
    assert {"inbox", "alert", "adult"} & held, "nothing was read"


def _cell_words(database: Path) -> Iterator[str]:
    with sqlite3.connect(database) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in raw.execute(f"SELECT * FROM {name}"):
                for cell in (str(c) for c in row if isinstance(c, str)):
                    yield from re.findall(r"(?<![a-z0-9_-])[a-z]{4,}(?![a-z0-9_-])", cell.lower())
    raw.close()


# --- can the search fail? ---

PERSON = "first_name,Deshawn,Whitfield,1979-11-03,8841"


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        pytest.param(b'{"event": "feed.failed", "who": "WHITFIELD"}', "name", id="a surname in a log line"),
        pytest.param(b"\x00\x17Whitfield\x02\xff", "name", id="a surname in a database page"),
        pytest.param(b'{"first":"Tou","middle":"","last":"Vang"}', "full name", id="a short name as JSON"),
        pytest.param(b"VANG, TOU", "full name", id="a short name as the jail writes it"),
        pytest.param("Whitfield".encode("utf-16-le"), "name", id="UTF-16"),
        pytest.param("xx Whitfield".encode("utf-16-be"), "name", id="UTF-16, the other way round"),
        pytest.param(b64encode(b'{"last": "Whitfield", "x": 1}'), "name", id="base64"),
        pytest.param(urlsafe_b64encode(b"??>>~~ Whitfield ~~>>??"), "name", id="base64 for URLs"),
        pytest.param(b"Whitfield, Deshawn".hex().encode(), "name", id="hexadecimal"),
        pytest.param("Nguyễn".encode(), "accented name", id="accents"),
        pytest.param("MUÑOZ BARRERA".encode("latin-1"), "accented name", id="accents in another coding"),
        pytest.param(b"dob=1979-11-03;", "birth date", id="a date of birth"),
        pytest.param(b"11/03/1979", "birth date", id="as the jail writes it"),
        pytest.param(b"11/3/79", "birth date", id="as a person writes it"),
        pytest.param(b" 19791103 ", "birth date", id="without strokes"),
        pytest.param(b'"8841"', "ssn4", id="four digits in JSON"),
        pytest.param(b",8841,", "ssn4", id="four digits in CSV"),
        pytest.param(b"XXX-XX-8841", "ssn4", id="a masked number"),
        pytest.param(b"ssn_last4: 8841", "ssn4", id="a labelled number"),
        pytest.param(b"(555) 555-0112", "phone", id="a telephone"),
        pytest.param(b"+15555550112", "phone", id="the same, as a program writes it"),
        pytest.param(b"1410 ALDER ST APT 7", "street", id="a street"),
        pytest.param(b"booking 26-000101 failed", "number", id="a booking number"),
        pytest.param(b'"MRN1002"', "number", id="a client's number"),
    ],
)
def test_what_is_planted_is_found(sought: Needles, planted: bytes, kind: str, tmp_path: Path) -> None:
    noise = b"\x93\x00\xfe" * 50
    (tmp_path / "warmlink.db-wal").write_bytes(noise + b"\x00" + planted + b"\x00" + noise)
    assert kind in {found for found, _ in sought.in_folder(tmp_path)}


def test_a_name_in_the_name_of_a_file_is_found(sought: Needles, tmp_path: Path) -> None:
    (tmp_path / "Whitfield-Deshawn.csv").touch()
    assert {kind for kind, _ in sought.in_folder(tmp_path)} == {"name", "full name"}


def test_no_cell_holds_a_client_on_either_database(site: Installation) -> None:
    """Neither while an alert waits nor after it was opened."""
    site.bookings(*(person.booked(f"J{n}") for n, person in enumerate((*CLIENTS, TWIN, STRANGER))))
    site.cycle()
    reading.open_alert(site.engine, alert_ref(site.alert_of("J0", AVELINE)), site.private["A1"])
    rows = [{**person.roster_row(), **person.booked("-")} for person in (*CLIENTS, TWIN, STRANGER)]
    ours = needles.of(row | {"middle_name": "", "aliases": ""} for row in rows)
    held = [cell for name in metadata.tables.values() for row in site.rows(name) for cell in row.values()]
    raw = b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in held)
    assert len(ours) > 40
    assert ours.in_bytes(raw) == set()
    assert ours.in_bytes(raw + b"\nQuistgaard\n") == {("name", "quistgaard")}


def test_one_cell_of_plain_text_in_a_database_is_found(sqlite_site: Installation, sought: Needles) -> None:
    assert sought.in_folder(sqlite_site.home) == set()
    with sqlite_site.engine.database.write() as conn:
        conn.execute(update(tables.data_key).values(purpose="of Hargrove"))
    sqlite_site.engine.close()
    assert ("name", "hargrove") in sought.in_folder(sqlite_site.home)


# --- and in what is said when something is wrong? ---


def test_a_faulty_file_is_talked_about_without_what_is_in_it(
    sqlite_site: Installation, sought: Needles, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The jail's worst export: broken quotes, impossible times, formulas for names, missing columns."""
    caplog.set_level(logging.DEBUG)
    site = sqlite_site
    config = site.home / CONFIG_NAME
    config.write_text(config.read_text("utf-8").replace('mapping = "jail.yaml"', 'mapping = "jms_export"', 1), "utf-8")
    with opened(site.home, site.clock) as jms:
        worst = (COUNTY / "north-jail-2026-10-07.csv").read_bytes()
        folder = site.home / "feeds" / "jail"
        (folder / "a.csv").write_bytes(worst)
        (folder / "b.csv").write_bytes(worst.replace(b"DOB", b"Born"))  # a column that was renamed
        report = Cycle(jms.engine).run()
        page = status(jms.engine)
        answers = [explain(jms.engine, row["Booking #"], "ANYTOWN JAIL") for row in jms_rows()]
    assert page.quarantine["jail"] == 6
    assert list(report.faults) == ["jail"], "the renamed column must be a fault, or the test would prove little"
    said = capfd.readouterr()
    words = [
        str(report),
        repr(report),
        str(page),
        repr(answers),
        said.out,
        said.err,
        caplog.text,
        *report.faults.values(),
    ]
    words.append((site.home / "warmlink.log").read_text("utf-8"))
    words.append(json.dumps([dict(row) for row in site.rows(tables.quarantine)], default=str))
    assert sought.in_bytes("\n".join(words).encode()) == set()


@pytest.mark.parametrize("damage", [b"\x00", b"", b"\xff\xfe", b'"' * 31])
def test_a_fault_of_the_whole_file_names_nobody(sqlite_site: Installation, sought: Needles, damage: bytes) -> None:
    source = (COUNTY / "roster-harlan.csv").read_bytes()
    (sqlite_site.home / "feeds" / "roster" / "roster-whitfield.csv").write_bytes(
        damage + source[: len(source) // 2 * bool(damage)]
    )
    report = Cycle(sqlite_site.engine).run()
    said = [*report.faults.values(), (sqlite_site.home / "warmlink.log").read_text("utf-8")]
    assert sought.in_bytes("\n".join(said).encode()) == set()
    assert AVELINE.last not in "\n".join(said)


def test_an_error_out_of_the_middle_of_a_cycle_names_nobody(sought: Needles, tmp_path: Path) -> None:
    """The demonstration over a home that is taken: one sentence, nobody in it."""
    (tmp_path / CONFIG_NAME).touch()
    with pytest.raises(WarmlinkError) as caught:
        run_demo(tmp_path, lambda _words: None)
    assert sought.in_bytes(str(caught.value).encode()) == set()
