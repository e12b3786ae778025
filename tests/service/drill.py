"""Kills a cycle at a chosen step, starts it again, and compares what is left with a run that nobody disturbed.

    python tests/service/drill.py --all                    every step there is, on SQLite
    python tests/service/drill.py --all --database URL     on the PostgreSQL server of that URL

Each run is a process of its own, forked before anything is opened and ended by SIGKILL: nothing of it tidies up. A step
is a moment just before or just after a commit, the hand-over of a mail, the sealing of a file or its move.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email import message_from_bytes
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, Never

from sqlalchemy import Connection, make_url, text

from alerts.channels import Parcel, Receipt, SmtpNotice
from alerts.demo_sink import MaildirSink
from audit.leaves import Kind
from connectors.connector import Pull
from service import archive
from service.setup import CONFIG_NAME
from store import tables
from store.database import Database
from store.envelope import Vault
from tests.service.installation import (
    AVELINE,
    BARNABY,
    CLIENTS,
    CORISANDE,
    DEMETRIO,
    STRANGER,
    TWIN,
    Clock,
    Installation,
    facts_of,
    make,
    opened,
    revoked,
)

State = dict[str, object]


@dataclass(slots=True)
class Killer:
    """Counts steps and ends the process at the one that was chosen; with none chosen it only writes them down."""

    target: int | None
    steps: list[str]

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) - 1 == self.target:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Put a step before and after everything that lasts."""
        Database.write = self._write(Database.write)  # type: ignore[method-assign]
        SmtpNotice.send = self._around("mail", SmtpNotice.send)  # type: ignore[method-assign]
        Pull.acknowledge = self._around("move", Pull.acknowledge)  # type: ignore[method-assign]
        archive._seal = self._around("archive", archive._seal)
        Vault.seal = self._archived(Vault.seal)  # type: ignore[method-assign]

    def _write(self, write: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def watched(database: Database) -> Iterator[Connection]:
            with write(database) as conn:
                yield conn
                self.step("commit: before")
            self.step("commit: after")

        return watched

    def _around(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            self.step(f"{name}: before")
            done: Receipt | Parcel | None = act(*args)
            self.step(f"{name}: after")
            return done

        return watched

    def _archived(self, seal: Callable[..., bytes]) -> Callable[..., bytes]:
        def watched(vault: Vault, plaintext: bytes, *, place: str) -> bytes:
            if place.startswith("archive/"):
                self.step("archive: half written")
            return seal(vault, plaintext, place=place)

        return watched


# --- the job: one cycle over a changed roster and three deliveries, then another ten minutes later ---


def prepare(home: Path, database: str | None) -> None:
    """An installation with people in it, and everything that the cycle is to work on lying in its folders."""
    make(home, mail=("127.0.0.1", 25), first_load="baseline", database=database)
    with opened(home) as site:
        site.settle_in()
        site.consents(revoked(DEMETRIO, site.clock()))
        site.roster(
            [replace(AVELINE, phone="5552017734"), *CLIENTS[1:], replace(STRANGER, number="CN5")], "roster-2.csv"
        )
        site.bookings(DEMETRIO.booked("J0"), BARNABY.booked("J1"), name="1.csv")
        site.bookings(
            AVELINE.booked("J2"), BARNABY.booked("J3"), DEMETRIO.booked("J4"), TWIN.booked("J5"), name="2.csv"
        )
        nameless = dict(STRANGER.booked("J8"), first_name="", last_name="")
        site.bookings(
            CORISANDE.booked("J6"), CORISANDE.booked("J6", "C"), BARNABY.booked("J7"), nameless, name="3.csv"
        )  # fmt: skip


def work(home: Path, late: float) -> None:
    """Two cycles, the first one `late` minutes after the appointed time."""
    clock = Clock()
    clock.forward(minutes=5 + late)
    with opened(home, clock) as site:
        site.cycle()
        clock.forward(minutes=9)
        site.cycle()


def state(home: Path) -> State:
    """All that must not depend on whether somebody pulled the plug."""
    with opened(home) as site:
        rows = site.rows
        to = {r["ref"]: r["recipient"] for r in rows(tables.alert)}
        return {
            "bookings": sorted(
                (r["ref"], r["state"], r["baseline"], r["sealed"] is None) for r in rows(tables.booking)
            ),
            "events": sorted(r["ref"] for r in rows(tables.booking_event)),
            "clients": sorted((r["ref"], r["retired_at"] is None) for r in rows(tables.client)),
            "links": sorted((r["ref"], r["verdict"], r["superseded_at"] is None) for r in rows(tables.link)),
            "decisions": sorted((r["ref"], r["decision"], r["stage"]) for r in rows(tables.decision)),
            "alerts": sorted((r["ref"], r["recipient"], r["state"]) for r in rows(tables.alert)),
            "inbox": sorted((r["alert"], r["recipient"], r["kid"]) for r in rows(tables.inbox_item)),
            "outbox": sorted(
                (r["ref"], r["channel"], r["state"]) for r in rows(tables.outbox) if r["channel"] != "mail"
            ),
            # One mail stands for all that waits, and bears its name whichever of the waiting entries it goes out under.
            "notices": sorted(
                (to[r["alert"]], r["state"], r["last_code"]) for r in rows(tables.outbox, channel="mail")
            ),
            "quarantine": sorted(r["ref"] for r in rows(tables.quarantine)),
            "deliveries": sorted((r["ref"], r["state"], r["counts"]["rows"]) for r in rows(tables.delivery)),
            "proofs": sorted(_proofs(site).items()),
            "proven": site.verified().good,
            "files": _files(site),
            "mails": sorted(_mail(path) for path in (home.with_name("mail") / "new").iterdir()),
        }


def _proofs(site: Installation) -> Counter[tuple[str, str]]:
    """Leaves by what they are about. How often a file was pulled, a try failed or a checkpoint was signed may differ."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in site.leaves():
        facts = facts_of(entry)
        about = next(
            (str(facts[n]) for n in ("event", "decision", "alert", "link", "row", "delivery") if n in facts), ""
        )
        if facts.get("channel") == "mail":
            about = str(facts.get("code"))
        if entry.leaf.kind not in {Kind.PULL, Kind.ROSTER, Kind.CHECKPOINT_PUBLISHED}:
            found[entry.leaf.kind.value, f"{about} {facts.get('result', '')} {facts.get('channel', '')}"] += 1
    return found


def _files(site: Installation) -> list[tuple[str, str]]:
    """What lies in the feeds' folders, archived files by what they hold."""
    feeds = site.home / "feeds"
    found = []
    for path in sorted(p for p in feeds.rglob("*") if p.is_file()):
        if path.suffix == archive.SUFFIX:
            held = b"".join(archive.restore(path, site.engine.vault))
            found.append((str(path.relative_to(feeds)), sha256(held).hexdigest()))
        elif not path.name.endswith(".part"):
            found.append((str(path.relative_to(feeds)), "plain"))
    return found


def twice(home: Path) -> int:
    """How often the mail server was handed a mail that it had already."""
    mail = home.with_name("mail")
    return (mail / "handed-over").stat().st_size - len(list((mail / "new").iterdir()))


# --- processes ---


def _watched_work(home: Path, target: int | None) -> list[str]:
    killer = Killer(target, [])
    killer.watch()
    work(home, late=0)
    return killer.steps


def _succeed(act: Callable[[], object]) -> None:
    if code := child(act):
        raise SystemExit(f"a run that was to succeed failed with status {code}")


def child(act: Callable[[], object]) -> int:
    """Run `act` in a forked process and give its wait status."""
    pid = os.fork()
    if pid == 0:
        _end(act)
    return os.waitpid(pid, 0)[1]


def _end(act: Callable[[], object]) -> Never:
    code = 1
    try:
        act()
        code = 0
    except BaseException as fault:  # noqa: BLE001 - a forked child must not run on in its parent's frames
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr)  # noqa: T201 - the drill's own report
    finally:
        sys.stderr.flush()
        os._exit(code)


@contextmanager
def post_office(home: Path) -> Iterator[None]:
    """A mail server of this installation's own, in a process that outlives every kill."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _end(lambda: _serve(home.with_name("mail"), writing))
    try:
        config = home / CONFIG_NAME
        port = os.read(reading, 16).decode()
        config.write_text(
            re.sub(r"^port = \d+$", f"port = {port}", config.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
        )
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)


def _serve(folder: Path, writing: int) -> None:
    with _CountingSink(folder) as sink:
        os.write(writing, str(sink.port).encode())
        signal.pause()


class _CountingSink(MaildirSink):
    """Also notes each hand-over, so that sending twice can be told from keeping once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._tally = folder / "handed-over"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        with self._tally.open("a", encoding="ascii") as file:
            file.write("x")
        return await super().handle_DATA(server, session, envelope)


@dataclass(frozen=True, slots=True)
class Drill:
    """A prepared installation that is copied for each run, on SQLite or with a PostgreSQL server."""

    folder: Path
    server: str | None = None

    def prepare(self) -> None:
        home = self.folder / "template" / "home"
        if child(lambda: prepare(home, self._new_database())):
            raise SystemExit("the drill could not be prepared")

    def undisturbed(self) -> tuple[list[str], State]:
        """The steps of a run that nobody disturbs, and what comes of it."""
        home = self._copy("undisturbed")
        listed = home.with_name("steps")
        with post_office(home):
            _succeed(lambda: listed.write_text("\n".join(_watched_work(home, None)), "utf-8"))
            return listed.read_text("utf-8").splitlines(), state(home)

    def disturbed(self, target: int) -> State:
        """Kill at the step, start again, and tell what came of it."""
        home = self._copy(f"killed_at_{target}")
        with post_office(home):
            status = child(lambda: _watched_work(home, target))
            if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
                raise SystemExit(f"step {target} was not reached: status {status}")
            _succeed(lambda: work(home, late=2))
            return state(home)

    def _copy(self, name: str) -> Path:
        home = self.folder / name / "home"
        shutil.copytree(self.folder / "template" / "home", home)
        self._copy_database(home, name)
        return home

    def _copy_database(self, home: Path, name: str) -> None:
        if self.server is None:
            return
        admin = Database(self.server)
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            conn.execute(text(f"CREATE DATABASE {name} TEMPLATE drill_template"))
        admin.close()
        config = home / CONFIG_NAME
        before, now = self._url("drill_template"), self._url(name)
        config.write_text(config.read_text("utf-8").replace(before, now), "utf-8")

    def _new_database(self) -> str | None:
        if self.server is None:
            return None
        name = "drill_template"
        admin = Database(self.server)
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            conn.execute(text(f"CREATE DATABASE {name}"))
        admin.close()
        return self._url(name)

    def _url(self, name: str) -> str:
        return make_url(self.server or "").set(database=name).render_as_string(hide_password=False)


def _mail(path: Path) -> tuple[str, str]:
    """To whom it went, and its name."""
    message = message_from_bytes(path.read_bytes())
    return message["To"], message["Message-ID"]


def differences(expected: State, found: State) -> list[str]:
    return [f"{name}: {found[name]!r} instead of {value!r}" for name, value in expected.items() if found[name] != value]


def judge(steps: Sequence[str], expected: State, drill: Drill, target: int) -> list[str]:
    """What is wrong after a kill at this step; empty when nothing is."""
    found = drill.disturbed(target)
    wrong = differences(expected, found)
    again = twice(drill.folder / f"killed_at_{target}" / "home")
    unsure = steps[target] == "mail: after" or steps[target - 1 : target + 1] == ["mail: after", "commit: before"]
    if again != int(unsure):  # only between the server's yes and our commit does nobody know that it took the mail
        wrong.append(f"{again} mails were handed over a second time")
    return wrong


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="kill at every step")
    parser.add_argument("--points", type=int, default=12, help="otherwise, how many steps, spread over the cycle")
    parser.add_argument("--database", help="URL of a PostgreSQL server that the drill may make databases on")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="drill") as folder:
        return _report(Drill(Path(folder), chosen.database), None if chosen.all else chosen.points)


def _report(drill: Drill, points: int | None) -> int:
    drill.prepare()
    steps, expected = drill.undisturbed()
    failed = 0
    for target in selected(steps, points):
        wrong = judge(steps, expected, drill, target)
        failed += bool(wrong)
        _say(f"{'FAILED' if wrong else 'ok':6} step {target} of {len(steps)}, {steps[target]}", *wrong)
    counts = {name: len(rows) for name, rows in expected.items() if isinstance(rows, list)}
    _say(f"{failed} failed; each run was to end with {counts}")
    return 1 if failed else 0


def _say(*lines: str) -> None:
    print(*lines, sep="\n       ", flush=True)  # noqa: T201 - a program for the terminal


def selected(steps: Sequence[str], points: int | None) -> list[int]:
    """Every step, or as many as asked for: first one of each kind, then others spread over the cycle."""
    if points is None:
        return list(range(len(steps)))
    of_each = {name: at for at, name in reversed(list(enumerate(steps)))}
    golden = (5**0.5 - 1) / 2  # its multiples are spread evenly, however many are taken
    spread = (int(len(steps) * (n * golden % 1)) for n in range(10 * len(steps)))
    return sorted(islice(dict.fromkeys(chain(of_each.values(), spread)), points))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
