"""The master key in a key service, by the commands an operator gives, over real HTTP: move there, rotate there, and what its absence says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from bench.exposure import installation
from service.setup import CONFIG_NAME
from tests.privacy.test_key_providers import FakeTransit
from tests.privacy.test_keys import ROSTER
from tests.service.test_commands import Done, warmlink

KEYS = '[keys]\nprovider = "vault"\n[keys.vault]\nurl = "{url}"\ntoken_file = "vault-token"\n'


@dataclass
class Transit:
    """Vault's transit engine on a socket, and where it is."""

    engine: FakeTransit
    url: str


@pytest.fixture
def vault() -> Iterator[Transit]:
    engine = FakeTransit()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = engine(httpx2.Request("POST", f"http://vault{self.path}", headers=dict(self.headers), content=body))
            self.send_response(reply.status_code)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        yield Transit(engine, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        running.join()


def test_the_master_key_moves_into_vault_is_rotated_there_and_nothing_falls_back(
    vault: Transit, tmp_path: Path
) -> None:
    home, roster = tmp_path / "home", tmp_path / "roster.csv"
    roster.write_text(ROSTER)
    with installation(roster, home):
        pass
    config, master, former = home / CONFIG_NAME, home / "keys" / "master.key", tmp_path / "master.key.old"

    def keys(*words: str) -> Done:
        return warmlink("keys", *words, "-c", str(config))

    plain = master.read_text()
    former.write_text(plain)
    former.chmod(0o600)
    (home / "vault-token").write_text(vault.engine.token)
    config.write_text(config.read_text() + KEYS.format(url=vault.url))
    assert keys("status").returncode == 78  # the file still holds a plain key: that is no wrapped one
    assert keys("rewrap", "--from", str(former)).returncode == 0
    assert plain.strip() not in master.read_text()
    shown = keys("status").stdout
    assert "master key from vault" in shown
    assert "encoded under e1: 12" in shown
    wrapped = master.read_text()
    vault.engine.rotate()
    assert keys("rewrap").returncode == 0
    assert ("vault:v1:" in wrapped, "vault:v2:" in master.read_text()) == (True, True)
    assert keys("rotate").returncode == 0
    assert keys("status").returncode == 0
    vault.engine.sealed = True
    assert keys("status").returncode == 75
    vault.engine.sealed = False
    (home / "vault-token").write_text("another token")
    refused = keys("status")
    assert refused.returncode == 78
    assert "another token" not in refused.stderr + refused.stdout


def test_a_token_is_not_sent_in_the_clear_to_another_machine(tmp_path: Path) -> None:
    (tmp_path / "warmlink.toml").write_text(KEYS.format(url="http://vault.example:8200"))
    refused = warmlink("keys", "status", "-c", str(tmp_path / "warmlink.toml"))
    assert refused.returncode == 78
    assert "keys.vault.url" in refused.stderr
