"""A coverage-guided fuzz of the parsers, beside the property tests.

    python -m tests.connectors.fuzz jms_export --seconds 600     one format, for as long as one likes
    python -m tests.connectors.fuzz all --runs 3000 --seed 1     every format in turns: what the test suite does

Inputs that reach something new stay in `corpus/NAME/`, and the next run starts from them. Whatever the bytes are: every row
becomes a record, a fault or a repetition, and what cannot be believed as a whole is a FeedMalformed; a FHIR server may ask for time. Nothing else escapes.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["connectors"]):
    from connectors import Connector, FeedMalformed, FeedUnavailable, ScriptedTransport, load_mapping, ready_mappings
    from records import FeedId, OrgId

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CORPUS = Path(__file__).parent / "corpus"
LARGEST = 8192
MAPPINGS = {name: load_mapping(name) for name in ready_mappings()}


def one_input(name: str, content: bytes) -> None:
    """Read these bytes as one delivery."""
    connector = Connector.of(FeedId("f"), ScriptedTransport([content]), MAPPINGS[name], OrgId("org"))
    (pull,) = connector.pull(None, NOW)
    try:
        read = pull.check()
    except (FeedMalformed, FeedUnavailable):
        return
    if read.rows != read.records + read.refused + read.duplicates:
        raise AssertionError(f"{read.rows} rows, but {read.records} + {read.refused} + {read.duplicates}")


def of_any(content: bytes) -> None:
    """The first byte says which format the rest is read as."""
    if content:
        one_input(sorted(MAPPINGS)[content[0] % len(MAPPINGS)], content[1:])


def gathered(into: Path) -> Path:
    """Every corpus in one folder, each input with its format's byte before it."""
    for number, name in enumerate(sorted(MAPPINGS)):
        for file in sorted(CORPUS.glob(f"{name}/*")):
            (into / f"{name}-{file.name}").write_bytes(bytes([number]) + file.read_bytes())
    return into


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mapping", choices=[*MAPPINGS, "all"])
    parser.add_argument("--seconds", type=int, default=0, help="how long; 0: until --runs")
    parser.add_argument("--runs", type=int, default=-1, help="how many inputs; -1: until --seconds")
    parser.add_argument(
        "--seed", type=int, default=0, help="a fixed one makes a run that can be repeated; 0: by chance"
    )
    parser.add_argument("--from", type=Path, action="append", default=[], dest="samples", help="a folder of samples")
    parser.add_argument("--into", type=Path, help="where new inputs are kept, beside the corpus; needed for 'all'")
    chosen = parser.parse_args()
    if chosen.mapping == "all":
        folders = [gathered(chosen.into)]
    else:
        folders = [chosen.into or CORPUS / chosen.mapping, CORPUS / chosen.mapping]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    bounds = [
        f"-max_total_time={chosen.seconds}",
        f"-runs={chosen.runs}",
        f"-seed={chosen.seed}",
        f"-max_len={LARGEST}",
    ]
    bounds += ["-rss_limit_mb=2048", "-timeout=10", f"-artifact_prefix={folders[0]}/crash-"]
    target = of_any if chosen.mapping == "all" else lambda content: one_input(chosen.mapping, content)
    atheris.Setup([sys.argv[0], *bounds, *dict.fromkeys(map(str, (*folders, *chosen.samples)))], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
