"""How well links agree with the truth: precision, recall, F1, and the best any threshold could do. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matcher.batch import EncodedBatch
from matcher.index import RosterIndex
from matcher.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Measure:
    """Counts of one cut through the links, and the usual ratios of them."""

    true_positives: int
    false_positives: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the reported pairs that are true; 1 where nothing was reported."""
        reported = self.true_positives + self.false_positives
        return self.true_positives / reported if reported else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were reported; 1 where there are none."""
        true = self.true_positives + self.missed
        return self.true_positives / true if true else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Measures at the verdicts, at the best threshold on probability, and recall where precision is at least .99."""

    alert: Measure
    alert_or_review: Measure
    best: Measure
    best_threshold: float
    recall_at_99: float


Found = tuple[str, str, Verdict, float]
"""Booking, client, verdict, and the score a threshold would cut (probability, or weight)."""


def measure(pairs: Collection[tuple[str, str]], truth: Collection[tuple[str, str]]) -> Measure:
    """Counts for a set of reported pairs."""
    reported, true = set(pairs), set(truth)
    hits = len(reported & true)
    return Measure(hits, len(reported) - hits, len(true) - hits)


def curve(found: Sequence[Found], truth: Collection[tuple[str, str]]) -> list[tuple[float, Measure]]:
    """For each distinct score, from the highest down, the measure of reporting every link at or above it."""
    true = set(truth)
    points: list[tuple[float, Measure]] = []
    hits = wrong = 0
    ranked = sorted(found, key=lambda f: -f[3])
    for k, (booking, client, _, score) in enumerate(ranked):
        hit = (booking, client) in true
        hits, wrong = hits + hit, wrong + (not hit)
        if k + 1 == len(ranked) or ranked[k + 1][3] != score:
            points.append((score, Measure(hits, wrong, len(true) - hits)))
    return points


def accuracy(found: Sequence[Found], truth: Collection[tuple[str, str]]) -> Accuracy:
    """Everything the truth says of a list of links."""
    alerts = [(b, c) for b, c, v, _ in found if v is Verdict.ALERT]
    looked = [(b, c) for b, c, v, _ in found if v is not Verdict.NONE]
    points = curve(found, truth)
    threshold, best = max(points, key=lambda p: (p[1].f1, p[0]), default=(1.0, measure((), truth)))
    sure = max((m.recall for _, m in points if m.precision >= 0.99), default=0.0)
    return Accuracy(measure(alerts, truth), measure(looked, truth), best, threshold, sure)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % confidence interval (Wilson, 1927), which holds for small groups too."""

    hits: int
    total: int

    @property
    def share(self) -> float:
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        z, n, p = 1.959964, self.total, self.share
        centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))


@dataclass(frozen=True, slots=True)
class GroupRate:
    """How one group of people fares: true links found, and alerts that were right."""

    group: str
    recall: Rate
    precision: Rate


def by_group(
    found: Sequence[Found], truth: Collection[tuple[str, str]], group_of: Mapping[str, str]
) -> tuple[GroupRate, ...]:
    """Recall and precision at ALERT for each group of bookings; `group_of` maps a booking to its group."""
    alerts = {(b, c) for b, c, v, _ in found if v is Verdict.ALERT}
    true = set(truth)
    rates = []
    for group in sorted(set(group_of.values())):
        mine = {pair for pair in true if group_of.get(pair[0]) == group}
        told = {pair for pair in alerts if group_of.get(pair[0]) == group}
        rates.append(GroupRate(group, Rate(len(mine & alerts), len(mine)), Rate(len(told & true), len(told))))
    return tuple(rates)


@dataclass(frozen=True, slots=True)
class PassCompleteness:
    """What one blocking pass contributes: true pairs it finds, those that no other pass finds, and its cost."""

    name: str
    found: int
    alone: int
    pairs: int


def completeness(
    pairs_by_pass: Mapping[str, Collection[tuple[str, str]]], truth: Collection[tuple[str, str]]
) -> tuple[tuple[PassCompleteness, ...], Measure]:
    """Each pass's contribution, and the candidate set as a whole against the truth."""
    true = set(truth)
    hits = {name: true & set(pairs) for name, pairs in pairs_by_pass.items()}
    rows = []
    for name, mine in hits.items():
        others = set().union(*(found for other, found in hits.items() if other != name))
        rows.append(PassCompleteness(name, len(mine), len(mine - others), len(set(pairs_by_pass[name]))))
    return tuple(rows), measure(set().union(*map(set, pairs_by_pass.values())), true)


def candidates_by_pass(
    bookings: EncodedBatch, booking_ids: Sequence[str], index: RosterIndex
) -> dict[str, set[tuple[str, str]]]:
    """(booking, client) pairs that each blocking pass proposes."""
    person = bookings.person_of_row()
    found: dict[str, set[tuple[str, str]]] = {}
    for name, (i, j) in index.pairs_by_pass(bookings).items():
        clients = index.people_of(j).tolist()
        found[name] = {(booking_ids[b], index.ref_of(c)) for b, c in zip(person[i].tolist(), clients, strict=True)}
    return found


_CLASSES: tuple[tuple[str, Callable[[str, str, str], bool]], ...] = (
    (
        "twin or sibling",
        lambda f, s, d: d == "exact" and s in {"exact", "part", "close"} and f in {"differ", "other_initial"},
    ),
    (
        "namesake, parent or child",
        lambda f, s, d: f in {"exact", "nickname"} and s in {"exact", "part"} and d in {"differ", "other_partial"},
    ),
    ("swap", lambda f, s, d: "swapped" in {f, s} or d == "day_month_swapped"),
    ("other name", lambda f, s, _: f == s == "differ"),
    ("too little known", lambda f, s, d: "missing" in {f, s, d} or d == "partial"),
    (
        "typo or variant",
        lambda f, s, d: bool({f, s} & {"close", "similar", "part", "nickname"}) or d in {"digit", "two_parts"},
    ),
)
"""Kinds of error by the levels of first name, surname and birth date; the first that fits names the error."""


def error_class(levels: Mapping[str, str]) -> str:
    """What kind of error a wrong or missed link is, from its agreement levels."""
    facts = levels.get("first", ""), levels.get("last", ""), levels.get("dob", "")
    return next((name for name, fits in _CLASSES if fits(*facts)), "same facts")


def errors(
    found: Sequence[Found], truth: Collection[tuple[str, str]], levels: Mapping[tuple[str, str], Mapping[str, str]]
) -> dict[tuple[str, str], int]:
    """How many errors of each (kind, class): false alerts, and true pairs below ALERT or never proposed."""
    alerts, true = {(b, c) for b, c, v, _ in found if v is Verdict.ALERT}, set(truth)
    counts: dict[tuple[str, str], int] = {}
    for kind, pairs in (("false alert", alerts - true), ("missed", true - alerts)):
        for pair in pairs:
            name = error_class(levels[pair]) if pair in levels else "never proposed"
            counts[kind, name] = counts.get((kind, name), 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])))


@dataclass(frozen=True, slots=True)
class Bin:
    """A range of stated probability and how often links in it were true."""

    low: float
    high: float
    stated: float
    true: Rate


def calibration(found: Sequence[Found], truth: Collection[tuple[str, str]], edges: Sequence[float]) -> tuple[Bin, ...]:
    """Stated probability against the share of true links, for each range between `edges`."""
    true = set(truth)
    bins = []
    for low, high in pairwise(edges):
        inside = [(b, c, p) for b, c, _, p in found if low <= p < high or (p == high == edges[-1])]
        stated = sum(p for *_, p in inside) / len(inside) if inside else float("nan")
        bins.append(Bin(low, high, stated, Rate(sum((b, c) in true for b, c, _ in inside), len(inside))))
    return tuple(bins)
