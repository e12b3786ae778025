"""The commands as an operator and a clinician use them, each a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from config import Refuse, Retry, TellPerson
from service.cli import main
from service.setup import CONFIG_NAME
from store import tables
from tests.service.installation import AVELINE, BARNABY, DEMETRIO, STRANGER, TWIN, Installation, Person, revoked

NOW = "2026-10-06T10:10:00Z"
SECRET = "correct-horse-battery"
COMMAND = [sys.executable, "-c", "from service.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def environment(home: Path | None, **given: str) -> dict[str, str]:
    """Nothing of ours but the place of the configuration."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WARMLINK_")}
    place = {} if home is None else {"WARMLINK_CONFIG": str(home / CONFIG_NAME)}
    return clean | place | {"NO_COLOR": "1", "COLUMNS": "300"} | given


def warmlink(*arguments: str, home: Path | None = None, **given: str) -> Done:
    """The command, from its arguments to its exit code, without the second that a new process takes to begin."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["warmlink", *arguments])
        patch.setattr(os, "environ", environment(home, **given))
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def said(done: Done, code: int) -> str:
    """What a failed command said, having checked that it said it briefly."""
    assert done.returncode == code, done.stdout + done.stderr
    words = done.stderr + done.stdout
    assert "Traceback" not in words
    return " ".join(words.split())


def document(done: Done, code: int = 0) -> Any:
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


# --- the installation ---


def test_init_makes_an_installation_that_checks_out_once(tmp_path: Path) -> None:
    home = tmp_path / "new"
    made = warmlink("init", str(home))
    assert made.returncode == 0, made.stderr
    assert "safe" in made.stdout
    assert (home / "keys" / "master.key").stat().st_mode & 0o077 == 0
    assert (home / "keys" / "backup.private.jwk").stat().st_mode & 0o077 == 0
    before = (home / "keys" / "master.key").read_bytes()
    assert "already holds" in said(warmlink("init", str(home)), 65)
    assert (home / "keys" / "master.key").read_bytes() == before

    check = warmlink("config", "check", home=home)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "production" in check.stdout
    assert document(warmlink("run", "--once", "--json", home=home))["faults"] == {}
    assert "development" in said(warmlink("run", "--once", "--now", NOW, home=home), 78)
    assert "intact" in warmlink("audit", "verify", home=home).stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("organization = 'x'", "did you mean organisation"),
        ("[database]\nurl = 'mysql://x'", "mysql"),
        ("[mail]\nstarttls = 'perhaps'", "mail.starttls"),
        ("this is no toml", "cannot be read"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / CONFIG_NAME).write_text(text + "\n", "utf-8")
    assert words in said(warmlink("status", home=tmp_path), 78)


def test_where_nothing_is_installed_it_says_what_makes_it(tmp_path: Path) -> None:
    assert "warmlink init" in said(warmlink("status", home=tmp_path), 78)


def test_config_shows_everything_but_secrets(sqlite_site: Installation) -> None:
    url = f"sqlite:///{sqlite_site.home}/warmlink.db"
    done = warmlink("config", "show", home=sqlite_site.home, WARMLINK_MAIL__PASSWORD=SECRET, WARMLINK_DATABASE__URL=url)
    assert done.returncode == 0, done.stderr
    assert "river-bh" in done.stdout
    assert "starttls: false" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    shown = document(warmlink("config", "show", "--json", home=sqlite_site.home, WARMLINK_MAIL__PASSWORD=SECRET))
    assert SECRET not in json.dumps(shown)
    assert shown["mail"]["sender"] == "warmlink@river.example.org"


def test_config_check_names_each_fault(sqlite_site: Installation) -> None:
    home = sqlite_site.home
    shutil.rmtree(home / "feeds" / "jail")
    (home / "keys" / "backup.pub.jwk").unlink()
    words = said(warmlink("config", "check", home=home), 78)
    assert "feeds.jail: there is no folder" in words
    assert "backup_key" in words


def test_a_mistyped_variable_is_refused_with_the_nearest_name(sqlite_site: Installation) -> None:
    words = said(warmlink("status", home=sqlite_site.home, WARMLINK_MAIL__PASWORD=SECRET), 78)
    assert "WARMLINK_MAIL__PASSWORD" in words
    assert SECRET not in words


# --- a day's work ---


def test_a_day_with_the_command_line(site: Installation) -> None:
    """Booked, run, listed, opened, explained, verified; on either database."""
    home = site.home
    site.consents(revoked(DEMETRIO, site.clock()))
    site.bookings(AVELINE.booked("J1"), DEMETRIO.booked("J2"), TWIN.booked("J3"), STRANGER.booked("J4"))
    report = document(warmlink("run", "--once", "--json", "--now", NOW, home=home))
    assert (report["tally"]["events"], report["tally"]["alerts"], report["sent"]["delivered"]) == (4, 1, {"inbox": 1})
    again = document(warmlink("run", "--once", "--json", "--now", "2026-10-06T10:20:00Z", home=home))
    assert again["tally"]["events"] == 0

    (line,) = document(warmlink("inbox", "--json", home=home))
    assert (line["recipient"], line["state"]) == ("A1", "delivered")
    assert document(warmlink("inbox", "--json", "--staff", "B2", home=home)) == []

    own, other = home / "clinicians" / "A1.jwk", home / "clinicians" / "B2.jwk"
    opening = ("open", line["alert"], "--now", "2026-10-06T10:30:00Z", "--key")
    assert "no message here" in said(warmlink(*opening, str(other), home=home), 65)
    for _ in range(2):  # the same instant again is no obstacle
        read = warmlink(*opening, str(own), home=home)
        assert read.returncode == 0, read.stderr
        assert "Aveline Quistgaard" in read.stdout
    assert "Aveline Quistgaard" in document(warmlink(*opening, str(own), "--json", home=home))["headline"]

    answers = {n: document(warmlink("explain", n, "--json", home=home)) for n in ("J1", "J2", "J4", "J9")}
    assert {n: a["answer"] for n, a in answers.items()} == {
        "J1": "told",
        "J2": "not told",
        "J4": "not told",
        "J9": "never received",
    }
    assert len({a["because"] for a in answers.values()}) == 4
    words = warmlink("explain", "J2", home=home).stdout
    assert "CONSENT_REVOKED" in words
    assert DEMETRIO.last not in words

    page = document(warmlink("status", "--json", home=home))
    assert page["healthy"] is True
    assert (page["clients"], page["tally"]["alerts"]) == (4, {"opened": 1})
    assert "All is well" in warmlink("status", home=home).stdout
    assert document(warmlink("audit", "verify", "--json", home=home))["good"] is True


def test_status_fails_while_something_waits_for_a_person(sqlite_site: Installation) -> None:
    sqlite_site.drop("jail", ["booking_id"], [{"booking_id": "J1"}], "renamed.csv")
    once = warmlink("run", "--once", "--now", NOW, home=sqlite_site.home)
    assert once.returncode == 0
    assert "jail" in once.stdout
    done = warmlink("status", home=sqlite_site.home)
    assert done.returncode == 1
    assert "waits for a person" in done.stdout


def test_a_log_that_was_changed_does_not_verify(sqlite_site: Installation) -> None:
    sqlite_site.bookings(AVELINE.booked("J1"))
    sqlite_site.cycle()
    with sqlite_site.engine.database.write() as conn:
        for (name,) in conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            conn.exec_driver_sql(f"DROP TRIGGER {name}")
        conn.exec_driver_sql(
            "UPDATE audit_leaf SET entry = cast(replace(cast(entry AS text), 'permit', 'redact') AS blob)"
        )
    assert "NOT INTACT" in said(warmlink("audit", "verify", home=sqlite_site.home), 78)


# --- what people bring ---


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(("Quill, R.", ""), "staff.csv line 3, name: is empty", id="no name"),
        pytest.param(
            (",yes,yes,", ",perhaps,yes,"), "staff.csv line 2, active: must be yes or no", id="neither yes nor no"
        ),
        pytest.param(("D5", "D4"), "staff.csv line 3, staff_id: stands here a second time", id="twice"),
        pytest.param(("supervises,", ""), "staff.csv lacks the column supervises", id="a column short"),
    ],
)
def test_a_staff_file_with_a_mistake_is_refused_by_line_and_column(
    sqlite_site: Installation, tmp_path: Path, damage: tuple[str, str], words: str
) -> None:
    text = (
        "staff_id,org_id,name,role,email,programs,supervises,active,verified,language\n"
        'D4,river-bh,"Orme, T.",clinician,d4@river.example.org,OP-MH,,yes,yes,en\n'
        'D5,river-bh,"Quill, R.",clinician,d5@river.example.org,OP-MH,,yes,yes,en\n'
    )
    file = tmp_path / "staff.csv"
    file.write_text(text.replace(*damage, 1), "utf-8")
    assert words in said(warmlink("staff", "import", str(file), home=sqlite_site.home), 65)
    file.write_text(text, "utf-8")
    assert "2 members" in warmlink("staff", "import", str(file), home=sqlite_site.home).stdout


def test_a_clinicians_key_is_enrolled_and_a_private_one_refused(sqlite_site: Installation, tmp_path: Path) -> None:
    home, key = sqlite_site.home, tmp_path / "b2.jwk"
    assert "in force" in warmlink("keys", "enroll", "B2", "--generate", str(key), "--now", NOW, home=home).stdout
    assert "private key" in said(warmlink("keys", "enroll", "B2", "--public", str(key), home=home), 65)
    assert "no Z0" in said(warmlink("keys", "enroll", "Z0", "--generate", str(tmp_path / "z"), home=home), 65)


def test_a_consent_file_with_a_mistake_is_refused_by_line(sqlite_site: Installation, tmp_path: Path) -> None:
    file = tmp_path / "consents.jsonl"
    form = revoked(BARNABY, sqlite_site.clock())
    file.write_text(json.dumps(form) + "\n" + json.dumps(form | {"base": "Oxenholme"}) + "\n", "utf-8")
    words = said(warmlink("consent", "import", str(file), "--by", "front-desk", home=sqlite_site.home), 65)
    assert "line 2" in words
    assert "Oxenholme" not in words


# --- the batch ---


def test_two_files_are_linked_and_measured(tmp_path: Path) -> None:
    shared = Path(__file__).resolve().parents[2] / "config" / "samples" / "county"
    files = {name: str(shared / f"{name}.csv") for name in ("roster-harlan", "harlan-jail-2026-10-02", "truth")}
    done = warmlink(
        "link", "--roster", files["roster-harlan"], "--bookings", files["harlan-jail-2026-10-02"],
        "--out", str(tmp_path / "links.csv"), "--truth", files["truth"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "at ALERT" in done.stdout
    heading, *lines = (tmp_path / "links.csv").read_text("utf-8").splitlines()
    assert heading == "booking_id,client_id,verdict,match_weight,probability,margin,levels"
    assert any(",ALERT," in line for line in lines)


# --- running and failing ---


def start(home: Path, *code: str) -> subprocess.Popen[str]:
    """`warmlink run` in a process of its own."""
    command = [sys.executable, "-c", *code] if code else [*COMMAND, "run"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment(home), cwd=home)


def stopped(running: subprocess.Popen[str]) -> tuple[str, str]:
    """Tell it to stop, and what it had said."""
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, out + err
    return out, err


def just_now(person: Person, number: str) -> dict[str, str]:
    """The scheduler's clock is the real one, and old news is no news."""
    return person.booked(number, booked_at=(datetime.now(UTC) - timedelta(hours=1)).isoformat())


def wait_for(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 200  # so long only where many others work on the machine
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_the_scheduler_works_and_stops_when_told(site: Installation) -> None:
    site.bookings(just_now(AVELINE, "J1"), just_now(BARNABY, "J2"))
    running = start(site.home)
    assert running.stdout is not None
    assert "alerts 2" in running.stdout.readline()
    stopped(running)
    assert [row["state"] for row in site.rows(tables.outbox)] == ["delivered"] * 2
    (claimed,) = site.rows(tables.run_claim, job="cycle")
    assert claimed["finished_at"] is not None


def test_told_to_stop_in_the_middle_it_finishes_the_cycle(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(*(just_now(AVELINE, f"J{n}") for n in range(40)))
    running = start(site.home)
    wait_for(lambda: site.count(tables.booking_event))
    assert site.count(tables.booking_event) < 40, "it was finished already: the test would prove nothing"
    stopped(running)
    assert site.count(tables.booking_event) == 40
    assert [row["state"] for row in site.rows(tables.outbox)] == ["delivered"] * 40
    (claimed,) = site.rows(tables.run_claim, job="cycle")
    assert claimed["finished_at"] is not None


def test_two_schedulers_do_not_run_one_slot_twice(sqlite_site: Installation) -> None:
    sqlite_site.bookings(just_now(AVELINE, "J1"))
    both = [start(sqlite_site.home), start(sqlite_site.home)]
    wait_for(lambda: any(row["finished_at"] for row in sqlite_site.rows(tables.run_claim, job="cycle")))
    time.sleep(1)
    said_by_both = "".join(stopped(running)[0] for running in both)
    assert said_by_both.count("deliveries") == len(sqlite_site.rows(tables.run_claim, job="cycle"))
    assert sqlite_site.count(tables.inbox_item) == 1


def broken(fault: BaseException) -> Callable[..., object]:
    """A function that fails as a library would: with a person in its message."""

    def fails(*_: object) -> object:
        raise fault

    return fails


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(Retry("the server is slow"), 75, id="again later"),
        pytest.param(Refuse("the file is not one"), 65, id="refused"),
        pytest.param(TellPerson("the disk is full"), 78, id="a person"),
        pytest.param(ValueError("Quistgaard 1984-03-17"), 70, id="a wrong value"),
        pytest.param(KeyError("Quistgaard"), 70, id="a missing key"),
        pytest.param(UnicodeDecodeError("utf-8", b"Quistgaard", 0, 1, "Quistgaard"), 70, id="a wrong byte"),
        pytest.param(MemoryError(), 70, id="no memory"),
    ],
)
def test_an_exit_code_says_what_to_do_next(
    sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch, fault: BaseException, code: int
) -> None:
    monkeypatch.setattr("service.cycle.load_index", broken(fault))
    words = said(warmlink("run", "--once", home=sqlite_site.home), code)
    assert "Quistgaard" not in words
    assert words.count("warmlink:") == 1
    assert ("unforeseen fault" in words) == (code == 70)


BREAK = """
import service.cycle, sys
def fails(*_):
    raise ValueError("Quistgaard 1984-03-17")
service.cycle.load_index = fails
from service.cli import main
sys.argv[1:] = ["run", *{more}]
main()
"""


def test_an_unforeseen_fault_ends_one_run_in_a_sentence(sqlite_site: Installation) -> None:
    """In a process of its own: nothing of Python's prints what was caught."""
    running = start(sqlite_site.home, BREAK.format(more=["--once"]))
    out, err = running.communicate(timeout=60)
    assert running.returncode == 70
    assert out == ""
    assert "Quistgaard" not in err
    assert "ValueError at " in err
    said = [line for line in err.splitlines() if "clock.leapt" not in line]  # the site was made in another month
    assert len(said) == 1


def test_an_unforeseen_fault_in_the_scheduler_names_nobody_and_stops_nothing(sqlite_site: Installation) -> None:
    running = start(sqlite_site.home, BREAK.format(more=[]))
    wait_for(lambda: sqlite_site.rows(tables.run_claim, job="cycle"))
    time.sleep(1)
    assert running.poll() is None
    out, err = stopped(running)
    assert "Quistgaard" not in out + err
    assert "Traceback" not in out + err
    assert "ValueError" in err


def test_help_is_a_contents_page() -> None:
    words = warmlink("--help").stdout
    for name in (
        "init",
        "run",
        "status",
        "explain",
        "inbox",
        "open",
        "audit",
        "config",
        "staff",
        "consent",
        "link",
        "demo",
    ):
        assert f" {name} " in words
