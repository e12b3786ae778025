"""Links a batch of bookings to the standing roster: scored candidates become verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np

from matcher.batch import EncodedBatch
from matcher.decide import Evidence, Standing, bars, confirmed, standings, verdict
from matcher.duplicates import groups
from matcher.errors import BadConstraint
from matcher.index import RosterIndex
from matcher.levels import FIELDS, label
from matcher.model import Thresholds
from matcher.score import Scored, estimate_prior, score
from matcher.verdict import NO_CONSTRAINTS, NO_LINKS, BookingLinks, Constraints, FieldLevel, Link, Verdict

KEPT_BELOW_REVIEW = 3
"""Most links with verdict NONE that are reported for one booking, so that thresholds can be studied."""

Prior = float | Literal["model", "estimate"]
_ORDER = {Verdict.ALERT: 0, Verdict.REVIEW: 1, Verdict.NONE: 2}
_LABELS = [[label(field, level) for level in FIELDS[field]] for field in FIELDS]


def link(
    bookings: EncodedBatch,
    index: RosterIndex,
    *,
    constraints: Constraints = NO_CONSTRAINTS,
    persons: Sequence[Sequence[str]] | None = None,
    prior: Prior = "model",
) -> list[BookingLinks]:
    """One result for each booking, in order.

    `persons` gives each booking's person tokens, which `constraints` refer to. `prior` is the share of bookings
    that are of clients: a number, the model's, or estimated from this batch (then a booking's verdict depends on
    its batch: good for files, not for a feed).

    Raises HeaderMismatch where bookings and roster were encoded differently, BadConstraint for a pair that must
    and must not be linked, ValueError where `persons` does not fit the bookings.
    """
    if both := constraints.must & constraints.cannot:
        raise BadConstraint(f"{len(both)} pairs are both must-link and cannot-link; a reviewer has to settle them")
    if persons is not None and len(persons) != len(bookings):
        raise ValueError(f"{len(persons)} lists of person tokens for {len(bookings)} bookings")
    if not len(index) or not len(bookings):
        return [NO_LINKS] * len(bookings)
    lowest = _floor_bits(index, 0.5 if prior == "estimate" else _number(prior, index))
    scored = score(bookings, index, _required(persons, constraints, index), lowest)
    share = _estimated(scored, index, len(bookings)) if prior == "estimate" else _number(prior, index)
    ends = np.searchsorted(scored.booking, np.arange(len(bookings) + 1)).tolist()
    spans = list(pairwise(ends))
    case = _Case(scored, groups(scored, spans, index).tolist(), index, constraints, share)
    compared = scored.compared.tolist()
    return [
        case.decide(lo, hi, persons[n] if persons else (), compared[n]) if hi > lo else _nothing(compared[n])
        for n, (lo, hi) in enumerate(spans)
    ]


@lru_cache(1024)
def _nothing(compared: int) -> BookingLinks:
    return BookingLinks(Verdict.NONE, (), compared) if compared else NO_LINKS


def _number(prior: Prior, index: RosterIndex) -> float:
    return float(prior) if isinstance(prior, int | float) else index.model.prior


def _estimated(scored: Scored, index: RosterIndex, bookings: int) -> float:
    best = np.full(bookings, -np.inf)
    np.maximum.at(best, scored.booking, scored.weight)
    return estimate_prior(best, index.model.prior, len(index))


def _floor_bits(index: RosterIndex, prior: float) -> float:
    """Weight below which a candidate's probability cannot reach the floor under this prior."""
    floor = index.model.thresholds.floor
    return math.log2(floor / (1 - floor)) - math.log2(prior / (1 - prior) / max(1, len(index))) - 1


def _required(
    persons: Sequence[Sequence[str]] | None, constraints: Constraints, index: RosterIndex
) -> list[tuple[int, int]]:
    """(booking, client) pairs that must be looked at whatever the blocks say."""
    if not persons or not constraints.must:
        return []
    clients: dict[str, list[str]] = {}
    for token, ref in constraints.must:
        clients.setdefault(token, []).append(ref)
    pairs = {(b, ref) for b, tokens in enumerate(persons) for t in tokens for ref in clients.get(t, ())}
    return sorted((b, n) for b, ref in pairs if (n := index.number_of(ref)) is not None)


@dataclass(frozen=True, slots=True, repr=False)
class _Case:
    """A scored batch and what its verdicts depend on."""

    scored: Scored
    groups: list[int]
    index: RosterIndex
    constraints: Constraints
    prior: float

    def decide(self, lo: int, hi: int, tokens: Sequence[str], compared: int) -> BookingLinks:
        """The result of the booking whose scored pairs are lo to hi."""
        refs = {k: self.index.ref_of(int(self.scored.client[k])) for k in range(lo, hi)}
        barred = {k for k, ref in refs.items() if any((t, ref) in self.constraints.cannot for t in tokens)}
        order = sorted(refs.keys() - barred, key=lambda k: (-self.scored.weight[k], refs[k]))
        evidence = [_evidence(self.scored, k) for k in order]
        links = []
        standing = standings(evidence, [self.groups[k] for k in order], self.prior, len(self.index))
        for k, seen, stands in zip(order, evidence, standing, strict=True):
            must = any((t, refs[k]) in self.constraints.must for t in tokens)
            links.append(_link(seen, refs[k], stands, self.index.model.thresholds, must))
        return _result(links, self.index.model.thresholds.floor, compared, ("cannot_link",) if barred else ())


def _evidence(scored: Scored, k: int) -> Evidence:
    return Evidence(tuple(scored.levels[:, k].tolist()), tuple(scored.bits[:, k].tolist()))


def _link(evidence: Evidence, ref: str, standing: Standing, thresholds: Thresholds, must: bool) -> Link:
    reasons = bars(evidence)
    result = verdict(standing, reasons, thresholds)
    if result is Verdict.REVIEW and not reasons:
        reasons = ("margin",) if standing.probability >= thresholds.alert else ("probability",)
    if must:
        result, reasons = confirmed(evidence)
    levels = tuple(
        FieldLevel(field, _LABELS[f][evidence.levels[f]], round(evidence.bits[f], 3)) for f, field in enumerate(FIELDS)
    )
    reasons = reasons if must or result is not Verdict.NONE else ()
    return Link(ref, result, evidence.weight, standing.probability, standing.margin, levels, reasons)


def _result(links: Sequence[Link], floor: float, compared: int, notes: tuple[str, ...]) -> BookingLinks:
    """Links worth a look and the best few below, by falling weight."""
    below = [x for x in links if x.verdict is Verdict.NONE and x.probability >= floor][:KEPT_BELOW_REVIEW]
    kept = [x for x in links if x.verdict is not Verdict.NONE] + below
    kept.sort(key=lambda x: (-x.weight, x.client))
    worst = min((x.verdict for x in kept), key=_ORDER.__getitem__, default=Verdict.NONE)
    reasons = dict.fromkeys((*(r for x in kept if x.verdict is not Verdict.NONE for r in x.reasons), *notes))
    return BookingLinks(worst, tuple(kept), compared, tuple(reasons))
