"""Real servers on this machine, for the tests of transports: SSH, and HTTP with or without TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Server:
    """What the server has, and how it misbehaves."""

    root: Path
    port: int = 0
    host_key: str = ""
    client_key: str = ""
    break_after: list[int] = field(default_factory=list)
    """For each connection to come, after how many reads it breaks."""
    stall_after: int = 1 << 30
    """After how many reads in all it says nothing more, and stays."""
    stalled: list[asyncio.Event] = field(default_factory=list)
    sessions: int = 0
    offsets: list[int] = field(default_factory=list)


class _Files(asyncssh.SFTPServer):
    state: Server

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        self.state.sessions += 1
        self._left = self.state.break_after.pop(0) if self.state.break_after else 1 << 30
        self._connection = channel.get_connection()
        super().__init__(channel, chroot=os.fsencode(self.state.root))

    def read(self, file_obj: object, offset: int, size: int) -> bytes | Awaitable[bytes]:
        self._left -= 1
        if self._left < 0:
            self._connection.abort()
            raise ConnectionResetError
        if len(self.state.offsets) >= self.state.stall_after:
            return self._stalled()
        self.state.offsets.append(offset)
        return super().read(file_obj, offset, size)

    async def _stalled(self) -> bytes:
        """Says nothing until the test is over."""
        self.state.stalled.append(over := asyncio.Event())
        await over.wait()
        raise ConnectionResetError


@contextmanager
def sftp_server(root: Path) -> Iterator[Server]:
    """A server with one account, whose files lie under `root`."""
    (root / "out").mkdir(parents=True)
    host, ours = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    state = Server(root, host_key=host.export_public_key().decode(), client_key=ours.export_private_key().decode())
    files = type("Files", (_Files,), {"state": state})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=asyncssh.import_authorized_keys(ours.export_public_key().decode()),
            sftp_factory=files,
        )

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    state.port = acceptor.get_port()

    async def close() -> None:
        for over in state.stalled:
            over.set()
        acceptor.close()
        await acceptor.wait_closed()

    try:
        yield state
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Source:
    """A jail's server: what it answers, what it was asked."""

    base: str = ""
    answer: Callable[[str, int], Answer] = lambda _path, _count: (404, {}, b"")
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[Source]:
    """A server that answers as its `Source` says, with TLS where it is given a certificate and key in one file."""
    state = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.headers.append(dict(self.headers))
            status, headers, body = state.answer(self.path, len(state.asked))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Silent: a server's log would hold the query."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.base = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(path: Path) -> Path:
    """A certificate of its own making for this machine, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path
