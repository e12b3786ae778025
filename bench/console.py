"""How fast each page of the console answers on a large installation, as p95 and as a ratio to the empty page.

The sample county is swollen in its own database to a million clients, 100,000 alerts with their answers and 200 doubtful
matches, one process serves it over a real port, and a load generator asks each page as the account that reads it.

    python -m bench.console              # 1,000,000 clients and 100,000 alerts
    python -m bench.console --small      # a tenth of it, to see that the bench itself works
    python -m bench.console --in FOLDER  # keep the installation there and use it again
    python -m bench.console --in FOLDER --only /reports   # only pages with that in their address
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

# Run as a script, Python looks in this folder first and would take this file for the room of the same name.
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)

import httpx2
import uvicorn

from audit.catalogue import REPORTS as CATALOGUE
from bench.console_world import BOOKING, PERSON, Size, Swelling, name
from config import load
from config.settings import ConsoleSettings
from console.demo import BEGINS, demo_clock, seed
from console.proofs import csrf_token, new_token, token_hash
from console.serve import standing_app
from service.demonstration import run_demo
from service.engine import Engine, open_engine
from store import accounts, migrate
from store.database import Database

ASKED, AT_ONCE = 20, 4


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks for which page; with a form where the page is asked for by one."""

    login: str
    path: str
    form: dict[str, str] | None = None


BIG = {"number": "BIG0", "org": "harlan-bh"}
REPORTS = tuple(code for code, offer in CATALOGUE.items() if not offer.needs_client)
PAGES = (
    Ask("", "/sign-in"),
    Ask("lee", "/account"),
    Ask("lee", "/inbox"),
    Ask("lee", "/inbox/repeat"),
    Ask("lee", "/api/v1/inbox"),
    Ask("ortiz", "/review"),
    Ask("ortiz", "/review/{doubt}"),
    Ask("ortiz", "/review/{doubt}/sides", {}),
    Ask("ortiz", "/team"),
    Ask("ortiz", "/api/v1/reviews"),
    Ask("ortiz", "/api/v1/team"),
    Ask("ortiz", "/measures"),
    Ask("county-privacy", "/compliance"),
    Ask("county-privacy", "/compliance/booking", {"number": BOOKING}),
    Ask("privacy", "/compliance/booking", {"number": BOOKING}),
    Ask("county-privacy", "/compliance/person", {"number": PERSON}),
    Ask("county-privacy", "/compliance/client", BIG),
    Ask("privacy", "/compliance/client", BIG),
    Ask("county-privacy", "/compliance/client/accounting", BIG | {"report": "everything", "form": "csv"}),
    Ask("county-privacy", "/threads/{alert}"),
    Ask("county-privacy", "/consents"),
    Ask("county-privacy", "/consents", BIG),
    Ask("county-privacy", "/consents/ending"),
    Ask("county-privacy", "/consents/ending?days=90"),
    Ask("privacy", "/consents/ending"),
    Ask("county-privacy", "/api/v1/consents/ending"),
    Ask("county-privacy", "/reports"),
    *(Ask("county-privacy", f"/reports/{code}") for code in REPORTS),
    *(Ask("privacy", f"/reports/{code}") for code in ("access", "retractions", "decisions_by_reason")),
    Ask("county-privacy", "/reports/access?since=2026-09-01&until=2026-09-30"),
    Ask("county-privacy", "/reports/proof_of_check?since=2026-09-01&until=2026-09-30"),
    Ask("county-privacy", "/api/v1/reports/access"),
    Ask("county-privacy", "/log"),
    Ask("county-privacy", "/rules"),
    Ask("county-privacy", "/measures"),
    Ask("operator", "/operations"),
    Ask("operator", "/metrics"),
    Ask("operator", "/api/v1/operations"),
    Ask("admin", "/accounts"),
    Ask("admin", "/api/v1/accounts"),
)
"""Every page. The first is the empty page that the others are measured against."""


def opened(home: Path, origin: str) -> Engine:
    settings = load(home / "warmlink.toml", {})
    console = ConsoleSettings(origin=origin, requests_per_minute=0)
    return open_engine(settings.model_copy(update={"console": console}), clock=demo_clock())


def prepare(home: Path, size: Size) -> None:
    if (home / "warmlink.toml").exists():
        database = Database(load(home / "warmlink.toml", {}).database_url())
        if migrate.current(database) != migrate.newest():
            migrate.upgrade(database)
        database.close()
        return
    run_demo(home, lambda _: None)
    engine = opened(home, "http://localhost")
    seed(engine)
    Swelling(engine, size).run()
    engine.close()
    with sqlite3.connect(home / "warmlink.db") as conn:
        conn.execute("ANALYZE")


def serve(home: str, port: int) -> None:
    engine = opened(Path(home), f"http://localhost:{port}")
    uvicorn.run(standing_app(engine), host="127.0.0.1", port=port, log_level="error", access_log=False, ws="none")


def sessions(engine: Engine) -> dict[str, str]:
    """A session for every account that asks."""
    made = {}
    with engine.database.write() as conn:
        for login in sorted({page.login for page in PAGES if page.login}):
            account = accounts.by_login(conn, login)
            if account is None:
                raise RuntimeError("the sample county lacks an account")
            made[login] = new_token(os.urandom)
            accounts.begin_session(conn, token_hash(made[login]), account.id, "demo", BEGINS)
    return made


def busy(process: int) -> float:
    """Milliseconds of processor that a process has used (proc(5): utime and stime, fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(http: httpx2.AsyncClient, page: Ask, path: str, cookie: str, at_once: int) -> list[float]:
    """Milliseconds of each answer, with so many asking at the same time."""
    spans: list[float] = []
    headers = {"cookie": f"warmlink={cookie}", "x-csrf-token": csrf_token(cookie)}
    method = "GET" if page.form is None else "POST"

    async def one(times: int) -> None:
        for _ in range(times):
            begun = time.perf_counter()
            answer = await http.request(method, path, headers=headers, data=page.form)
            spans.append(1000 * (time.perf_counter() - begun))
            if answer.status_code != 200:
                raise RuntimeError(f"{page.path} answered {answer.status_code}")

    await one(1)
    spans.clear()
    await asyncio.gather(*(one(ASKED // at_once) for _ in range(at_once)))
    return sorted(spans)


def share(spans: list[float], part: float) -> float:
    return spans[min(len(spans) - 1, int(part * len(spans)))]


async def measure(port: int, process: int, cookies: dict[str, str], places: dict[str, str], only: str) -> None:
    """The server's processor time tells what a page costs on a machine that others use too; the clock tells what it takes."""
    print(
        f"{'page':44} {'as':15} {'cpu ms':>8} {'ratio':>6} {'p50 ms':>8} {'p95 ms':>8} {'ratio':>6}   p95 with {AT_ONCE} at once"
    )
    empty = cheapest = 0.0
    async with httpx2.AsyncClient(base_url=f"http://localhost:{port}", timeout=120) as http:
        for _ in range(600):
            try:
                await http.get("/healthz")
                break
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
        for page in (PAGES[0], *(p for p in PAGES[1:] if only in p.path)):
            path, cookie = page.path.format(**places), cookies.get(page.login, "")
            await ask(http, page, path, cookie, 1) if page is PAGES[0] else None
            before = busy(process)
            alone = await ask(http, page, path, cookie, 1)
            cost = (busy(process) - before) / (ASKED + 1)
            crowd = await ask(http, page, path, cookie, AT_ONCE)
            p95 = share(alone, 0.95)
            empty, cheapest = empty or p95, cheapest or cost
            shown = page.path if page.form is None else f"POST {page.path}"
            print(f"{shown:44} {page.login:15} {cost:8.1f} {cost / cheapest:6.1f} {share(alone, 0.5):8.1f} {p95:8.1f} {p95 / empty:6.1f}   {share(crowd, 0.95):8.1f}", flush=True)  # fmt: skip


def main() -> None:
    asked = sys.argv[1:]
    size = Size().tenth() if "--small" in asked else Size()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(asked[asked.index("--in") + 1]) if "--in" in asked else Path(folder) / "county"
        begun = time.perf_counter()
        prepare(home, size)
        print(f"{size.clients:,} clients, {size.alerts:,} alerts, ready after {time.perf_counter() - begun:.0f} s")
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            port = place.getsockname()[1]
        engine = opened(home, "http://localhost")
        cookies = sessions(engine)
        engine.close()
        server = get_context("spawn").Process(target=serve, args=(str(home), port), daemon=True)
        server.start()
        try:
            places = {"doubt": name("doubt", 0), "alert": name("alert", size.alerts - 1)}
            only = asked[asked.index("--only") + 1] if "--only" in asked else ""
            asyncio.run(measure(port, server.pid or 0, cookies, places, only))
        finally:
            server.terminate()
            server.join(10)


if __name__ == "__main__":
    main()
