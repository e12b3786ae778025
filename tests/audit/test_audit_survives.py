"""Does one unbroken log come out of many writers, and out of writers that die in the middle?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit.checkpoint import issue
from audit.leaves import decode
from audit.log import AuditLog, stored_entries
from audit.note import Signer
from audit.verify import verify_database
from config.errors import Retry
from store.database import Database
from tests.audit.samples import AT, ORIGIN, verdicts

ROOT = Path(__file__).parents[2]
LONG = 100_000


def require_unbroken(database: Database, log: AuditLog, signer: Signer) -> int:
    """Every position once, every entry in its place, the head over all of them, and signable."""
    with database.write() as conn:
        size = log.head(conn).size
        positions = [decode(stored.entry).position for stored in stored_entries(conn, 0, LONG)]
        assert positions == list(range(size))
        assert verify_database(conn, ORIGIN, [signer.verifier]).good
        assert issue(conn, signer, AT) or size == 0
        report = verify_database(conn, ORIGIN, [signer.verifier])
    assert (report.good, report.proven) == (True, size)
    return size


@contextmanager
def appender(url: str, worker: int, transactions: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.audit.appender", url, str(worker), str(transactions)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def promised(process: subprocess.Popen[str], lines: int) -> list[int]:
    if process.stdout is None:
        raise AssertionError("the writer has no output")
    return [int(process.stdout.readline()) for _ in range(lines)]


def test_many_threads_make_one_log(database: Database, log: AuditLog, signer: Signer) -> None:
    def work(worker: int) -> list[range]:
        placed: list[range] = []
        while len(placed) < 12:
            try:
                with database.write() as conn:
                    placed.append(log.append(conn, verdicts(1 + worker % 3), AT))
            except Retry:
                continue
        return placed

    with ThreadPoolExecutor(4) as pool:
        ranges = [placed for result in pool.map(work, range(4)) for placed in result]
    positions = sorted(position for placed in ranges for position in placed)
    assert positions == list(range(len(positions)))
    assert require_unbroken(database, log, signer) == len(positions)


def test_many_processes_make_one_log_on_an_empty_database(
    database: Database, database_url: str, log: AuditLog, signer: Signer
) -> None:
    with (
        appender(database_url, 0, 15) as one,
        appender(database_url, 1, 15) as two,
        appender(database_url, 2, 15) as three,
    ):
        last = [promised(process, 15) for process in (one, two, three)]
        assert [process.wait(30) for process in (one, two, three)] == [0, 0, 0]
    assert all(promises == sorted(promises) for promises in last)
    together = [position for promises in last for position in promises]
    assert len(set(together)) == len(together)
    assert require_unbroken(database, log, signer) == 15 * 3 * 2 + 3


@pytest.mark.parametrize("after", [1, 20])
def test_what_was_promised_survives_a_kill(
    after: int, database: Database, database_url: str, log: AuditLog, signer: Signer
) -> None:
    with appender(database_url, 0, LONG) as doomed, appender(database_url, 1, 15) as other:
        kept = promised(doomed, after)
        doomed.kill()
        doomed.wait(30)
        # What it still wrote between our last look and its death counts as promised too.
        kept += [int(line) for line in doomed.stdout or () if line.endswith("\n")]
        kept += promised(other, 15)
        assert other.wait(30) == 0
    assert require_unbroken(database, log, signer) > max(kept)


def test_the_first_two_writers_of_all_do_not_fork(database: Database, log: AuditLog, signer: Signer) -> None:
    """Both find no head row, because neither has committed."""

    def first(_: int) -> range:
        while True:
            try:
                with database.write() as conn:
                    return log.append(conn, verdicts(1), AT)
            except Retry:
                continue

    with ThreadPoolExecutor(2) as pool:
        assert sorted(placed.start for placed in pool.map(first, range(2))) == [0, 1]
    assert require_unbroken(database, log, signer) == 2
