"""Real servers that take alerts, and what a receiver checks."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from alerts.keys import Signer
from alerts.signatures import signature_base
from tests.alerts.conftest import Tls


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """An HTTPS server that keeps what it gets and answers as told."""

    url: str = ""
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)


@contextmanager
def serving(tls: Tls) -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.received.append(Received(self.path, headers, body))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.server.wrap_socket(server.socket, server_side=True)
    state.url = f"https://127.0.0.1:{server.server_port}/alerts"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def verify(received: Received, url: str, signer: Signer) -> None:
    """Check the signature as a receiver would, from the headers alone."""
    params = received.headers["signature-input"].removeprefix("warmlink=")
    names = [name.strip('"') for name in params[1 : params.index(")")].split()]
    special = {"@method": "POST", "@target-uri": url}
    values = {name: special.get(name) or received.headers[name] for name in names}
    signature = b64decode(received.headers["signature"].removeprefix("warmlink=:").removesuffix(":"))
    public = signer.key.public_key
    assert isinstance(public, Ed25519PublicKey)
    public.verify(signature, signature_base(values, params))
    assert f'keyid="{signer.kid}"' in params
    digest = b64decode(received.headers["content-digest"].removeprefix("sha-256=:").removesuffix(":"))
    assert digest == sha256(received.body).digest()
