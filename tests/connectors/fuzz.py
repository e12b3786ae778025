"""A bounded, coverage-guided fuzz of the parsers, beside the property tests. Needs atheris, which is no dependency of ours.

    python -m tests.connectors.fuzz jms_export --seconds 60

Inputs that reach something new stay in `corpus/NAME/`, and the next run starts from them. Whatever the bytes are: every row
becomes a record, a fault or a repetition, and what cannot be believed as a whole is a FeedMalformed; a FHIR server may ask for time. Nothing else escapes.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import atheris  # installed where one fuzzes

with atheris.instrument_imports(include=["connectors"]):
    from connectors import Connector, FeedMalformed, FeedUnavailable, ScriptedTransport, load_mapping, ready_mappings
    from records import FeedId, OrgId

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CORPUS = Path(__file__).parent / "corpus"
_LARGEST = 4096


def one_input(name: str, content: bytes) -> None:
    """Read these bytes as one delivery."""
    connector = Connector.of(FeedId("f"), ScriptedTransport([content]), load_mapping(name), OrgId("org"))
    (pull,) = connector.pull(None, NOW)
    try:
        read = pull.check()
    except (FeedMalformed, FeedUnavailable):
        return
    if read.rows != read.records + read.refused + read.duplicates:
        raise AssertionError(f"{read.rows} rows, but {read.records} + {read.refused} + {read.duplicates}")


def main() -> None:
    """Fuzz one mapping's format for so many seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mapping", choices=ready_mappings())
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=Path, action="append", default=[], help="a folder of samples to start from")
    chosen = parser.parse_args()
    corpus = CORPUS / chosen.mapping
    corpus.mkdir(parents=True, exist_ok=True)
    bounds = [f"-max_total_time={chosen.seconds}", f"-max_len={_LARGEST}", "-rss_limit_mb=2048", "-timeout=10"]
    folders = [str(corpus), *map(str, chosen.seed)]
    atheris.Setup([sys.argv[0], *bounds, *folders], lambda content: one_input(chosen.mapping, content))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
