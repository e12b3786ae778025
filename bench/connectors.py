"""How many rows a second become canonical records on one core, against the standard library's bare CSV reader.

Run: python -m bench.connectors [rows]. Both read the same bytes in the same process, in turns, best of seven; the ratio is
what counts from machine to machine. Memory is the peak of Python's own allocations for files of different length, both
more than twice as long as what is remembered at once to find repetitions: from there on it does not grow.
"""

from __future__ import annotations

import csv
import io
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

# Run as a script, this file's own folder comes first on the path and would hide the room of the same name.
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)

from connectors import Connector, Mapping, ScriptedTransport, load_mapping
from records import FeedId, OrgId

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HEAD = "first_name,middle_name,last_name,suffix,dob,sex,race_ethnicity,ssn_last4,phone,street,city,state,zip,aliases"
BOOKINGS = f"booking_id,person_id,{HEAD},booked_at,facility,charges,release_at"
ROSTER = f"client_id,{HEAD},program,clinician_id"


def _word(chance: random.Random, size: int) -> str:
    return "".join(chance.choices("ABCDEFGHIJKLMNOPRSTUVWYZ", k=size))


def person(chance: random.Random) -> str:
    """Invented letters in the proportions of a real list: a third without middle name, a tenth with an alias."""
    word = partial(_word, chance)
    born = f"{chance.randint(1945, 2006)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    alias = f"{word(5)} {word(7)}" if chance.random() < 0.1 else ""
    middle = word(1) if chance.random() < 0.67 else ""
    return f"{word(6)},{middle},{word(8)},,{born},M,,{chance.randint(1000, 9999)},5555550{chance.randint(100, 199)},{word(12)},ANYTOWN,WA,00101,{alias}"


def bookings(rows: int) -> bytes:
    """A file of bookings, half of them released."""
    chance = random.Random(1)
    lines = [BOOKINGS]
    for number in range(rows):
        day, second = chance.randint(1, 27), chance.randint(0, 86_399)
        clock = f"T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}-08:00"
        out = f"2026-11-{day + 1:02d}{clock}" if number % 2 else ""
        charges = "FTA|Failure to appear;DUI|Driving"
        lines.append(f"B{number},P{number},{person(chance)},2026-11-{day:02d}{clock},MAIN,{charges},{out}")
    return ("\n".join(lines) + "\n").encode()


def roster(rows: int) -> bytes:
    """A file of clients."""
    chance = random.Random(2)
    return "\n".join(
        [ROSTER, *(f"C{number},{person(chance)},OP-MH,CLN{number % 40}" for number in range(rows))]
    ).encode()


def read_through(content: bytes, mapping: Mapping) -> int:
    """All rows of a file through a connector; how many became records."""
    connector = Connector.of(FeedId("bench"), ScriptedTransport([content]), mapping, OrgId("org"))
    return sum(pull.check().records for pull in connector.pull(None, NOW))


def read_bare(content: bytes) -> int:
    return sum(1 for _ in csv.DictReader(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline="")))


def rates(*works: Callable[[], int]) -> list[float]:
    """Rows a second of processor time of each, in turns, best of seven: what else the machine does slows all of them."""
    best = [0.0] * len(works)
    for _ in range(7):
        for at, work in enumerate(works):
            start = time.process_time()
            rows = work()
            best[at] = max(best[at], rows / (time.process_time() - start))
    return best


def peak(work: Callable[[], int]) -> float:
    """Megabytes of Python's own allocations at their highest."""
    tracemalloc.start()
    work()
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return highest / (1 << 20)


def main(rows: int) -> None:
    for name, make in (("common_bookings", bookings), ("common_roster", roster)):
        mapping, content = load_mapping(name), make(rows)
        ours, bare = rates(partial(read_through, content, mapping), partial(read_bare, content))
        print(f"{name}: {ours:,.0f} rows/s to records, bare csv.DictReader {bare:,.0f} rows/s, ratio {bare / ours:.1f}")
    mapping = load_mapping("common_bookings")
    for size in (rows * 2, rows * 8):
        content = bookings(size)
        highest = peak(partial(read_through, content, mapping))
        print(f"peak memory at {size:,} rows ({len(content) / (1 << 20):.0f} MB): {highest:.1f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
