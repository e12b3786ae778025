"""Can a person see what gave up, why, and send it on its way again?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from alerts.dead_letters import entries, history, retry, retry_for
from alerts.errors import LeaseLost, NotDead
from alerts.outbox import Dead, Delivered, claim, enqueue, settle
from records import AlertRef, StaffId
from store.database import Database
from store.tables import alert
from tests.alerts.conftest import PutAlert

LEASE = timedelta(minutes=2)


@pytest.fixture
def dead(database: Database, put_alert: PutAlert, now: datetime) -> AlertRef:
    """One dead entry and one that waits."""
    with database.write() as conn:
        ref = put_alert(conn, "dead")
        enqueue(conn, "e-dead", ref, "inbox", now=now)
        (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
        settle(conn, taken, Dead("no_usable_key"), now=now, random=lambda: 0.5)
        conn.execute(alert.update().values(state="stuck"))
        enqueue(conn, "e-waits", put_alert(conn, "waits"), "inbox", now=now)
    return ref


def test_the_list_says_who_and_why(database: Database, dead: AlertRef) -> None:
    with database.read() as conn:
        (entry,) = entries(conn, state="dead")
        assert (entry.alert, entry.recipient, entry.channel, entry.code) == (dead, "s-lee", "inbox", "no_usable_key")
        assert {e.ref for e in entries(conn)} == {"e-dead", "e-waits"}
        assert [(t.channel, t.result, t.code) for t in history(conn, dead)] == [("inbox", "dead", "no_usable_key")]


def test_a_retry_starts_anew(database: Database, dead: AlertRef, now: datetime) -> None:
    later = now + timedelta(days=1)
    with database.write() as conn:
        retry(conn, "e-dead", now=later)
        assert conn.execute(select(alert.c.state).where(alert.c.ref == dead)).scalar_one() == "queued"
        taken = next(c for c in claim(conn, now=later, lease=LEASE, limit=9) if c.ref == "e-dead")
        assert taken.attempt == 1
        settle(conn, taken, Delivered(), now=later, random=lambda: 0.5)
        assert [t.result for t in history(conn, dead)] == ["dead", "revived", "delivered"]


@pytest.mark.parametrize("ref", ["e-waits", "no-such"])
def test_only_the_dead_are_retried(database: Database, dead: AlertRef, now: datetime, ref: str) -> None:
    with pytest.raises(NotDead), database.write() as conn:
        retry(conn, ref, now=now)


def test_a_new_key_frees_what_waited_for_it(database: Database, dead: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        assert retry_for(conn, StaffId("s-ortiz"), now=now) == 0
        assert retry_for(conn, StaffId("s-lee"), now=now) == 1
        assert retry_for(conn, StaffId("s-lee"), now=now) == 0
        assert not entries(conn, state="dead")


def test_a_worker_from_before_cannot_settle_after_a_retry(
    database: Database, put_alert: PutAlert, now: datetime
) -> None:
    with database.write() as conn:
        enqueue(conn, "e", put_alert(conn, "a"), "mail", now=now)
        (taken,) = claim(conn, now=now, lease=LEASE, limit=1)
        settle(conn, taken, Dead("x"), now=now, random=lambda: 0.5)
        retry(conn, "e", now=now)
        claim(conn, now=now, lease=LEASE, limit=1)
    with pytest.raises(LeaseLost), database.write() as conn:
        settle(conn, taken, Delivered(), now=now, random=lambda: 0.5)
