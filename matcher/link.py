"""Links a batch of bookings to the standing roster: scored candidates become verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from matcher.batch import EncodedBatch
from matcher.decide import Claim, Odds, Standing, confirmed, standings, verdict
from matcher.duplicates import groups
from matcher.errors import BadConstraint
from matcher.index import RosterIndex
from matcher.levels import FIELDS, label
from matcher.model import Model
from matcher.prior import HIGHEST_SHARE, NO_REBOOKING, Rebooking, best_weights, estimate_prior
from matcher.rules import Evidence, bars
from matcher.score import Scored, nothing_scored, score
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
    that are of clients: a number, the model's, or estimated from these bookings (then a booking's verdict depends on
    the others: good for files, not for a feed).

    Raises HeaderMismatch where bookings and roster were encoded differently, BadConstraint for a pair that must
    and must not be linked, ValueError where `persons` does not fit the bookings.
    """
    if both := constraints.must & constraints.cannot:
        raise BadConstraint(f"{len(both)} pairs are both must-link and cannot-link; a reviewer has to settle them")
    if persons is not None and len(persons) != len(bookings):
        raise ValueError(f"{len(persons)} lists of person tokens for {len(bookings)} bookings")
    if not len(index) or not len(bookings):
        return [NO_LINKS] * len(bookings)
    required = _required(persons, constraints, index)
    scored = score(bookings, index, required, floor_bits(index, _highest(prior, index)))
    known = _Known(index, constraints, *_before([scored], index, prior))
    return list(known.results(scored, persons))


def link_file(batches: Iterable[EncodedBatch], index: RosterIndex, prior: Prior = "estimate") -> Iterator[BookingLinks]:
    """One result for each booking of a file that is read batch by batch; how it is cut makes no difference.

    Scores all bookings before the first is decided, and keeps no more of them than pairs that may be worth a look.
    Raises HeaderMismatch as `link` does.
    """
    lowest = floor_bits(index, _highest(prior, index))
    scored = [score(batch, index, (), lowest) if len(index) else nothing_scored(len(batch)) for batch in batches]
    if not scored:
        return
    known = _Known(index, NO_CONSTRAINTS, *_before(scored, index, prior))
    for piece in scored:
        yield from known.results(piece, None)


@lru_cache(1024)
def _nothing(compared: int) -> BookingLinks:
    return BookingLinks(Verdict.NONE, (), compared) if compared else NO_LINKS


def _highest(prior: Prior, index: RosterIndex) -> float:
    """The largest share of bookings of clients that this prior can come to."""
    return HIGHEST_SHARE if prior == "estimate" else _number(prior, index)


def _number(prior: Prior, index: RosterIndex) -> float:
    return float(prior) if isinstance(prior, int | float) else index.model.prior


def _before(scored: Sequence[Scored], index: RosterIndex, prior: Prior) -> tuple[float, Rebooking]:
    """What holds for all bookings before one of them is looked at: the share that is of clients, and how often a
    client is booked again.
    """
    if prior != "estimate":
        return _number(prior, index), NO_REBOOKING
    share = min(estimate_prior(best_weights(scored), index.model.prior, len(index)), HIGHEST_SHARE)
    return share, Rebooking.measure(scored, share, len(index))


def floor_bits(index: RosterIndex, prior: float) -> float:
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
class _Known:
    """What verdicts depend on beside the scored pairs."""

    index: RosterIndex
    constraints: Constraints
    share: float
    rebooking: Rebooking

    def results(self, scored: Scored, persons: Sequence[Sequence[str]] | None) -> Iterator[BookingLinks]:
        """One result for each booking of a scored batch."""
        ends = np.searchsorted(scored.booking, np.arange(len(scored.compared) + 1))
        some = np.flatnonzero(np.diff(ends)).tolist()
        spans = [(int(ends[n]), int(ends[n + 1])) for n in some]
        model = self.index.model
        odds = Odds.of(self.share, len(self.index), model.relatives)
        before = (odds.client + self.rebooking.bits(scored)).tolist()
        evidence = list(map(Evidence, map(tuple, scored.levels.T.tolist()), map(tuple, scored.bits.T.tolist())))
        case = _Case(
            scored, evidence, groups(scored, spans, self.index).tolist(), before, odds, self.index, self.constraints
        )
        compared = scored.compared.tolist()
        found = list(map(_nothing, compared))
        for n, (lo, hi) in zip(some, spans, strict=True):
            found[n] = case.decide(lo, hi, persons[n] if persons else (), compared[n])
        return iter(found)


@dataclass(frozen=True, slots=True, repr=False)
class _Case:
    """A scored batch and what its verdicts depend on."""

    scored: Scored
    evidence: list[Evidence]
    groups: list[int]
    before: list[float]
    odds: Odds
    index: RosterIndex
    constraints: Constraints

    def decide(self, lo: int, hi: int, tokens: Sequence[str], compared: int) -> BookingLinks:
        """The result of the booking whose scored pairs are lo to hi."""
        refs = {k: self.index.ref_of(int(self.scored.client[k])) for k in range(lo, hi)}
        barred = {k for k, ref in refs.items() if any((t, ref) in self.constraints.cannot for t in tokens)}
        order = sorted(refs.keys() - barred, key=lambda k: (-self.scored.weight[k], refs[k]))
        model = self.index.model
        claims = [Claim(self.evidence[k], self.groups[k], self.before[k]) for k in order]
        links = []
        for k, claim, stands in zip(order, claims, standings(claims, self.odds, model.relatives), strict=True):
            must = any((t, refs[k]) in self.constraints.must for t in tokens)
            links.append(_link(claim.evidence, refs[k], stands, model, must))
        return _result(links, model.thresholds.floor, compared, ("cannot_link",) if barred else ())


def _link(evidence: Evidence, ref: str, standing: Standing, model: Model, must: bool) -> Link:
    reasons, thresholds = bars(evidence, model.rules), model.thresholds
    result = verdict(standing, reasons, thresholds)
    if result is Verdict.REVIEW and not reasons:
        reasons = ("margin",) if standing.probability >= thresholds.alert else ("probability",)
    if must:
        result, reasons = confirmed(evidence)
    seen = zip(FIELDS, _LABELS, evidence.levels, evidence.bits, strict=True)
    levels = tuple([FieldLevel(field, labels[level], round(bits, 3)) for field, labels, level, bits in seen])
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
