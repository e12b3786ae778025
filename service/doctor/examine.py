"""All checks in order. One that cannot be made because another thing is broken says so; none stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache

from config import Settings, WarmlinkError
from service import clock_guard
from service.doctor import inside, machine, secrets_and_doors
from service.doctor.finding import Finding, fault
from service.engine import Clock, Engine, open_engine
from service.feeds import configured
from service.logs import error_code
from service.status import StatusPage, status

BEFORE = ("permissions", "disk", "time zone")
CHECKS = (
    *BEFORE,
    "database",
    "clock",
    "keys",
    "encodings",
    "feeds",
    "outbox",
    "cycle",
    "anchors",
    "backup",
    "mail",
    "certificates",
)


def examine(
    settings: Settings, *, clock: Clock, environment: Mapping[str, str], only: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Everything, or what is named in `only`. Makes no change and sends nothing."""
    wanted = frozenset(only or CHECKS)
    before = {
        "permissions": lambda: machine.permissions(settings),
        "disk": lambda: machine.disk(settings),
        "time zone": lambda: machine.zone(settings, clock()),
    }
    found = [*_made(before, wanted)]
    try:
        engine = open_engine(configured(settings), clock=clock, environment=environment)
    except WarmlinkError as broken:
        return (*found, fault("database", str(broken), "docs/runbook.md; nothing else could be looked at"))
    try:
        page = cache(lambda: status(engine))
        return (*found, *_made(_of_the_engine(engine, page, clock()), wanted))
    finally:
        engine.close()


def _of_the_engine(
    engine: Engine, page: Callable[[], StatusPage], now: datetime
) -> Mapping[str, Callable[[], Iterable[Finding]]]:
    return {
        "database": lambda: inside.database(engine.database),
        "clock": lambda: _clock(engine),
        "keys": lambda: secrets_and_doors.keys(engine, now),
        "encodings": lambda: inside.encodings(engine),
        "feeds": lambda: inside.feeds(page()),
        "outbox": lambda: inside.outbox(engine, page(), now),
        "cycle": lambda: inside.cycle(engine, page(), now),
        "anchors": lambda: inside.anchors(engine, page(), now),
        "backup": lambda: inside.backup(engine, now),
        "mail": lambda: secrets_and_doors.mail(engine, now),
        "certificates": lambda: secrets_and_doors.certificates(engine.settings, now),
    }


def _clock(engine: Engine) -> Iterator[Finding]:
    with engine.database.read() as conn:
        seen = clock_guard.read(engine, conn)
    if seen.behind:
        yield fault(
            "clock",
            f"it was set back by {seen.behind}: nothing is decided or sent",
            "set it right, or warmlink clock accept",
        )
    database = machine.database_clock(engine.database)
    yield from machine.clock(engine.clock(), machine.synchronised(), database)


def _made(checks: Mapping[str, Callable[[], Iterable[Finding]]], wanted: Collection[str]) -> Iterator[Finding]:
    for name, check in checks.items():
        if name in wanted:
            try:
                yield from check()
            except (WarmlinkError, OSError) as broken:
                yield fault(name, f"could not be looked at ({error_code(broken)})", "docs/runbook.md")
