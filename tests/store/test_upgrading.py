"""Does the plan say what an upgrade does, and do rows survive the way back and forth?"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text

from store import migrate, operation, upgrading
from store.database import Database
from store.errors import DatabaseBroken
from store.operation import Mode
from store.tables import client, data_key

NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)


def test_a_database_of_this_version_needs_nothing(database: Database) -> None:
    plan = upgrading.plan(database)
    assert (plan.at, plan.steps, plan.stop_needed) == (plan.to, (), False)


def test_the_plan_lists_what_the_upgrade_then_does(database: Database) -> None:
    migrate.downgrade(database, "0007")
    plan = upgrading.plan(database)
    assert plan.at == "0007"
    assert plan.stop_needed
    assert "0010" in [step.version for step in plan.steps]
    assert all(step.words and step.reversible for step in plan.steps)
    assert {step.version: step.rewrites for step in plan.steps}["0010"]
    assert plan.steps[-1].version == plan.to
    migrate.upgrade(database)
    assert upgrading.plan(database).steps == ()
    assert migrate.drift(database) == []


def test_the_table_of_migrations_is_in_the_order_of_the_chain() -> None:
    table = re.findall(r"^\| (\d+) \| (\w+) \|", (migrate.MIGRATIONS / "README.md").read_text("utf-8"), re.MULTILINE)
    chain = [script.revision for script in migrate.history()][::-1]
    assert table == [(str(n), revision) for n, revision in enumerate(chain[: len(table)], start=1)]


def test_an_empty_database_needs_every_step(tmp_path: object) -> None:
    empty = Database("sqlite://")
    plan = upgrading.plan(empty)
    assert plan.at is None
    assert len(plan.steps) == len(list(migrate.history()))
    assert plan.steps[0].version == "0001"
    empty.close()


def test_a_database_of_a_newer_program_is_named_as_one(database: Database) -> None:
    with database.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseBroken, match="newer"):
        upgrading.plan(database)


def test_rows_survive_the_way_back_and_forth(database: Database) -> None:
    with database.write() as conn:
        conn.execute(insert(data_key).values(id="k" * 26, purpose="standing", wrapped=b"wrapped", created_at=NOW))
        conn.execute(insert(client).values(ref="c" * 26, org="river-bh", sealed=b"sealed", seen_at=NOW, pending=False))
        operation.set_mode(conn, Mode.SHADOW, "test", NOW)
    migrate.downgrade(database, "0007")
    migrate.upgrade(database)
    with database.read() as conn:
        assert conn.execute(text("SELECT sealed FROM client")).scalar_one() == b"sealed"
        assert conn.execute(text("SELECT wrapped FROM data_key")).scalar_one() == b"wrapped"
    assert migrate.drift(database) == []
