"""A drop folder never gives half a file, never loses one, and never prints what a sender wrote into its name."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import FeedRejected, FeedUnavailable, FolderDrop
from connectors.transports.folder import FolderDelivery
from connectors.transports.kept import kept_file, kept_files

LATER = timedelta(minutes=5)


def now() -> datetime:
    """The real time: files have real times."""
    return datetime.now(UTC)


def put(folder: Path, name: str, content: bytes = b"x\n") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def poll(drop: FolderDrop, at: datetime | None = None) -> list[FolderDelivery]:
    return list(drop.poll(None, at or now() + LATER))


def content(delivery: FolderDelivery) -> bytes:
    with delivery.open() as stream:
        return stream.read()


def test_a_file_is_delivered_once_it_has_settled(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"hello")
    drop = FolderDrop(tmp_path, "*.csv", settle=timedelta(seconds=30))
    assert poll(drop, now()) == []
    (delivery,) = poll(drop)
    assert (content(delivery), delivery.size) == (b"hello", 5)


def test_a_preserved_old_time_of_modification_does_not_settle_a_file(tmp_path: Path) -> None:
    os.utime(put(tmp_path, "a.csv"), (1_000_000_000, 1_000_000_000))
    assert poll(FolderDrop(tmp_path), now()) == []


def test_with_a_file_server_whose_clock_is_ahead_two_polls_settle_it(tmp_path: Path) -> None:
    ahead = (now() + timedelta(days=1)).timestamp()
    os.utime(put(tmp_path, "a.csv"), (ahead, ahead))
    drop, start = FolderDrop(tmp_path, settle=timedelta(seconds=30)), now()
    assert poll(drop, start) == []
    assert poll(drop, start + timedelta(seconds=29)) == []
    assert len(poll(drop, start + timedelta(seconds=30))) == 1


def test_growing_starts_the_wait_again(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv")
    ahead = (now() + timedelta(days=1)).timestamp()
    os.utime(path, (ahead, ahead))
    drop, start = FolderDrop(tmp_path, settle=timedelta(seconds=30)), now()
    poll(drop, start)
    path.write_bytes(b"x\ny\n")
    os.utime(path, (ahead, ahead))
    assert poll(drop, start + timedelta(seconds=31)) == []


@pytest.mark.parametrize("name", [".a.csv", "a.csv.part", "a.csv.TMP", "~$a.csv", "a.csv.filepart"])
def test_unfinished_and_hidden_files_are_left_alone(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    assert poll(FolderDrop(tmp_path)) == []


def test_with_a_marker_only_marked_files_count_and_the_marker_goes_too(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put(tmp_path, "b.csv")
    put(tmp_path, "b.csv.done", b"")
    drop = FolderDrop(tmp_path, "*.csv", complete="marker")
    (delivery,) = poll(drop, now())
    delivery.acknowledge()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.csv"]


def test_oldest_first_then_by_name(tmp_path: Path) -> None:
    start = now()
    for name, age in (("c.csv", 10), ("b.csv", 30), ("a.csv", 10)):
        when = (start - timedelta(days=age)).timestamp()
        os.utime(put(tmp_path, name, name.encode()), (when, when))
    assert [content(d) for d in poll(FolderDrop(tmp_path))] == [b"b.csv", b"a.csv", b"c.csv"]
    assert [content(d) for d in poll(FolderDrop(tmp_path, order="name"))] == [b"a.csv", b"b.csv", b"c.csv"]


def test_unacknowledged_files_come_again_and_acknowledged_ones_do_not(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"hello")
    drop = FolderDrop(tmp_path)
    assert len(poll(drop)) == len(poll(FolderDrop(tmp_path))) == 1
    (delivery,) = poll(drop)
    delivery.acknowledge()
    delivery.acknowledge()
    assert poll(drop) == []
    assert [p.read_bytes() for p in (tmp_path / "done").iterdir()] == [b"hello"]


def test_acknowledged_files_may_be_deleted(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"hello")
    (delivery,) = poll(FolderDrop(tmp_path, afterwards="delete"))
    delivery.acknowledge()
    delivery.acknowledge()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_file_that_is_closed_to_us_keeps_no_other_from_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.csv")
    put(tmp_path, "b.csv", b"open")
    opened = Path.open

    def refusing(self: Path, mode: str = "r") -> object:
        if self.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return opened(self, mode)

    monkeypatch.setattr(Path, "open", refusing)
    polled = FolderDrop(tmp_path, order="name").poll(None, now() + LATER)
    assert next(polled).size == 4
    with pytest.raises(FeedRejected, match="owner and mode"):
        next(polled)


def test_refused_files_lie_beside_their_reason(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"bad")
    (delivery,) = poll(FolderDrop(tmp_path))
    delivery.refuse("the header is wrong")
    assert sorted(p.read_text().strip() for p in (tmp_path / "refused").iterdir()) == ["bad", "the header is wrong"]
    assert poll(FolderDrop(tmp_path)) == []


def test_a_refused_file_can_be_read_again_after_the_mapping_was_mended(tmp_path: Path) -> None:
    put(tmp_path, "jms_WHITFIELD.csv", b"bad")
    drop = FolderDrop(tmp_path, "jms_*.csv")
    (delivery,) = poll(drop)
    delivery.refuse("the header is wrong")
    (kept,) = kept_files(drop)
    assert (kept.source_hash, kept.size, "WHITFIELD" in kept.name) == (delivery.source_hash, 3, False)
    with kept.open() as stream:
        assert stream.read() == b"bad"
    kept.refuse("it still is")
    kept.acknowledge()
    kept.acknowledge()
    again = kept_file(drop, delivery.source_hash)
    assert again is not None
    assert [p.name for p in (tmp_path / "refused").iterdir()] == []
    assert kept_file(drop, "0" * 64) is None
    assert poll(drop) == []


def test_the_same_name_again_replaces_nothing_in_done(tmp_path: Path) -> None:
    for text in (b"monday", b"tuesday"):
        put(tmp_path, "export.csv", text)
        (delivery,) = poll(FolderDrop(tmp_path))
        delivery.acknowledge()
    assert sorted(p.read_bytes() for p in (tmp_path / "done").iterdir()) == [b"monday", b"tuesday"]


def test_a_file_replaced_after_it_was_read_is_not_moved_unread(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"old")
    (delivery,) = poll(FolderDrop(tmp_path))
    (tmp_path / "new").write_bytes(b"brand new")
    (tmp_path / "new").rename(tmp_path / "a.csv")
    delivery.acknowledge()
    assert [content(d) for d in poll(FolderDrop(tmp_path))] == [b"brand new"]


def test_a_file_replaced_between_look_and_move_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "a.csv", b"old")
    (delivery,) = poll(FolderDrop(tmp_path))
    rename = Path.rename

    def replaced_just_before(self: Path, target: Path) -> Path:
        if self == path:
            (tmp_path / "fresh").write_bytes(b"brand new")
            (tmp_path / "fresh").replace(path)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", replaced_just_before)
    delivery.acknowledge()
    monkeypatch.undo()
    assert [content(d) for d in poll(FolderDrop(tmp_path))] == [b"brand new"]
    assert list((tmp_path / "done").iterdir()) == []


def test_a_file_that_changed_since_the_poll_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"old")
    (delivery,) = poll(FolderDrop(tmp_path))
    put(tmp_path, "a.csv", b"longer")
    with pytest.raises(FeedUnavailable, match="still writing"):
        delivery.open()


def test_a_missing_folder_may_be_asked_again(tmp_path: Path) -> None:
    with pytest.raises(FeedUnavailable):
        poll(FolderDrop(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("pattern", "name", "shown"),
    [
        ("jms_*.csv", "jms_2026-10-06.csv", True),
        ("jms_*.csv", "jms_20261006T0410Z.csv", True),
        ("export.csv", "export.csv", True),
        ("jms_*.csv", "jms_WHITFIELD.csv", False),
        ("*.ini", "DEM12345678_0400.ini", False),
        ("*", "Pena Marisol.csv", False),
    ],
)
def test_a_file_name_is_printed_only_if_it_cannot_hold_a_person(
    tmp_path: Path, pattern: str, name: str, shown: bool
) -> None:
    put(tmp_path, name)
    (delivery,) = poll(FolderDrop(tmp_path, pattern))
    assert (delivery.name == name) is shown
    assert shown or (delivery.name.startswith("file ~") and repr(delivery) == f"<{delivery.name}>")
