"""Speed of the matcher: absolute figures of this machine, and ratios against peers measured in the same run.

    python bench/matcher.py                    10,000 and 100,000 clients
    python bench/matcher.py --sizes 1000000    as large as you have patience for
    python bench/matcher.py --accuracy DIR...  precision and recall on folders of roster.csv, bookings.csv, truth.csv;
                                               several: mean and worst as well. --without ssn4: that column emptied

Peers work on plaintext of the same pairs: recordlinkage (its Compare, as its manual uses it) and rapidfuzz (one
Jaro-Winkler per name and an equality per other field, pair by pair). Ours works on encodings. For Splink: bench/splink_peer.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.matcher_process import KEY, NONCE, SEAL
from matcher import EncodedBatch, Encoder, RosterIndex, default_model, link
from matcher.evaluate import measure as evaluate_pairs
from matcher.tables import lines
from records import Identity
from service.common_form import COLUMNS
from service.link import run_link

T = TypeVar("T")
LIKELY = 0.7
"""One threshold on probability, for all sets, rules left aside."""
FIELDS = ("first", "middle", "last", "birth_date", "sex", "ssn4", "phone", "street", "city", "zip")
CHUNK = 50_000
STREETS = [
    f"{name} {kind}"
    for name in ["Maple", "Oak", "Cedar", "Pine", "Elm", "Lake", "Hill", "Park", "Main", "Mill"]
    for kind in ("St", "Ave", "Rd")
]


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds of one call, and what it returned."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


class World:
    """Invented people whose names are as common as the Census says."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pools = {}
        for table in ("given_classes.csv", "surname_classes.csv"):
            rows = [
                (name, 2.0 ** -int(k))
                for k, _, names in (r.partition(",") for r in lines(table))
                for name in names.split()
            ]
            self.pools[table] = ([n for n, _ in rows], [w for _, w in rows])

    def blank(self, value: str, share: float) -> str:
        return "" if self.random.random() < share else value

    def columns(self, n: int) -> dict[str, list[str]]:
        r = self.random
        given, surname = self.pools["given_classes.csv"], self.pools["surname_classes.csv"]
        blank = self.blank
        return {
            "first": r.choices(*given, k=n),
            "middle": [blank(m, 0.3) for m in r.choices(*given, k=n)],
            "last": r.choices(*surname, k=n),
            "birth_date": [
                f"{r.randrange(1945, 2007)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}" for _ in range(n)
            ],
            "sex": r.choices("MF", k=n),
            "ssn4": [blank(f"{r.randrange(1, 9999):04d}", 0.5) for _ in range(n)],
            "phone": [blank(f"555{r.randrange(2000000, 9999999)}", 0.3) for _ in range(n)],
            "street": [blank(f"{r.randrange(10, 4999)} {r.choice(STREETS)}", 0.1) for _ in range(n)],
            "city": r.choices(["Tolland", "New Corinth", "Bexley Park"], k=n),
            "zip": [blank(f"00{r.randrange(401, 440)}", 0.1) for _ in range(n)],
        }

    def rebooked(self, columns: dict[str, list[str]], n: int, share: float = 0.06) -> dict[str, list[str]]:
        """`n` bookings, `share` of them of people in `columns`, with a letter lost now and then."""
        fresh = self.columns(n)
        for k in range(int(n * share)):
            who = self.random.randrange(len(columns["first"]))
            for field in FIELDS:
                fresh[field][k] = columns[field][who]
            if k % 10 == 0:
                fresh["last"][k] = fresh["last"][k][:-1]
        return fresh


def index_of(columns: dict[str, list[str]], encoder: Encoder, kernel: str) -> tuple[RosterIndex, list[bytes]]:
    index, segments = RosterIndex(default_model(), kernel="fast" if kernel == "fast" else "numpy"), []
    n = len(columns["first"])
    for lo in range(0, n, CHUNK):
        batch = encoder.encode_columns({f: c[lo : lo + CHUNK] for f, c in columns.items()})
        index.add(batch, [f"CL{k:07d}" for k in range(lo, min(n, lo + CHUNK))])
        segments.append(batch.to_bytes())
    return index, segments


def reload(sealed: list[bytes], refs: list[list[str]], booking: EncodedBatch) -> None:
    """From sealed segments, and the client references that the store keeps beside them, to the first answer."""
    index = RosterIndex(default_model())
    for data, held in zip(sealed, refs, strict=True):
        index.load(SEAL.decrypt(NONCE, data, None), held)
    link(booking, index)


def in_a_process(task: str, folder: Path) -> dict[str, float]:
    """What a process of its own took for a task of `bench/matcher_process.py`."""
    child = [sys.executable, str(Path(__file__).with_name("matcher_process.py")), task, str(folder)]
    told: dict[str, float] = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE).stdout)
    return told


def processes(roster: dict[str, list[str]], batch: EncodedBatch) -> None:
    """Prints what encoding from CSV, and answering from sealed segments, take in processes that hold no plaintext."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with (folder / "roster.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["client_id", *(COLUMNS[field] for field in FIELDS)])
            for n, row in enumerate(zip(*(roster[field] for field in FIELDS), strict=True)):
                writer.writerow([f"CL{n:07d}", *row])
        (folder / "bookings").write_bytes(batch.to_bytes())
        made, asked = in_a_process("encode", folder), in_a_process("answer", folder)
    print(
        f"          in a process of its own: CSV to index and sealed segments {made['cpu']:.2f} s CPU, peak {made['peak']:,.0f} MB   sealed segments to first answer {asked['first_cpu']:.2f} s CPU ({asked['first_wall']:.2f} s by the clock), all bookings answered: peak {asked['peak']:,.0f} MB"
    )


def one_by_one(
    columns: dict[str, list[str]], encoder: Encoder, index: RosterIndex, n: int = 300
) -> NDArray[np.float64]:
    """CPU milliseconds from plaintext to verdict, one booking at a time."""
    link(encoder.encode([[Identity(**{f: columns[f][0] for f in FIELDS})]]), index)
    took = []
    for k in range(n):
        person = Identity(**{f: columns[f][k] for f in FIELDS})
        start = time.process_time_ns()
        link(encoder.encode([[person]]), index)
        took.append((time.process_time_ns() - start) / 1e6)
    return np.array(took)


def rapidfuzz_pairs(left: dict[str, list[str]], i: list[int], right: dict[str, list[str]], j: list[int]) -> float:
    from rapidfuzz.distance import JaroWinkler

    similarity = JaroWinkler.similarity
    total = 0.0
    for a, b in zip(i, j, strict=True):
        total += similarity(left["first"][a], right["first"][b]) + similarity(left["last"][a], right["last"][b])
        total += similarity(left["street"][a], right["street"][b])
        total += sum(left[f][a] == right[f][b] for f in ("birth_date", "sex", "ssn4", "phone", "zip"))
    return total


def recordlinkage_pairs(left: dict[str, list[str]], i: list[int], right: dict[str, list[str]], j: list[int]) -> object:
    import pandas as pd
    import recordlinkage

    compare = recordlinkage.Compare()
    for field in ("first", "last", "street"):
        compare.string(field, field, method="jarowinkler")
    for field in ("birth_date", "sex", "ssn4", "phone", "zip"):
        compare.exact(field, field)
    return compare.compute(pd.MultiIndex.from_arrays([i, j]), pd.DataFrame(left), pd.DataFrame(right))


def measure(size: int, bookings: int) -> None:
    world = World(size)
    encoder, quick = Encoder(KEY, default_model()), Encoder(KEY, default_model(), kernel="fast")
    roster = world.columns(size)
    booked = world.rebooked(roster, bookings)
    build, (index, segments) = timed(lambda: index_of(roster, encoder, "numpy"))
    encode, batch = timed(lambda: encoder.encode_columns(booked))
    link(batch.slice(0, 10), index)
    numpy_cpu, results = timed(lambda: link(batch, index))
    index.kernel = "fast"
    link(batch.slice(0, 10), index)
    fast_cpu, again = timed(lambda: link(batch, index))
    if results != again:
        raise SystemExit("the kernels disagree")
    single_fast = one_by_one(booked, quick, index)
    index.kernel = "numpy"
    single = one_by_one(booked, encoder, index)
    sealed = [SEAL.encrypt(NONCE, data, None) for data in segments]
    refs = [[f"CL{k:07d}" for k in range(lo, min(size, lo + CHUNK))] for lo in range(0, size, CHUNK)]
    load, _ = timed(lambda: reload(sealed, refs, batch.one(0)))
    found = index.candidates(batch)
    keep = slice(0, 100_000)
    i, j = found.booking_rows[keep].tolist(), found.roster_rows[keep].tolist()
    scale = len(found.booking_rows) / max(1, len(i))
    fuzz = timed(lambda: rapidfuzz_pairs(booked, i, roster, j))[0] * scale
    peer = timed(lambda: recordlinkage_pairs(booked, i, roster, j))[0] * scale
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{size:>9,} clients, {bookings:,} bookings, {len(found.booking_rows):,} row pairs")
    print(
        f"          roster encoded and indexed {build:7.2f} s CPU   {index.bytes_per_client():5.0f} bytes a client   segments {sum(map(len, segments)) / size:.0f} bytes a client"
    )
    print(f"          sealed segments to first answer {load:5.2f} s CPU   bookings encoded {encode:.2f} s")
    print(
        f"          decided: numpy {numpy_cpu:6.3f} s   fast {fast_cpu:6.3f} s ({numpy_cpu / fast_cpu:.1f} times numpy)"
    )
    print(
        f"          comparing the same pairs in plaintext: rapidfuzz {fuzz:6.2f} s ({fuzz / numpy_cpu:.1f} times ours)   recordlinkage {peer:6.2f} s ({peer / numpy_cpu:.1f} times ours)"
    )
    print(
        f"          one booking, text to verdict, CPU ms: numpy p50 {np.percentile(single, 50):.2f} p99 {np.percentile(single, 99):.2f}   fast p50 {np.percentile(single_fast, 50):.2f} p99 {np.percentile(single_fast, 99):.2f}   process peak {peak:,.0f} MB, plaintext of the bench included"
    )
    processes(roster, batch)


HEADINGS = ("ALERT P", "R", "F1", "F1 at .7", "best F1", "R at P >= .99", "ALERT + REVIEW P", "R")


def emptied(file: Path, column: str, scratch: Path) -> Path:
    """The file, or a copy in which a column is empty."""
    if not column:
        return file
    with file.open(newline="") as source, (scratch / file.name).open("w", newline="") as copy:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(copy, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows({**row, column: ""} for row in rows)
    return scratch / file.name


def accuracy_of(folder: Path, without: str) -> tuple[float, ...]:
    """The measures of HEADINGS for one folder."""
    with tempfile.TemporaryDirectory() as scratch:
        links = Path(scratch) / "links.csv"
        roster, bookings = (emptied(folder / f"{name}.csv", without, Path(scratch)) for name in ("roster", "bookings"))
        report = run_link(roster, bookings, links, folder / "truth.csv", model=default_model(), key=KEY)
        with links.open(newline="") as stream:
            likely = {
                (r["booking_id"], r["client_id"]) for r in csv.DictReader(stream) if float(r["probability"]) >= LIKELY
            }
    with (folder / "truth.csv").open(newline="") as stream:
        truth = {(r["booking_id"], r["client_id"]) for r in csv.DictReader(stream)}
    found = report.accuracy
    if found is None:
        raise SystemExit("no truth")
    alert, review = found.alert, found.alert_or_review
    at_likely = evaluate_pairs(likely, truth).f1
    return (
        alert.precision, alert.recall, alert.f1, at_likely, found.best.f1, found.recall_at_99, review.precision, review.recall,
    )  # fmt: skip


def accuracy_table(folders: list[Path], without: str) -> None:
    """A line for each folder; of several, the mean and the worst of each measure."""
    print(f"| set | {' | '.join(HEADINGS)} |")
    print("| --- " * (len(HEADINGS) + 1) + "|")
    rows = []
    for folder in folders:
        rows.append(accuracy_of(folder, without))
        print_row(folder.name, rows[-1])
    if len(rows) > 1:
        print_row("mean", np.mean(rows, axis=0).tolist())
        print_row("worst", np.min(rows, axis=0).tolist())


def print_row(name: str, values: Sequence[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--bookings", type=int, default=10_000)
    parser.add_argument(
        "--accuracy", type=Path, nargs="+", metavar="DIR", help="measure accuracy on these folders instead"
    )
    parser.add_argument("--without", choices=list(COLUMNS), help="empty this field first, with --accuracy")
    given = parser.parse_args()
    if given.accuracy:
        accuracy_table(given.accuracy, COLUMNS[given.without] if given.without else "")
        return
    for size in given.sizes:
        measure(size, given.bookings)


if __name__ == "__main__":
    main()
