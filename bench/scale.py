"""What linkage on Spark costs as the data grows 1, 3 and 10 times, with 1 and 2 workers: ratios within one run.

    python bench/scale.py [--clients 5000] [--bookings 1000]

Workers are local processes of one core each; on a machine with other work the figures say little.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # not this folder: a bench here is called matcher

from matcher import LinkageKey, default_model  # noqa: E402 - after the path to them
from service.link import run_link  # noqa: E402
from service.spark import narrowing  # noqa: E402
from tests.service.installation import BOOKING_COLUMNS, ROSTER_COLUMNS  # noqa: E402
from tests.service.soak_world import STRANGERS, World  # noqa: E402

KEY = LinkageKey("bench", "bench", bytes(range(32)))
MORE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.shuffle.partitions": "4"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--bookings", type=int, default=1_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale") as temporary:
        folder = Path(temporary)
        for times in (1, 3, 10):
            _files(folder, chosen.clients * times, chosen.bookings * times)
            base = _timed(folder, None, "local")
            print(f"{times:>3} x  local 1.00 ({base:.1f} s)", end="", flush=True)
            for workers in (1, 2):
                for mode in ("broadcast", "shuffle"):
                    took = _timed(folder, f"local[{workers}]", mode)
                    print(f"  {mode} on {workers}: {took / base:.2f}", end="", flush=True)
            print()


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


def _timed(folder: Path, master: str | None, mode: str) -> float:
    files, model = (folder / "roster.csv", folder / "bookings.csv"), default_model()
    if master is None:
        began = time.perf_counter()
        run_link(*files, folder / "links.csv", model=model, key=KEY)
        return time.perf_counter() - began
    with narrowing(master, model, folder, mode=mode, people=1_000, more=MORE) as narrowed:  # type: ignore[arg-type]  # one of two
        began = time.perf_counter()
        run_link(*files, folder / f"{mode}.csv", model=model, key=KEY, narrowed=narrowed.index)
        took = time.perf_counter() - began
    if (folder / f"{mode}.csv").read_bytes() != (folder / "links.csv").read_bytes():
        raise SystemExit(f"{mode} differs from the local engine")
    return took


if __name__ == "__main__":
    main()
