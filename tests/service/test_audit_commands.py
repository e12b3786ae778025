"""Do the commands for compliance officers do what their page says, with the exit codes of the others?"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import asyncssh
import httpx2
import pytest

from audit import verifier
from audit.leaves import Kind
from config import ConfigError, load
from service.checkpoints import place_names, places
from service.setup import CONFIG_NAME
from tests.service.installation import AVELINE, Installation, facts_of
from tests.service.test_commands import Done, said, warmlink

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
COMMANDS = [
    line.partition(" #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("warmlink ")
]


@pytest.fixture
def site(sqlite_site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """With one alert told, in a folder that holds a checkpoint from earlier."""
    sqlite_site.bookings(AVELINE.booked("J1"))
    sqlite_site.cycle()
    oldest = min((sqlite_site.home / "checkpoints").glob("0*.checkpoint"))
    shutil.copyfile(oldest, tmp_path / "kept.checkpoint")
    monkeypatch.chdir(tmp_path)
    return sqlite_site


def run(site: Installation, line: str) -> Done:
    """A line as it stands on the page; what goes to `>` is written."""
    command, _, target = line.partition(">")
    done = warmlink(*shlex.split(command)[1:], home=site.home)
    if target:
        Path(target.strip()).write_text(done.stdout, "utf-8")
    return done


def test_every_command_of_the_page_runs_as_it_stands_there(site: Installation, tmp_path: Path) -> None:
    assert len(COMMANDS) >= 15
    decided = facts_of(site.leaves(Kind.DECISION)[0])
    names = {"DECISION": str(decided["decision"]), "BOOKING": str(decided["booking"])}
    for line in COMMANDS:
        for name, real in names.items():
            line = line.replace(f" {name}", f" {real}")  # noqa: PLW2901 - the same line, filled in
        done = run(site, line)
        assert (line, done.returncode, done.stderr) == (line, 0, "")
        if placed := re.search(r"Hold ([a-z2-7]{26}) is in force", done.stdout):
            names["HOLD"] = placed[1]
    for file in ("pulls.csv", "accounting.pdf", "events.ndjson", "kept.growth-proof", "entry-7.json"):
        assert (tmp_path / file).stat().st_size > 0
    assert site.verified().good
    taken = [facts_of(e)["report"] for e in site.leaves(Kind.EXPORT)]
    assert {"log", "proof_of_check", "pulls", "everything", "hipaa_164_528", "access_unusual", "events"} <= set(taken)


def test_what_they_wrote_passes_the_verifier_that_works_alone(site: Installation, tmp_path: Path) -> None:
    for line in COMMANDS[:5]:
        assert run(site, line).returncode == 0
    shutil.copyfile(verifier.__file__, tmp_path / "verifier.py")
    for arguments in (
        "log.jsonl log.checkpoint audit.pub --anchor kept.checkpoint",
        "inclusion entry-7.json entry-7.tlog-proof audit.pub",
        "consistency kept.growth-proof kept.checkpoint audit.pub",
    ):
        done = subprocess.run(
            [sys.executable, "verifier.py", *arguments.split()], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stdout[:5], done.stderr) == (0, "GOOD:", "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("warmlink audit report nothing", "there is no such report"),
        ("warmlink audit report everything", "name the client"),
        ("warmlink audit report pulls --format pdf", "a PDF goes to a file"),
        ("warmlink audit report pulls --since yesterday", "a time looks like"),
        ("warmlink audit report pulls --by 'Dr. Smith'", "must be one word"),
        ("warmlink disclosures CN99", "listed a client of this number"),
        ("warmlink audit events --out e.ndjson", "say --fhir"),
        (f"warmlink audit reproduce {'a' * 26}", "no decision of this name"),
        ("warmlink audit proof inclusion 99999", "no checkpoint covers entry 99999"),
        ("warmlink audit proof consistency nowhere.checkpoint", "cannot be read as a checkpoint"),
        (f"warmlink audit hold lift {'a' * 26}", "no hold of this name"),
        (f"warmlink audit hold place --booking {'a' * 26}", "no booking of this reference"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_recorded(
    line: str, words: str, site: Installation
) -> None:
    before = len(site.leaves())
    assert words in said(run(site, line), 65)
    assert len(site.leaves()) == before


def test_the_system_s_user_is_who_takes_it_whatever_the_environment_says(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert run(site, "warmlink audit report pulls").returncode == 0
    assert facts_of(site.leaves(Kind.EXPORT)[-1])["by"] != "somebody-else"
    assert run(site, "warmlink audit report pulls --by officer-1").returncode == 0
    assert facts_of(site.leaves(Kind.EXPORT)[-1])["by"] == "officer-1"


def test_a_decision_that_does_not_come_out_again_ends_with_the_code_for_a_person(site: Installation) -> None:
    name = facts_of(site.leaves(Kind.DECISION)[0])["decision"]
    with site.engine.database.write() as conn:
        conn.exec_driver_sql("DELETE FROM rule_book")
    done = run(site, f"warmlink audit reproduce {name}")
    assert (done.returncode, "was not kept" in done.stdout) == (78, True)


def test_checkpoints_go_to_every_place_of_the_page(site: Installation) -> None:
    block = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    path = site.home / CONFIG_NAME
    path.write_text(path.read_text("utf-8").replace('[audit]\norigin = "warmlink.example/river"\n', block), "utf-8")
    (site.home / "keys" / "checkpoints.ssh").write_bytes(
        asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    )
    settings = load(path, {"WARMLINK_AUDIT__WEB__TOKEN": "secret-token"})
    assert place_names(settings) == ["folder", "web", "sftp"]
    with places(settings) as (sinks, witness):
        web = sinks[1].client  # type: ignore[attr-defined]  # of the web sink
        assert isinstance(web, httpx2.Client)
        assert (str(web.base_url), web.headers["Authorization"]) == (
            "https://clerk.example.org/warmlink/",
            "Bearer secret-token",
        )
        assert witness is not None
        assert str(witness.key) == settings.audit.witness.key
    assert "secret-token" not in repr(settings)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("WARMLINK_AUDIT__WEB__URL", "http://clerk.example.org/", "audit.web.url"),
        ("WARMLINK_AUDIT__SFTP__HOST", "sftp.example.org", "host_key is needed"),
        ("WARMLINK_AUDIT__WITNESS__URL", "https://w.example.org/", "key is needed"),
        ("WARMLINK_AUDIT__RETENTION_YEARS", "5", "retention_years"),
    ],
)
def test_an_unsafe_place_or_period_is_refused(setting: str, value: str, words: str, settled: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        load(settled / CONFIG_NAME, {setting: value})


def test_nothing_of_a_person_is_in_what_the_commands_print(site: Installation) -> None:
    printed = "".join(run(site, line).stdout for line in COMMANDS if "disclosures" not in line and "HOLD" not in line)
    assert not any(value in printed for value in (AVELINE.last, AVELINE.dob, AVELINE.phone, AVELINE.street))
