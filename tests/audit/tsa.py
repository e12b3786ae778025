"""A timestamp authority to test with: `openssl ts` behind a small web server, with certificates made on the spot."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2

from audit.timestamp import TimestampAuthority

CONFIG = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[usage]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[req]
distinguished_name = name
[name]
"""


@dataclass
class Authority:
    """A folder with keys, and the address of the server that signs with them."""

    folder: Path
    url: str

    @property
    def roots(self) -> bytes:
        return (self.folder / "ca.pem").read_bytes()

    def ask(self, path: str = "") -> TimestampAuthority:
        return TimestampAuthority(self.url + path, httpx2.Client(), self.roots)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path) -> None:
    (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    for name in ("ca", "tsa"):
        openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
    openssl(
        folder, "req", "-new", "-x509", "-config", "openssl.cnf", "-extensions", "ca", "-key", "ca.key", "-subj",
        "/CN=Stamping Root", "-days", "30", "-out", "ca.pem",
    )  # fmt: skip
    openssl(
        folder, "req", "-new", "-config", "openssl.cnf", "-key", "tsa.key", "-subj", "/CN=Stamper", "-out", "tsa.csr"
    )
    openssl(
        folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-days", "30",
        "-extfile", "openssl.cnf", "-extensions", "usage", "-out", "tsa.pem",
    )  # fmt: skip


class Desk(BaseHTTPRequestHandler):
    """Signs whatever is asked."""

    folder: Path

    def do_POST(self) -> None:
        if self.path.endswith("busy"):
            self.send_error(503)
            return
        (self.folder / "ask.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        openssl(self.folder, "ts", "-reply", "-config", "openssl.cnf", "-queryfile", "ask.tsq", "-out", "answer.tsr")
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        self.wfile.write((self.folder / "answer.tsr").read_bytes())

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def running(folder: Path) -> Iterator[Authority]:
    """An authority of its own, at work."""
    make_authority(folder)
    server = HTTPServer(("127.0.0.1", 0), type("OwnDesk", (Desk,), {"folder": folder}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Authority(folder, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    server.server_close()
    thread.join()
