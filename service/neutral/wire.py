"""Frames over HTTPS with certificates on both sides (TLS 1.3). Only the unit listens; jails and providers call it.

The unit answers every request after the same time, so that how long it thought tells nothing.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from config.errors import ConfigError, Refuse
from service.neutral.errors import UnitAway
from service.neutral.frames import SIZES

KINDS = {"/jail": "jail", "/provider": "provider"}
PAUSE = 10.0
"""Seconds that a connection may be idle in the middle of a request."""

Answer = Callable[[str, bytes], bytes]
"""Way (`jail` or `provider`) and frame to frame. Raises Refuse for a frame that is not honoured."""
Hold = Callable[[], Callable[[], None]]
"""Called when a request has come in; what it gives is called before the answer goes out, and returns at a fixed time."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of one party: its certificate, its key, and the authority that signs every party of the county."""

    certificate: Path
    key: Path
    authority: Path

    def server(self) -> ssl.SSLContext:
        return self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def client(self) -> ssl.SSLContext:
        context = self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        context.check_hostname = True
        return context

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_cert_chain(self.certificate, self.key)
            context.load_verify_locations(self.authority)
        except (OSError, ssl.SSLError) as fault:
            raise ConfigError(
                f"tls: {self.certificate.name}, {self.key.name} or {self.authority.name} cannot be used"
            ) from fault
        return context


class UnitServer(ThreadingHTTPServer):
    """One thread a connection; one request at a time reaches the core."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], tls: Tls, answer: Answer, hold: Hold) -> None:
        self.answer, self.hold, self.lock = answer, hold, threading.Lock()
        self._context = tls.server()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The handshake is left to the connection's own thread: one that stalls does not keep the others waiting."""
        plain, address = super().get_request()
        plain.settimeout(PAUSE)
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that fails is the other side's fault or the network's; its words could quote anything."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "unit", ""
    server: UnitServer

    def setup(self) -> None:
        self.request.do_handshake()
        super().setup()

    def do_POST(self) -> None:
        ready = self.server.hold()
        way, size = KINDS.get(self.path), self.headers.get("Content-Length", "")
        if way is None or not size.isdecimal() or int(size) not in _sizes():
            self._answer(404, b"")
            return
        frame = self.rfile.read(int(size))
        try:
            with self.server.lock:
                reply = self.server.answer(way, frame)
        except Refuse:
            reply = b""
        ready()
        self._answer(200 if reply else 403, reply)

    def _answer(self, status: int, body: bytes) -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No access log: it would be a record of sessions."""


def _sizes() -> set[int]:
    return set(SIZES.values())


@dataclass(slots=True)
class UnitClient:
    """An edge's way to the unit. One connection, one request a tick."""

    url: str
    way: str
    client: httpx2.Client

    @classmethod
    def open(cls, url: str, way: str, tls: Tls, seconds: float = 30.0) -> UnitClient:
        return cls(url.rstrip("/"), way, httpx2.Client(verify=tls.client(), timeout=seconds, trust_env=False))

    def post(self, frame: bytes) -> bytes:
        """The unit's reply. Raises UnitAway where there is none, Refuse where the unit does not honour the frame."""
        try:
            reply = self.client.post(f"{self.url}/{self.way}", content=frame)
        except httpx2.HTTPError as fault:
            raise UnitAway(f"the unit does not answer ({type(fault).__name__})") from None
        if reply.status_code == httpx2.codes.FORBIDDEN:
            raise Refuse("the unit did not honour this tick; see its alarms")
        if reply.status_code != httpx2.codes.OK:
            raise UnitAway(f"the unit answered {reply.status_code}")
        return reply.content

    def close(self) -> None:
        self.client.close()
