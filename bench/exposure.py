"""What a thief of the disk gets: builds an installation from a roster and writes out everything that lies in its files.

    python bench/exposure.py --roster R.csv --out X.npz [--bookings B.csv] [--keep DIR] [--attack NAMES_DIR]

The roster (and bookings) are taken in by the product itself, by way of its folders, as in production. Then the disk is
read without any key: the database file, its write-ahead log, a backup made with SQLite's own backup, and the archive of
feed files. `X.npz` holds one row for each client:

* `database`, `wal`, `backup`: the sealed value found there, as bits (packed; `np.unpackbits(X["database"], axis=1)`), zeros
  behind its end. `wal_found` says which clients the log still held.
* `reference`: the client's opaque reference as bits, `length`: bytes of the sealed value, `position`: place of the row in the
  table, `clear`: the remaining columns of the row as JSON, as they lie there.
* `client_id`: **the answer**, which is in no file: the roster's own number, so that an attack can be scored.

`archive` holds one row of bits for each chunk of an archived file, `files` the names and sizes of all files. An outside attack
needs `X.npz` and, to be scored, the roster. `--attack` runs our own (`bench/exposure_attack.py`) with public name lists, on the
stolen rows and, to show that the attack works, on the open encodings of the same people.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)  # run as a script, Python would take this folder's files for the rooms of the same name
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from config import load
from service import logs
from service.cycle import Cycle
from service.engine import Engine, open_engine
from service.setup import CONFIG_NAME, install
from store import clients
from store.envelope import RandomBytes

Bits = NDArray[np.uint8]
NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
ENVELOPE = re.compile(rb"\x01([a-z2-7]{26})")
"""How anybody finds sealed values in raw bytes: version and the name of the data key, which is the same in all of them."""
REFERENCE = re.compile(rb"(?<![a-z2-7])[a-z2-7]{26}")

CONFIG = """profile = "development"
[audit]
origin = "warmlink.example/exposure"
{programs}
[[feeds]]
id = "roster"
kind = "roster"
org = "provider"
path = "feeds/roster"
mapping = "common_roster"
[[feeds]]
id = "jail"
kind = "bookings"
path = "feeds/jail"
mapping = "common_bookings"
"""
PROGRAM = '[[programs]]\nid = "{0}"\nname = "{0}"\norg = "provider"\npart2 = false\ncovered_entity = true\n'


@dataclass(frozen=True, slots=True)
class Exposure:
    """What lies in the files, by client. Row k of every array is the same client."""

    client_id: list[str]
    position: NDArray[np.int32]
    reference: Bits
    length: NDArray[np.int32]
    database: Bits
    backup: Bits
    wal: Bits
    wal_found: NDArray[np.bool_]
    clear: list[str]
    archive: Bits
    files: dict[str, int] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        np.savez_compressed(
            path,
            client_id=np.array(self.client_id),
            position=self.position,
            reference=self.reference,
            length=self.length,
            database=self.database,
            backup=self.backup,
            wal=self.wal,
            wal_found=self.wal_found,
            clear=np.array(self.clear),
            archive=self.archive,
            files=np.array(json.dumps(self.files)),
        )


@contextmanager
def installation(roster: Path, home: Path, random: RandomBytes = os.urandom) -> Iterator[Engine]:
    """A development installation in `home` that has taken the roster in."""
    with roster.open(encoding="utf-8", newline="") as file:
        programs = sorted({row["program"] for row in csv.DictReader(file) if row.get("program")})
    text = CONFIG.format(programs="\n".join(PROGRAM.format(p) for p in programs))
    install(home, text, random=random, now=NOW, environment={})
    log = (home / "log.jsonl").open("a", encoding="utf-8")
    engine = open_engine(
        load(home / CONFIG_NAME, {}), clock=lambda: NOW, random=random, log=logs.logger(lambda: NOW, log)
    )
    try:
        take_in(engine, roster, "roster")
        yield engine
    finally:
        engine.close()
        log.close()


def take_in(engine: Engine, file: Path, feed: str) -> None:
    """One cycle over a file that was dropped for a feed."""
    shutil.copy(file, engine.settings.home / "feeds" / feed / f"{feed}.csv")
    report = Cycle(engine).run()
    if report.faults:
        raise RuntimeError(f"the installation did not take the file in: {report.faults}")


def write_ahead_log(home: Path) -> bytes:
    wal = home / "warmlink.db-wal"
    return wal.read_bytes() if wal.exists() else b""


def expose(engine: Engine, stolen: Path, earlier_log: bytes = b"") -> Exposure:
    """Copies what a thief would copy into `stolen`, while the program runs, and reads it without any key.

    `earlier_log` is what the write-ahead log held when the thief came by before, e.g. just after the roster was taken in.
    """
    steal(engine.settings.home, stolen)
    rows = _rows(stolen / "database.db")
    truth = _truth(engine)
    length = np.array([len(row["sealed"]) for row in rows], np.int32)
    width = int(length.max(initial=0))
    backup = {row["ref"]: row["sealed"] for row in _rows(stolen / "backup.db")}
    carved = carve(earlier_log + (stolen / "database.db-wal").read_bytes(), width)
    return Exposure(
        client_id=[truth[row["ref"]] for row in rows],
        position=np.arange(len(rows), dtype=np.int32),
        reference=_bits([row["ref"].encode() for row in rows], 26),
        length=length,
        database=_bits([row["sealed"] for row in rows], width),
        backup=_bits([backup[row["ref"]] for row in rows], width),
        wal=_bits([carved.get(row["ref"], b"") for row in rows], width),
        wal_found=np.array([row["ref"] in carved for row in rows]),
        clear=[json.dumps({k: v for k, v in row.items() if k not in {"ref", "sealed"}}) for row in rows],
        archive=_archive(stolen / "home"),
        files={str(f.relative_to(stolen)): f.stat().st_size for f in sorted(stolen.rglob("*")) if f.is_file()},
    )


def steal(home: Path, stolen: Path) -> None:
    """Every file but the keys (they are kept elsewhere), the database also as a consistent backup."""
    shutil.copytree(home, stolen / "home", ignore=shutil.ignore_patterns("keys", "*.jwk"))
    shutil.copy(home / "warmlink.db", stolen / "database.db")
    (stolen / "database.db-wal").write_bytes(write_ahead_log(home))
    source, target = sqlite3.connect(home / "warmlink.db"), sqlite3.connect(stolen / "backup.db")
    with source, target:
        source.backup(target)
    source.close()
    target.close()


def _rows(database: Path) -> list[dict[str, Any]]:
    """Client rows in the order in which the file keeps them; the log beside a copy is read along and left alone."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copy(database, copy)
        if (wal := database.with_name(database.name + "-wal")).exists():
            shutil.copy(wal, copy.with_name("copy.db-wal"))
        conn = sqlite3.connect(copy)
        conn.row_factory = sqlite3.Row
        found = [dict(row) for row in conn.execute("SELECT * FROM client WHERE sealed IS NOT NULL ORDER BY rowid")]
        conn.close()
    return found


def carve(raw: bytes, width: int) -> dict[str, bytes]:
    """Sealed values in raw bytes by the reference written before them; the last one where there are several.

    A value that goes over the end of its page is followed by foreign bytes: a thief without the page chain has that much.
    """
    found: dict[str, bytes] = {}
    matches = list(ENVELOPE.finditer(raw))
    keys = Counter(match[1] for match in matches)
    for match in (m for m in matches if keys[m[1]] == max(keys.values())):
        before = REFERENCE.findall(raw, max(0, match.start() - 96), match.start())
        if before:
            found[before[-1].decode()] = raw[match.start() : match.start() + width]
    return found


def _truth(engine: Engine) -> dict[str, str]:
    """Reference -> the roster's own number. Needs the key: this is the answer, not part of the loot."""
    with engine.database.read() as conn:
        return {c.ref: c.entry.client_id for c in clients.every(conn, engine.vault)}


def _archive(home: Path) -> Bits:
    chunks: list[bytes] = []
    for path in sorted(home.rglob("*.sealed")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            chunks.append(data[at + 4 : at + 4 + size])
            at += 4 + size
    return _bits(chunks, max(map(len, chunks), default=0))


def _bits(values: Sequence[bytes], width: int) -> Bits:
    """(n, width) packed bits, zeros behind the end of a value."""
    joined = b"".join(value[:width].ljust(width, b"\x00") for value in values)
    return np.frombuffer(joined, np.uint8).reshape(len(values), width)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--bookings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="keep the installation and the stolen copies in this new folder")
    parser.add_argument("--attack", type=Path, help="folder of last_names.csv and given_names.csv")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="exposure-") as temporary:
        work = args.keep or Path(temporary)
        with installation(args.roster, work / "installation") as engine:
            log = write_ahead_log(engine.settings.home)
            if args.bookings:
                take_in(engine, args.bookings, "jail")
            exposed = expose(engine, work / "stolen", log)
            exposed.save(args.out)
            print(f"{len(exposed.client_id)} clients, {exposed.database.shape[1] * 8} bits each; {args.out}")
            if args.attack:
                from bench.exposure_attack import report

                print(report(exposed, engine, args.roster, args.attack))


if __name__ == "__main__":
    main()
