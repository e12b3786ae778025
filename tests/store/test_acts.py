"""Does the shelf keep what a restore must not undo, and does it know whether it has all of it? On both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import acts, shelf
from store.database import Database, sqlite_url

OURS, THEIRS = "s" * 26, "t" * 26


@pytest.fixture
def beside(database: Database) -> Database:
    shelf.begin(database, OURS)
    return database


def test_entries_come_back_in_their_order_and_once(beside: Database) -> None:
    acts.remember(beside, [(4, b"four"), (5, b"five")])
    acts.remember(beside, [(5, b"five"), (5, b"another five"), (9, b"nine")])
    assert acts.since(beside, 5) == [b"five", b"another five", b"nine"]
    acts.forget(beside, 9)
    assert acts.since(beside, 0) == [b"nine"]


def test_it_is_complete_from_where_it_was_last_seen(beside: Database) -> None:
    assert not acts.complete(beside, 0), "begun anew: nobody knows what was before"
    for size in (3, 7, 7):
        acts.beside(beside, size)
    assert [acts.complete(beside, size) for size in (0, 7, 8)] == [True, True, False]


def test_the_shelf_of_another_installation_is_none_of_ours(beside: Database) -> None:
    assert acts.kept(beside, OURS)
    assert not acts.kept(beside, THEIRS)


def test_a_copy_says_that_it_is_one_until_it_is_in_use(tmp_path: Path) -> None:
    original = Database(sqlite_url(tmp_path / "shelf.db"))
    shelf.begin(original, OURS)
    acts.remember(original, [(2, b"two")])
    acts.beside(original, 3)
    shelf.copy_to(original, tmp_path / "copy.db")
    copy = Database(sqlite_url(tmp_path / "copy.db"))
    assert acts.complete(original, 3)
    assert not acts.complete(copy, 3)
    assert acts.since(copy, 0) == [b"two"]
    acts.beside(copy, 5)
    assert acts.complete(copy, 5)
    original.close()
    copy.close()


def test_a_shelf_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    old = Database(sqlite_url(tmp_path / "shelf.db"))
    shelf.begin(old, OURS)
    with old.write() as conn:
        shelf.shelf_act.drop(conn)
        shelf.shelf_mark.drop(conn)
    assert not acts.kept(old, OURS)
    shelf.require(old, OURS)
    acts.remember(old, [(1, b"one")])
    assert acts.since(old, 0) == [b"one"]
    old.close()
