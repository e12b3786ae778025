"""Do checkpoints get out, once and in order, and is a log that was altered behind our back never signed?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, update

from audit.checkpoint import issue, latest, open_checkpoint, unpublished
from audit.errors import LogBroken, SignatureRefused, SinkContradicts, SinkUnavailable
from audit.leaves import Entry, Kind, decode, leaf
from audit.log import AuditLog, read_frontier, stored_entries
from audit.merkle import leaf_hash, root_of
from audit.note import Signer
from audit.publish import NEWEST, FolderSink, publish
from audit.verify import verify_database
from store.database import Database
from store.tables import audit_checkpoint, audit_head, audit_leaf
from tests.audit.samples import AT, ORIGIN, Grow, as_owner, hashed, ref, verdicts


@dataclass
class ScriptedSink:
    """A sink that plays back faults, then keeps."""

    name: str = "scripted"
    faults: list[Exception] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def keep(self, note: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.kept.append(note)


def test_published_checkpoints_open_with_the_public_key(
    database: Database, log: AuditLog, signer: Signer, tmp_path: Path
) -> None:
    sink = FolderSink("vault", tmp_path / "sink")
    for count in (3, 4):
        with database.write() as conn:
            log.append(conn, verdicts(count), AT)
        publish(database, log, signer, [sink], at=AT)
    files = sorted(path.name for path in sink.folder.iterdir())
    assert files == ["000000000003.checkpoint", "000000000008.checkpoint", NEWEST]
    newest = (sink.folder / NEWEST).read_text("utf-8")
    assert newest == (sink.folder / files[1]).read_text("utf-8")
    with database.read() as conn:
        rows = list(stored_entries(conn, 0, 99))
    assert open_checkpoint(newest, [signer.verifier]).root == root_of(row.leaf_hash for row in rows[:8])
    assert decode(rows[3].entry).leaf == leaf(
        Kind.CHECKPOINT_PUBLISHED, size=3, root=root_of(row.leaf_hash for row in rows[:3]).hex(), sink="vault"
    )


def test_publishing_does_not_feed_on_itself(database: Database, log: AuditLog, signer: Signer) -> None:
    sink = ScriptedSink()
    assert publish(database, log, signer, [sink], at=AT) == []
    with database.write() as conn:
        log.append(conn, verdicts(2), AT)
    assert publish(database, log, signer, [sink], at=AT) == [2]
    for _ in range(3):
        assert publish(database, log, signer, [sink], at=AT) == []
    assert len(sink.kept) == 1


def test_a_sink_that_is_away_gets_every_checkpoint_later(database: Database, log: AuditLog, signer: Signer) -> None:
    sink = ScriptedSink(faults=[SinkUnavailable("away"), SinkUnavailable("away")])
    for _ in range(2):
        with database.write() as conn:
            log.append(conn, verdicts(2), AT)
        with pytest.raises(SinkUnavailable):
            publish(database, log, signer, [sink], at=AT)
    assert publish(database, log, signer, [sink], at=AT) == [2, 4]
    assert [open_checkpoint(note, [signer.verifier]).size for note in sink.kept] == [2, 4]


def test_without_a_sink_nothing_counts_as_published(database: Database, log: AuditLog, signer: Signer) -> None:
    with database.write() as conn:
        log.append(conn, verdicts(2), AT)
    assert publish(database, log, signer, [], at=AT) == []
    with database.read() as conn:
        assert len(unpublished(conn)) == 1


def test_the_folder_notices_a_fork_and_a_restored_backup(tmp_path: Path, signer: Signer) -> None:
    from audit.checkpoint import sign
    from audit.log import TreeHead

    sink = FolderSink("vault", tmp_path)
    for size in (5, 9):
        sink.keep(sign(TreeHead(size, bytes([size]) * 32), signer))
    sink.keep(sign(TreeHead(5, bytes([5]) * 32), signer))  # the same again, after a crash before it was marked
    assert "\n9\n" in (tmp_path / NEWEST).read_text("utf-8")
    with pytest.raises(SinkContradicts, match="another checkpoint of size 9"):
        sink.keep(sign(TreeHead(9, bytes(32)), signer))
    with pytest.raises(SinkContradicts, match="longer than 7"):
        sink.keep(sign(TreeHead(7, bytes([7]) * 32), signer))


def test_a_folder_that_cannot_be_written_is_to_be_tried_again(tmp_path: Path, signer: Signer, grow: Grow) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SinkUnavailable, match="vault"):
        FolderSink("vault", tmp_path / "file").keep(grow([1]))


def forge(conn: Connection, position: int) -> bytes:
    entry = Entry(
        position, AT, leaf(Kind.VERDICT, booking=ref("forged"), verdict="ALERT", model=hashed("model"))
    ).canonical()
    conn.execute(
        update(audit_leaf).where(audit_leaf.c.position == position).values(entry=entry, leaf_hash=leaf_hash(entry))
    )
    return entry


def change(conn: Connection, position: int) -> None:
    conn.execute(update(audit_leaf).where(audit_leaf.c.position == position).values(entry=b"{}"))


def remove(conn: Connection, position: int) -> None:
    conn.execute(delete(audit_leaf).where(audit_leaf.c.position == position))


def cut(conn: Connection, position: int) -> None:
    conn.execute(delete(audit_leaf).where(audit_leaf.c.position >= position))


def add(conn: Connection, position: int) -> None:
    conn.execute(insert(audit_leaf).values(position=position, entry=b"{}", leaf_hash=leaf_hash(b"{}")))


Tamper = Callable[[Connection, int], object]


@pytest.mark.parametrize("tamper", [forge, change, remove, cut])
def test_a_log_altered_since_the_last_checkpoint_is_not_signed(
    tamper: Tamper, grow: Grow, database: Database, log: AuditLog, signer: Signer
) -> None:
    grow([6])
    with database.write() as conn:
        log.append(conn, verdicts(6), AT)
        as_owner(conn)
        tamper(conn, 9)
        with pytest.raises(LogBroken, match="does not make up its own head"):
            issue(conn, signer, AT)


def test_a_head_that_was_set_back_is_not_signed(grow: Grow, database: Database, log: AuditLog, signer: Signer) -> None:
    grow([6, 6])
    with database.write() as conn:
        conn.execute(update(audit_head).values(size=6, frontier=_frontier_of_six(conn)))
        with pytest.raises(LogBroken):
            issue(conn, signer, AT)


def _frontier_of_six(conn: Connection) -> bytes:
    from audit.merkle import Frontier

    return Frontier().extend(row.leaf_hash for row in stored_entries(conn, 0, 6)).pack()


def test_a_checkpoint_that_someone_else_signed_is_not_built_upon(grow: Grow, database: Database, log: AuditLog) -> None:
    grow([6])
    stranger = Signer.from_seed(ORIGIN, b"\x08" * 32)
    with database.write() as conn:
        log.append(conn, verdicts(1), AT)
        with pytest.raises(SignatureRefused):
            issue(conn, stranger, AT)
        key = Signer.from_seed(ORIGIN, b"\x07" * 32).verifier
        assert open_checkpoint(issue(conn, stranger, AT, [key]) or "", [stranger.verifier]).size == 7


@pytest.mark.parametrize(
    ("tamper", "at", "first_bad"),
    [
        pytest.param(change, 2, range(2, 3), id="signed entry changed"),
        pytest.param(forge, 2, range(6), id="signed entry rewritten with its hash"),
        pytest.param(forge, 8, range(6, 12), id="entry rewritten after the first checkpoint"),
        pytest.param(remove, 7, range(7, 8), id="signed entry removed"),
        pytest.param(change, 13, range(13, 14), id="unsigned entry changed"),
        pytest.param(forge, 14, range(12, 13), id="unsigned entry rewritten"),
        pytest.param(remove, 14, range(14, 15), id="unsigned entry removed"),
        pytest.param(cut, 15, range(15, 16), id="unsigned tail cut"),
        pytest.param(add, 16, range(16, 17), id="entry put behind the end"),
    ],
)
def test_the_database_check_names_the_first_bad_entry(  # noqa: PLR0917 - what pytest hands in
    tamper: Tamper, at: int, first_bad: range, grow: Grow, database: Database, log: AuditLog, signer: Signer
) -> None:
    grow([6, 6])
    with database.write() as conn:
        log.append(conn, verdicts(4), AT)
        assert verify_database(conn, ORIGIN, [signer.verifier]).good
        as_owner(conn)
        tamper(conn, at)
        report = verify_database(conn, ORIGIN, [signer.verifier])
    assert not report.good
    assert report.bad == first_bad, report.words


def test_a_rewritten_database_is_found_with_the_anchor_outside(
    grow: Grow, database: Database, log: AuditLog, signer: Signer
) -> None:
    anchor = grow([6])
    with database.write() as conn:
        as_owner(conn)
        for table in (audit_leaf, audit_head, audit_checkpoint):
            conn.execute(delete(table))
        assert not verify_database(conn, ORIGIN, [signer.verifier], anchor).good
        log.append(conn, verdicts(9, start=100), AT)
        issue(conn, signer, AT)
        assert verify_database(conn, ORIGIN, [signer.verifier]).good
        assert verify_database(conn, ORIGIN, [signer.verifier], anchor).first_bad == 0


def test_the_words_say_how_much_is_signed(grow: Grow, database: Database, log: AuditLog, signer: Signer) -> None:
    note = grow([6])
    with database.write() as conn:
        assert latest(conn) == note
        log.append(conn, verdicts(2), AT)
        assert read_frontier(conn).size == 8
        report = verify_database(conn, ORIGIN, [signer.verifier], note)
    assert report.words == "8 entries, 6 of them signed, 2 since the newest checkpoint"
