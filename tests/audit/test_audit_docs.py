"""Do the examples for the compliance officer do what the page says they do?"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete

from audit import verifier
from audit.catalogue import REPORTS
from audit.checkpoint import issue
from audit.export import consistency_file, entry_line, inclusion_file
from audit.leaves import decode
from audit.log import AuditLog
from audit.note import Signer
from store.database import Database
from store.tables import audit_checkpoint, audit_head, audit_leaf
from tests.audit.samples import AT, ORIGIN, Grow, Lines, as_owner, verdicts

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
TEXT = PAGE.read_text("utf-8")


def examples() -> list[tuple[str, str]]:
    """(command, output) of every console block on the page."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.fixture
def folder(  # noqa: PLR0917 - what pytest hands in
    tmp_path: Path, grow: Grow, exported: Lines, database: Database, log: AuditLog, signer: Signer
) -> Path:
    """A folder with the files that the page speaks of."""
    kept, note = grow([30]), grow([12])
    lines = exported()
    entry = [line for line in lines if line.startswith(b'{"entry"')]
    heading = lines[: len(lines) - len(entry)]
    with database.read() as conn:
        proofs = inclusion_file(conn, log, 7), consistency_file(conn, log, kept)
        seventh = entry_line(conn, 7)
    with database.write() as conn:
        as_owner(conn)
        for table in (audit_leaf, audit_head, audit_checkpoint):
            conn.execute(delete(table))
        log.append(conn, verdicts(42, start=500), AT)
        replaced = issue(conn, signer, AT)
    files = {
        "verifier.py": Path(verifier.__file__).read_bytes(),
        "log.jsonl": b"".join(lines),
        "log.checkpoint": note.encode(),
        "kept.checkpoint": kept.encode(),
        "audit.pub": f"{signer.verifier}\n".encode(),
        "other.pub": f"{Signer.from_seed(ORIGIN, bytes(32)).verifier}\n".encode(),
        "changed.jsonl": b"".join([*heading, *entry[:7], entry[7].replace(b"NONE", b"ALERT"), *entry[8:]]),
        "removed.jsonl": b"".join([*heading, *entry[:12], *entry[13:]]),
        "cut.jsonl": b"".join([*heading, *entry[:39]]),
        "replaced.jsonl": b"".join(exported()),
        "replaced.checkpoint": (replaced or "").encode(),
        "entry.json": seventh,
        "entry.tlog-proof": proofs[0].encode(),
        "growth.proof": proofs[1].encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_example_of_the_page_gives_what_the_page_shows(folder: Path) -> None:
    shown = examples()
    assert len(shown) >= 10
    for command, output in shown:
        program, *arguments = shlex.split(command)
        assert program == "python"
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
        assert (command, done.stdout, done.stderr) == (command, output, "")
        assert done.returncode == (0 if output.startswith("GOOD") else 1)


def test_the_entry_on_the_page_is_an_entry() -> None:
    (shown,) = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)
    assert decode(shown.encode()).position == json.loads(shown)["position"] == 2


def test_the_page_lists_every_report() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)`", TEXT.partition("## Reports")[2].partition("Each report states")[0]))
    assert named == set(REPORTS)
