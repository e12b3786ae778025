"""Does the neutral unit link as the provider would itself? The same bookings both ways, pair by pair, and what a tick costs.

    python bench/neutral.py FOLDER [--bookings N]

FOLDER holds roster.csv, bookings.csv and truth.csv in the common form. The N bookings are those of clients first, then others. All
parties run in one process, with one provider; prints precision and recall of ALERT both ways, every pair that differs, and the
seconds a tick of one booking takes. Fails where a pair differs.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Mapping
from pathlib import Path

if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matcher import Encoder, Verdict, link
from records import Identity
from tests.privacy.county import Clients, County, booking, people

Pairs = dict[tuple[str, str], str]


def through_the_unit(town: County, picked: Mapping[str, tuple[Identity, ...]]) -> tuple[Pairs, float]:
    """What the provider was given, and seconds a tick."""
    for number, identities in picked.items():
        town.jail.put(booking(number, identities))
    began, ticks = time.perf_counter(), 0
    while town.jail.queue:
        town.tick()
        ticks += 1
    spent = time.perf_counter() - began
    town.run(6)
    return {(number, client): verdict for number, client, verdict in town.received("provider")}, spent / ticks


def at_the_provider(town: County, picked: Mapping[str, tuple[Identity, ...]]) -> Pairs:
    shared = town.jail.shared
    results = link(Encoder(shared.key, shared.model).encode(list(picked.values())), town.providers["provider"].index)
    return {
        (number, found.client): found.verdict.value
        for number, result in zip(picked, results, strict=True)
        for found in result.links
        if found.verdict is not Verdict.NONE
    }


def scored(pairs: Pairs, truth: set[tuple[str, str]]) -> str:
    alerts = {pair for pair, verdict in pairs.items() if verdict == Verdict.ALERT.value}
    right = len(alerts & truth)
    return f"precision {right / max(1, len(alerts)):.4f}, recall {right / max(1, len(truth)):.4f} ({right} of {len(truth)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bookings", type=int, default=100)
    args = parser.parse_args()
    with (args.folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {(row["booking_id"], row["client_id"]) for row in csv.DictReader(file)}
    booked = people(args.folder / "bookings.csv", "booking_id")
    of_clients = {number for number, _ in truth}
    order = sorted(booked, key=lambda number: number not in of_clients)[: args.bookings]
    picked = {number: booked[number] for number in order}
    asked = {pair for pair in truth if pair[0] in picked}
    town = County.of({"provider": Clients(people(args.folder / "roster.csv", "client_id"))})
    neutral, seconds = through_the_unit(town, picked)
    hosted = at_the_provider(town, picked)
    differ = [pair for pair in neutral.keys() | hosted.keys() if neutral.get(pair) != hosted.get(pair)]
    print(f"{len(picked)} bookings, {seconds:.2f} s a tick of one booking")
    print(f"through the unit    {scored(neutral, asked)}")
    print(f"at the provider     {scored(hosted, asked)}")
    print(f"pairs that differ   {len(differ)}; alarms {len(town.alarms)}")
    sys.exit(1 if differ or town.alarms else 0)


if __name__ == "__main__":
    main()
