"""Does the log keep everything, in order, with the caller's transaction, on both databases?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from audit.errors import LogBroken, ProofRefused
from audit.leaves import Kind, decode
from audit.log import AuditLog, leaf_hashes, stored_entries
from audit.merkle import EMPTY_ROOT, leaf_hash, root_of, verify_consistency, verify_inclusion
from store.database import Database
from store.tables import audit_head, audit_leaf
from tests.audit.samples import AT, as_owner, verdicts


def test_an_unused_log_is_the_empty_tree(database: Database, log: AuditLog) -> None:
    with database.read() as conn:
        head = log.head(conn)
    assert (head.size, head.root) == (0, EMPTY_ROOT)


def test_positions_follow_each_other_and_the_head_is_the_tree_over_the_entries(
    database: Database, log: AuditLog
) -> None:
    ranges = []
    for count in (1, 3, 0, 4, 2):
        with database.write() as conn:
            ranges.append(log.append(conn, verdicts(count), AT))
    assert ranges == [range(1), range(1, 4), range(4, 4), range(4, 8), range(8, 10)]
    with database.read() as conn:
        stored = list(stored_entries(conn, 0, 100))
        head = log.head(conn)
    assert [row.position for row in stored] == list(range(10))
    assert [decode(row.entry).position for row in stored] == list(range(10))
    assert all(row.leaf_hash == leaf_hash(row.entry) for row in stored)
    assert (head.size, head.root) == (10, root_of(row.leaf_hash for row in stored))


def test_two_appends_in_one_transaction_are_one_after_the_other(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        first = log.append(conn, verdicts(2), AT)
        second = log.append(conn, verdicts(2), AT + timedelta(seconds=1))
    assert (first, second) == (range(2), range(2, 4))


def test_a_rolled_back_append_leaves_no_gap(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(3), AT)
    with pytest.raises(RuntimeError), database.write() as conn:
        log.append(conn, verdicts(5), AT)
        raise RuntimeError
    with database.write() as conn:
        assert log.append(conn, verdicts(1), AT) == range(3, 4)


def test_proofs_from_the_database_hold(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(21), AT)
        head = log.head(conn)
        leaves = leaf_hashes(conn, 0, 21)
        for position in range(21):
            proof = log.inclusion(conn, position, 21)
            assert verify_inclusion(leaves[position], position, 21, proof, head.root)
        for old in range(1, 22):
            proof = log.consistency(conn, old, 21)
            assert verify_consistency(old, 21, proof, root_of(leaves[:old]), head.root)


def test_no_proof_beyond_the_head(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(3), AT)
        with pytest.raises(ProofRefused, match="3 entries, not 4"):
            log.inclusion(conn, 0, 4)
        with pytest.raises(ProofRefused, match="3 entries, not 9"):
            log.consistency(conn, 2, 9)


def test_a_proof_over_a_gap_is_refused(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(8), AT)
        as_owner(conn)
        conn.execute(delete(audit_leaf).where(audit_leaf.c.position == 5))
        with pytest.raises(LogBroken, match="lacks entries between 4 and 8"):
            log.inclusion(conn, 0, 8)


def test_a_head_row_that_cannot_be_is_not_built_upon(database: Database, log: AuditLog) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(3), AT)
        conn.execute(update(audit_head).values(size=2))
        with pytest.raises(LogBroken, match="frontier of 2"):
            log.append(conn, verdicts(1), AT)


def test_what_is_kept_is_the_entry_as_stated(database: Database, log: AuditLog) -> None:
    (stated,) = verdicts(1)
    with database.write() as conn:
        log.append(conn, [stated], AT)
        entry = decode(bytes(conn.execute(select(audit_leaf.c.entry)).scalar_one()))
    assert (entry.position, entry.at, entry.leaf) == (0, AT, stated)
    assert entry.leaf.kind is Kind.VERDICT
