"""`warmlink run`: cycles on a schedule until told to stop. Two schedulers on one database never run one slot twice."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from config import Retry
from service.cycle import Cycle, CycleReport
from service.engine import Engine
from service.logs import error_code
from service.receiving import listening
from store import claims

CYCLE = "cycle"


def slot_of(at: datetime, every: timedelta) -> datetime:
    """The start of the slot that `at` falls into; slots are counted from the Unix epoch, the same on every machine."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, at.tzinfo)


def cadence(engine: Engine) -> timedelta:
    """The shortest interval any feed asks for."""
    return timedelta(minutes=min((feed.every_minutes for feed in engine.settings.feeds), default=5))


def run_slot(engine: Engine, worker: str) -> CycleReport | None:
    """Run the cycle of the present slot, unless another process has it. A passing fault leaves the next slot to try again."""
    now = engine.clock()
    slot = slot_of(now, cadence(engine))
    try:
        if not claims.claim(engine.database, CYCLE, slot, worker, now):
            return None
        report = Cycle(engine).run()
        claims.finish(engine.database, CYCLE, slot, engine.clock())
    except Retry as fault:
        engine.log.warning("cycle.postponed", error=error_code(fault), slot=slot)
        return None
    except Exception as fault:  # noqa: BLE001 - the scheduler would print it whole, and its message may hold a person
        engine.log.error("cycle.failed", error=error_code(fault), slot=slot)
        return None
    engine.log.info("cycle.done", slot=slot, alerts=report.tally.alerts, rows=report.tally.events)
    return report


def run_until_stopped(engine: Engine, worker: str, watch: Callable[[CycleReport], None]) -> None:
    """Cycle now and then at every slot, until SIGTERM or SIGINT. A cycle that has begun is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _n, _f: _stop(stop, _f))
    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()}, executors={"default": ThreadPoolExecutor(1)}, timezone="UTC"
    )

    def work() -> None:
        report = run_slot(engine, worker)
        if report is not None:
            watch(report)

    every = cadence(engine)
    offset = timedelta(seconds=1 + engine.random(1)[0] % 10)
    scheduler.add_job(
        work,
        # A little after each slot begins, by another amount in each process: feeds are not all asked in one second.
        IntervalTrigger(seconds=int(every.total_seconds()), start_date=slot_of(engine.clock(), every) + offset),
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
