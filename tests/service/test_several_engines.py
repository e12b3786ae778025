"""Several engines on one PostgreSQL: nobody leads, nothing is done twice, and who dies is replaced."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from service.cycle import Cycle
from service.lease import LEASE, Lease, SlotLost
from service.schedule import CYCLE, run_slot, slot_of, work
from store import claims, tables
from tests.service import drill
from tests.service.installation import AVELINE, BARNABY, CORISANDE, STRANGER, Clock, Installation, opened


@pytest.fixture
def shared(site: Installation) -> Installation:
    """The installation on PostgreSQL only."""
    if site.engine.database.dialect != "postgresql":
        pytest.fail("asked for the wrong database")
    return site


on_postgresql = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


def later(site: Installation, by: timedelta = timedelta(0)) -> Clock:
    return Clock(site.clock() + by)


def in_process(home: Path, clock: Clock, act: Callable[[Installation], object]) -> int:
    """Do it in a process of its own, forked before anything is opened; its wait status."""

    def run() -> None:
        with opened(home, clock) as own:
            act(own)

    return drill.child(run)


def at_once(*acts: Callable[[], None]) -> list[int]:
    """All of them in processes of their own that wait for one another."""
    reading, writing = os.pipe()
    pids = []
    for act in acts:
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            drill._end(lambda act=act: (os.read(reading, 1), act()))  # type: ignore[misc]
        pids.append(pid)
    os.close(writing)  # they all start
    os.close(reading)
    return [os.waitpid(pid, 0)[1] for pid in pids]


def people(n: int) -> list[dict[str, str]]:
    clients = (AVELINE, BARNABY, CORISANDE)
    return [clients[k % 3].booked(f"J{k}") if k % 2 else STRANGER.booked(f"S{k}") for k in range(n)]


def told_once(site: Installation, rows: list[dict[str, str]]) -> None:
    """Every booking is there, every client's clinician told once of it, and nobody of anything else."""
    assert site.count(tables.booking_event) == len(rows)
    clients = [row for row in rows if row["booking_id"].startswith("J")]
    told = [row["link"] for row in site.rows(tables.alert, kind="arrest")]
    assert len(told) == len(set(told)) == len(clients)
    assert site.count(tables.alert) == site.count(tables.inbox_item)
    assert {row["state"] for row in site.rows(tables.outbox)} <= {"delivered", "withdrawn"}
    assert site.verified().good


@on_postgresql
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_a_worker_that_is_killed_in_its_slot_is_replaced(shared: Installation, share: float) -> None:
    rows = people(12)
    shared.bookings(*rows)
    steps = 60

    def killed(own: Installation) -> None:
        drill.Killer(int(steps * share), []).watch()
        run_slot(own.engine, "first")

    status = in_process(shared.home, later(shared), killed)
    assert os.WIFSIGNALED(status), "it was not killed: the test would prove nothing"
    assert os.WTERMSIG(status) == signal.SIGKILL
    (claimed,) = shared.rows(tables.run_claim, job=CYCLE)
    assert (claimed["worker"], claimed["finished_at"]) == ("first", None)

    shared.clock.forward(seconds=LEASE.total_seconds() / 2)
    assert run_slot(shared.engine, "second") is None, "the first may still be alive"
    shared.clock.forward(seconds=LEASE.total_seconds())
    assert run_slot(shared.engine, "second") is not None
    (claimed,) = shared.rows(tables.run_claim, job=CYCLE)
    assert claimed["worker"] == "second"
    assert claimed["finished_at"] is not None
    shared.clock.forward(minutes=10)
    work(shared.engine, "second")  # what the first had leased of the outbox
    told_once(shared, rows)


@on_postgresql
def test_schedulers_started_at_once_share_the_slots(shared: Installation) -> None:
    rows = people(20)
    shared.bookings(*rows)

    def scheduler(name: str) -> Callable[[], None]:
        def run() -> None:
            clock = later(shared)
            with opened(shared.home, clock) as own:
                for _ in range(4):
                    work(own.engine, name)
                    clock.forward(seconds=150)  # two looks in each slot

        return run

    assert at_once(*(scheduler(f"w{n}") for n in range(3))) == [0, 0, 0]
    claimed = shared.rows(tables.run_claim, job=CYCLE)
    assert len({row["slot"] for row in claimed}) == len(claimed) >= 2
    assert any(row["finished_at"] for row in claimed)
    shared.clock.forward(minutes=30)
    work(shared.engine, "last")
    told_once(shared, rows)


@on_postgresql
def test_two_cycles_by_hand_at_once_double_nothing(shared: Installation) -> None:
    """`warmlink run --once` beside the scheduler claims no slot: then the database's own keys keep everything single."""
    rows = people(20)
    shared.bookings(*rows)

    def cycle() -> None:
        with opened(shared.home, later(shared)) as own:
            Cycle(own.engine).run()

    at_once(cycle, cycle)
    shared.clock.forward(minutes=20)
    shared.cycle()
    told_once(shared, rows)


def test_a_worker_that_was_thought_dead_learns_of_it(sqlite_site: Installation) -> None:
    site = sqlite_site
    slot = slot_of(site.clock(), timedelta(minutes=5))
    assert claims.claim(site.engine.database, CYCLE, slot, "slow", site.clock(), lease_until=site.clock() + LEASE)
    lease = Lease(site.engine, CYCLE, slot, "slow")
    lease.renew()
    lease.check()
    site.clock.forward(seconds=2 * LEASE.total_seconds())
    assert claims.claim(site.engine.database, CYCLE, slot, "quick", site.clock(), lease_until=site.clock() + LEASE)
    lease.renew()
    with pytest.raises(SlotLost):
        lease.check()


@pytest.mark.parametrize("jump", [timedelta(minutes=-61), timedelta(hours=6)])
def test_a_clock_that_jumps_loses_and_doubles_nothing(sqlite_site: Installation, jump: timedelta) -> None:
    """Set back, it comes to slots that are done and leases that seem to last; set forward, unanswered alerts climb."""
    site = sqlite_site
    site.clock.forward(days=1)
    rows = [row | {"booked_at": (site.clock() - timedelta(hours=7)).isoformat()} for row in people(6)]
    site.bookings(*rows[:3], name="1.csv")
    assert run_slot(site.engine, "w") is not None
    site.clock.at += jump
    site.bookings(*rows[3:], name="2.csv")
    run_slot(site.engine, "w")
    site.clock.at -= jump
    for _ in range(3):
        site.clock.forward(minutes=5)
        work(site.engine, "w")
    told_once(site, rows)
