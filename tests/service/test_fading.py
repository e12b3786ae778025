"""Does what was destroyed stay destroyed in a backup that somebody kept, the master key at hand? And is nobody forgotten too early?"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Table

from config import KeyUnavailable, Refuse, load
from service import archive, held, retention, rotation, shelving
from service.engine import Engine, key_ring, open_engine
from service.feeds import place
from service.setup import CONFIG_NAME
from store import bookings, sources, tables
from store.database import Database
from store.envelope import key_of
from store.errors import KeyDestroyed
from tests.service.installation import AVELINE, BARNABY, CLIENTS, ORG, STRANGER, Clock, Installation, make, opened

RELEASED = {"release_at": "2026-10-06T05:30:00-04:00"}


def keys_of(site: Installation, number: str) -> set[str]:
    """Which keys a booking's content is sealed under: `day`, `own` or another."""
    days, ref = set(site.engine.shelf.days().values()), site.booking(number)
    own = site.engine.shelf.booking(ref, site.clock()).id if ref in site.engine.shelf.bookings() else ""
    rows = [*site.rows(tables.booking, ref=ref), *site.rows(tables.booking_source, booking=ref)]
    found = {key_of(row["sealed"]) for row in rows if row["sealed"]}
    return {"day" if key in days else "own" if key == own else "other" for key in found}


def backup(site: Installation, into: Path) -> Path:
    """What a nightly backup keeps, with the keys of the safe beside it: everything but the shelf."""
    into.mkdir()
    with sqlite3.connect(into / "warmlink.db") as copy, sqlite3.connect(site.home / "warmlink.db") as live:
        live.backup(copy)
    copy.close()
    live.close()
    shutil.copytree(site.home / "feeds", into / "feeds")
    shutil.copytree(site.home / "keys", into / "keys", ignore=shutil.ignore_patterns("shelf.db*"))
    for file in site.home.glob("*.*ml"):
        shutil.copy(file, into)
    return into


def thief(home: Path, site: Installation) -> Engine:
    """Opens a backup with the master key and the shelf as it is today: the most that is left anywhere."""
    for file in (site.home / "keys").glob("shelf.db*"):
        shutil.copy(file, home / "keys")
    return open_engine(load(home / CONFIG_NAME, {}), clock=site.clock)


def readable(engine: Engine, table: Table, what: Callable[[object], object], column: str = "sealed") -> int:
    """How many of a table's sealed values open."""
    with engine.database.read() as conn:
        rows = [row for row in conn.execute(table.select()).mappings() if row[column]]
    opened = 0
    for row in rows:
        try:
            engine.vault.open(row[column], place=str(what(row)))
        except KeyDestroyed:
            continue
        opened += 1
    return opened


def of_bookings(engine: Engine) -> int:
    own = readable(engine, tables.booking, lambda row: bookings.place_of(row["ref"]))  # type: ignore[index]
    told = readable(engine, tables.booking_source, lambda row: sources.place_of(row["series"]))  # type: ignore[index]
    return own + told


def of_archive(engine: Engine, feed: str) -> int:
    """How many archived deliveries open."""
    settings = next(f for f in engine.settings.feeds if f.id == feed)
    opened = 0
    for file in archive.all_kept(place(engine.settings, settings)):
        try:
            opened += bool(b"".join(archive.restore(file, engine.vault)))
        except KeyDestroyed:
            continue
    return opened


def test_a_booking_of_nobody_is_under_its_day_and_a_linked_one_under_its_own(site: Installation) -> None:
    site.bookings(STRANGER.booked("J1"), AVELINE.booked("J2"))
    site.cycle()
    assert (keys_of(site, "J1"), keys_of(site, "J2")) == ({"day"}, {"own"})
    assert (
        key_of(site.rows(tables.decision)[0]["sealed_input"])
        == site.engine.shelf.booking(site.booking("J2"), site.clock()).id
    )


def test_a_client_added_within_the_window_is_found_and_the_booking_stays(site: Installation) -> None:
    site.bookings(STRANGER.booked("J1"))
    site.cycle()
    site.clock.forward(days=20)
    site.roster([*CLIENTS, STRANGER_AS_CLIENT])
    site.cycle()
    assert keys_of(site, "J1") == {"own"}
    site.clock.forward(days=20)
    site.cycle()
    assert [row["verdict"] for row in site.rows(tables.link)] == ["ALERT"]
    assert of_bookings(site.engine) == 2


STRANGER_AS_CLIENT = STRANGER.__class__(
    "CN7", *(getattr(STRANGER, part) for part in ("first", "last", "dob", "sex", "ssn4", "phone", "street", "zip"))
)


def test_after_the_window_nothing_opens_what_was_of_nobody(sqlite_site: Installation, tmp_path: Path) -> None:
    site = sqlite_site
    site.bookings(STRANGER.booked("J1", "R", **RELEASED), AVELINE.booked("J2"))
    site.cycle()
    kept = backup(site, tmp_path / "backup")
    early = thief(kept, site)
    assert (of_bookings(early), of_archive(early, "jail"), of_archive(early, "roster")) == (4, 1, 1)
    early.close()
    site.clock.forward(days=32)
    assert retention.run(site.engine).days >= 1
    late = thief(kept, site)
    assert of_bookings(late) == 2  # the client's, which is kept six years
    assert (of_archive(late, "jail"), of_archive(late, "roster")) == (0, 0)
    with late.database.read() as conn:
        assert [b.event.booking_number for b in bookings.open_bookings(conn, late.vault)] == ["J2"]
    late.close()
    assert archive.all_kept(place(site.engine.settings, site.engine.settings.feeds[1])) == []
    assert site.verified().good


def test_a_stay_that_goes_on_is_carried_from_day_to_day_and_found_months_later(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(STRANGER.booked("J1"))
    site.cycle()
    first = site.engine.shelf.days()
    for _ in range(3):
        site.clock.forward(days=32)
        assert retention.run(site.engine).carried == 1
    assert not set(first) & set(site.engine.shelf.days())
    assert (keys_of(site, "J1"), rotation.status(site.engine).unreadable) == ({"day"}, 0)
    site.roster([*CLIENTS, STRANGER_AS_CLIENT])
    site.cycle()
    assert [row["verdict"] for row in site.rows(tables.link)] == ["ALERT"]


def test_a_stay_whose_end_nobody_reported_goes_once_it_cannot_be_believed(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(STRANGER.booked("J1"))
    site.cycle()
    site.clock.forward(days=3660)
    assert retention.run(site.engine).carried == 0
    assert site.rows(tables.booking)[0]["sealed"] is None
    assert site.verified().good


def test_what_a_hold_covers_outlives_its_day(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(STRANGER.booked("J1", "R", **RELEASED))
    site.cycle()
    retention.place_hold(site.engine, "counsel-1", client=None, org=None, booking=site.booking("J1"))
    site.clock.forward(days=32)
    done = retention.run(site.engine)
    assert (done.held, done.carried) == (1, 1)
    assert keys_of(site, "J1") == {"own"}
    site.engine.fading()
    everything = retention.place_hold(site.engine, "counsel-1", client=None, org=None, booking=None)
    site.clock.forward(days=32)
    assert retention.run(site.engine).days == 0
    retention.lift_hold(site.engine, everything, "counsel-1")
    assert retention.run(site.engine).days >= 1


@pytest.mark.parametrize("event", ["S", "C"])
def test_a_sealed_booking_is_unreadable_in_the_backup_of_before(
    event: str, sqlite_site: Installation, tmp_path: Path
) -> None:
    """Its content, what was decided upon, and the file that told of it; another client's booking stays."""
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    site.bookings(BARNABY.booked("J2"), name="later.csv")
    site.cycle()
    kept = backup(site, tmp_path / "backup")
    site.bookings(AVELINE.booked("J1", event), name="end.csv")
    site.cycle()
    late = thief(kept, site)
    decided = site.count(tables.decision)
    assert of_bookings(late) == 2
    inputs = readable(late, tables.decision, lambda row: f"decision/{row['ref']}", "sealed_input")  # type: ignore[index]
    late.close()
    assert 0 < inputs < decided
    left = archive.all_kept(place(site.engine.settings, site.engine.settings.feeds[1]))
    assert len(left) == (1 if event == "S" else 3)


def test_what_is_purged_at_a_clients_wish_is_unreadable_in_the_backup_but_for_the_client(
    sqlite_site: Installation, tmp_path: Path
) -> None:
    """Said as it is: roster entry and consents in a backup open with the master key until the backup is destroyed."""
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    kept = backup(site, tmp_path / "backup")
    held.purge_client(site.engine, site.client(AVELINE), "client_request", "officer")
    late = thief(kept, site)
    assert of_bookings(late) == 0
    assert readable(late, tables.client, lambda row: f"client/{row['ref']}") == len(CLIENTS)  # type: ignore[index]
    late.close()


def test_a_lost_shelf_is_said_and_not_replaced_in_silence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make(home)
    with opened(home, Clock()) as site:
        site.settle_in()
        site.bookings(STRANGER.booked("J1"))
        site.cycle()
        shelving.copy_to(site.engine.settings, tmp_path / "shelf-copy.db")
    settings = load(home / CONFIG_NAME, {})
    database = Database(settings.database_url())
    with pytest.raises(Refuse, match="where it should be"):
        shelving.begin_anew(settings, database, key_ring(settings, database, {}))
    for file in (home / "keys").glob("shelf.db*"):
        file.unlink()
    with pytest.raises(KeyUnavailable, match="keys shelf --new"):
        open_engine(settings)
    shutil.copy(tmp_path / "shelf-copy.db", home / "keys" / "shelf.db")
    with opened(home, Clock()) as site:
        assert rotation.status(site.engine).unreadable == 0
        assert of_bookings(site.engine) == 2
    (home / "keys" / "shelf.db").unlink()
    shelving.begin_anew(settings, database, key_ring(settings, database, {}))
    database.close()
    with opened(home, Clock()) as site:
        assert rotation.status(site.engine).unreadable == 1
        site.bookings(AVELINE.booked("J2"))
        assert not site.cycle().faults
        assert site.rows(tables.link)


def test_an_older_installation_gets_its_shelf_at_the_first_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make(home)
    with opened(home, Clock()) as site, site.engine.database.write() as conn:
        conn.execute(tables.data_key.delete().where(tables.data_key.c.purpose == "secret/shelf"))
    for file in (home / "keys").glob("shelf.db*"):
        file.unlink()
    with opened(home, Clock()) as site:
        site.settle_in()
        site.bookings(STRANGER.booked("J1"))
        site.cycle()
        assert keys_of(site, "J1") == {"day"}
        assert (home / "keys" / "shelf.db").stat().st_mode & 0o077 == 0


def test_a_hold_on_a_client_covers_their_bookings_key(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("J1"))
    site.cycle()
    retention.place_hold(site.engine, "counsel-1", client=AVELINE.number, org=ORG, booking=None)
    site.bookings(AVELINE.booked("J1", "S"), name="end.csv")
    site.cycle()
    retention.run(site.engine)
    assert keys_of(site, "J1") == {"own"}
