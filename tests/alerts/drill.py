"""Kill the courier without warning, over and over, and count what was lost and what was seen twice.

    python -m tests.alerts.drill --kills 1500                        (SQLite, in a temporary folder)
    python -m tests.alerts.drill --kills 1500 --database postgresql://...

Each round starts a process that queues one alert in the decision's transaction, works the outbox, and sends itself
SIGKILL: in half of the rounds at a chosen step (before the queueing commits, in prepare, before and after
the send, inside the settling transaction), in the other half at a random moment. A last process, which lives, finishes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Timer
from typing import Self

from sqlalchemy import Connection, func, insert, select

from alerts.channels import Parcel, Receipt, SmtpNotice, SmtpServer
from alerts.courier import Courier
from alerts.demo_sink import MaildirSink
from alerts.outbox import Claim, Outcome, enqueue
from alerts.seal import Sealed
from records import AlertRef, StaffId
from store import tables
from store.database import Database, sqlite_url
from store.migrate import upgrade

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(minutes=2)
STEPS = ("enqueue", "prepare", "prepared", "send", "sent", "settle")


@dataclass(frozen=True)
class Report:
    """What came of it. `arrived` counts what reached the mail server, with the copies that it dropped."""

    killed: int
    alerts: int
    lost: int
    doubled: int
    arrived: int


@dataclass(frozen=True)
class Mission:
    """One round: where to work and when to die. `step` None and `after` None is the process that lives."""

    url: str
    port: int
    number: int
    step: str | None = None
    nth: int = 1
    after: float | None = None


class Fuse:
    """Counts passages of one step and ends the process at the chosen one."""

    def __init__(self, mission: Mission) -> None:
        self.mission, self.left = mission, mission.nth

    def passes(self, step: str) -> None:
        if step == self.mission.step:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class FusedMail:
    """The mail channel with a fuse on either side."""

    mail: SmtpNotice
    fuse: Fuse

    def send(self, parcel: Parcel) -> Receipt:
        self.fuse.passes("send")
        receipt = self.mail.send(parcel)
        self.fuse.passes("sent")
        return receipt


def work(mission: Mission) -> None:
    """What the process does. Its clock is a round a lease apart, so that what the last one held is due again."""
    fuse = Fuse(mission)
    if mission.after is not None:
        Timer(mission.after, os.kill, (os.getpid(), signal.SIGKILL)).start()
    now = START + mission.number * LEASE
    database = Database(mission.url)

    def prepare(conn: Connection, claim: Claim, now: datetime) -> Parcel:
        fuse.passes("prepare")
        sealed = Sealed(claim.alert, "kid", "jwe", "backup", "jwe", now)
        parcel = Parcel(claim.ref, claim.alert, StaffId("s"), "s@clinic.example", sealed, now)
        fuse.passes("prepared")
        return parcel

    def settled(conn: Connection, claim: Claim, outcome: Outcome) -> None:
        fuse.passes("settle")

    server = SmtpServer("127.0.0.1", mission.port, "w@clinic.example", None, production=False)
    mail = FusedMail(SmtpNotice(server), fuse)
    if mission.step or mission.after:
        with database.write() as conn:
            put(conn, f"{mission.number:026d}", now)
            fuse.passes("enqueue")
    Courier(database, {"mail": mail}, prepare, lambda: now, lambda: 0.0, settled, lease=LEASE).run(10_000)
    os._exit(0)  # the timer's thread must not hold the process


def put(conn: Connection, ref: str, now: datetime) -> None:
    """An alert and its entries, with the rows they hang on, all in one transaction."""
    conn.execute(
        insert(tables.booking).values(ref=ref, state="open", first_seen_at=now, updated_at=now, baseline=False)
    )
    conn.execute(insert(tables.client).values(ref=ref, org="o", seen_at=now))
    scores = {"verdict": "ALERT", "weight": 1.0, "probability": 1.0, "margin": 1.0, "levels": {}, "model_hash": "m"}
    conn.execute(insert(tables.link).values(ref=ref, booking=ref, client=ref, at=now, **scores))
    ruled = {"reason_codes": [], "fields_allowed": [], "obligations": [], "consents": [], "rule_set": "r"}
    conn.execute(
        insert(tables.decision).values(
            ref=ref, link=ref, recipient="s", stage="link", decision="permit", rule_set_hash="h", at=now, **ruled
        )
    )
    told = {"kind": "arrest", "match_class": "full", "state": "queued", "created_at": now}
    conn.execute(insert(tables.alert).values(ref=ref, thread=ref, link=ref, decision=ref, recipient="s", **told))
    for channel in ("inbox", "mail"):
        enqueue(conn, f"{channel[0]}{ref[1:]}", AlertRef(ref), channel, now=now)


def drill(url: str, kills: int, seed: int, maildir: Path) -> Report:
    """Go on until `kills` processes were killed, let the last one live, and count."""
    chance = random.Random(seed)
    killed, number = 0, 0
    with counting_sink(maildir) as (sink, arrivals), Nursery() as children:
        while killed < kills:
            number += 1
            mission = Mission(url, sink.port, number)
            if number % 2:
                mission = replace(mission, step=chance.choice(STEPS), nth=chance.randint(1, 2))
            else:
                mission = replace(mission, after=chance.uniform(0.001, 0.12))
            killed += children.run(mission) == -signal.SIGKILL
        for extra in (1, 20, 40):  # later and later, for entries that wait out a fault
            children.run(Mission(url, sink.port, number + extra))
        kept = [message_from_bytes(raw)["Message-ID"] for raw in sink.messages()]
        return count(url, kept, killed, arrivals)


class Nursery:
    """A process without threads that forks one child for each mission: what is heavy to import is imported once."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.alerts.drill", "--nursery"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    def run(self, mission: Mission) -> int:
        """The exit code of the child; -9 if it was killed."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the nursery was started without pipes")
        self._process.stdin.write(json.dumps(asdict(mission)) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        if code not in {0, -signal.SIGKILL}:
            raise RuntimeError(f"a process of the drill failed by itself ({code}); its trace is above")
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def nursery() -> int:
    """Serve missions from standard input until it ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(Mission(**json.loads(line)))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()
    return 0


@contextmanager
def counting_sink(maildir: Path) -> Iterator[tuple[MaildirSink, list[None]]]:
    """A mail server that also counts what it dropped as a copy."""
    arrivals: list[None] = []

    class Counting(MaildirSink):
        async def handle_DATA(self, *arguments: object) -> str:
            arrivals.append(None)
            return await super().handle_DATA(*arguments)  # type: ignore[arg-type]  # passed on as they came

    with Counting(maildir) as sink:
        yield sink, arrivals


def count(url: str, kept: list[str], killed: int, arrivals: list[None]) -> Report:
    database = Database(url)
    with database.read() as conn:
        alerts = conn.execute(select(func.count()).select_from(tables.alert)).scalar_one()
        delivered = conn.execute(
            select(func.count()).select_from(tables.outbox).where(tables.outbox.c.state == "delivered")
        ).scalar_one()
        inbox = conn.execute(select(func.count()).select_from(tables.inbox_item)).scalar_one()
    database.close()
    lost = (2 * alerts - delivered) + (alerts - inbox) + (alerts - len(set(kept)))
    return Report(killed, alerts, lost, len(kept) - len(set(kept)) + max(0, inbox - alerts), len(arrivals))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="an empty PostgreSQL database; without it SQLite is used")
    parser.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.nursery:
        return nursery()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or sqlite_url(Path(folder) / "drill.db")
        database = Database(url)
        upgrade(database)
        database.close()
        report = drill(url, given.kills, given.seed, Path(folder) / "mail")
    sys.stdout.write(f"{report}\n")
    return 1 if report.lost or report.doubled else 0


if __name__ == "__main__":
    raise SystemExit(main())
