"""A real SSH server on this machine: the pinned key, our key, breaks in the middle, and files taken out of the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from connectors import FeedMalformed, FeedRejected, FeedUnavailable, SftpDrop
from tests.connectors.servers import Server, sftp_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with sftp_server(tmp_path / "root") as state:
        yield state


def drop(server: Server, **settings: object) -> SftpDrop:
    known: dict[str, object] = {
        "host_key": server.host_key,
        "client_key": server.client_key,
        "timeout": 10.0,
        **settings,
    }
    return SftpDrop("127.0.0.1", "warmlink", folder="/out", port=server.port, **known)  # type: ignore[arg-type] # keyword settings of the tests


def put(server: Server, name: str, content: bytes, age: int = 3600) -> Path:
    path = server.root / "out" / name
    path.write_bytes(content)
    when = (later() - timedelta(seconds=age)).timestamp()
    os.utime(path, (when, when))
    return path


def later() -> datetime:
    return datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_files_are_read_once_with_a_read_only_account(server: Server) -> None:
    put(server, "b.csv", b"second", age=100)
    put(server, "a.csv", b"first", age=200)
    put(server, "fresh.csv", b"still growing", age=1)
    put(server, ".hidden.csv", b"x")
    put(server, "c.csv.part", b"x")
    polled = drop(server, pattern="*.csv").poll(None, later())
    first = next(polled)
    first.acknowledge()
    (second,) = polled
    assert (first.content, second.content) == (b"first", b"second")
    (again,) = drop(server, pattern="*.csv").poll(first.cursor, later())
    assert again.content == b"second"
    assert list(drop(server, pattern="*.csv").poll(second.cursor, later())) == []
    assert "a.csv" not in second.cursor.token
    put(server, "a.csv", b"first, corrected", age=50)
    (corrected,) = drop(server, pattern="*.csv").poll(second.cursor, later())
    assert corrected.content == b"first, corrected"


def test_a_broken_download_goes_on_where_it_broke(server: Server) -> None:
    content = os.urandom(3 << 20)
    put(server, "big.bin", content)
    server.break_after = [1 << 30, 5, 4]
    (delivery,) = drop(server).poll(None, later())
    assert delivery.content == content
    assert server.sessions == 4, "one to list, three to read"
    assert server.offsets.count(0) == 1, "the beginning was read once"


def test_a_connection_that_always_breaks_is_given_up_for_now(server: Server) -> None:
    put(server, "big.bin", bytes(3 << 20))
    server.break_after = [1 << 30, 1, 1, 1, 1, 1]
    with pytest.raises(FeedUnavailable):
        list(drop(server, attempts=3).poll(None, later()))


@pytest.mark.parametrize("patience", [{"timeout": 1.0}, {"longest": 1.0}])
def test_a_server_that_stays_and_says_nothing_more_is_left(server: Server, patience: dict[str, float]) -> None:
    put(server, "big.bin", bytes(3 << 20))
    server.stall_after = 2
    with pytest.raises(FeedUnavailable, match="broke off"):
        list(drop(server, attempts=2, **patience).poll(None, later()))
    assert server.offsets, "it had begun to answer"


def test_moved_deleted_and_refused(server: Server) -> None:
    put(server, "a.csv", b"first")
    (delivery,) = drop(server, afterwards="move").poll(None, later())
    assert (server.root / "out" / "a.csv").exists(), "nothing is taken before the acknowledgement"
    delivery.acknowledge()
    delivery.acknowledge()
    assert [p.read_bytes() for p in (server.root / "out" / "done").iterdir()] == [b"first"]
    put(server, "b.csv", b"second")
    (delivery,) = drop(server, afterwards="delete").poll(None, later())
    delivery.refuse("not a list")
    assert [p.read_bytes() for p in (server.root / "out" / "refused").iterdir()] == [b"second"], "refused is kept"
    put(server, "c.csv", b"third")
    (delivery,) = drop(server, afterwards="delete").poll(None, later())
    delivery.acknowledge()
    assert not (server.root / "out" / "c.csv").exists()


def test_a_file_that_was_replaced_is_not_taken(server: Server) -> None:
    put(server, "a.csv", b"first")
    (delivery,) = drop(server, afterwards="delete").poll(None, later())
    put(server, "a.csv", b"first again", age=99)
    delivery.acknowledge()
    assert (server.root / "out" / "a.csv").read_bytes() == b"first again"


def test_another_host_key_is_refused(server: Server) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(FeedRejected, match="another host key"):
        list(drop(server, host_key=other).poll(None, later()))


def test_another_client_key_is_refused(server: Server) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with pytest.raises(FeedRejected, match="does not accept our key"):
        list(drop(server, client_key=other).poll(None, later()))


def test_keys_that_are_none(server: Server) -> None:
    with pytest.raises(FeedRejected, match="cannot be read"):
        list(drop(server, client_key="nonsense").poll(None, later()))
    assert "PRIVATE KEY" not in repr(drop(server))


def test_a_missing_folder_and_a_missing_server(server: Server) -> None:
    with pytest.raises(FeedRejected, match="not there"):
        list(
            SftpDrop("127.0.0.1", "warmlink", server.host_key, server.client_key, "/nowhere", port=server.port).poll(
                None, later()
            )
        )
    with pytest.raises(FeedUnavailable):
        list(
            SftpDrop("127.0.0.1", "warmlink", server.host_key, server.client_key, "/out", port=9, timeout=5.0).poll(
                None, later()
            )
        )


def test_a_file_beyond_all_bounds(server: Server) -> None:
    put(server, "big.bin", bytes(2 << 20))
    put(server, "small.csv", b"fine", age=10_000 - 9_900)
    large, small = drop(server, max_megabytes=1, afterwards="move").poll(None, later())
    with pytest.raises(FeedMalformed, match="larger than 1 MB"):
        large.open()
    assert (large.size, small.content) == (2 << 20, b"fine")
    large.refuse("too large")
    assert len(list((server.root / "out" / "refused").iterdir())) == 1


def test_a_file_that_was_not_committed_is_not_stepped_over(server: Server) -> None:
    for name, age in (("a.csv", 300), ("b.csv", 200), ("c.csv", 100)):
        put(server, name, name.encode(), age=age)
    cursor = None
    for delivery in drop(server).poll(None, later()):
        if delivery.content == b"b.csv":
            continue  # its records could not be committed
        cursor = delivery.cursor
        delivery.acknowledge()
    assert [delivery.content for delivery in drop(server).poll(cursor, later())] == [b"b.csv"]
