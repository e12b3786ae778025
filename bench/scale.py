"""What linkage and encoding on Spark cost as the data grows 1, 3 and 10 times, with 1 and 2 workers, beside the local engine in the same run.

    python bench/scale.py [--clients 5000] [--bookings 1000]

Workers are threads of one Spark process here, with a Python process each. CPU seconds are of this process and all below it; on a
machine with other work they are inflated too, and wall time says little: the load is printed. What differs from the local engine ends the run.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # not this folder: a bench here is called matcher

from matcher import Encoder, LinkageKey, default_model  # noqa: E402 - after the path to them
from service.encode import Work, run_encode  # noqa: E402
from service.encodings import Folder, vault_of  # noqa: E402
from service.link import run_link  # noqa: E402
from service.spark.encoding import Spreading  # noqa: E402
from service.spark.narrowing import Narrowing  # noqa: E402
from service.spark.session import session  # noqa: E402
from store.keys import format_master  # noqa: E402
from tests.service.installation import BOOKING_COLUMNS, ROSTER_COLUMNS  # noqa: E402
from tests.service.soak_world import STRANGERS, World  # noqa: E402

KEY, MODEL = LinkageKey("bench", "bench", bytes(range(32))), default_model()
MORE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.shuffle.partitions": "4"}
TICK = os.sysconf("SC_CLK_TCK")
PARTS = 8
"""Of the file that is encoded."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds."""

    cpu: float
    wall: float

    @classmethod
    def of(cls, run: Callable[[], object]) -> Took:
        cpu, wall = _cpu(), time.perf_counter()
        run()
        return cls(_cpu() - cpu, time.perf_counter() - wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--bookings", type=int, default=1_000)
    chosen = parser.parse_args()
    print(f"{_machine()}; load {os.getloadavg()[0]:.1f} before")
    print("| clients / bookings | step | local: CPU s, wall s | 1 worker: CPU s, wall s | 2 workers: CPU s, wall s |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory(prefix="scale") as temporary:
        for times in (1, 3, 10):
            folder = Path(temporary) / str(times)
            folder.mkdir()
            _files(folder, chosen.clients * times, chosen.bookings * times)
            _row(folder, f"{chosen.clients * times:,} / {chosen.bookings * times:,}")
    print(f"load {os.getloadavg()[0]:.1f} after")


def _row(folder: Path, size: str) -> None:
    here = {"link": Took.of(lambda: _link(folder)), "encode": Took.of(lambda: _encode(folder, "here"))}
    there = {(step, workers): took for workers in (1, 2) for step, took in _on_cluster(folder, workers).items()}
    for step, base in (("broadcast", "link"), ("shuffle", "link"), ("encode", "encode")):
        cells = (here[base], there[step, 1], there[step, 2])
        print(f"| {size} | {step} | {' | '.join(f'{c.cpu:.1f}, {c.wall:.1f}' for c in cells)} |", flush=True)


def _on_cluster(folder: Path, workers: int) -> dict[str, Took]:
    credential = folder / "credential"
    credential.write_text(format_master(bytes(32)))
    credential.chmod(0o600)
    with session(f"local[{workers}]", MORE) as spark:
        spark.range(4).mapInPandas(lambda rows: rows, "id long").count()  # JVM and Python workers are up
        took = {}
        for mode in ("broadcast", "shuffle"):
            narrowed = Narrowing(spark, folder / f"{mode}-{workers}", MODEL, mode, people=1_000)
            took[mode] = Took.of(lambda by=narrowed: _link(folder, by))  # type: ignore[misc]  # bound at once
        out = f"there-{workers}"
        took["encode"] = Took.of(lambda: _encode(folder, out, Spreading(spark, str(credential))))
    if _opened(folder / out) != _opened(folder / "here"):
        raise SystemExit("encodings differ from the local engine's")
    return took


def _link(folder: Path, narrowed: Narrowing | None = None) -> None:
    files, out = (folder / "roster.csv", folder / "bookings.csv"), folder / ("there.csv" if narrowed else "links.csv")
    run_link(*files, out, model=MODEL, key=KEY, narrowed=narrowed.index if narrowed else None)
    if out.read_bytes() != (folder / "links.csv").read_bytes():
        raise SystemExit(f"{narrowed and narrowed.mode} differs from the local engine")


def _encode(folder: Path, out: str, spread: Spreading | None = None) -> None:
    rows = sum(1 for _ in (folder / "roster.csv").open("rb")) // PARTS + 1
    work = Work(folder / "roster.csv", folder / out, "roster")
    run_encode(work, model=MODEL, key=KEY, random=os.urandom, rows_at_once=rows, spread=spread)


def _opened(path: Path) -> list[bytes]:
    folder = Folder(path, "roster", Encoder(KEY, MODEL).header, vault_of(KEY, os.urandom))
    return [batch.to_bytes() for _, batch in folder.read()]


def _files(folder: Path, clients: int, bookings: int) -> None:
    world = World(clients, bookings)
    with (folder / "roster.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(ROSTER_COLUMNS) + "\n")
        file.writelines(",".join(world.person(n).roster_row().values()) + "\n" for n in range(clients))
    with (folder / "bookings.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(BOOKING_COLUMNS) + "\n")
        for n in range(bookings):
            who = world.person(n if n % 16 == 0 else STRANGERS + n)
            file.write(",".join(who.booked(f"B{n}").values()) + "\n")


def _cpu() -> float:
    """CPU seconds so far of this process and of all that descend from it, the ended ones included."""
    parents, ticks = dict[int, int](), dict[int, int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents[int(stat.parent.name)] = int(fields[1])
        ticks[int(stat.parent.name)] = sum(map(int, fields[11:15]))
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(ticks.get(pid, 0) for pid in family) / TICK


def _machine() -> str:
    models = [
        line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{len(models)} x {models[0] if models else platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
