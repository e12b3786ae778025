"""Does nginx accept the example, and does it do what its comments say?"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROXY = Path(__file__).parents[2] / "deploy" / "proxy"
NAME = "warmlink.county.example"


class Behind(BaseHTTPRequestHandler):
    """What stands behind the proxy: answers with the headers it was sent."""

    def do_GET(self) -> None:
        body = (
            f"{self.path} {self.headers['Host']} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}"
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
        """Quiet."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """nginx on this machine, with the example's configuration on free ports."""

    folder: Path
    plain: int
    secure: int


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def placed(folder: Path, plain: int, secure: int, behind: int) -> Path:
    """The example with its certificates, ports and folders on this machine: nothing else is changed."""
    shutil.copyfile(PROXY / "warmlink-proxy.conf", folder / "warmlink-proxy.conf")
    asked = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
             "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]  # fmt: skip
    subprocess.run(asked, check=True, capture_output=True, timeout=60)
    text = (PROXY / "nginx.conf").read_text("utf-8")
    for before, after in {
        "/etc/ssl/warmlink": str(folder),
        "/etc/nginx/warmlink-proxy.conf": str(folder / "warmlink-proxy.conf"),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "/var/log/nginx/error.log": str(folder / "error.log"),
        "listen [::]:443": f"listen [::1]:{secure}",
        "listen [::]:80": f"listen [::1]:{plain}",
        "listen 443": f"listen 127.0.0.1:{secure}",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "127.0.0.1:8443": f"127.0.0.1:{behind}",
    }.items():
        assert before in text
        text = text.replace(before, after)
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        text = "\n".join(line for line in text.splitlines() if "[::1]" not in line)
    (folder / "nginx.conf").write_text(text, "utf-8")
    return folder / "nginx.conf"


def nginx(conf: Path, *words: str) -> list[str]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "nginx is not there: `make programs` installs it"
    return [program, "-c", str(conf), "-p", str(conf.parent), *words]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    made = Proxy(folder, free_port(), free_port())
    conf = placed(folder, made.plain, made.secure, behind.server_address[1])
    running = subprocess.Popen(nginx(conf, "-g", "daemon off;"))
    try:
        for _ in range(500):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", made.secure)) == 0:
                    break
            time.sleep(0.02)
        yield made
    finally:
        running.terminate()
        running.wait(30)
        behind.shutdown()
        behind.server_close()


def ask(proxy: Proxy, path: str, name: str = NAME) -> tuple[int, str, dict[str, str]]:
    """As a browser: by the server's name, with its certificate checked."""
    trust = ssl.create_default_context(cafile=proxy.folder / "fullchain.pem")
    with (
        socket.create_connection(("127.0.0.1", proxy.secure), timeout=30) as plain,
        trust.wrap_socket(plain, server_hostname=name) as secure,
    ):
        asking = http.client.HTTPConnection(name)
        asking.sock = secure
        asking.request("GET", path)
        answer = asking.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_nginx_accepts_the_example(tmp_path: Path) -> None:
    done = subprocess.run(
        nginx(placed(tmp_path, 8080, 8444, 8445), "-t"), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_what_is_asked_reaches_the_console_with_its_name(proxy: Proxy) -> None:
    status, said, headers = ask(proxy, "/inbox")
    assert (status, said) == (200, f"/inbox {NAME} 127.0.0.1 https")
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["Server"] == "nginx"  # and no version


def test_another_name_is_not_even_answered(proxy: Proxy) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(proxy, "/", name="another.county.example")


def test_clear_text_is_sent_to_the_secure_door(proxy: Proxy) -> None:
    asking = http.client.HTTPConnection("127.0.0.1", proxy.plain, timeout=30)
    asking.request("GET", "/inbox")
    answer = asking.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, f"https://{NAME}/inbox")
    asking.close()


def test_no_address_of_a_page_is_written_down(proxy: Proxy) -> None:
    ask(proxy, "/alerts/some-name")
    written = [path for path in proxy.folder.rglob("*") if path.is_file() and path.suffix not in {".conf", ".pem"}]
    assert not [path for path in written if b"some-name" in path.read_bytes()]
