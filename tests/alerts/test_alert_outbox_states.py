"""Any order of claiming, settling, dying, waiting and withdrawing: is each entry delivered at most once, and never lost?"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sqlalchemy import select

from alerts.dead_letters import entries, retry
from alerts.errors import LeaseLost, NotDead
from alerts.outbox import Backoff, Claim, Dead, Delivered, TryLater, claim, enqueue, settle, withdraw
from records import AlertRef
from store.database import Database
from store.tables import metadata, outbox
from tests.alerts.conftest import NOW
from tests.alerts.drill import put

LEASE = timedelta(minutes=2)


class Outbox(RuleBasedStateMachine):
    """Two channels an alert; workers are the claims that the machine holds on to for as long as it likes."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.database = Database("sqlite://")
        metadata.create_all(self.database.engine)
        self.now, self.alerts = NOW, 0
        self.delivered: list[str] = []

    @rule()
    def queue(self) -> None:
        ref = AlertRef(f"{self.alerts:026d}")
        with self.database.write() as conn:
            put(conn, ref, self.now)
            assert not enqueue(conn, "again", ref, "mail", now=self.now)
        self.alerts += 1

    @rule(minutes=st.integers(1, 30))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(target=claims)
    def take(self) -> Claim | None:
        with self.database.write() as conn:
            return next(iter(claim(conn, now=self.now, lease=LEASE, limit=1)), None)

    @rule(taken=consumes(claims), outcome=st.sampled_from([Delivered(), TryLater("x"), Dead("x")]))
    def end(self, taken: Claim | None, outcome: Delivered | TryLater | Dead) -> None:
        if taken is None:
            return
        try:
            with self.database.write() as conn:
                settle(conn, taken, outcome, now=self.now, random=lambda: 0.5, backoff=Backoff(attempts=3))
        except LeaseLost:
            return
        if isinstance(outcome, Delivered):
            self.delivered.append(taken.ref)

    @rule(number=st.integers(0, 9))
    def take_back(self, number: int) -> None:
        with self.database.write() as conn:
            withdraw(conn, AlertRef(f"{number:026d}"), now=self.now, code="x")

    @rule(number=st.integers(0, 9))
    def revive(self, number: int) -> None:
        try:
            with self.database.write() as conn:
                retry(conn, f"m{number:025d}", now=self.now)
        except NotDead:
            return

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert len(self.delivered) == len(set(self.delivered))
        with self.database.read() as conn:
            states = {row.ref: row.state for row in conn.execute(select(outbox.c.ref, outbox.c.state))}
            assert len(entries(conn)) == 2 * self.alerts
        assert {ref for ref, state in states.items() if state == "delivered"} == set(self.delivered)

    def teardown(self) -> None:
        """Whatever happened, what is still on its way arrives when a worker lives."""
        for _ in range(200):
            self.now += timedelta(hours=1)
            with self.database.write() as conn:
                for taken in claim(conn, now=self.now, lease=LEASE, limit=100):
                    settle(conn, taken, Delivered(), now=self.now, random=lambda: 0.5)
                open_states = {entry.state for entry in entries(conn)} - {"delivered", "dead", "withdrawn"}
            if not open_states:
                break
        assert not open_states
        self.database.close()


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
