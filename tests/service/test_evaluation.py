"""Does the evaluation report what the files hold, and can it be handed around?"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config import TellPerson
from matcher import LinkageKey, Model, default_model
from service.cli.app import app
from service.evaluation import Evaluation, evaluate, surname_form, train_on
from service.evaluation_page import page

SMALL = Path(__file__).parents[3] / "shared" / "data" / "us_small"
FILES = (SMALL / "roster.csv", SMALL / "bookings.csv", SMALL / "truth.csv")
KEY = LinkageKey("test", "test", bytes(range(32)))


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(*FILES, model=default_model(), key=KEY)


def test_the_counts_are_those_of_the_files(found: Evaluation) -> None:
    assert (found.clients, found.bookings, found.true_pairs) == (242, 374, 28)
    for rows in found.groups.values():
        assert sum(row.recall.total for row in rows) == 28
        assert sum(row.recall.hits for row in rows) == found.accuracy.alert.true_positives
    assert sum(b.true.total for b in found.calibration) == len(found.weights)
    missed = sum(n for (kind, _), n in found.errors.items() if kind == "missed")
    assert missed == found.accuracy.alert.missed


def test_the_page_stands_alone_and_names_nobody(found: Evaluation) -> None:
    made = page(found, "A title <with> & marks")
    assert "A title &lt;with&gt; &amp; marks" in made
    assert not re.search(r"<script|https?://|src=|@import", made)
    assert made.count("<svg") == 3
    with FILES[1].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    words = set(re.findall(r"[A-Z]{4,}|\d{4}-\d{2}-\d{2}|BK\d+", made))
    people = {row[c] for row in rows for c in ("first_name", "last_name", "dob", "booking_id")}
    assert not words & people


def test_training_needs_no_truth_and_gives_a_model_that_reads_back(tmp_path: Path) -> None:
    learned = train_on(*FILES[:2], model=default_model(), key=KEY, name="small")
    assert Model.from_json(learned.model.to_json()) == learned.model
    assert learned.model.hash != default_model().hash
    assert 0.02 < learned.prior < 0.2  # 28 of 374 bookings are of clients


def shipped(folder: Path) -> str:
    file = folder / "shipped.json"
    file.write_text(default_model().to_json(), "utf-8")
    return str(file)


def test_the_commands_chain(tmp_path: Path) -> None:
    run = CliRunner().invoke
    roster, bookings, truth = map(str, FILES)
    files = ["--roster", roster, "--bookings", bookings]
    model, report = str(tmp_path / "m.json"), tmp_path / "report.html"
    prices = ["--false-alert", "9", "--missed-alert", "1"]
    assert run(app, ["model", "train", *files, "--out", model, *prices]).exit_code == 0
    assert "ALERT from 0.9" in run(app, ["model", "show", model]).output
    assert "weigh alike" in run(app, ["model", "compare", model, model]).output
    assert "thresholds.alert" in run(app, ["model", "compare", shipped(tmp_path), model]).output
    done = run(app, ["evaluate", *files, "--truth", truth, "--out", str(report), "--model", model])
    assert done.exit_code == 0
    assert report.read_text("utf-8").startswith("<!doctype html>")


def test_a_file_without_its_columns_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "roster.csv"
    bad.write_text("a,b\n1,2\n")
    with pytest.raises(TellPerson, match=r"roster\.csv: no column"):
        evaluate(bad, *FILES[1:], model=default_model(), key=KEY)


@pytest.mark.parametrize(
    ("surname", "form"),
    [
        ("", "none"),
        ("Nguyễn", "letters beyond A to Z"),
        ("Pena-Ortega", "hyphenated"),
        ("De La Cruz", "with a particle"),
        ("Munoz Barrera", "two surnames"),
        ("Rodriguez", "Spanish patronymic (-ez, -az, -oz, -iz)"),
        ("Vu", "three letters or fewer"),
        ("Whitfield", "one surname"),
    ],
)
def test_the_form_of_a_surname(surname: str, form: str) -> None:
    assert surname_form(surname) == form
