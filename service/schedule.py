"""`warmlink run`: cycles on a schedule until told to stop.

Any number of workers may share a database, and none leads: each slot is claimed by one of them, and what waits in the
outbox by whoever is free. A worker that dies in a slot is replaced as soon as its lease has run out.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from config import Retry, WarmlinkError
from service.cycle import CycleReport
from service.dispatch import Dispatcher
from service.engine import Engine
from service.lease import LEASE, Lease
from service.logs import error_code
from service.receiving import listening
from service.telemetry import traced_cycle, tracing
from store import claims

CYCLE = "cycle"
LOOK = timedelta(seconds=30)
"""How often a worker looks for something to do; at least twice in each lease."""


def slot_of(at: datetime, every: timedelta) -> datetime:
    """The start of the slot that `at` falls into; slots are counted from the Unix epoch, the same on every machine."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, at.tzinfo)


def cadence(engine: Engine) -> timedelta:
    """The shortest interval any feed asks for."""
    return timedelta(minutes=min((feed.every_minutes for feed in engine.settings.feeds), default=5))


def run_slot(engine: Engine, worker: str, tracer: Any | None = None) -> CycleReport | None:
    """Run the cycle of the present slot, unless another process has it. A passing fault leaves it to be tried again.

    While it runs its lease is renewed; a worker that was stopped for longer than that, and lost the slot, stops at the
    next stage. What both of them did meanwhile the database keeps once.
    """
    now = engine.clock()
    slot = slot_of(now, cadence(engine))
    free_from: datetime | None = None
    try:
        if not claims.claim(engine.database, CYCLE, slot, worker, now, lease_until=now + LEASE):
            return None
        with Lease(engine, CYCLE, slot, worker).kept() as lease:
            report = traced_cycle(engine, tracer, lambda _stage, _feed: lease.check())
        claims.finish(engine.database, CYCLE, slot, worker, engine.clock())
    except Retry as fault:
        engine.log.warning("cycle.postponed", error=error_code(fault), slot=slot)
        free_from = engine.clock()
    except Exception as fault:  # noqa: BLE001 - the scheduler would print it whole, and its message may hold a person
        engine.log.error("cycle.failed", error=error_code(fault), slot=slot)
    else:
        engine.log.info("cycle.done", slot=slot, alerts=report.tally.alerts, rows=report.tally.events)
        return report
    with suppress(WarmlinkError):  # a database that is away: then the lease runs out
        claims.release(engine.database, CYCLE, slot, worker, free_from=free_from)
    return None


def work(engine: Engine, worker: str, tracer: Any | None = None) -> CycleReport | None:
    """What a worker does every half minute: the slot if it is to be had, else what is due in the outbox."""
    report = run_slot(engine, worker, tracer)
    if report is None:
        try:
            Dispatcher(engine).run()
        except Exception as fault:  # noqa: BLE001 - as above
            engine.log.error("send.failed", error=error_code(fault))
    return report


def run_until_stopped(engine: Engine, worker: str, watch: Callable[[CycleReport], None]) -> None:
    """Work now and every half minute, until SIGTERM or SIGINT. A cycle that has begun is finished first."""
    with tracing(engine.settings.telemetry) as tracer:
        _work_on(engine, worker, watch, tracer)


def _work_on(engine: Engine, worker: str, watch: Callable[[CycleReport], None], tracer: Any | None) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _n, _f: _stop(stop, _f))
    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()}, executors={"default": ThreadPoolExecutor(1)}, timezone="UTC"
    )

    def one_round() -> None:
        report = work(engine, worker, tracer)
        if report is not None:
            watch(report)

    offset = timedelta(seconds=1 + engine.random(1)[0] % 10)
    scheduler.add_job(
        one_round,
        # A little after each slot begins, by another amount in each process: feeds are not all asked in one second.
        IntervalTrigger(
            seconds=int(LOOK.total_seconds()), start_date=slot_of(engine.clock(), cadence(engine)) + offset
        ),
        next_run_time=datetime.now(tz=engine.clock().tzinfo),
        max_instances=1,
        coalesce=True,  # a machine that slept catches up with one cycle, not with all it missed
        misfire_grace_time=None,
    )
    scheduler.start()
    with listening(engine):
        stop.wait()
    scheduler.shutdown(wait=True)


def _stop(stop: threading.Event, _frame: FrameType | None) -> None:
    stop.set()
