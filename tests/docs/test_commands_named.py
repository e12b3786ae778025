"""Does every command that a document names exist, with its options?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli.app import app

ROOT = Path(__file__).parents[2]
MORE = ("README.md", "CONTRIBUTING.md", "deploy/README.md")
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), *(ROOT / name for name in MORE)]
CALL = re.compile(r"(?:`|^\s*|sudo )warmlink(?:-here)? ([a-z][^`#|\n]*)", re.MULTILINE)


def missing(words: list[str]) -> str | None:
    """What of a call there is not."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        found = command.commands.get(words[0])
        if found is None:
            return words[0]
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
    }
    return next((word for word in words if re.fullmatch(r"-[a-z]|--[a-z-]+", word) and word not in known), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_exists(document: Path) -> None:
    calls = CALL.findall(document.read_text("utf-8"))
    assert [call for call in calls if missing(call.replace("…", "").split())] == []


def test_a_command_that_there_is_not_is_found() -> None:
    assert missing(["audit", "vanish"]) == "vanish"
    assert missing(["run", "--twice"]) == "--twice"
    assert missing(["run", "--once"]) is None
