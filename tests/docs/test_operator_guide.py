"""Does somebody who follows docs/operator.md from its first line to its last end with an installation that is live?"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from alerts.keys import PrivateKey
from service.setup import CONFIG_NAME
from tests.service.test_commands import Done, warmlink

GUIDE = (Path(__file__).parents[2] / "docs" / "operator.md").read_text("utf-8")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
SCHEDULER = ["run"]
"""Runs until it is told to stop: tests/service/test_commands.py starts and stops it."""
WAITS = ["status"]
"""Says by its exit code whether something waits for a person."""


def commands() -> Iterator[list[str]]:
    """Every command of the guide, without its comment and without the program's name."""
    for block in BLOCK.findall(GUIDE):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                assert words[0] == "warmlink", line
                yield words[1:]


@pytest.fixture
def county(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the guide is followed: what the provider and the jail bring lies there, as it says."""
    monkeypatch.chdir(tmp_path)
    with as_file(files("config") / "samples" / "county") as sample:
        shutil.copytree(sample, tmp_path / "brought")
    for name in ("staff.csv", "consents.jsonl"):
        shutil.copy(tmp_path / "brought" / name, tmp_path / name)
    (tmp_path / "cm007.jwk").write_text(json.dumps(dict(PrivateKey.generate().public.jwk)), "utf-8")
    return tmp_path / "county"


def configured(home: Path) -> None:
    """'Edit warmlink.toml': programmes, jails, feeds and their folders, with the files that were dropped into them."""
    brought = home.parent / "brought"
    shutil.copy(brought / CONFIG_NAME, home / CONFIG_NAME)
    for feed in ("harlan-roster", "north-roster", "harlan-jail", "north-jail"):
        (home / "feeds" / feed).mkdir(parents=True, exist_ok=True)
    for name in ("harlan", "north"):
        shutil.copy(brought / f"roster-{name}.csv", home / "feeds" / f"{name}-roster" / "roster.csv")


def followed(words: list[str], home: Path) -> Done:
    """One command as it stands in the guide, but for the installation's shadow."""
    return warmlink(*words, *(["--shadow"] if words[0] == "init" else []), home=None if "-c" in words else home)


def test_every_command_of_the_guide_works_in_its_order(county: Path) -> None:
    code = "CODE"
    done: list[list[str]] = []
    for words in commands():
        if words == SCHEDULER:
            continue
        result = followed([code if word == "CODE" else word for word in words], county)
        assert result.returncode == 0 or words == WAITS, (words, result.stdout, result.stderr)
        assert "unforeseen" not in result.stderr
        if words[0] == "init":
            configured(county)
        if words == ["go-live"]:
            code = re.findall(r"--confirm (\S+)", result.stdout)[-1]
        done.append(words)
    assert {words[0] for words in done} >= {
        "init",
        "config",
        "staff",
        "keys",
        "consent",
        "go-live",
        "backup",
        "upgrade",
    }
    assert "In shadow" not in warmlink("status", home=county).stdout
    on_another_machine(county)


def on_another_machine(county: Path) -> None:
    """The first one is gone. What the runbook names was kept elsewhere: not the database, and of the shelf last night's copy."""
    copy = county.parent / "last-night.db"
    assert warmlink("keys", "shelf", "--copy", str(copy), "--replace", home=county).returncode == 0
    home = county.parent / "another" / "county"
    kept = (CONFIG_NAME, "keys", "backups", "journal", "checkpoints", "feeds")
    for name in kept:
        place = shutil.copytree if (county / name).is_dir() else shutil.copy
        home.mkdir(parents=True, exist_ok=True)
        place(county / name, home / name)
    for old in (home / "keys").glob("shelf.db*"):
        old.unlink()
    shutil.copy(copy, home / "keys" / "shelf.db")
    shutil.rmtree(county)

    (backup,) = (home / "backups").glob("*.backup")
    restored = warmlink("restore", str(backup), home=home)
    assert restored.returncode == 0, restored.stderr
    assert "verifies" in restored.stdout
    held = warmlink("fence", "--release", "--by", "operator", home=home)
    assert held.returncode == 78
    assert "--confirm shelf" in " ".join(held.stderr.split())
    assert warmlink("fence", "--release", "--by", "operator", "--confirm", "shelf", home=home).returncode == 0
    assert warmlink("run", "--once", home=home).returncode == 0
    assert "intact" in warmlink("audit", "verify", home=home).stdout
    looked = warmlink(
        "doctor", "--only", "database", "--only", "keys", "--only", "backup", "--only", "cycle", home=home
    )
    assert looked.returncode in {0, 1}, looked.stderr
