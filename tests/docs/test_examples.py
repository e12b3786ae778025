"""Do the commands in the documents work, in the order in which they stand there?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)
DOCUMENTS = sorted(
    path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if RUN.search(path.read_text("utf-8"))
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")


ELSEWHERE = {
    "README.md": (ROOT / "tests/service/test_link.py", 2),
    "alerts.md": (ROOT / "tests/alerts/test_alert_docs.py", 4),
    "audit.md": (ROOT / "tests/audit/test_audit_docs.py", 5),
    "measures.md": (ROOT / "tests/service/test_measures_closing.py", 1),
    "operator.md": (ROOT / "tests/docs/test_operator_guide.py", 3),
    "scale.md": (ROOT / "tests/service/spark", 2),
}
"""Blocks that need more than a shell (installations with people, a cluster, the product's own `make`), how many, and who runs them."""


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_every_block_of_commands_is_run_by_some_test(document: Path) -> None:
    text = document.read_text("utf-8")
    not_here = len(re.findall(r"^```sh$", text, re.MULTILINE)) - len(RUN.findall(text))
    runner, count = ELSEWHERE.get(document.name, (document, 0))
    assert not_here == count, "run it here (<!-- run -->), or in a test of its own that is named above"
    assert runner.exists()


def test_there_are_examples() -> None:
    assert {path.name for path in DOCUMENTS} >= {"README.md", "operator.md"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_examples_run(document: Path, tmp_path: Path) -> None:
    script = "set -eu\n" + "\n".join(RUN.findall(document.read_text("utf-8")))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WARMLINK_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_somewhere(document: Path) -> None:
    targets = LINK.findall(document.read_text("utf-8"))
    assert [t for t in targets if not (document.parent / t).exists()] == []
