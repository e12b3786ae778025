"""Does it survive? A cycle that is killed anywhere and started again loses nothing and tells nobody twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import drill

DRILL = Path(drill.__file__)


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, str(DRILL), *arguments], capture_output=True, text=True, check=False, env=environment
    )


def judged(done: subprocess.CompletedProcess[str], points: int) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^ok +step", done.stdout, re.MULTILINE)) == points


def test_killed_and_started_again_on_sqlite(tmp_path: Path) -> None:
    judged(run("--points", "10", folder=tmp_path), 10)


def test_killed_and_started_again_on_postgresql(tmp_path: Path, hasty_postgres: str) -> None:
    judged(run("--points", "9", "--database", hasty_postgres, folder=tmp_path), 9)


def test_the_drill_covers_every_kind_of_step() -> None:
    """The samples above begin with one step of each kind, so that few points still meet all of them."""
    kinds = ["commit: before", "commit: after", "move: before", "move: after", "archive: before", "mail: before"]
    steps = [name for name in kinds for _ in range(20)]
    chosen = drill.selected(steps, 8)
    assert {steps[at] for at in chosen} == set(kinds)
    assert len(chosen) == 8
    assert drill.selected(steps, None) == list(range(len(steps)))


@pytest.mark.parametrize("lost", ["alerts", "inbox", "mails", "proofs", "files"])
def test_the_drill_notices_what_is_lost(lost: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected: drill.State = {lost: ["one", "two"]}
    monkeypatch.setattr(drill.Drill, "disturbed", lambda _self, _target: {lost: ["one"]})
    monkeypatch.setattr(drill, "twice", lambda _home: 0)
    assert drill.judge(["commit: before"], expected, drill.Drill(tmp_path), 0) != []
