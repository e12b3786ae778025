"""Consent decisions a second on one core, over the published scenarios.

Three rates in one run: a full decision from a raw request, its two halves (reading, deciding typed facts), and a
reference, pydantic reading the same requests with nothing decided. The ratio to the reference travels between machines
better than the rates do. Prints JSON with `--json`. Exits with 1 below 5,000 full decisions a second.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Run as a script, this file's own folder comes first on the path and would hide the room of the same name.
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)

from consent import COUNTY, FLOOR, DecisionRequest, InvalidRequest, decide, load_rulebook, read_request

SCENARIOS = Path(__file__).parents[1].parent / "shared" / "consent" / "vectors.jsonl"
REQUIRED = 5_000


def rate(work: Callable[[Any], object], inputs: list[Any], *, seconds: float = 0.6, rounds: int = 5) -> float:
    """The best of several rounds, in calls a second of processor time: other work on the machine does not count."""
    best = 0.0
    for _ in range(rounds):
        done, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            for one in inputs:
                work(one)
            done += len(inputs)
        best = max(best, done / (time.process_time() - start))
    return best


def readable(raw: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[DecisionRequest]]:
    kept, typed = [], []
    for one in raw:
        try:
            typed.append(read_request(one))
        except InvalidRequest:
            continue
        kept.append(one)
    return kept, typed


def measure(path: Path) -> dict[str, float]:
    everything = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    raw, typed = readable(everything)
    floor, county = load_rulebook(FLOOR), load_rulebook(COUNTY)
    reference = rate(read_request, raw)
    full = rate(lambda request: decide(request, floor), everything)
    return {
        "scenarios": len(everything),
        "full decisions a second": full,
        "full decisions a second, county profile": rate(lambda request: decide(request, county), everything),
        "deciding typed facts, a second": rate(lambda request: decide(request, floor), typed),
        "reading only (reference), a second": reference,
        "full decision in units of the reference": reference / full,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--scenarios", type=Path, default=SCENARIOS, help="a JSONL file in the published schema")
    chosen = parser.parse_args()
    if not chosen.scenarios.is_file():
        print(f"no scenarios at {chosen.scenarios.name}; give a file with --scenarios", file=sys.stderr)
        return 2
    found = measure(chosen.scenarios)
    if chosen.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:45} {value:12,.1f}")
    return 0 if found["full decisions a second"] >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
