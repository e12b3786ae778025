"""Does what lies on the disk tell anything about a person?"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench.exposure import Exposure, carve, expose, installation, take_in, write_ahead_log
from bench.exposure_attack import Truth, attacks, open_filters, order_attacks, public_surnames
from matcher import EncodedBatch
from records import Identity
from service.engine import Engine
from store import clients
from tests.privacy.conftest import Drbg
from tests.privacy.disk import Runs, all_files, count_runs, open_runs


@dataclass(frozen=True)
class Loot:
    """An installation, what a thief took, and the answer."""

    engine: Engine
    home: Path
    stolen: Path
    exposed: Exposure
    roster: Path

    def truth(self) -> Truth:
        return Truth.read(self.roster, self.exposed.client_id)


@pytest.fixture(scope="module")
def loot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loot]:
    """us_variety_small, its roster sorted by surname as rosters often are, with its bookings."""
    folder = tmp_path_factory.mktemp("loot")
    roster = folder / "roster.csv"
    with (shared / "us_variety_small" / "roster.csv").open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        rows = sorted(reader, key=lambda row: row["last_name"].upper())
    with roster.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(rows)
    bookings = folder / "bookings.csv"
    listed = (shared / "us_variety_small" / "bookings.csv").read_text("utf-8").splitlines(keepends=True)
    bookings.write_text("".join(listed[:151]), "utf-8")
    with installation(roster, folder / "home", Drbg()) as engine:
        log = write_ahead_log(folder / "home")
        (folder / "stolen").mkdir()
        (folder / "stolen" / "earlier-wal").write_bytes(log)
        take_in(engine, bookings, "jail")
        exposed = expose(engine, folder / "stolen", log)
        yield Loot(engine, folder / "home", folder / "stolen", exposed, roster)


@pytest.fixture(scope="module")
def runs(loot: Loot) -> Runs:
    """The roster encoded anew, by us, with the installation's own key."""
    with loot.engine.database.read() as conn:
        people = [c.entry.identities for c in clients.every(conn, loot.engine.vault)]
    return open_runs(loot.engine.encoder.encode(people))


def test_no_run_of_an_open_encoding_lies_in_any_file(loot: Loot, runs: Runs) -> None:
    files = all_files(loot.stolen)  # with the home as it lay there, the shelf of keys left out as every backup must
    assert {"warmlink.db", "warmlink.db-wal", "backup.db"} <= {f.name for f in files}
    assert any(f.suffix == ".sealed" for f in files)
    assert len(runs) > 100_000
    assert count_runs(files, runs) == {}


def test_the_search_finds_a_planted_filter(loot: Loot, runs: Runs, tmp_path: Path) -> None:
    """One filter of one client, at an odd place in a copy of the database."""
    planted = tmp_path / "planted.db"
    data = bytearray((loot.stolen / "backup.db").read_bytes())
    person = loot.engine.encoder.encode([_one_client(loot)])
    data[70_001:70_001] = person.tables.name_filters[0].tobytes()
    planted.write_bytes(bytes(data))
    assert count_runs([planted], runs)[planted] >= 40


def test_the_runs_are_those_that_the_store_seals(loot: Loot, runs: Runs) -> None:
    """The search looks for the right bytes: they are found in a sealed value once it is opened."""
    with loot.engine.database.read() as conn:
        opened = next(clients.every(conn, loot.engine.vault)).encoding
    assert len(np.intersect1d(open_runs(EncodedBatch.from_bytes(opened)), runs)) > 100


def _one_client(loot: Loot) -> tuple[Identity, ...]:
    with loot.engine.database.read() as conn:
        return next(clients.every(conn, loot.engine.vault)).entry.identities


def test_what_was_stolen_stays_at_chance(loot: Loot, shared: Path) -> None:
    exposed = loot.exposed
    assert (exposed.backup == exposed.database).all()
    for bits in (exposed.database, exposed.reference):
        found = attacks(bits, loot.truth(), public_surnames(shared / "names"))
        assert [str(f) for f in found if f.reads] == []


def test_eight_thousand_people_stay_at_chance(shared: Path, tmp_path: Path) -> None:
    """A frequency attack gains with numbers: this is the size that the threat model speaks of."""
    maker = [sys.executable, str(shared / "make_large.py"), "--roster", "8000", "--bookings", "1", "--seed", "41"]
    subprocess.run([*maker, "--out", str(tmp_path / "made")], check=True, capture_output=True)
    roster = tmp_path / "made" / "roster.csv"
    with installation(roster, tmp_path / "home", Drbg()) as engine:
        exposed = expose(engine, tmp_path / "stolen", write_ahead_log(tmp_path / "home"))
    truth = Truth.read(roster, exposed.client_id)
    assert len(exposed.client_id) == 8000
    found = [
        *attacks(exposed.reference, truth, public_surnames(shared / "names")),
        *attacks(exposed.database, truth, public_surnames(shared / "names")),
        *order_attacks(exposed.position, truth),
    ]
    assert [str(f) for f in found if f.reads] == []


def test_the_same_attacks_read_open_filters(loot: Loot, shared: Path) -> None:
    found = attacks(open_filters(loot.engine, loot.exposed.client_id), loot.truth(), public_surnames(shared / "names"))
    assert {f.attack.partition(":")[0] for f in found if f.reads} >= {"neighbours", "single bits"}


def test_a_sorted_roster_is_not_stored_in_its_order(loot: Loot) -> None:
    assert [str(f) for f in order_attacks(loot.exposed.position, loot.truth()) if f.reads] == []
    as_delivered = order_attacks(loot.truth().listed, loot.truth())
    assert all(f.reads for f in as_delivered)


def test_the_log_beside_the_database_holds_the_same_sealed_values(loot: Loot) -> None:
    """The exposure covers the write-ahead log: what was carved from its raw bytes are the sealed values themselves."""
    exposed = loot.exposed
    assert exposed.wal_found.mean() > 0.5
    same = (exposed.wal[exposed.wal_found, :512] == exposed.database[exposed.wal_found, :512]).all(axis=1)
    assert same.mean() > 0.9


def test_carving_takes_the_reference_before_the_envelope() -> None:
    ref, key = b"a" * 26, b"k" * 26
    assert carve(b"\x00\x1f" + ref + b"provider\x01" + key + b"sealed", 33) == {ref.decode(): b"\x01" + key + b"sealed"}


def test_clear_columns_hold_no_value_of_a_person(loot: Loot) -> None:
    truth = loot.truth()
    words = {str(name) for name in truth.surname if len(name) > 3}
    assert not [row for row in loot.exposed.clear if any(word in row.upper() for word in words)]
