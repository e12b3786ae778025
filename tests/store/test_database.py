"""Is the store right on both databases, and does it survive what happens to databases?"""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, select, text
from sqlalchemy.exc import IntegrityError

from store import claims, clients, migrate
from store.claims import claim
from store.database import Database, sqlite_url
from store.errors import AlreadyDone, DatabaseBroken, DatabaseBusy
from store.tables import alert, attempt, booking, client, decision, link, metadata, outbox, run_claim


def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    assert migrate.drift(database) == []
    assert migrate.current(database) == migrate.newest()


def test_migrations_run_down_and_up_again(database: Database) -> None:
    migrate.downgrade(database, "base")
    assert migrate.current(database) is None
    with pytest.raises(DatabaseBroken, match="warmlink upgrade"):
        migrate.require_current(database)
    migrate.upgrade(database)
    migrate.require_current(database)


def test_an_upgrade_keeps_rows_that_refer_to_a_table_it_rebuilds(database: Database, now: datetime) -> None:
    """SQLite changes a column by copying its table: what refers to it must neither be lost nor stop the upgrade."""
    ref = "a" * 26
    rows: list[tuple[Table, dict[str, object]]] = [
        (booking, {"ref": ref, "state": "open", "first_seen_at": now, "updated_at": now, "baseline": False}),
        (client, {"ref": ref, "org": "o", "seen_at": now, "pending": False}),
        (link, {"ref": ref, "booking": ref, "client": ref, "verdict": "ALERT", "weight": 1.0, "probability": 1.0, "margin": 1.0, "levels": {}, "model_hash": "0", "at": now}),
        (decision, {"ref": ref, "link": ref, "recipient": "s", "stage": "link", "decision": "permit", "reason_codes": [], "fields_allowed": [], "obligations": [], "consents": [], "rule_set": "r", "rule_set_hash": "0", "at": now}),
        (alert, {"ref": ref, "thread": ref, "link": ref, "decision": ref, "recipient": "s", "kind": "arrest", "match_class": "full", "state": "queued", "created_at": now}),
        (outbox, {"ref": ref, "alert": ref, "channel": "inbox", "state": "dead", "attempts": 1, "next_at": now, "fence": 1}),
        (attempt, {"outbox": ref, "at": now, "result": "dead"}),
    ]  # fmt: skip
    with database.write() as conn:
        for table, row in rows:
            conn.execute(insert(table).values(**row))
    migrate.downgrade(database, "0011")
    migrate.upgrade(database)
    with database.write() as conn:
        assert conn.execute(select(attempt.c.outbox)).scalars().all() == [ref]
        with pytest.raises(IntegrityError):
            conn.execute(insert(attempt).values(outbox="b" * 26, at=now, result="dead"))
        conn.rollback()


def test_instants_come_back_in_utc(database: Database, now: datetime) -> None:
    local = now.astimezone(timezone(timedelta(hours=-4)))
    with database.write() as conn:
        conn.execute(insert(run_claim).values(job="j", slot=local, claimed_at=local, worker="w"))
    with database.read() as conn:
        assert conn.execute(select(run_claim.c.slot)).scalar_one() == now


def test_an_instant_without_offset_is_refused(database: Database, now: datetime) -> None:
    naive = now.replace(tzinfo=None)
    with pytest.raises(Exception, match="without offset"), database.write() as conn:
        conn.execute(insert(run_claim).values(job="j", slot=naive, claimed_at=now, worker="w"))


def test_a_block_that_raises_leaves_nothing(database: Database, now: datetime) -> None:
    with pytest.raises(RuntimeError), database.write() as conn:
        conn.execute(insert(run_claim).values(job="j", slot=now, claimed_at=now, worker="w"))
        raise RuntimeError
    with database.read() as conn:
        assert conn.execute(select(run_claim)).all() == []


def test_a_slot_is_claimed_once(database: Database, now: datetime) -> None:
    assert claim(database, "cycle", now, "a", now)
    assert not claim(database, "cycle", now, "b", now)
    assert claim(database, "cycle", now + timedelta(minutes=5), "b", now)


def test_a_slot_is_held_for_a_while_and_taken_over(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    assert claim(database, "cycle", now, "a", now, lease_until=later)
    assert not claim(database, "cycle", now, "b", now, lease_until=later), "a holds it"
    assert not claim(database, "cycle", now + timedelta(seconds=30), "b", now, lease_until=later), "a is at work"
    assert claims.renew(database, "cycle", now, "a", later)
    assert claim(database, "cycle", now, "b", later, lease_until=later + timedelta(minutes=1)), "a is dead"
    assert not claims.renew(database, "cycle", now, "a", later), "it was not dead, and learns of it"
    claims.finish(database, "cycle", now, "a", later)
    assert not claim(database, "cycle", now, "c", later, lease_until=later), "what a says does not count any more"
    claims.finish(database, "cycle", now, "b", later)
    assert not claim(database, "cycle", now, "c", later + timedelta(hours=1), lease_until=later), "it is done"


@pytest.mark.parametrize(("free_from", "again"), [(timedelta(0), True), (None, False)])
def test_a_slot_that_failed_is_tried_again_or_not(
    database: Database, now: datetime, free_from: timedelta | None, again: bool
) -> None:
    later = now + timedelta(minutes=1)
    assert claim(database, "cycle", now, "a", now, lease_until=later)
    claims.release(database, "cycle", now, "a", free_from=None if free_from is None else now + free_from)
    assert claim(database, "cycle", now, "b", now, lease_until=later) is again
    assert claim(database, "cycle", later, "b", later, lease_until=later), "the next slot stands free"


def test_of_many_workers_at_once_one_gets_the_slot(database: Database, now: datetime) -> None:
    """Each asks for the same slot, or for the one after it: only one of them may be at work."""
    slots = [now, now + timedelta(minutes=5)]
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(claim, database, "cycle", slots[n % 2], f"w{n}", now, lease_until=now + timedelta(minutes=1))
            for n in range(8)
        ]
        assert sum(each.result() for each in asked) == 1


def test_revisions_become_visible_in_their_order(database: Database) -> None:
    """Whoever draws a number waits for the holder of the one before, so that a reader never misses a lower one."""
    with database.write() as conn:
        first = clients.revise(conn)
        assert clients.revise(conn) == first + 1
    drawn = threading.Event()

    def second() -> int:
        with database.write() as conn:
            number = clients.revise(conn)
            drawn.set()
            return number

    with ThreadPoolExecutor(1) as pool:
        with database.write() as conn:
            mine = clients.revise(conn)
            waiting = pool.submit(second)
            assert not drawn.wait(0.2)
        assert waiting.result() > mine


def test_faults_name_no_values(database: Database, now: datetime) -> None:
    row = {"job": "j", "slot": now, "claimed_at": now, "worker": "Marisol"}
    with database.write() as conn:
        conn.execute(insert(run_claim).values(**row))
    with pytest.raises(AlreadyDone) as caught, database.write() as conn:
        conn.execute(insert(run_claim).values(**row))
    assert "Marisol" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_sqlite_keeps_what_it_committed(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))
    with database.read() as conn:
        modes = [conn.execute(text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous", "foreign_keys")]
    assert modes == ["wal", 2, 1]
    database.close()


def test_a_locked_sqlite_asks_to_be_tried_again(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "x.db"
    database = Database(sqlite_url(path))
    metadata.create_all(database.engine)
    database.close()
    impatient = Database(sqlite_url(path) + "?timeout=0")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(DatabaseBusy), impatient.write() as conn:
            conn.execute(insert(run_claim).values(job="j", slot=now, claimed_at=now, worker="w"))
    finally:
        holder.close()
        impatient.close()
