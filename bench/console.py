"""How fast each page of the console answers on a large installation, as p95 and as a ratio to the empty page.

The sample county is swollen in its own database to a million clients, 100,000 alerts with their answers and 200 doubtful
matches, one process serves it over a real port, and a load generator asks each page as the account that reads it.

    python -m bench.console              # 1,000,000 clients and 100,000 alerts
    python -m bench.console --small      # a tenth of it, to see that the bench itself works
    python -m bench.console --in FOLDER  # keep the installation there and use it again
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

# Run as a script, Python looks in this folder first and would take this file for the room of the same name.
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)

import httpx2
import uvicorn

from bench.console_world import Size, Swelling, name
from config import load
from config.settings import ConsoleSettings
from console.app import create_app
from console.demo import BEGINS, seed
from console.proofs import new_token, token_hash
from service.demonstration import run_demo
from service.engine import Engine, open_engine
from store import accounts

ASKED, AT_ONCE = 20, 4
PAGES: tuple[tuple[str, str], ...] = (
    ("", "/sign-in"),
    ("lee", "/account"),
    ("lee", "/inbox"),
    ("lee", "/api/v1/inbox"),
    ("ortiz", "/review"),
    ("ortiz", "/review/{doubt}"),
    ("ortiz", "/team"),
    ("ortiz", "/measures"),
    ("county-privacy", "/compliance"),
    ("county-privacy", "/reports"),
    ("county-privacy", "/log"),
    ("county-privacy", "/rules"),
    ("county-privacy", "/measures"),
    ("operator", "/operations"),
    ("operator", "/metrics"),
    ("admin", "/accounts"),
)
"""(who asks, page). The first is the empty page that the others are measured against."""
def opened(home: Path, origin: str) -> Engine:
    settings = load(home / "warmlink.toml", {})
    console = ConsoleSettings(origin=origin, requests_per_minute=0)
    return open_engine(settings.model_copy(update={"console": console}), clock=lambda: BEGINS)


def prepare(home: Path, size: Size) -> None:
    if (home / "warmlink.toml").exists():
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
    uvicorn.run(create_app(engine), host="127.0.0.1", port=port, log_level="error", access_log=False, ws="none")


def sessions(engine: Engine) -> dict[str, str]:
    """A session for every account that asks."""
    made = {}
    with engine.database.write() as conn:
        for login in sorted({login for login, _ in PAGES if login}):
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


async def ask(http: httpx2.AsyncClient, page: str, cookie: str, at_once: int) -> list[float]:
    """Milliseconds of each answer, with so many asking at the same time."""
    spans: list[float] = []
    headers = {"cookie": f"warmlink={cookie}"}

    async def one() -> None:
        for _ in range(ASKED // at_once):
            begun = time.perf_counter()
            answer = await http.get(page, headers=headers)
            spans.append(1000 * (time.perf_counter() - begun))
            if answer.status_code != 200:
                raise RuntimeError(f"{page} answered {answer.status_code}")

    await http.get(page, headers=headers)
    await asyncio.gather(*(one() for _ in range(at_once)))
    return sorted(spans)


def share(spans: list[float], part: float) -> float:
    return spans[min(len(spans) - 1, int(part * len(spans)))]


async def measure(port: int, process: int, cookies: dict[str, str], doubt: str) -> None:
    """The server's processor time tells what a page costs on a machine that others use too; the clock tells what it takes."""
    print(
        f"{'page':24} {'as':15} {'cpu ms':>8} {'ratio':>6} {'p50 ms':>8} {'p95 ms':>8} {'ratio':>6}   p95 with {AT_ONCE} at once"
    )
    empty = cheapest = 0.0
    async with httpx2.AsyncClient(base_url=f"http://localhost:{port}", timeout=60) as http:
        for _ in range(200):
            try:
                await http.get("/healthz")
                break
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
        for login, page in PAGES:
            before = busy(process)
            alone = await ask(http, page.format(doubt=doubt), cookies.get(login, ""), 1)
            cost = (busy(process) - before) / (ASKED + 1)
            crowd = await ask(http, page.format(doubt=doubt), cookies.get(login, ""), AT_ONCE)
            p95 = share(alone, 0.95)
            empty, cheapest = empty or p95, cheapest or cost
            print(f"{page:24} {login:15} {cost:8.1f} {cost / cheapest:6.1f} {share(alone, 0.5):8.1f} {p95:8.1f} {p95 / empty:6.1f}   {share(crowd, 0.95):8.1f}")  # fmt: skip


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
            asyncio.run(measure(port, server.pid or 0, cookies, name("doubt", 0)))
        finally:
            server.terminate()
            server.join(10)


if __name__ == "__main__":
    main()
