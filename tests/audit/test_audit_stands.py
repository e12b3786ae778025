"""Does the database itself refuse to change, remove or replace an entry, whoever asks with ordinary rights?"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from audit.log import AuditLog
from audit.note import Signer
from audit.verify import verify_database
from store.database import Database
from store.errors import DatabaseBroken
from tests.audit.samples import AT, ORIGIN, as_owner, verdicts

REPLACE = {
    "sqlite": "INSERT OR REPLACE INTO audit_leaf (position, entry, leaf_hash) VALUES (2, x'00', x'00')",
    "postgresql": "INSERT INTO audit_leaf (position, entry, leaf_hash) VALUES (2, '', '')"
    " ON CONFLICT (position) DO UPDATE SET entry = ''",
}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaf SET entry = leaf_hash WHERE position = 2",
        "UPDATE audit_leaf SET position = 9 WHERE position = 2",
        "DELETE FROM audit_leaf WHERE position = 2",
        "DELETE FROM audit_leaf",
        "replace",
        "truncate",
    ],
)
def test_an_entry_stands(statement: str, database: Database, log: AuditLog, signer: Signer) -> None:
    if statement == "truncate":
        statement = "TRUNCATE audit_leaf" if database.dialect == "postgresql" else "DELETE FROM audit_leaf WHERE true"
    with database.write() as conn:
        log.append(conn, verdicts(5), AT)
    with pytest.raises(DatabaseBroken), database.write() as conn:
        conn.execute(text(REPLACE[database.dialect] if statement == "replace" else statement))
    with database.read() as conn:
        found = verify_database(conn, ORIGIN, [signer.verifier])
    assert (found.good, found.entries) == (True, 5)


def test_the_log_goes_on_growing(database: Database, log: AuditLog) -> None:
    for _ in range(3):
        with database.write() as conn:
            log.append(conn, verdicts(2), AT)
    with database.read() as conn:
        assert log.head(conn).size == 6


def test_whoever_owns_the_database_can_take_the_guard_away_and_is_found_out(
    database: Database, log: AuditLog, signer: Signer
) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(5), AT)
        as_owner(conn)
        conn.execute(text("DELETE FROM audit_leaf WHERE position = 2"))
        assert verify_database(conn, ORIGIN, [signer.verifier]).first_bad == 2
