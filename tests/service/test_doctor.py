"""Does the doctor see what is wrong, say it in words, and stay quiet where all is well?"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.demo_sink import MaildirSink
from config import load
from service import logs
from service.backups.make import make
from service.doctor import CHECKS, Finding, State, examine, machine
from service.log_file import LogFile
from service.schedule import run_slot
from service.setup import CONFIG_NAME
from tests.service.installation import AVELINE, Clock, Installation

NOW = datetime(2026, 10, 6, 10, tzinfo=UTC)


def looked(site: Installation, *only: str) -> tuple[Finding, ...]:
    return examine(load(site.home / CONFIG_NAME, {}), clock=site.clock, environment={}, only=only)


def states(found: Iterable[Finding]) -> dict[str, State]:
    """The worst of each check."""
    order = list(State)
    worst: dict[str, State] = {}
    for each in found:
        worst[each.check] = max(worst.get(each.check, State.WELL), each.state, key=order.index)
    return worst


def run_well(site: Installation) -> None:
    run_slot(site.engine, "test")
    make(site.engine, "test", {})
    (site.home / "keys" / "backup.private.jwk").unlink()


def test_an_installation_that_runs_has_no_fault(site: Installation) -> None:
    run_well(site)
    found = looked(site)
    assert {each.check for each in found} == set(CHECKS)
    faults = {each.check for each in found if each.state is State.FAULT} - {
        "disk"
    }  # of the machine that runs the tests
    apart = {"clock"} if site.engine.database.dialect == "postgresql" else set()
    assert faults == apart, "the test's clock stands still, and PostgreSQL's does not"


def test_it_says_what_to_do(sqlite_site: Installation) -> None:
    assert all(each.action for each in looked(sqlite_site) if each.state is not State.WELL)


def test_a_missing_backup_a_late_one_and_a_good_one(sqlite_site: Installation) -> None:
    site = sqlite_site
    assert states(looked(site, "backup"))["backup"] is State.FAULT
    make(site.engine, "test", {})
    assert states(looked(site, "backup"))["backup"] is State.WELL
    site.clock.forward(hours=27)
    assert states(looked(site, "backup"))["backup"] is State.FAULT


def test_cycles_that_stopped(sqlite_site: Installation) -> None:
    site = sqlite_site
    run_slot(site.engine, "test")
    assert states(looked(site, "cycle"))["cycle"] is State.WELL
    site.clock.forward(minutes=45)
    assert states(looked(site, "cycle"))["cycle"] is State.FAULT


def test_a_clock_that_was_set_back(sqlite_site: Installation) -> None:
    site = sqlite_site
    run_slot(site.engine, "test")
    site.clock.forward(hours=-3)
    assert State.FAULT in {each.state for each in looked(site, "cycle") if each.check == "clock"}


@pytest.mark.parametrize(("apart", "expected"), [(0.5, State.WELL), (30.0, State.FAULT), (-30.0, State.FAULT)])
def test_a_database_with_another_clock(apart: float, expected: State) -> None:
    (found,) = machine.clock(NOW, synchronised=True, database_now=NOW + timedelta(seconds=apart))
    assert found.state is expected


def test_a_clock_that_nobody_keeps() -> None:
    (found,) = machine.clock(NOW, synchronised=False, database_now=None)
    assert found.state is State.WARNING


def test_files_that_others_can_read(sqlite_site: Installation) -> None:
    (sqlite_site.home / "keys" / "sender.key").chmod(0o644)
    (found,) = (each for each in looked(sqlite_site, "permissions") if each.state is State.FAULT)
    assert "sender.key" in found.words
    assert found.action.startswith("chmod 600")


def test_a_drop_folder_that_is_gone(sqlite_site: Installation) -> None:
    shutil.rmtree(sqlite_site.home / "feeds" / "jail")
    assert states(looked(sqlite_site, "permissions"))["permissions"] is State.FAULT


def test_a_disk_that_is_nearly_full(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"total": 100e9, "free": 3e9})
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert states(looked(sqlite_site, "disk"))["disk"] is State.FAULT


def test_a_signing_key_that_is_gone(sqlite_site: Installation) -> None:
    (sqlite_site.home / "keys" / "audit.key").unlink()
    assert states(looked(sqlite_site, "keys"))["keys"] is State.FAULT


def test_a_master_key_that_is_gone_is_told_and_the_rest_is_looked_at(sqlite_site: Installation) -> None:
    (sqlite_site.home / "keys" / "master.key").unlink()
    found = states(looked(sqlite_site))
    assert found["database"] is State.FAULT
    assert "disk" in found


def test_a_feed_that_is_refused(sqlite_site: Installation) -> None:
    site = sqlite_site
    (site.home / "feeds" / "jail" / "bad.csv").write_text("not,what,was,agreed\n1,2,3,4\n", "utf-8")
    run_slot(site.engine, "test")
    (found,) = (each for each in looked(site, "feeds") if each.state is State.FAULT)
    assert "jail is refused" in found.words


def test_mail_that_answers_and_mail_that_does_not(sqlite_site: Installation, tmp_path: Path) -> None:
    site = sqlite_site
    config, closed = site.home / CONFIG_NAME, socket.socket()
    closed.bind(("127.0.0.1", 0))
    written = config.read_text("utf-8").replace('host = ""', 'host = "127.0.0.1"')
    config.write_text(written.replace("port = 25", f"port = {closed.getsockname()[1]}"), "utf-8")
    assert states(looked(site, "mail"))["mail"] is State.FAULT
    closed.close()
    with MaildirSink(tmp_path / "mail") as sink:
        config.write_text(written.replace("port = 25", f"port = {sink.port}"), "utf-8")
        assert states(looked(site, "mail"))["mail"] is State.WELL
        assert sink.messages() == (), "it greets, and sends nothing"


@pytest.mark.parametrize(("days", "expected"), [(400, State.WELL), (20, State.WARNING), (-2, State.FAULT)])
def test_a_certificate_that_ends(sqlite_site: Installation, days: int, expected: State) -> None:
    site = sqlite_site
    asked = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=river",
             "-days", "30", "-keyout", str(site.home / "key.pem"), "-out", str(site.home / "smime.pem")]  # fmt: skip
    subprocess.run(asked, check=True, capture_output=True)
    with (site.home / CONFIG_NAME).open("a", encoding="utf-8") as config:
        config.write('\n[smime]\ncertificate = "smime.pem"\n')
    site.clock.at = datetime.now(UTC) + timedelta(days=30 - days)
    assert states(looked(site, "certificates"))["certificates"] is expected


def test_nobody_can_be_read_in_what_it_says(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    said = json.dumps([(each.words, each.action) for each in looked(site)])
    assert not [word for word in ("Quistgaard", "Aveline", "B-1", "CN1") if word in said]


def test_the_log_goes_on_in_a_new_file_after_it_was_moved(tmp_path: Path) -> None:
    path, clock = tmp_path / "engine.log", Clock()
    log = LogFile(path)
    speak = logs.logger(clock, log)  # type: ignore[arg-type]  # it writes and flushes
    speak.info("first")
    path.rename(tmp_path / "engine.log.1")
    speak.info("second")
    log.close()
    assert "first" in (tmp_path / "engine.log.1").read_text("utf-8")
    assert "second" in path.read_text("utf-8")
    assert path.stat().st_mode & 0o777 == 0o600 & ~_umask()


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before
