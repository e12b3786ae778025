"""A day of a whole state on an accelerated clock: nothing lost, nothing twice, no growth in memory.

    python tests/service/soak.py                                   24 hours, 21,000 bookings, 500,000 clients
    python tests/service/soak.py --hours 2 --bookings 400 --clients 3000 --kills 2

Every slot of five minutes the jails' files are put into the folders, now and then an old one again under another name; the
scheduler's own slot is run; clinicians open and answer what came. Twice a new roster comes with clients who are in jail
already. The process is killed with SIGKILL in the middle of some cycles and started again. At the end what lies in the
database is compared with what the plan of the day says, alert by alert.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from alerts.followup import Verdict
from alerts.keys import PrivateKey
from records import AlertRef, OrgId, StaffId, StaffMember
from records.ids import ProgramId
from service import reading, registry
from service.desks import inbox
from service.lease import LEASE
from service.schedule import run_slot
from store.tables import alert, booking, booking_event, delivery, inbox_item, link, outbox, quarantine
from tests.service import drill, footprint
from tests.service.installation import (
    BOOKING_COLUMNS,
    ORG,
    ROSTER_COLUMNS,
    Clock,
    Installation,
    consent,
    make,
    opened,
)
from tests.service.soak_world import STRANGERS, World

DATABASE = "warmlink.db"
PER_HOUR = 12
"""Slots of five minutes."""
MEMORY_TOLERANCE = 0.01
"""Share of what a process holds by which it may grow in an hour in which no roster came."""


@dataclass(frozen=True, slots=True)
class Soak:
    """One run in a folder of its own. Each part is a process: nothing survives in memory but by mistake."""

    world: World
    folder: Path
    kills: int
    database: str | None = None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def journal(self) -> Path:
        """One line for each slot that was worked through."""
        return self.folder / "journal.jsonl"

    @property
    def prepared(self) -> Path:
        """What the database held before the day; there once the installation is ready."""
        return self.folder / "prepared.json"

    def run(self) -> Report:
        """Work the day off, or what is left of it."""
        began = time.monotonic()
        if not self.prepared.exists():
            drill._succeed(self._prepare)
        prepared = time.monotonic()
        with drill.post_office(self.home):
            killed = self._day()
            report = self.judged()
        report.killed, report.prepared_s = killed, round(prepared - began)
        report.day_s = round(time.monotonic() - prepared)
        return report

    def _prepare(self) -> None:
        make(self.home, mail=("127.0.0.1", 25), database=self.database)
        clock = Clock()
        with opened(self.home, clock) as site:
            self._roster(site, 0)
            site.cycle()
            self._staff(site)
            self._consents(site, sorted(self.world.booked_clients))
            self.prepared.write_text(json.dumps(footprint.tables(self.home / DATABASE)), "utf-8")

    def _staff(self, site: Installation) -> None:
        programs = ProgramId("OP-MH"), ProgramId("SUD-OP")
        members = [
            StaffMember(
                StaffId(name), OrgId(ORG), name, email=f"{name}@river.example.org", verified=True, programs=programs
            )
            for name in map(self.world.clinician, range(self.world.clinicians))
        ]
        registry.import_staff(site.engine, members)
        folder = self.home / "clinicians"
        folder.mkdir(mode=0o700)
        for member in members:
            registry.enrol(site.engine, member.staff, registry.generate_key(folder / f"{member.staff}.jwk"))

    def _consents(self, site: Installation, people: Sequence[int]) -> None:
        site.consents(*(consent(self.world.person(n)) for n in people if n >= STRANGERS or self.world.consents(n)))

    def _roster(self, site: Installation, rosters: int) -> None:
        rows = (person.roster_row() for person in self.world.listed(rosters))
        site.drop("roster", ROSTER_COLUMNS, rows, f"roster-{rosters}.csv")  # type: ignore[arg-type]  # written one by one

    def _day(self) -> int:
        """Work through the day, killed on the way; how often it was."""
        r = Random(f"{self.world.seed}/kills")
        marks = sorted(r.sample(range(2, max(3, self.world.slots // 4)), self.kills)) if self.kills else []
        for slot in (each for each in marks if each >= self._done()):
            _killed_after(self._work, lambda at=slot: self._done() >= at, r.random())
        drill._succeed(self._work)
        return len(marks)

    def _done(self) -> int:
        return len(self.journal.read_text("utf-8").splitlines()) if self.journal.exists() else 0

    def _work(self) -> None:
        """Every slot that was not worked through yet."""
        clock = Clock()
        with opened(self.home, clock) as site:
            for slot in range(first := self._done(), self.world.slots):
                clock.at = self.world.at(slot)
                if slot == first:
                    clock.at += 2 * LEASE  # whoever was killed in this slot is known to be dead by now
                self._slot(site, slot)

    def _slot(self, site: Installation, slot: int) -> None:
        began = time.process_time(), time.monotonic()
        self._deliver(site, slot)
        report = run_slot(site.engine, f"soak.{os.getpid()}")
        if report is None or report.faults:
            raise SystemExit(f"slot {slot} was not worked through: {report}")
        for k, at in enumerate(self.world.rosters):
            if slot == at + 1:
                self._consents(site, self.world.joiners(k))
        self._answer(site)
        spent = time.process_time() - began[0], time.monotonic() - began[1]
        line = {"slot": slot, "cpu_s": round(spent[0], 2), "wall_s": round(spent[1], 2)}
        line |= asdict(footprint.taken(site.home / DATABASE))
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _deliver(self, site: Installation, slot: int) -> None:
        for feed, rows in zip(("jail", "second-jail"), self.world.rows(slot), strict=True):
            if rows:
                site.drop(feed, BOOKING_COLUMNS, rows, f"{slot:04d}.csv")
        if slot and slot % 10 == 0:  # an old file under another name
            old = Random(f"{self.world.seed}/replay/{slot}").randrange(slot)
            site.drop("jail", BOOKING_COLUMNS, self.world.rows(old)[0], f"{slot:04d}-again.csv")
        if slot in self.world.rosters:
            self._roster(site, 1 + self.world.rosters.index(slot))

    def _answer(self, site: Installation) -> None:
        """Clinicians open what came and take it on; one in twenty never answers."""
        for row in site.rows(alert, state="delivered"):
            if Random(f"{self.world.seed}/{row['ref']}").random() < 0.05:
                continue
            who = StaffId(row["recipient"])
            key = PrivateKey.load(self.home / "clinicians" / f"{who}.jwk")
            reading.open_alert(site.engine, AlertRef(row["ref"]), key)
            inbox.answer(site.engine, AlertRef(row["ref"]), who, Verdict.IS_MY_CLIENT)

    def judged(self) -> Report:
        """What is there, beside what the plan says of the slots that were worked through."""
        done = self._done()
        with opened(self.home, Clock(self.world.at(done))) as site:
            report = Report(asdict(self.world), done, _state(site, self.world, done))
        lines = [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]
        report.cpu_s = round(sum(line["cpu_s"] for line in lines))
        report.hours = footprint.hourly(lines, PER_HOUR)
        report.growth = footprint.growth(lines, PER_HOUR, list(self.world.rosters))
        report.slot_wall_s = _quantiles([line["wall_s"] for line in lines])
        before, after = json.loads(self.prepared.read_text("utf-8")), footprint.tables(self.home / DATABASE)
        grown = {name: (size - before.get(name, 0)) / 2**20 for name, size in after.items()}
        report.database_mb = {name: round(mb, 1) for name, mb in grown.items() if mb >= 1}
        report.mails_twice = drill.twice(self.home)
        return report


@dataclass(slots=True)
class Report:
    """What a soak came to. `wrong` is empty when nothing was lost, doubled or told to the wrong person."""

    world: dict[str, Any]
    slots: int
    """Worked through, of five minutes each."""
    state: dict[str, Any]
    killed: int = 0
    prepared_s: int = 0
    day_s: int = 0
    cpu_s: int = 0
    mails_twice: int = 0
    slot_wall_s: dict[str, float] = field(default_factory=dict)
    hours: dict[str, list[float]] = field(default_factory=dict)
    """The highest of each simulated hour: memory in MB, open files, threads; and the database in MB."""
    growth: dict[str, float] = field(default_factory=dict)
    """Of the longest stretch in which no process was killed and no roster came: by regression, a simulated hour."""
    database_mb: dict[str, float] = field(default_factory=dict)
    """By how much each table and index grew, those that grew by a megabyte or more."""

    @property
    def wrong(self) -> list[str]:
        found = [f"{name}: {count}" for name, count in self.state["wrong"].items() if count]
        if self.growth.get("private_mb", 0.0) > MEMORY_TOLERANCE * self.growth.get("level_mb", 0.0):
            found.append(f"memory grows by {self.growth['private_mb']} MB an hour")
        return found + [f"{name} grow" for name in ("files", "threads") if self.growth.get(name, 0.0) > 0]


def _state(site: Installation, world: World, done: int) -> dict[str, Any]:
    """Counts of what is there, and of everything that differs from the plan."""
    stays = [stay for stay in world.stays if stay.booked < done]
    expected = world.expected(done)
    names = {site.booking(stay.number): stay.number for stay in stays}
    people = {stay.person for stay in stays}
    refs = {site.engine.locator.ref("client", ORG, f"C{n:08d}"): n for n in people}
    with site.engine.database.read() as conn:
        count = {
            t.name: conn.execute(select(func.count()).select_from(t)).scalar_one()
            for t in (booking, booking_event, quarantine)
        }
        columns = link.c.booking, link.c.client, alert.c.kind, alert.c.state, alert.c.recipient, alert.c.ref
        alerts = conn.execute(select(*columns).join(link, link.c.ref == alert.c.link)).all()
        boxed = Counter(conn.execute(select(inbox_item.c.alert)).scalars())
        # A notice may be appointed for later: they keep an hourly pace.
        due = outbox.c.state.in_(("queued", "leased")) & (outbox.c.next_at <= world.at(done))
        unsettled = conn.execute(select(func.count()).where(due | (outbox.c.state == "dead"))).scalar_one()
        undone = conn.execute(select(func.count()).where(delivery.c.state != "complete")).scalar_one()
    told = Counter((names.get(row.booking, "?"), refs.get(row.client, -1), row.kind) for row in alerts)
    wrong_person = sum(
        row.recipient != world.person(refs[row.client]).clinician for row in alerts if row.client in refs
    )
    return {
        "counts": count | {"alerts": len(alerts), "inbox": len(boxed), "audit": len(site.leaves())},
        "wrong": {
            "alerts lost": len(expected - told.keys()),
            "alerts nobody should have had": len(told.keys() - expected),
            "alerts twice": sum(n > 1 for n in told.values()),
            "alerts to somebody else": wrong_person,
            "alerts undelivered": sum(boxed[row.ref] != 1 for row in alerts),
            "bookings lost or invented": abs(count["booking"] - len(stays)),
            "events lost": max(0, sum(world.said(stay, done) for stay in stays) - count["booking_event"]),
            "rows set aside": count["quarantine"],
            "outbox entries unsettled": unsettled,
            "deliveries unfinished": undone,
            "audit log broken": int(not site.verified().good),
        },
    }


def _killed_after(work: Any, reached: Any, share: float) -> None:
    """Start the work, wait until it is where it shall be, and a little longer, and pull the plug."""
    pid = os.fork()
    if pid == 0:
        drill._end(work)
    while not reached():
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            raise SystemExit(f"the work ended by itself: status {status}")
        time.sleep(0.01)
    time.sleep(share * 0.5)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    return {"p50": ranked[len(ranked) // 2], "p95": ranked[int(len(ranked) * 0.95)], "max": ranked[-1]}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=500_000)
    parser.add_argument("--bookings", type=int, default=21_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--rosters", type=int, default=2, help="how often a new roster comes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="URL of an empty PostgreSQL database instead of SQLite")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    parser.add_argument("--judge", action="store_true", help="only judge what lies in --keep, however far it got")
    chosen = parser.parse_args(arguments)
    world = World(chosen.clients, chosen.bookings, hours=chosen.hours, seed=chosen.seed, new_rosters=chosen.rosters)
    with tempfile.TemporaryDirectory(prefix="soak") as temporary:
        soak = Soak(world, chosen.keep or Path(temporary), chosen.kills, chosen.database)
        report = soak.judged() if chosen.judge else soak.run()
    print(json.dumps(asdict(report), indent=1))  # noqa: T201 - a program for the terminal
    print(f"peak of the judging process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")  # noqa: T201
    print("FAILED: " + "; ".join(report.wrong) if report.wrong else "ok: nothing lost, nothing twice")  # noqa: T201
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
