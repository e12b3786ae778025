"""What a sender's system meets when it posts: a real server, real requests, and an installation behind it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from audit.leaves import Kind
from console import push
from console.app import create_app
from console.push import GUESSES
from service import feed_tokens, receiving
from service.feed_tokens import NotPushed
from service.spool import CannotKeep, Incoming
from store import tables
from tests.service.feeding import alerts, describe, mapping, row, text
from tests.service.installation import AVELINE, DEMETRIO, STRANGER, Installation
from tests.service.test_commands import warmlink

ADDRESS = "/api/v1/feeds/post/deliveries"
NAMES = (b"Quistgaard", b"Aveline", b"Tamarack", b"1984-03-17")


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application behind uvicorn, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(slots=True)
class Jail:
    """A sender with its token."""

    site: Installation
    address: str
    app: FastAPI
    token: str = ""
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(trust_env=False, timeout=30))

    def post(self, content: bytes | Iterator[bytes], **headers: str) -> httpx2.Response:
        known = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.post(self.address + ADDRESS, content=content, headers=known | headers)


@pytest.fixture
def jail(site: Installation) -> Iterator[Jail]:
    describe(site, "post", {"type": "push"}, mapping("post"))
    app = create_app(site.engine)
    with served(app) as address:
        found = Jail(site, address, app, feed_tokens.issue(site.engine, "post", timedelta(0)))
        with found.client:
            yield found


def booked(*people: object) -> bytes:
    return text([row(person, f"J{n}") for n, person in enumerate(people)]).encode()  # type: ignore[arg-type]  # people


def test_from_a_post_to_an_alert_on_either_database(jail: Jail) -> None:
    content = booked(AVELINE, STRANGER)
    first, again = jail.post(content), jail.post(content)
    assert (first.status_code, first.json()["rows"], first.json()["status"]) == (202, 2, "received")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    (waiting,) = (jail.site.home / "feeds" / "post" / "spool").iterdir()
    assert not any(name in waiting.read_bytes() for name in NAMES)
    assert jail.site.count(tables.booking) == 0  # the answer came before anything was matched
    jail.site.cycle()
    assert alerts(jail.site) == ["arrest"]
    assert jail.post(content).content == first.content
    assert jail.site.cycle().tally.events == 0
    received = [leaf for leaf in jail.site.leaves(Kind.PULL) if leaf.leaf.facts["result"] == "received"]
    assert {leaf.leaf.facts["delivery"] for leaf in received} == {first.json()["delivery"]}


def test_a_body_that_comes_in_pieces_without_its_length(jail: Jail) -> None:
    content = booked(AVELINE)
    answer = jail.post(iter([content[at : at + 7] for at in range(0, len(content), 7)]))
    assert answer.json() == jail.post(content).json()
    jail.site.cycle()
    assert alerts(jail.site) == ["arrest"]


@pytest.fixture
def sqlite_jail(sqlite_site: Installation) -> Iterator[Jail]:
    describe(sqlite_site, "post", {"type": "push"}, mapping("post"))
    app = create_app(sqlite_site.engine)
    with served(app) as address:
        found = Jail(sqlite_site, address, app, feed_tokens.issue(sqlite_site.engine, "post", timedelta(0)))
        with found.client:
            yield found


def test_an_answer_is_the_same_bytes_whoever_it_is_about(sqlite_jail: Jail) -> None:
    """A client and a stranger of as many letters: all that differs is the keyed name of the content and the date."""
    outsider = replace(AVELINE, first="Hollist", last="Pemberwic", dob="1979-09-02", ssn4="1263", phone="5554405512")
    given = []
    for number, person in enumerate((AVELINE, outsider)):
        answer = sqlite_jail.post(text([row(person, f"J{number}")]).encode())
        given.append(
            (
                answer.status_code,
                [(name, value) for name, value in answer.headers.items() if name != "date"],
                answer.content.replace(answer.json()["delivery"].encode(), b"x" * 26),
            )
        )
    assert given[0] == given[1]
    sqlite_jail.site.cycle()
    assert alerts(sqlite_jail.site) == ["arrest"]


@pytest.mark.parametrize(
    "content",
    [b"<html>Aveline Quistgaard</html>", text([row(AVELINE, "")]).encode(), b""],
    ids=["page", "rows", "empty"],
)
def test_what_is_not_to_be_believed_is_refused_in_form_and_kept_sealed(sqlite_jail: Jail, content: bytes) -> None:
    answer = sqlite_jail.post(content)
    assert (answer.status_code, answer.json()["status"]) == (422, "refused")
    assert not any(name in answer.content for name in NAMES)
    folder = sqlite_jail.site.home / "feeds" / "post"
    assert list((folder / "spool").iterdir()) == []
    assert len(list((folder / "archive").iterdir())) == 1
    assert [r["state"] for r in sqlite_jail.site.rows(tables.delivery, feed="post")] == ["refused"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wlp_wrong"}, {"Authorization": "Basic eDp5"}])
def test_without_a_token_of_the_feed_nothing_is_taken(sqlite_jail: Jail, headers: dict[str, str]) -> None:
    sqlite_jail.token = ""
    answer = sqlite_jail.post(booked(AVELINE), **headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    elsewhere = sqlite_jail.client.post(sqlite_jail.address + ADDRESS.replace("post", "nowhere"), headers=headers)
    assert (elsewhere.status_code, elsewhere.content) == (401, answer.content)  # what feeds there are is not told
    assert not (sqlite_jail.site.home / "feeds" / "post" / "spool").exists()
    failed = [leaf.leaf.facts for leaf in sqlite_jail.site.leaves(Kind.LOGIN)]
    assert [(f["method"], f["result"], f.get("by")) for f in failed] == [
        ("token", "failed", "post"),
        ("token", "failed", None),
    ]


def test_tokens_are_rotated_without_a_gap_and_revoked_at_once(sqlite_jail: Jail) -> None:
    site, first = sqlite_jail.site, sqlite_jail.token
    sqlite_jail.token = feed_tokens.issue(site.engine, "post", timedelta(hours=24))
    for token in (first, sqlite_jail.token):
        sqlite_jail.token = token
        assert sqlite_jail.post(booked(AVELINE)).status_code == 202
    second = sqlite_jail.token
    site.clock.forward(hours=24)
    assert feed_tokens.holds(site.engine, "post", second)
    assert not feed_tokens.holds(site.engine, "post", first)
    assert feed_tokens.revoke(site.engine, "post") == 1
    assert sqlite_jail.post(booked(AVELINE)).status_code == 401
    changes = [
        leaf.leaf.facts["change"] for leaf in site.leaves(Kind.KEY_CHANGE) if leaf.leaf.facts["key_purpose"] == "feed"
    ]
    assert changes == ["created", "rotated", "revoked"]
    assert second not in "".join(str(r) for r in site.rows(tables.feed_token))
    with pytest.raises(NotPushed):
        feed_tokens.issue(site.engine, "jail", timedelta(0))


def test_a_body_beyond_the_limit_is_not_read_to_its_end(sqlite_jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "MOST_PUSHED", 1000)
    monkeypatch.setattr(receiving, "MOST_PUSHED", 1000)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100_000):
            taken += 500
            yield b"x" * 500

    with suppress(httpx2.WriteError):  # the server has closed already: also an answer
        assert sqlite_jail.post(endless()).status_code == 413
    assert taken < 50_000_000
    assert sqlite_jail.post(b"x" * 1001).status_code == 413
    assert list((sqlite_jail.site.home / "feeds" / "post" / "spool").iterdir()) == []


def test_compressed_bodies_are_not_opened(sqlite_jail: Jail) -> None:
    assert sqlite_jail.post(b"x", **{"Content-Encoding": "gzip"}).status_code == 415


def test_too_many_at_once_are_asked_to_wait_and_guesses_slow_nobody_else_down(sqlite_jail: Jail) -> None:
    """The clock stands, so no bucket fills again."""
    for number in range(GUESSES + 2):
        guessed = sqlite_jail.post(b"", Authorization=f"Bearer guess-{number}")
        assert guessed.status_code == (401 if number < GUESSES else 429)
    assert int(guessed.headers["retry-after"]) > 0
    assert len(sqlite_jail.site.leaves(Kind.LOGIN)) == GUESSES  # guesses do not fill the log
    assert sqlite_jail.post(booked(AVELINE)).status_code == 202
    sqlite_jail.app.state.doors.at_once = asyncio.Semaphore(0)
    busy = sqlite_jail.post(booked(AVELINE))
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "10")


def test_a_sender_that_breaks_off_leaves_nothing_behind(sqlite_jail: Jail) -> None:
    port = int(sqlite_jail.address.rpartition(":")[2])
    head = f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sqlite_jail.token}\r\nContent-Length: 9999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
        sender.sendall(head.encode() + booked(AVELINE)[:100])
    assert sqlite_jail.post(booked(DEMETRIO)).status_code == 202
    sqlite_jail.site.cycle()
    assert sqlite_jail.site.count(tables.booking) == 1


def test_a_full_disk_is_a_reason_to_send_it_again(sqlite_jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Incoming, piece: bytes) -> None:
        raise CannotKeep("what was sent cannot be kept") from OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Incoming, "write", full)
        assert sqlite_jail.post(booked(AVELINE)).status_code == 503
    assert sqlite_jail.post(booked(AVELINE)).status_code == 202


def test_what_a_process_was_killed_over_is_cleared_away_a_day_later(sqlite_site: Installation) -> None:
    describe(sqlite_site, "post", {"type": "push"}, mapping("post"))
    spool = sqlite_site.home / "feeds" / "post" / "spool"
    spool.mkdir(parents=True)
    (spool / ".abc.sealed").write_bytes(b"half")
    for age, left in ((timedelta(hours=1), 1), (timedelta(days=2), 0)):
        then = (sqlite_site.clock() - age).timestamp()
        os.utime(spool / ".abc.sealed", (then, then))
        sqlite_site.cycle()
        assert len(list(spool.iterdir())) == left


def test_the_operator_makes_the_token_at_the_terminal(sqlite_site: Installation) -> None:
    describe(sqlite_site, "post", {"type": "push"}, mapping("post"))

    def run(*arguments: str) -> str:
        done = warmlink("feed", "token", "post", *arguments, home=sqlite_site.home)
        assert done.returncode == 0, done.stderr
        return done.stdout

    shown = run()
    token = next(word for word in shown.split() if word.startswith("wlp_"))
    assert feed_tokens.holds(sqlite_site.engine, "post", token)
    assert ADDRESS in shown
    assert "tokens of post ended: 1" in run("--revoke")
    assert not feed_tokens.holds(sqlite_site.engine, "post", token)
    assert token not in Path(sqlite_site.home / "warmlink.log").read_text("utf-8")
