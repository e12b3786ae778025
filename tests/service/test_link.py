"""Can a person use it: two files in, one file out, and bad rows named by line instead of a crash."""

import csv
import gzip
from pathlib import Path

import pytest

from config.errors import TellPerson
from matcher import LinkageKey, Verdict, default_model
from service.link import HEADINGS, LinkReport, run_link

ROSTER = """client_id,first_name,middle_name,last_name,dob,sex,ssn_last4,phone,street,city,zip,aliases
C1,Margaret,Odette,Fontenot,1981-04-17,F,4821,5553821934,1422 Chestnut Ave,Tolland,00431,Peggy Fontenot|Margaret Blanchard
C2,Tyrone,,Kowalczyk,1964-12-25,M,,,9 Elm St,Tolland,00431,
,Nobody,,Numbered,1970-01-01,M,,,,,,
C2,Again,,Kowalczyk,1964-12-25,M,,,,,,
C4,,,,1964-12-25,M,,,,,,
C5,short
"""
BOOKINGS = """booking_id,person_id,first_name,middle_name,last_name,dob,sex,ssn_last4,phone,street,city,zip
B1,P1,MARGARET,,BLANCHARD,1981-04-17,F,4821,,,TOLLAND,
B2,P2,TYRONE,,KOWALCYK,1964-12-25,M,,,9 ELM ST,TOLLAND,00431
B3,P3,SOMEBODY,,ELSE,1990-09-09,F,,,,TOLLAND,
"""


def run(folder: Path, roster: str = ROSTER, bookings: str = BOOKINGS, truth: str = "", suffix: str = "") -> LinkReport:
    for name, text in (("roster", roster), ("bookings", bookings), ("truth", truth)):
        data = text.encode()
        (folder / f"{name}.csv{suffix}").write_bytes(gzip.compress(data) if suffix else data)
    inputs = folder / f"roster.csv{suffix}", folder / f"bookings.csv{suffix}"
    return run_link(
        *inputs,
        folder / f"links.csv{suffix}",
        folder / f"truth.csv{suffix}" if truth else None,
        model=default_model(),
        key=LinkageKey("e", "k", b"\x05" * 32),
    )


def test_links_are_written_with_their_levels(tmp_path: Path) -> None:
    report = run(tmp_path, truth="booking_id,client_id\nB1,C1\nB2,C2\n")
    with (tmp_path / "links.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == HEADINGS
    assert {(r["booking_id"], r["client_id"]) for r in rows if r["verdict"] == "ALERT"} == {("B1", "C1"), ("B2", "C2")}
    levels = dict(part.split("=") for part in next(r["levels"] for r in rows if r["booking_id"] == "B2").split(";"))
    assert levels["first"] == "exact"
    assert levels["last"] == "close"
    assert report.accuracy is not None
    assert report.accuracy.alert.f1 == 1
    assert (report.clients, report.bookings) == (2, 3)
    assert report.verdicts == {Verdict.ALERT: 2, Verdict.REVIEW: 0, Verdict.NONE: 1}


def test_bad_rows_are_named_by_line_and_never_by_value(tmp_path: Path) -> None:
    bad = run(tmp_path).bad_rows
    assert [(b.file, b.line, b.reason) for b in bad] == [
        ("roster.csv", 4, "no client_id"),
        ("roster.csv", 5, "client_id seen before"),
        ("roster.csv", 6, "no name"),
        ("roster.csv", 7, "wrong number of fields"),
    ]
    assert not any(word in str(bad) for word in ("Nobody", "Again", "Kowalczyk"))


def test_gzipped_files_give_the_same_links(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    for folder, suffix in ((plain, ""), (packed, ".gz")):
        folder.mkdir()
        run(folder, suffix=suffix)
    assert gzip.decompress((packed / "links.csv.gz").read_bytes()) == (plain / "links.csv").read_bytes()


def test_no_value_of_a_person_reaches_the_output(tmp_path: Path) -> None:
    run(tmp_path)
    text = (tmp_path / "links.csv").read_text().lower()
    for word in ("margaret", "fontenot", "blanchard", "tyrone", "kowal", "1981", "1964", "4821", "chestnut", "tolland"):
        assert word not in text


@pytest.mark.parametrize(
    ("roster", "message"),
    [("id,name\n1,x\n", "no column client_id, first_name, last_name"), ("", "no column")],
    ids=["other columns", "empty"],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, roster: str, message: str) -> None:
    with pytest.raises(TellPerson, match=message):
        run(tmp_path, roster=roster)


def test_a_missing_file_and_a_wrong_encoding_are_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(TellPerson, match=r"absent\.csv"):
        run_link(
            tmp_path / "absent.csv",
            tmp_path / "b",
            tmp_path / "o",
            model=default_model(),
            key=LinkageKey("e", "k", b"\x05" * 32),
        )
    (tmp_path / "latin.csv").write_bytes("client_id,first_name,last_name\nC1,Jos\u00e9,P\u00e9rez\n".encode("latin-1"))
    (tmp_path / "bookings.csv").write_text(BOOKINGS)
    with pytest.raises(TellPerson, match=r"latin\.csv: unreadable"):
        run_link(
            tmp_path / "latin.csv",
            tmp_path / "bookings.csv",
            tmp_path / "o",
            model=default_model(),
            key=LinkageKey("e", "k", b"\x05" * 32),
        )
