"""Does a checkpoint reach a web server once, and does every answer lead to the right next step?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from audit.checkpoint import sign
from audit.errors import SinkContradicts, SinkRefused, SinkUnavailable
from audit.http_sink import HttpSink
from audit.log import TreeHead
from audit.note import Signer

NOTE = sign(TreeHead(5, bytes(32)), Signer.from_seed("log.example/one", b"\x01" * 32))
OTHER = sign(TreeHead(5, b"\x01" * 32), Signer.from_seed("log.example/one", b"\x01" * 32))
PATH = "/kept/000000000005.checkpoint"


def sink(handler: Callable[[httpx2.Request], httpx2.Response]) -> HttpSink:
    client = httpx2.Client(base_url="https://clerk.example/kept/", transport=httpx2.MockTransport(handler))
    return HttpSink("clerk", client)


class Shelf:
    """A server that keeps what it is given, and nothing over anything."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.puts = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, content=self.kept[request.url.path])
        self.puts += 1
        if request.url.path in self.kept and request.headers["If-None-Match"] == "*":
            return httpx2.Response(412)
        self.kept[request.url.path] = request.content
        return httpx2.Response(201)


def test_it_is_kept_under_its_size_and_may_come_twice() -> None:
    shelf = Shelf()
    place = sink(shelf)
    place.keep(NOTE)
    place.keep(NOTE)
    assert (shelf.kept, shelf.puts) == ({PATH: NOTE.encode()}, 2)


@pytest.mark.parametrize("there", [OTHER, "something else"])
def test_another_in_its_place_is_a_contradiction_and_is_not_overwritten(there: str) -> None:
    shelf = Shelf()
    shelf.kept[PATH] = there.encode()
    with pytest.raises(SinkContradicts, match="clerk"):
        sink(shelf).keep(NOTE)
    assert shelf.kept == {PATH: there.encode()}


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again(status: int) -> None:
    with pytest.raises(SinkUnavailable, match=str(status)):
        sink(lambda _: httpx2.Response(status)).keep(NOTE)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_a_lasting_fault_needs_a_person(status: int) -> None:
    with pytest.raises(SinkRefused, match=str(status)):
        sink(lambda _: httpx2.Response(status)).keep(NOTE)


@pytest.mark.parametrize(
    "fault", [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.RemoteProtocolError, httpx2.TooManyRedirects]
)
def test_no_fault_of_the_library_escapes(fault: type[httpx2.RequestError]) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise fault("down", request=request)

    with pytest.raises(SinkUnavailable, match=fault.__name__):
        sink(fail).keep(NOTE)


def test_the_client_with_its_credentials_is_not_in_the_repr() -> None:
    assert "lient" not in repr(sink(Shelf()))


class _Keeper(BaseHTTPRequestHandler):
    """A web server that keeps what is put, once, in a folder."""

    folder: Path

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        place = self.folder / Path(self.path).name
        if place.exists() and self.headers["If-None-Match"] == "*":
            return self._answer(412, b"")
        place.write_bytes(content)
        return self._answer(201, b"")

    def do_GET(self) -> None:
        self._answer(200, (self.folder / Path(self.path).name).read_bytes())

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet: the tests' output is for the tests."""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[str]:
    """The address of a server on a real socket that keeps checkpoints in `tmp_path`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeper", (_Keeper,), {"folder": tmp_path}))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/kept/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_on_a_socket_keeps_it_once_and_shows_a_fork(keeper: str, tmp_path: Path) -> None:
    with httpx2.Client(base_url=keeper) as client:
        place = HttpSink("clerk", client)
        place.keep(NOTE)
        place.keep(NOTE)
        assert (tmp_path / "000000000005.checkpoint").read_bytes() == NOTE.encode()
        with pytest.raises(SinkContradicts, match="clerk"):
            place.keep(OTHER)
    assert (tmp_path / "000000000005.checkpoint").read_bytes() == NOTE.encode()


def test_a_server_that_is_gone_is_asked_again_later(keeper: str) -> None:
    nobody = keeper.replace(str(httpx2.URL(keeper).port), "1")
    with httpx2.Client(base_url=nobody) as client, pytest.raises(SinkUnavailable, match="clerk"):
        HttpSink("clerk", client).keep(NOTE)
