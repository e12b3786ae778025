"""Does a client get everything that is held about them, and is it gone when it is to be gone?"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config import Refuse, load
from records import ClientRef
from service import held, retention
from service.demonstration import run_demo
from service.engine import Engine, open_engine
from service.setup import CONFIG_NAME
from store import clients
from store.tables import link
from tests.privacy.disk import all_files, files_with

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The sample county after its week."""
    home = tmp_path_factory.mktemp("county") / "home"
    run_demo(home, lambda _: None)
    opened = open_engine(load(home / CONFIG_NAME, {}))
    yield opened
    opened.close()


def _linked(engine: Engine, skip: int) -> ClientRef:
    """A client with a link, another for each test."""
    with engine.database.read() as conn:
        rows = conn.execute(
            select(link.c.client).group_by(link.c.client).having(func.count() >= 1).order_by(link.c.client)
        )
        return ClientRef([row.client for row in rows][skip])


def test_the_client_gets_everything(engine: Engine, tmp_path: Path) -> None:
    client = _linked(engine, 0)
    held.write_held(engine, client, tmp_path / "mine.json", "officer")
    document = json.loads((tmp_path / "mine.json").read_text())
    with engine.database.read() as conn:
        known = clients.get(conn, engine.vault, client)
    assert known is not None
    assert (tmp_path / "mine.json").stat().st_mode & 0o077 == 0
    assert document["roster"]["client_id"] == known.entry.client_id
    assert known.entry.identities[0].last in document["roster"]["identities"][0]["last"]
    assert known.entry.display_name.reveal() == document["roster"]["display_name"]
    assert document["links"][0]["booking"]["booking_number"]
    assert "personal, " not in json.dumps(document)


def test_a_purged_client_is_nowhere_any_more(engine: Engine, tmp_path: Path) -> None:
    client = _linked(engine, 1)
    with engine.database.read() as conn:
        known = clients.get(conn, engine.vault, client)
    assert known is not None
    sealed = _sealed(engine, client)
    assert files_with(sealed[100:164], [engine.settings.home / "warmlink.db"])
    assert held.purge_client(engine, client, "client_request", "officer") >= 1
    with engine.database.read() as conn:
        assert clients.get(conn, engine.vault, client) is None
        after = held.held(engine, conn, client)
    assert after["roster"] is None
    assert after["consents"] == []
    assert all(found["booking"] is None for found in after["links"])
    files = [f for f in all_files(engine.settings.home) if f.name.startswith("warmlink.db")]
    assert files_with(sealed[100:164], files) == []


def _sealed(engine: Engine, client: ClientRef) -> bytes:
    from store.tables import client as table

    with engine.database.read() as conn:
        return bytes(conn.execute(select(table.c.sealed).where(table.c.ref == client)).scalar_one())


def test_a_legal_hold_stops_a_purge(engine: Engine) -> None:
    client = _linked(engine, 2)
    with engine.database.read() as conn:
        known = clients.get(conn, engine.vault, client)
    assert known is not None
    hold = retention.place_hold(engine, "officer", client=known.entry.client_id, org=known.entry.org, booking=None)
    with pytest.raises(Refuse, match="hold"):
        held.purge_client(engine, client, "client_request", "officer")
    retention.lift_hold(engine, hold, "officer")
    held.purge_client(engine, client, "client_request", "officer")


def test_a_command_cannot_leave_a_core_dump(tmp_path: Path) -> None:
    """The limit is lowered and the process is not dumpable, even where the machine's settings would allow a core file."""
    script = (
        "import os, resource, signal\n"
        "from service.hygiene import seal_process\n"
        "seal_process()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    # As high as this process may go: a command that ran in it earlier may have sealed it for good.
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert done.returncode < 0
    assert done.stdout.strip() == "(0, 0)"
    assert list(tmp_path.iterdir()) == []


def test_every_command_seals_its_process() -> None:
    source = (ROOT / "service" / "cli" / "app.py").read_text()
    assert re.search(r"def main\(\).*?seal_process\(\)\s+try:", source, re.DOTALL)
