"""Splink on the plaintext of a set, unsupervised as its tutorial trains it: an optional peer.

    python bench/splink_peer.py DIR...     folders of roster.csv, bookings.csv, truth.csv

Written for Splink 5 with DuckDB, which this project does not depend on: without it, one line says so and nothing fails.
Its links are held to the same measure as ours: the best cut of its own probabilities, and recall where precision is .99.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from matcher import Verdict
from matcher.evaluate import Accuracy, accuracy
from service.link import true_pairs

COMPARED = ("first_name", "middle_name", "last_name", "dob", "sex", "ssn_last4", "phone", "street", "zip")
BLOCKS = (
    ("last_name", "dob"), ("first_name", "dob"), ("first_name", "last_name"), ("dob", "zip"), ("phone",), ("street", "zip"),
)  # fmt: skip


def table(file: Path, number: str) -> Any:
    """The compared columns as lower-case text, empty as missing."""
    import pandas as pd

    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    kept = rows[[number, *COMPARED]].rename(columns={number: "unique_id"})
    for column in COMPARED:
        kept[column] = kept[column].str.lower().replace("", None)
    return kept


def comparisons(columns: list[str]) -> list[Any]:
    import splink.comparison_library as library

    kinds = {
        "first_name": library.NameComparison, "last_name": library.NameComparison, "middle_name": library.NameComparison,
        "street": lambda column: library.JaroWinklerAtThresholds(column, [0.9]),
        "dob": lambda column: library.DateOfBirthComparison(column, input_is_string=True),
    }  # fmt: skip
    return [kinds.get(column, library.ExactMatch)(column) for column in columns]


def linked(folder: Path) -> Any:
    """Pairs with their probabilities, by Splink's usual steps: prior, u by sampling, m by EM, predict."""
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    tables = table(folder / "roster.csv", "client_id"), table(folder / "bookings.csv", "booking_id")
    filled = [c for c in COMPARED if all(t[c].notna().any() for t in tables)]
    rules = [block_on(*block) for block in BLOCKS if set(block) <= set(filled)]
    settings = SettingsCreator(
        link_type="link_only", comparisons=comparisons(filled), blocking_rules_to_generate_predictions=rules
    )
    api = DuckDBAPI()
    frames = [api.register(t, dataset_display_name=n) for t, n in zip(tables, ("roster", "bookings"), strict=True)]
    linker = Linker(frames, settings, log_level=50)
    exact = block_on("first_name", "last_name", "dob")
    linker.training.estimate_probability_two_random_records_match([exact], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for columns in (("dob",), ("first_name", "last_name")):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
    return linker.inference.predict(threshold_match_probability=0.001).as_pandas_dataframe()


def measured(folder: Path) -> Accuracy:
    """Splink's pairs against the truth, whichever side of a pair it calls left."""
    found = []
    for row in linked(folder).to_dict("records"):
        sides = {row[f"source_dataset_{side}"]: row[f"unique_id_{side}"] for side in "lr"}
        found.append((sides["bookings"], sides["roster"], Verdict.NONE, float(row["match_probability"])))
    return accuracy(found, true_pairs(folder / "truth.csv"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    given = parser.parse_args()
    try:
        import splink
    except ImportError:
        print("Splink is not installed here: this peer is skipped.")
        return
    print(f"| set | Splink {splink.__version__}: best F1 | R at P >= .99 | CPU s |")
    print("| --- | --- | --- | --- |")
    for folder in given.folders:
        start = time.process_time()
        found = measured(folder)
        took = time.process_time() - start
        print(f"| {folder.name} | {found.best.f1:.3f} | {found.recall_at_99:.3f} | {took:.1f} |", flush=True)


if __name__ == "__main__":
    main()
