"""Is a file whole under its name or not there, and what was there before left alone?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.durable import write_whole


def test_it_takes_the_place_of_what_was_there_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"old and longer")
    write_whole(place, b"new", mode=0o600)
    assert place.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [place]
    assert place.stat().st_mode & 0o777 == 0o600


def test_what_was_there_stays_when_the_disk_does_not_take_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    place = tmp_path / "a"
    place.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(place, b"new")
    assert place.read_bytes() == b"old"
