"""Do the files in deploy/ name only what there is: commands, options, metrics and states?"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import CheckConstraint

from console.probes import metric_lines
from service.cli.app import app
from service.status import StatusPage
from store import tables
from store.feeds import FeedStatus

DEPLOY = Path(__file__).parents[2] / "deploy"
NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
METRIC = re.compile(r"\bwarmlink_[a-z_]+")
STATE = re.compile(r'warmlink_(alerts|outbox|reviews)\{state="([a-z]+)"\}')
IN_WORDS = re.compile(r"`warmlink ([^`]+)`")
STARTED = re.compile(r"^(?:ExecStart=/opt/warmlink/bin/warmlink|CMD \[\"warmlink\") (.*)$", re.MULTILINE)
LISTED = re.compile(r"(?:args|command|test): \[(.*)\]")


def texts() -> Iterator[tuple[str, str]]:
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(DEPLOY)), path.read_text("utf-8")


def called() -> Iterator[tuple[str, list[str]]]:
    """Every call of `warmlink` in deploy/, as words."""
    for name, text in texts():
        for words in (*STARTED.findall(text), *IN_WORDS.findall(text)):
            yield name, shlex.split(words)
        for listed in LISTED.findall(text):
            words = [word.strip().strip('"') for word in listed.split(",")]
            if words[:2] == ["CMD", "warmlink"]:
                yield name, words[2:]
            elif words[0] in {"run", "upgrade", "backup", "console"}:
                yield name, words
        for health in re.findall(r'CMD \["warmlink", (.*?)\]', text):
            yield name, [word.strip().strip('"') for word in health.split(",")]


def page() -> StatusPage:
    """A page on which everything has a value, so that every metric is there."""
    feed = FeedStatus("jail", "ok", None, NOW, NOW, NOW, None)
    tally = {name: {"open": 1} for name in ("alerts", "outbox", "reviews")}
    return StatusPage(
        at=NOW,
        feeds=(feed,),
        quarantine={"jail": 1},
        clients=5,
        undated=0,
        tally=tally,
        oldest_waiting=NOW,
        audit_size=9,
        audit_root="",
        healthy=True,
        last_cycle_at=NOW,
        checkpoint_at=NOW,
        backup_at=NOW,
    )


CALLS = list(called())


def test_there_are_calls() -> None:
    assert {words[0] for _, words in CALLS} >= {"run", "console", "backup", "doctor", "upgrade", "status"}


@pytest.mark.parametrize(("file", "words"), CALLS, ids=[f"{name}: {words[0]}" for name, words in CALLS])
def test_every_command_and_option_exists(file: str, words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        found = command.commands.get(rest.pop(0))
        assert found is not None, f"{file}: warmlink {' '.join(words)}"
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    assert [word for word in rest if word.startswith("-") and word not in options] == []


def test_every_metric_that_is_named_is_one_that_is_told() -> None:
    told = {match for line in metric_lines(page()) for match in METRIC.findall(line)}
    rules = [name for name, _ in texts() if name.startswith(("prometheus/rules", "grafana/"))]
    assert len(rules) == 3
    for name, text in texts():
        if name in rules:
            assert set(METRIC.findall(text)) <= told, name


def test_every_state_that_is_asked_for_is_one() -> None:
    known = {
        name: {
            word
            for c in table.constraints
            if isinstance(c, CheckConstraint)
            for word in re.findall(r"'(\w+)'", str(c.sqltext))
        }
        for name, table in (("alerts", tables.alert), ("outbox", tables.outbox), ("reviews", tables.review))
    }
    asked = {pair for name, text in texts() if name.startswith("prometheus/rules") for pair in STATE.findall(text)}
    assert len(asked) >= 4
    assert [pair for pair in asked if pair[1] not in known[pair[0]]] == []
