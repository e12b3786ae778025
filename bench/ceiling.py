"""How well could anybody do: supervised scorers on the plaintext of a set, beside ours on encodings without labels.

    python bench/ceiling.py DIR...     folders of roster.csv, bookings.csv, truth.csv

The ceiling sees the text and the truth: gradient boosting and logistic regression (scikit-learn) over similarities of
rapidfuzz, cross-validated so that no person stands in both training and test. Its candidates are ours and every pair
that shares a surname, first name, birth date, street or SSN in plaintext; true pairs outside count as missed. Both
scorers are held to the same measure: the best cut of their own scores, rules left aside.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from matcher import EncodedBatch, Encoder, LinkageKey, RosterIndex, Verdict, default_model
from matcher import normalise as norm
from matcher.evaluate import Accuracy, accuracy
from matcher.nicknames import groups
from service.common_form import encoded_rows
from service.link import run_link, true_pairs

FOLDS = 5
ENOUGH = 50
"""Pairs in which both sides must fill a field for it to be a feature."""
COMMON = 60
"""Values that more roster rows share propose no pair."""
KEY = LinkageKey("bench", "k", bytes(range(32)))
Pair = tuple[int, int]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """One row as plain normalised text."""

    first: str
    middle: str
    last: str
    dob: str
    ssn4: str
    phone: str
    number: str
    lane: str
    city: str
    zip: str
    sex: str
    suffix: str


def person(row: dict[str, str]) -> Person:
    number, lane = norm.street(row["street"])
    return Person(
        norm.given_name(row["first_name"]).whole, norm.given_name(row["middle_name"]).whole,
        norm.last_name(row["last_name"]).whole, norm.birth_date(row["dob"]), norm.ssn4(row["ssn_last4"]),
        norm.phone(row["phone"]), number, lane, norm.city(row["city"]), norm.zip_code(row["zip"]),
        norm.sex(row["sex"]), norm.suffix(row["suffix"]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Files:
    """One set, read whole: row numbers stand for bookings and clients."""

    bookings: list[Person]
    clients: list[Person]
    owners: list[str]
    """The jail's person number of each booking, for folds."""
    booking_ids: list[str]
    client_ids: list[str]
    truth: set[tuple[str, str]]


def read(folder: Path) -> Files:
    with (folder / "bookings.csv").open(newline="") as b, (folder / "roster.csv").open(newline="") as r:
        bookings, clients = list(csv.DictReader(b)), list(csv.DictReader(r))
    return Files(
        [person(x) for x in bookings], [person(x) for x in clients], [x["person_id"] for x in bookings],
        [x["booking_id"] for x in bookings], [x["client_id"] for x in clients], true_pairs(folder / "truth.csv"),
    )  # fmt: skip


def our_candidates(folder: Path) -> set[tuple[str, str]]:
    """Pairs that our blocking passes propose."""
    model = default_model()
    encoder, index = Encoder(KEY, model), RosterIndex(model)
    for ids, batch in encoded_rows(folder / "roster.csv", "client_id", encoder):
        index.add(batch, ids)
    read_rows = list(encoded_rows(folder / "bookings.csv", "booking_id", encoder))
    ids = [i for part, _ in read_rows for i in part]
    batch = EncodedBatch.concat([b for _, b in read_rows])
    found, owner = index.candidates(batch), batch.person_of_row()
    clients = index.people_of(found.roster_rows).tolist()
    return {(ids[owner[i]], index.ref_of(j)) for i, j in zip(found.booking_rows.tolist(), clients, strict=True)}


def plain_candidates(files: Files) -> set[Pair]:
    """Pairs that share a value in plaintext."""
    pairs: set[Pair] = set()
    for field in ("first", "last", "dob", "lane", "ssn4"):
        held: dict[str, list[int]] = {}
        for j, client in enumerate(files.clients):
            held.setdefault(getattr(client, field), []).append(j)
        for i, booked in enumerate(files.bookings):
            value = getattr(booked, field)
            block = held.get(value, []) if value else []
            pairs.update((i, j) for j in block if len(block) <= COMMON)
    return pairs


def features(a: Person, b: Person, rarity: dict[str, Counter[str]]) -> list[float]:
    """Similarities of two people; nan where one side is silent."""
    from rapidfuzz.distance import OSA, JaroWinkler
    from rapidfuzz.fuzz import token_sort_ratio

    def both(field: str) -> tuple[str, str] | None:
        x, y = getattr(a, field), getattr(b, field)
        return (x, y) if x and y else None

    found: list[float] = []
    for field in ("first", "middle", "last", "lane", "city"):
        pair = both(field)
        found.append(JaroWinkler.similarity(*pair) if pair else math.nan)
        found.append(OSA.distance(*pair) if pair else math.nan)
    for field in ("dob", "ssn4", "phone", "number", "zip"):
        pair = both(field)
        found.append(OSA.distance(*pair) if pair else math.nan)
    for field in ("sex", "suffix"):
        pair = both(field)
        found.append(float(pair[0] == pair[1]) if pair else math.nan)
    for part in (slice(0, 4), slice(4, 6), slice(6, 8)):
        pair = both("dob")
        found.append(float(pair[0][part] == pair[1][part]) if pair else math.nan)
    found.append(float(bool(set(groups(a.first)) & set(groups(b.first)))))
    found.append(JaroWinkler.similarity(a.first, b.last) + JaroWinkler.similarity(a.last, b.first))
    found.append(token_sort_ratio(f"{a.first} {a.middle} {a.last}", f"{b.first} {b.middle} {b.last}"))
    found += [math.log1p(rarity[f][getattr(b, f)]) if getattr(b, f) else math.nan for f in rarity]
    return found


def folds(files: Files, pairs: list[Pair]) -> NDArray[np.int64]:
    """A group for each pair: bookings of one person, and of the client they are of, stay together."""
    client_of = dict(files.truth)
    owners = [client_of.get(b, o) for b, o in zip(files.booking_ids, files.owners, strict=True)]
    number = {o: n for n, o in enumerate(dict.fromkeys(owners))}
    return np.array([number[owners[i]] for i, _ in pairs])


def ceilings(files: Files, pairs: list[Pair]) -> dict[str, Accuracy]:
    """Accuracy of each supervised scorer on people it was not trained on."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rarity = {f: Counter(getattr(c, f) for c in files.clients) for f in ("first", "last", "lane", "city")}
    x = np.array([features(files.bookings[i], files.clients[j], rarity) for i, j in pairs])
    x = x[:, [len(np.unique(c[~np.isnan(c)])) > 1 and (~np.isnan(c)).sum() > ENOUGH for c in x.T]]
    named = [(files.booking_ids[i], files.client_ids[j]) for i, j in pairs]
    y = np.array([pair in files.truth for pair in named])
    scorers = {
        "boosting": HistGradientBoostingClassifier(max_iter=200, learning_rate=0.08, random_state=0),
        "logistic": make_pipeline(
            SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression(max_iter=2000)
        ),
    }
    found = {}
    for name, scorer in scorers.items():
        p = cross_val_predict(scorer, x, y, groups=folds(files, pairs), cv=GroupKFold(FOLDS), method="predict_proba")[
            :, 1
        ]
        scores = [(b, c, Verdict.NONE, float(v)) for (b, c), v in zip(named, p, strict=True)]
        found[name] = accuracy(scores, files.truth)
    return found


def ours(folder: Path) -> Accuracy:
    with tempfile.TemporaryDirectory() as scratch:
        paths = folder / "roster.csv", folder / "bookings.csv", Path(scratch) / "links.csv", folder / "truth.csv"
        found = run_link(*paths, model=default_model(), key=KEY).accuracy
    if found is None:
        raise SystemExit("no truth")
    return found


def report(folder: Path) -> None:
    """One line of the table in matcher/README.md."""
    files = read(folder)
    at_b = {b: n for n, b in enumerate(files.booking_ids)}
    at_c = {c: n for n, c in enumerate(files.client_ids)}
    proposed = {(at_b[b], at_c[c]) for b, c in our_candidates(folder)}
    pairs = sorted(proposed | plain_candidates(files))
    true = {(at_b[b], at_c[c]) for b, c in files.truth}
    cells = [folder.name, f"{len(true & proposed) / len(true):.3f}", f"{len(true & set(pairs)) / len(true):.3f}"]
    measured = (ours(folder), *ceilings(files, pairs).values())
    cells += [f"{found.best.f1:.3f} / {found.recall_at_99:.3f}" for found in measured]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    print("| set | proposed by ours | by plaintext too | ours: best F1 / R at P >= .99 | boosting | logistic |")
    print("| --- | --- | --- | --- | --- | --- |")
    for folder in parser.parse_args().folders:
        report(folder)


if __name__ == "__main__":
    main()
