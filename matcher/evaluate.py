"""How well links agree with the truth: precision, recall, F1, and the best any threshold could do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

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
