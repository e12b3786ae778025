"""What a long run holds: memory, open files, threads and the database; and whether any of them keeps growing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import linear_regression

OURSELVES = Path("/proc/self")
MIB = 2**20
SHOWN = ("rss_mb", "private_mb", "files", "threads", "database_mb")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one process, at one moment. `private_mb` is what it allocated, without files that are mapped."""

    pid: int
    rss_mb: float
    private_mb: float
    files: int
    threads: int
    database_mb: float


def taken(database: Path) -> Footprint:
    """Of this process, and the size of an SQLite database with its write-ahead log."""
    status = dict(line.split(":", 1) for line in (OURSELVES / "status").read_text("ascii").splitlines())
    kept = sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*"))
    return Footprint(
        os.getpid(),
        _kb(status["VmRSS"]),
        _kb(status["RssAnon"]),
        len(list((OURSELVES / "fd").iterdir())),
        int(status["Threads"]),
        round(kept / MIB, 1),
    )


def _kb(value: str) -> float:
    return round(int(value.split(maxsplit=1)[0]) / 1024, 1)


def hourly(lines: Sequence[dict[str, float]], per_hour: int) -> dict[str, list[float]]:
    """The highest of each hour."""
    starts = range(0, len(lines), per_hour)
    return {name: [max(line[name] for line in lines[at : at + per_hour]) for at in starts] for name in SHOWN}


def growth(lines: Sequence[dict[str, float]], per_hour: int, apart: Sequence[int]) -> dict[str, float]:
    """How fast memory grows, and whether files or threads become more, in the longest stretch of one process between the slots `apart`.

    Memory is the slope of a straight line through the stretch (least squares), after its first half hour: caches fill
    then. Empty where no stretch is two hours long.
    """
    part = {line["slot"]: sum(line["slot"] >= at for at in apart) for line in lines}
    stretches = [list(found) for _, found in groupby(lines, key=lambda line: (line["pid"], part[line["slot"]]))]
    longest = max(stretches, key=len, default=[])[per_hour // 2 :]
    if len(longest) < 2 * per_hour:
        return {}
    hours = [line["slot"] / per_hour for line in longest]
    slope = linear_regression(hours, [line["private_mb"] for line in longest]).slope
    early, late = longest[:per_hour], longest[-per_hour:]
    more = {n: max(x[n] for x in late) - max(x[n] for x in early) for n in ("files", "threads")}
    level = longest[0]["private_mb"]
    return {"hours": len(longest) / per_hour, "level_mb": level, "private_mb": round(slope, 2), **more}


def tables(database: Path) -> dict[str, int]:
    """Bytes of each table and index of an SQLite database."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(database)) as conn:
        return dict(conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall())
