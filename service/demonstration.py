"""`warmlink demo`: the main job, end to end, on the sample county. Nothing in it is simulated but the people and the clock.

The same engine, feeds, rules, keys, outbox and audit log as in production run over the files of a sample county, one cycle
for each export that its two jails wrote, with the clock set to when they wrote it.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import mkdtemp

from alerts.content import AlertContent
from alerts.demo_sink import MaildirSink
from alerts.keys import PrivateKey
from audit.verify import Verification, verify_database
from config import load
from matcher.evaluate import Accuracy, Found, accuracy
from matcher.verdict import Verdict
from records import AlertRef
from service import consents, directory, logs, reading, registry
from service.cycle import Cycle, CycleReport
from service.engine import Engine, open_engine
from service.keys import checkpoint_signer
from service.setup import CONFIG_NAME, install
from service.status import StatusPage, status
from store import findings

MORNINGS = tuple(datetime(2026, 10, day, 10, 5, tzinfo=UTC) for day in range(1, 8))
"""Just after six in the morning, local time, when the exports lie in their folders."""


@dataclass(slots=True)
class DemoResult:
    """What the demonstration did, for the page that is printed."""

    home: Path
    cycles: list[CycleReport] = field(default_factory=list)
    page: StatusPage | None = None
    verification: Verification | None = None
    accuracy: Accuracy | None = None
    notices: int = 0
    opened: tuple[AlertRef, str, AlertContent] | None = None


def run_demo(home: Path | None, told: Callable[[str], None]) -> DemoResult:
    """Set up the sample county in `home` (a new folder by default), run it for a week, and check what came of it."""
    home = home or Path(mkdtemp(prefix="warmlink-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    result = DemoResult(home)
    with as_file(files("config") / "samples" / "county") as county, MaildirSink(home / "mail") as sink:
        told("making keys and an empty database")
        clock = _Clock(MORNINGS[0])
        with _county(home, county, sink.port, clock) as engine:
            _first_morning(engine, county, told)
            for morning in MORNINGS:
                clock.at = morning
                _drop(county, home, morning)
                told(f"cycle of {morning:%d %B %Y}")
                result.cycles.append(Cycle(engine).run())
            told("verifying the audit log")
            _look_back(engine, county, result)
            result.notices = len(sink.messages())
    return result


@dataclass(slots=True)
class _Clock:
    """Stands where it is put."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


@contextmanager
def _county(home: Path, county: Path, mail_port: int, clock: _Clock) -> Iterator[Engine]:
    text = (county / CONFIG_NAME).read_text("utf-8").replace("[mail]\n", f"[mail]\nport = {mail_port}\n")
    install(home, text, random=os.urandom, now=clock(), environment={})
    with (home / "warmlink.log").open("a", encoding="utf-8") as log:
        engine = open_engine(load(home / CONFIG_NAME, {}), clock=clock, log=logs.logger(clock, log))
        try:
            yield engine
        finally:
            engine.close()


def _first_morning(engine: Engine, county: Path, told: Callable[[str], None]) -> None:
    """Rosters, directory, keys and consents, in the order in which a provider brings them."""
    told("taking in rosters, staff, keys and consents")
    for name in ("harlan", "north"):
        shutil.copy(county / f"roster-{name}.csv", engine.settings.home / "feeds" / f"{name}-roster" / "roster.csv")
    Cycle(engine).run()
    members = directory.read(county / "staff.csv")
    registry.import_staff(engine, members)
    private = engine.settings.home / "clinicians"
    private.mkdir(mode=0o700)
    for member in members:
        if member.active:
            registry.enrol(engine, member.staff, registry.generate_key(private / f"{member.staff}.jwk"))
    consents.import_file(engine, county / "consents.jsonl", org=None, by="sample")


def _drop(county: Path, home: Path, morning: datetime) -> None:
    """Put what the jails wrote this morning into their folders."""
    for feed in ("harlan-jail", "north-jail"):
        export = county / f"{feed}-{morning:%Y-%m-%d}.csv"
        if export.exists():
            shutil.copy(export, home / "feeds" / feed / export.name)


def _look_back(engine: Engine, county: Path, result: DemoResult) -> None:
    result.page = status(engine)
    keys = [checkpoint_signer(engine.settings).verifier]
    with engine.database.read() as conn:
        result.verification = verify_database(conn, engine.settings.audit.origin, keys)
    result.accuracy = accuracy(list(_found(engine)), list(_truth(engine, county)))
    result.opened = _open_newest(engine)


def _truth(engine: Engine, county: Path) -> Iterator[tuple[str, str]]:
    with (county / "truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            agency, org = _whose(row["booking_id"])
            booking = engine.locator.ref("booking", agency, row["booking_id"])
            yield booking, engine.locator.ref("client", org, row["client_id"])


def _whose(booking: str) -> tuple[str, str]:
    """Agency and provider of a booking of the sample, by the look of its number."""
    return ("COMMON", "harlan-bh") if booking.startswith("BK") else ("ANYTOWN JAIL", "north-clinic")


def _found(engine: Engine) -> Iterator[Found]:
    with engine.database.read() as conn:
        for row in findings.standing_links(conn):
            yield row.booking, row.client, Verdict(row.verdict), row.probability


def _open_newest(engine: Engine) -> tuple[AlertRef, str, AlertContent] | None:
    """Read one alert as its clinician would: with her own key."""
    lines = [line for line in reading.inbox_lines(engine) if line.state == "delivered"]
    if not lines:
        return None
    newest = max(lines, key=lambda line: (line.created_at, line.alert))
    key = PrivateKey.load(engine.settings.home / "clinicians" / f"{newest.recipient}.jwk")
    return newest.alert, newest.recipient, reading.open_alert(engine, newest.alert, key)
