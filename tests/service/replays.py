"""Old files again, in any order and under any name: the state must not move.

    python tests/service/replays.py                   10,000 replays
    python tests/service/replays.py --replays 500

Two jails say what happens to some people over a day, file after file; clinicians are told. Then files of that day are put
into the folders again, at random, many at a time, and after each round everything that lasts is compared with before.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from store import tables
from tests.service.installation import AVELINE, BARNABY, CORISANDE, DEMETRIO, STRANGER, TWIN, Installation, make, opened

ROUND = 50
"""Files in one round."""
Row = dict[str, str]
State = dict[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """One file: of which feed, and its rows."""

    feed: str
    rows: tuple[Row, ...]


DAY = (
    Said("jail", (AVELINE.booked("J1"), STRANGER.booked("J2"), TWIN.booked("J3"))),
    Said("second-jail", (AVELINE.booked("J1"),)),
    Said("jail", (BARNABY.booked("J4"), AVELINE.booked("J1", "A", charges="DUI|Driving under the influence"))),
    Said("jail", (CORISANDE.booked("J5"), CORISANDE.booked("J5", "C"))),
    Said("second-jail", (BARNABY.booked("J4"), DEMETRIO.booked("J6"))),
    Said("jail", (AVELINE.booked("J1", "R", release_at="2026-10-06T06:10:00-04:00"), STRANGER.booked("J2", "S"))),
    Said("second-jail", (STRANGER.booked("J7"), STRANGER.booked("J7", "I", first_name="Holly"))),
    Said("jail", (DEMETRIO.booked("J8"),)),
)  # fmt: skip


def lived(site: Installation) -> State:
    """The day as it came, and what stands at its end."""
    for n, said in enumerate(DAY):
        site.bookings(*said.rows, feed=said.feed, name=f"{n}.csv")
        site.cycle()
        site.clock.forward(minutes=4)
    return state(site)


def replay(site: Installation, replays: int, random: Random) -> int:
    """Put files of the day in again. Returns how many rounds there were."""
    rounds = 0
    for done in range(0, replays, ROUND):
        for k in range(min(ROUND, replays - done)):
            said = random.choice(DAY)
            site.bookings(*said.rows, feed=said.feed, name=f"{random.randrange(10**9):09d}-{k}.csv")
        site.cycle()
        rounds += 1
    return rounds


def state(site: Installation) -> State:
    """All that anybody is told by, or that is decided from. Not the history of events: an old file that says otherwise
    than the newest one is noted there each time, and nothing follows from it.
    """
    kept = {
        "bookings": (tables.booking, ("ref", "state", "baseline")),
        "links": (tables.link, ("ref", "verdict", "superseded_at")),
        "decisions": (tables.decision, ("ref", "decision", "stage")),
        "alerts": (tables.alert, ("ref", "recipient", "kind", "state")),
        "inbox": (tables.inbox_item, ("alert", "kid")),
        "outbox": (tables.outbox, ("ref", "state", "attempts")),
        "sources": (tables.booking_source, ("series", "booking", "state")),
    }
    return {
        name: sorted(tuple(str(row[c]) for c in columns) for row in site.rows(table))
        for name, (table, columns) in kept.items()
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="replays") as folder:
        home = Path(folder) / "home"
        make(home)
        with opened(home) as site:
            site.settle_in()
            before = lived(site)
            rounds = replay(site, chosen.replays, Random(chosen.seed))
            moved = [name for name, rows in state(site).items() if rows != before[name]]
            good = not moved and site.verified().good
    print(f"{chosen.replays} replays in {rounds} rounds: {'nothing moved' if good else 'FAILED: ' + ', '.join(moved)}")  # noqa: T201
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
