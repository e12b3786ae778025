"""Is every queued alert delivered once, whatever dies on the way?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from alerts.errors import LeaseLost
from alerts.outbox import Backoff, Dead, Delivered, TryLater, claim, enqueue, settle, withdraw
from records import AlertRef
from store.database import Database
from store.tables import attempt, outbox
from tests.alerts.conftest import PutAlert

LEASE = timedelta(minutes=2)


def middle() -> float:
    return 0.5


@pytest.fixture
def queued(database: Database, put_alert: PutAlert, now: datetime) -> AlertRef:
    with database.write() as conn:
        ref = put_alert(conn, "one")
        assert enqueue(conn, "entry-1", ref, "mail", now=now)
    return ref


def history(database: Database) -> list[tuple[str, str | None]]:
    with database.read() as conn:
        rows = conn.execute(select(attempt.c.result, attempt.c.code).order_by(attempt.c.id))
        return [(row.result, row.code) for row in rows]


def state(database: Database) -> str:
    with database.read() as conn:
        return str(conn.execute(select(outbox.c.state)).scalar_one())


def test_an_alert_is_queued_once_a_channel(database: Database, queued: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        assert not enqueue(conn, "entry-1", queued, "mail", now=now)
        assert not enqueue(conn, "entry-2", queued, "mail", now=now)
        assert enqueue(conn, "entry-3", queued, "webhook", now=now)


def test_a_claim_is_exclusive_until_its_lease_ends(database: Database, queued: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        (taken,) = claim(conn, now=now, lease=LEASE, limit=10)
        assert (taken.alert, taken.attempt, taken.fence) == (queued, 1, 1)
        assert not claim(conn, now=now + LEASE - timedelta(seconds=1), lease=LEASE, limit=10)
        (again,) = claim(conn, now=now + LEASE, lease=LEASE, limit=10)
    assert (again.attempt, again.fence) == (2, 2)
    assert history(database) == [("lost", "lease_expired")]


def test_a_worker_that_was_replaced_cannot_settle(database: Database, queued: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        (slow,) = claim(conn, now=now, lease=LEASE, limit=1)
    with database.write() as conn:
        (quick,) = claim(conn, now=now + LEASE, lease=LEASE, limit=1)
    for outcome in (Delivered(), TryLater("x"), Dead("x")):
        with pytest.raises(LeaseLost), database.write() as conn:
            settle(conn, slow, outcome, now=now + LEASE, random=middle)
    with database.write() as conn:
        settle(conn, quick, Delivered("ok"), now=now + LEASE, random=middle)
    with pytest.raises(LeaseLost), database.write() as conn:
        settle(conn, quick, Delivered("ok"), now=now + LEASE, random=middle)
    assert history(database) == [("lost", "lease_expired"), ("delivered", "ok")]
    with database.write() as conn:
        assert not claim(conn, now=now + timedelta(days=9), lease=LEASE, limit=10)


def test_a_passing_fault_is_tried_again_later(database: Database, queued: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
        settle(conn, taken, TryLater("smtp_450"), now=now, random=middle)
        assert not claim(conn, now=now + timedelta(seconds=11), lease=LEASE, limit=1)
        assert claim(conn, now=now + timedelta(seconds=12), lease=LEASE, limit=1)
    assert history(database) == [("retry", "smtp_450")]


def test_the_receivers_wish_to_wait_is_kept(database: Database, queued: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
        settle(conn, taken, TryLater("http_429", now + timedelta(hours=1)), now=now, random=middle)
        assert not claim(conn, now=now + timedelta(minutes=59), lease=LEASE, limit=1)
        assert claim(conn, now=now + timedelta(hours=1), lease=LEASE, limit=1)


def test_after_its_tries_an_entry_is_dead_not_gone(database: Database, queued: AlertRef, now: datetime) -> None:
    brief = Backoff(attempts=3)
    for _ in range(3):
        now += timedelta(hours=1)
        with database.write() as conn:
            (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
            settle(conn, taken, TryLater("unreachable"), now=now, random=middle, backoff=brief)
    assert state(database) == "dead"
    assert history(database) == [("retry", "unreachable"), ("retry", "unreachable"), ("dead", "unreachable")]


def test_a_withdrawn_entry_is_not_delivered_even_by_its_holder(
    database: Database, queued: AlertRef, now: datetime
) -> None:
    with database.write() as conn:
        (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
        assert withdraw(conn, queued, now=now, code="CONSENT_REVOKED") == 1
        assert withdraw(conn, queued, now=now, code="CONSENT_REVOKED") == 0
    with pytest.raises(LeaseLost), database.write() as conn:
        settle(conn, taken, Delivered(), now=now, random=middle)
    assert state(database) == "withdrawn"
    assert history(database) == [("withdrawn", "CONSENT_REVOKED")]


def test_what_was_delivered_stays_delivered(database: Database, queued: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
        settle(conn, taken, Delivered(), now=now, random=middle)
        assert withdraw(conn, queued, now=now, code="x") == 0
    assert state(database) == "delivered"


def test_entries_go_out_in_the_order_they_waited(database: Database, put_alert: PutAlert, now: datetime) -> None:
    with database.write() as conn:
        for number in (3, 1, 2):
            later = now + timedelta(minutes=number)
            enqueue(conn, f"e{number}", put_alert(conn, f"a{number}"), "mail", now=now, not_before=later)
        assert [c.ref for c in claim(conn, now=now + timedelta(minutes=2), lease=LEASE, limit=9)] == ["e1", "e2"]
        assert [c.ref for c in claim(conn, now=now + timedelta(hours=1), lease=LEASE, limit=1)] == ["e1"]


def test_two_workers_never_hold_the_same_entry(database: Database, put_alert: PutAlert, now: datetime) -> None:
    with database.write() as conn:
        for number in range(6):
            enqueue(conn, f"e{number}", put_alert(conn, f"a{number}"), "mail", now=now)
    if database.dialect == "postgresql":  # SQLite lets the second writer wait instead
        with database.write() as one, database.write() as two:
            first = claim(one, now=now, lease=LEASE, limit=3)
            second = claim(two, now=now, lease=LEASE, limit=9)
    else:
        with database.write() as one:
            first = claim(one, now=now, lease=LEASE, limit=3)
        with database.write() as two:
            second = claim(two, now=now, lease=LEASE, limit=9)
    assert len(first) == len(second) == 3
    assert not {c.ref for c in first} & {c.ref for c in second}


@given(number=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_a_bound_and_are_spread(number: int, draw: float) -> None:
    backoff = Backoff()
    wait = backoff.wait(number, lambda: draw)
    full = min(backoff.first * 2 ** (number - 1), backoff.longest) if number < 30 else backoff.longest
    assert full / 2 <= wait <= full


def test_a_receiver_may_be_away_for_six_hours() -> None:
    """The shortest possible sum of waits, all draws at their lowest."""
    backoff = Backoff()
    assert sum((backoff.wait(n, lambda: 0.0) for n in range(1, backoff.attempts)), timedelta(0)) > timedelta(hours=6)
