"""A sample county with accounts, the application on it, and a real browser. No browser is a failure, not a skip."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from config import load
from config.settings import ConsoleSettings
from console.app import create_app
from console.demo import BEGINS, SEEDED, seed
from console.people import add_account
from console.proofs import Passwords, csrf_token
from console.rights import Role
from service import logs
from service.demonstration import run_demo
from service.engine import Engine, open_engine
from store import accounts

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The real hash with the least work: tests check that it is used, not how long it takes."""
WHOLE = {"message", "phone-message"}
"""Pictures of the whole page; the others show what is seen first."""
CHROMIUM = "/usr/bin/chromium"
SCREENS = Path(__file__).parents[2] / "docs" / "screens"
PASSWORD = "correct horse battery"


@dataclass(slots=True)
class Clock:
    """Stands until it is moved."""

    at: datetime = BEGINS

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample county after its week, made once for each test process."""
    home = tmp_path_factory.mktemp("county") / "county"
    run_demo(home, lambda _: None)
    return home


@dataclass(slots=True)
class House:
    """One installation of one test."""

    engine: Engine
    clock: Clock
    app: FastAPI
    origin: str
    said: StringIO
    """What went into the operator's log."""
    _clients: list[TestClient] = field(default_factory=list)

    def token(self, login: str) -> str:
        """A session of this account, as if just signed in."""
        with self.engine.database.write() as conn:
            account = accounts.by_login(conn, login)
            assert account is not None
            token: str = self.app.state.runtime.sign_in.begin(conn, account, "password")
        return token

    def client(self, login: str | None = None) -> TestClient:
        """A client that follows nothing by itself, with the session and the page token of the account."""
        made = TestClient(self.app, base_url=self.origin, follow_redirects=False)
        if login is not None:
            token = self.token(login)
            made.cookies.set(self.app.state.runtime.cookie, token)
            made.headers["x-csrf-token"] = csrf_token(token)
        self._clients.append(made)
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.engine.close()


def _house(county: Path, home: Path, origin: str, **console: object) -> House:
    shutil.copytree(county, home)
    settings = load(home / "warmlink.toml", {})
    settings = settings.model_copy(update={"console": ConsoleSettings(origin=origin, **console)})
    clock = Clock()
    said = StringIO()
    engine = open_engine(settings, clock=clock, log=logs.logger(clock, said))
    seed(engine)
    return House(engine, clock, create_app(engine, hasher=CHEAP), origin, said)


@pytest.fixture
def build(county: Path, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a house with console settings of the test's own."""
    made: list[House] = []

    def make(**console: object) -> House:
        made.append(_house(county, tmp_path / f"house{len(made)}", "https://console.example.org", **console))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()


@pytest.fixture
def served(county: Path, tmp_path: Path) -> Iterator[House]:
    """The application on a real port of this machine."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    made = _house(county, tmp_path / "served", f"http://localhost:{port}")
    with _running(made.app, port):
        yield made
    made.close()


@contextmanager
def _running(app: FastAPI, port: int) -> Iterator[None]:
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@dataclass(slots=True)
class Visitor:
    """A person at a browser. What the page complained about is kept, and must be nothing."""

    house: House
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.house.origin + path)

    def sign_in(self, login: str, to: str = "/") -> None:
        """Through a session made on the server: the door has tests of its own."""
        cookie = self.house.app.state.runtime.cookie
        self.context.add_cookies([{"name": cookie, "value": self.house.token(login), "url": self.house.origin}])
        self.go(to)


Arrive = Callable[..., Visitor]


@pytest.fixture
def arrive(served: House, browser: Browser) -> Iterator[Arrive]:
    """A new visitor with a browser of their own."""
    visitors: list[Visitor] = []

    def made(**how: object) -> Visitor:
        context = browser.new_context(**({"viewport": {"width": 1080, "height": 820}} | how))  # type: ignore[arg-type]  # Playwright's own options
        context.set_default_timeout(15_000)
        visitor = Visitor(served, context, context.new_page())
        visitor.page.on("console", lambda m: visitor.complaints.append(m.text) if m.type == "error" else None)
        visitor.page.on("pageerror", lambda e: visitor.complaints.append(str(e)))
        visitors.append(visitor)
        return visitor

    yield made
    for visitor in visitors:
        visitor.context.close()


@pytest.fixture
def shot(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keeps a picture of the page: in docs/screens when asked to (WARMLINK_SCREENS=1), beside the test otherwise."""
    folder = SCREENS if os.environ.get("WARMLINK_SCREENS") else tmp_path

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=name in WHOLE, animations="disabled")

    return keep


def with_password(house: House, login: str, role: Role, **who: str) -> None:
    """An account that signs in by password; its second factor is yet to be set up."""
    hashed = Passwords(CHEAP).hash(PASSWORD, login)
    add_account(house.engine, login, [role], hashed, by="test", **who)


LOGINS = {role: login for login, role, _, _ in reversed(SEEDED)}
"""One seeded account of each role."""


def token_of(house: House, login: str, role: Role, days: int = 90) -> str:
    """A token for a script of this account."""
    session = house.token(login)
    runtime = house.app.state.runtime
    who = runtime.sign_in.principal(session)
    assert who is not None
    made: str = runtime.tokens.make(who, role, "script of a test", days)
    return made


def script(house: House, secret: str) -> TestClient:
    """A program that has nothing but its token."""
    made = house.client()
    made.headers["authorization"] = f"Bearer {secret}"
    return made
