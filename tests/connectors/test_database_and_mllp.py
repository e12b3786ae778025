"""A query that cannot write, and a listener that acknowledges only what was committed."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import Refuse
from connectors import (
    Connector,
    Cursor,
    FeedMalformed,
    FeedRejected,
    FeedUnavailable,
    MemoryDelivery,
    MllpListener,
    MllpSettings,
    ScriptedTransport,
    SqlQuery,
    load_mapping,
    parse_mapping,
)
from connectors.transports.mllp import acknowledgement
from records import BookingEvent, FeedId
from tests.connectors.feeding import NOW

QUERY = "SELECT number, name, changed FROM bookings WHERE changed > :after ORDER BY changed"
MAPPING = """
name: sql
kind: bookings
format: {type: json, lines: true}
bookings: {agency: {constant: A}, booking_number: number, name: name}
"""


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    path = tmp_path / "jail.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE bookings (number TEXT, name TEXT, changed INTEGER)")
        rows = [(f"B{n}", f"LAST{n}, FIRST", 1 + n // 3) for n in range(10)]
        db.executemany("INSERT INTO bookings VALUES (?, ?, ?)", rows)
    return path


def query(path: Path, sql: str = QUERY, **settings: object) -> SqlQuery:
    return SqlQuery(f"sqlite:///{path}", sql, "changed", 0, **settings)  # type: ignore[arg-type] # keyword settings of the tests


def numbers(transport: SqlQuery, cursor: Cursor | None) -> list[list[str]]:
    connector = Connector.of(FeedId("db"), transport, parse_mapping(MAPPING, "sql"))
    batches: list[list[str]] = []
    for pull in connector.pull(cursor, NOW):
        batches.append([str(i.booking_number) for i in pull.items() if isinstance(i, BookingEvent)])
        pull.acknowledge()
    return batches


def test_batches_never_cut_between_rows_of_one_watermark(jail: Path) -> None:
    batches = numbers(query(jail, batch=4), None)
    assert batches == [["B0", "B1", "B2", "B3", "B4", "B5"], ["B6", "B7", "B8", "B9"]]


def test_the_cursor_goes_on_after_the_last_watermark(jail: Path) -> None:
    first = next(iter(query(jail, batch=1).poll(None, NOW)))
    assert numbers(query(jail), first.cursor) == [["B3", "B4", "B5", "B6", "B7", "B8", "B9"]]
    *_, last = query(jail).poll(None, NOW)
    assert numbers(query(jail), last.cursor) == []


def test_a_batch_that_was_not_committed_is_not_stepped_over(jail: Path) -> None:
    assert len(list(query(jail, batch=1).poll(None, NOW))) == 1


def test_the_query_cannot_write(jail: Path) -> None:
    with pytest.raises(FeedRejected, match="nothing was written"):
        list(query(jail, "DELETE FROM bookings WHERE changed > :after RETURNING number, changed").poll(None, NOW))
    with closing(sqlite3.connect(jail)) as db:
        assert db.execute("SELECT count(*) FROM bookings").fetchone() == (10,)


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere WHERE 1 > :after", "SELEKT :after"])
def test_a_wrong_query_is_for_a_person(jail: Path, sql: str) -> None:
    with pytest.raises(FeedRejected):
        list(query(jail, sql).poll(None, NOW))


def test_a_database_that_is_away_may_be_asked_again(tmp_path: Path) -> None:
    with pytest.raises(FeedUnavailable):
        list(query(tmp_path / "no" / "such.db").poll(None, NOW))


def test_rows_need_their_watermark(jail: Path) -> None:
    with pytest.raises(FeedMalformed, match="no watermark"):
        list(query(jail, "SELECT number, name, NULL AS changed FROM bookings WHERE changed > :after").poll(None, NOW))
    with pytest.raises(FeedMalformed, match="reset the feed's cursor"):
        list(query(jail).poll(Cursor("?"), NOW))


# --- MLLP --------------------------------------------------------------------------------------------------------

Sample = Callable[[str], bytes]


@contextmanager
def listening(handler: Callable[[MemoryDelivery], None], **settings: object) -> Iterator[socket.socket]:
    listener = MllpListener(MllpSettings(port=0, **settings), handler, clock=lambda: NOW)  # type: ignore[arg-type] # keyword settings of the tests
    listener.start()
    try:
        with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as line:
            yield line
    finally:
        listener.stop()


def answers(line: socket.socket, count: int) -> list[bytes]:
    received = b""
    while received.count(b"\x1c\r") < count:
        chunk = line.recv(65536)
        if not chunk:
            break
        received += chunk
    return [frame.strip(b"\x0b") for frame in received.split(b"\x1c\r") if frame]


def test_messages_are_committed_then_acknowledged(sample: Sample) -> None:
    kept: list[MemoryDelivery] = []
    with listening(kept.append) as line:
        line.sendall(sample("hl7_adt/adt_mllp.bin"))
        replies = answers(line, 3)
    assert [reply.split(b"\r")[1] for reply in replies] == [b"MSA|AA|MSG00001", b"MSA|AA|MSG00002", b"MSA|AA|MSG00003"]
    assert replies[0].startswith(
        b"MSH|^~\\&|MATCHER|BHPROV|JAILHEALTH|ANYTOWNJAIL|20261201120000+0000||ACK|MSG00001|T|2.5.1\r"
    )
    connector = Connector.of(FeedId("adt"), ScriptedTransport([]), load_mapping("hl7_adt"))
    found = [item for delivery in kept for item in connector.receive(delivery, NOW).items()]
    assert [e.booking_number for e in found if isinstance(e, BookingEvent)] == ["V9001", "V9002", "V9001"]
    assert "~" in kept[0].name


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (FeedUnavailable("busy"), b"AE"),
        (Refuse("no"), b"AR"),
        (FeedMalformed("bad"), b"AR"),
        (ZeroDivisionError(), b"AE"),
    ],
)
def test_what_was_not_committed_is_not_acknowledged(fault: Exception, code: bytes, sample: Sample) -> None:
    def handler(_delivery: MemoryDelivery) -> None:
        raise fault

    with listening(handler) as line:
        line.sendall(sample("hl7_adt/adt_mllp.bin"))
        assert [reply.split(b"\r")[1][:6] for reply in answers(line, 3)] == [b"MSA|" + code] * 3


def test_a_message_without_end_closes_the_connection_and_commits_nothing() -> None:
    kept: list[MemoryDelivery] = []
    with listening(kept.append, max_message=1000) as line:
        line.sendall(b"\x0b" + b"x" * 5000)
        assert answers(line, 1) == []
    assert kept == []


def test_silence_closes_the_connection() -> None:
    with listening(lambda _delivery: None, idle=0.05) as line:
        assert line.recv(1) == b""


def test_names_do_not_cross_a_network_in_the_clear() -> None:
    with pytest.raises(ValueError, match="TLS"):
        MllpSettings(host="0.0.0.0")


def test_junk_is_answered_in_form() -> None:
    assert acknowledgement(b"", "AR", datetime(2026, 1, 2, tzinfo=UTC)).endswith(b"\rMSA|AR|\r")
    assert b"MSA#AA#7" in acknowledgement(b"MSH#^~\\&#a#b#c#d###ADT#7#T#2.3", "AA", datetime(2026, 1, 2, tzinfo=UTC))
