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
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random

# Run as a script, Python looks in this folder first and would take this file for the room of the same name.
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)

import httpx2
import uvicorn
from sqlalchemy import Connection, Table, insert, select

from config import load
from config.settings import ConsoleSettings
from console.app import create_app
from console.demo import BEGINS, seed
from console.proofs import new_token, token_hash
from records import BookingRef, OrgId, StaffId, StaffMember
from service.demonstration import run_demo
from service.engine import Engine, open_engine
from store import accounts, bookings, staff
from store.tables import (
    acknowledgement,
    alert,
    booking,
    client,
    decision,
    delivery,
    inbox_item,
    link,
    outbox,
    outcome,
    quarantine,
    review,
)  # fmt: skip

CLIENTS, ALERTS, REVIEWS, STAFF, DELIVERIES, SET_ASIDE = 1_000_000, 100_000, 200, 3_000, 30_000, 300
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
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def name(kind: str, number: int) -> str:
    """A reference as ours look: 26 letters, spread like a keyed name."""
    seed_of = Random(f"{kind}{number}")
    return "".join(seed_of.choices(LETTERS, k=26))


def chunks(count: int, each: int) -> Iterator[range]:
    return (range(start, min(start + each, count)) for start in range(0, count, each))


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    clients: int = CLIENTS
    alerts: int = ALERTS
    reviews: int = REVIEWS
    staff: int = STAFF
    deliveries: int = DELIVERIES
    set_aside: int = SET_ASIDE

    def tenth(self) -> Size:
        return Size(*(count // 10 for count in (self.clients, self.alerts, self.reviews, self.staff, self.deliveries, self.set_aside)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Swelling:
    """Makes the sample county large. Rows that no page opens hold noise of the length that real ones have."""

    engine: Engine
    size: Size

    def run(self) -> None:
        with self.engine.database.write() as conn:
            self._people(conn)
        for clients in chunks(self.size.clients, 50_000):
            self._add(client, map(self._client, clients))
        for numbers in chunks(self.size.alerts, 10_000):
            for table, make in (
                (booking, self._booking), (link, self._link), (decision, self._decision), (alert, self._alert),
                (inbox_item, self._item), (outbox, self._sent),
            ):  # fmt: skip
                self._add(table, map(make, numbers))
            self._add(
                acknowledgement, (self._answer(n) for n in numbers if self._state(n) in {"acknowledged", "closed"})
            )
            self._add(outcome, (self._outcome(n) for n in numbers if n % 3 == 0))
        self._add(delivery, map(self._delivery, range(self.size.deliveries)))
        self._add(quarantine, map(self._row, range(self.size.set_aside)))
        with self.engine.database.write() as conn:
            self._doubts(conn)

    def _add(self, table: Table, rows: Iterator[dict[str, object]]) -> None:
        made = list(rows)
        if made:
            with self.engine.database.write() as conn:
                conn.execute(insert(table), made)

    def _people(self, conn: Connection) -> None:
        known = staff.everyone(conn)
        like = known[StaffId("CM033")]
        for number in range(self.size.staff):
            member: StaffMember = replace(
                like,
                staff=StaffId(f"B{number:05}"),
                name=f"Clinician {number}",
                supervises=(),
                org=like.org if number % 20 == 0 else OrgId(f"provider-{number % 20}"),
            )
            staff.put(conn, member, BEGINS)

    def _at(self, number: int) -> datetime:
        """Spread over a year, the highest numbers the latest."""
        return BEGINS - timedelta(days=365) * (1 - number / self.size.alerts)

    def _recipient(self, number: int) -> str:
        return "CM033" if number % 1000 == 0 else f"B{number % self.size.staff:05}"

    def _state(self, number: int) -> str:
        """Two in a hundred of the last month wait; what is older is done with."""
        if number > self.size.alerts * 0.92 and number % 50 == 0:
            return ("delivered", "opened")[number % 100 == 0]
        return ("acknowledged", "closed", "closed")[number % 3]

    def _client(self, number: int) -> dict[str, object]:
        org = ("harlan-bh", "harlan-bh", "north-clinic")[number % 3]
        return {"ref": name("client", number), "org": org, "sealed": os.urandom(1500), "seen_at": BEGINS, "retired_at": None, "purged_at": None, "pending": False}  # fmt: skip

    def _booking(self, number: int) -> dict[str, object]:
        at = self._at(number)
        return {"ref": name("booking", number), "sealed": os.urandom(900), "state": "released", "first_seen_at": at, "updated_at": at, "baseline": False}  # fmt: skip

    def _link(self, number: int) -> dict[str, object]:
        return {"ref": name("link", number), "booking": name("booking", number), "client": name("client", number * 3), "verdict": "ALERT", "weight": 22.0, "probability": 0.999, "margin": 12.0, "levels": {"last": "exact", "dob": "exact"}, "model_hash": "0" * 64, "at": self._at(number)}  # fmt: skip

    def _decision(self, number: int) -> dict[str, object]:
        return {"ref": name("decision", number), "link": name("link", number), "recipient": self._recipient(number), "stage": "link", "decision": "permit", "reason_codes": ["HIPAA_CONSENT"], "fields_allowed": ["booking.fact"], "obligations": [], "consents": [], "rule_set": "county", "rule_set_hash": "0" * 64, "at": self._at(number), "sealed_input": os.urandom(1200)}  # fmt: skip

    def _alert(self, number: int) -> dict[str, object]:
        at, state = self._at(number), self._state(number)
        done = at + timedelta(minutes=7 + number % 300) if state in {"acknowledged", "closed"} else None
        return {"ref": name("alert", number), "thread": name("thread", number), "link": name("link", number), "decision": name("decision", number), "recipient": self._recipient(number), "kind": "arrest", "match_class": "full", "state": state, "created_at": at, "opened_at": done, "acknowledged_at": done, "closed_at": done if state == "closed" else None}  # fmt: skip

    def _item(self, number: int) -> dict[str, object]:
        return {"alert": name("alert", number), "recipient": self._recipient(number), "kid": "k" * 43, "jwe": "e" * 3000, "backup_jwe": "e" * 3000, "delivered_at": self._at(number) + timedelta(seconds=3)}  # fmt: skip

    def _sent(self, number: int) -> dict[str, object]:
        at = self._at(number)
        return {"ref": name("outbox", number), "alert": name("alert", number), "channel": "inbox", "state": "delivered", "attempts": 1, "next_at": at, "fence": 1, "done_at": at}  # fmt: skip

    def _answer(self, number: int) -> dict[str, object]:
        return {"alert": name("alert", number), "by": self._recipient(number), "verdict": "is_my_client" if number % 40 else "not_on_my_caseload", "via": "console", "at": self._at(number) + timedelta(minutes=9)}  # fmt: skip

    def _outcome(self, number: int) -> dict[str, object]:
        at = self._at(number) + timedelta(hours=5)
        return {"ref": name("outcome", number), "alert": name("alert", number), "by": self._recipient(number), "kind": "contact", "codes": ["phone"], "at": at, "recorded_at": at}  # fmt: skip

    def _delivery(self, number: int) -> dict[str, object]:
        feed = self.engine.settings.feeds[number % len(self.engine.settings.feeds)].id
        at = BEGINS - timedelta(minutes=15 * (self.size.deliveries - number) / 3)
        return {"ref": name("delivery", number), "feed": feed, "received_at": at, "completed_at": at, "state": "complete", "counts": {"rows": 20}}  # fmt: skip

    def _row(self, number: int) -> dict[str, object]:
        last = self.size.deliveries - 1
        feed = self.engine.settings.feeds[last % len(self.engine.settings.feeds)].id
        return {"ref": name("row", number), "feed": feed, "delivery": name("delivery", last), "line": number, "field": "booked_at", "code": "unreadable", "reason": "is no instant", "at": BEGINS, "state": "open"}  # fmt: skip

    def _doubts(self, conn: Connection) -> None:
        """Doubtful matches whose bookings can be opened: the queue opens each."""
        refs = conn.execute(select(booking.c.ref).where(booking.c.state == "open").limit(1)).scalars().all()
        stored = bookings.get(conn, self.engine.vault, BookingRef(refs[0]))
        if stored is None:
            raise RuntimeError("the sample county has no open booking")
        for number in range(self.size.reviews):
            ref = BookingRef(name("doubtful", number))
            bookings.put(conn, self.engine.vault, replace(stored, ref=ref), BEGINS)
            row = self._link(number) | {"ref": name("doubt", number), "booking": ref, "verdict": "REVIEW"}
            conn.execute(insert(link), [row])
            conn.execute(insert(review), [{"link": row["ref"], "opened_at": BEGINS, "state": "open"}])


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
