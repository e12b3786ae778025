"""Links a batch of bookings to the standing roster: candidates, comparison, weights, verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32, EncodedBatch
from matcher.compare import Compared, Cuts, View, compare
from matcher.decide import Evidence, Standing, bars, standings, verdict
from matcher.frequency import F64
from matcher.index import RosterIndex
from matcher.levels import FIELD_NUMBER, FIELDS, Dob, Name, Plain, Ssn4, label
from matcher.model import Thresholds
from matcher.verdict import NO_CONSTRAINTS, NO_LINKS, BookingLinks, Constraints, FieldLevel, Link, Verdict
from matcher.weigh import Scales, weigh

KEPT_BELOW_REVIEW = 3
"""Most links with verdict NONE that are reported for one booking, so that thresholds can be studied."""


@dataclass(frozen=True, slots=True, repr=False)
class Scored:
    """The best row pair of each (booking, client) pair, sorted by booking."""

    booking: I32
    client: I32
    row: I32
    """The client's row that fitted best."""
    levels: NDArray[np.uint8]
    """(fields, pairs)."""
    bits: F64
    weight: F64
    compared: NDArray[np.int64]
    """For each booking, how many clients were compared."""


def link(
    bookings: EncodedBatch,
    index: RosterIndex,
    *,
    constraints: Constraints = NO_CONSTRAINTS,
    persons: Sequence[Sequence[str]] | None = None,
    prior: float | Literal["model", "estimate"] = "model",
) -> list[BookingLinks]:
    """One result for each booking, in order.

    `persons` gives each booking's person tokens, which `constraints` refer to. `prior` is the share of
    bookings that are of clients: a number, the model's, or estimated from this batch (then a booking's verdict
    depends on its batch: good for files, not for a feed). Raises HeaderMismatch where bookings and roster were encoded differently.
    """
    if not len(index) or not len(bookings):
        return [NO_LINKS] * len(bookings)
    scored = score(bookings, index, _required(persons, constraints, index))
    share = _share(prior, scored, index, len(bookings))
    ends = np.searchsorted(scored.booking, np.arange(len(bookings) + 1))
    floor = _worth_reporting(index, share)
    results = []
    for number in range(len(bookings)):
        at = np.arange(ends[number], ends[number + 1])
        tokens = persons[number] if persons else ()
        results.append(
            _decide(
                scored, at[scored.weight[at] > floor], index, tokens, constraints, share, int(scored.compared[number])
            )
        )
    return results


def _share(prior: float | str, scored: Scored, index: RosterIndex, bookings: int) -> float:
    if isinstance(prior, float):
        return prior
    if prior == "model":
        return index.model.prior
    best = np.full(bookings, -np.inf)
    np.maximum.at(best, scored.booking, scored.weight)
    return estimate_prior(best, index.model.prior, len(index))


def estimate_prior(best: F64, start: float, clients: int) -> float:
    """Share of bookings that are of clients, by EM over each booking's best weight; `start` counts as 100 bookings."""
    share = start
    for _ in range(20):
        odds = 2.0 ** np.clip(best + math.log2(share / (1 - share) / max(clients, 1)), -200, 200)
        share = float(((odds / (1 + odds)).sum() + 100 * start) / (len(best) + 100))
    return share


def _worth_reporting(index: RosterIndex, prior: float) -> float:
    """Weight below which a candidate's probability cannot reach the floor."""
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


def score(bookings: EncodedBatch, index: RosterIndex, required: Sequence[tuple[int, int]] = ()) -> Scored:
    """Compares and weighs every candidate; aliases count with their best row."""
    found = index.candidates(bookings)
    i, j = _all_rows(bookings, index, found.booking_rows, found.roster_rows, required)
    left, right = View.of(bookings.rows, bookings.tables), index.view()
    cuts = Cuts(index.model.close, index.model.similar)
    seen = compare(left, i, right, j, cuts)
    scales = Scales(index.model, index.frequencies())
    bits = weigh(seen, left, i, right, j, index.same_names(bookings.tables), scales)
    weight = np.zeros(len(i))
    for row in bits:
        weight += row
    return _best(bookings.person_of_row()[i], index.people_of(j), j, seen, bits, weight, len(bookings))


def _all_rows(
    bookings: EncodedBatch, index: RosterIndex, i: I32, j: I32, required: Sequence[tuple[int, int]]
) -> tuple[I32, I32]:
    """Candidate row pairs, widened to every pair of identities of two people where either has aliases."""
    if not required and not index.has_aliases() and len(bookings.rows) == len(bookings):
        return i, j
    people = np.stack([bookings.person_of_row()[i], index.people_of(j)], axis=1).astype(np.int64)
    people = np.concatenate([people, np.array(required, np.int64).reshape(-1, 2)])
    pairs = np.unique(people, axis=0)
    starts = index.starts()
    mine = np.diff(bookings.starts)[pairs[:, 0]].astype(np.int64)
    theirs = np.diff(starts)[pairs[:, 1]].astype(np.int64)
    sizes = mine * theirs
    which = np.repeat(np.arange(len(pairs)), sizes)
    inner = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows_i = bookings.starts[pairs[which, 0]] + inner // theirs[which]
    rows_j = starts[pairs[which, 1]] + inner % theirs[which]
    return rows_i.astype(np.int32), rows_j.astype(np.int32)


def _best(booking: I32, client: I32, row: I32, seen: Compared, bits: F64, weight: F64, n: int) -> Scored:
    """Best row pair for each (booking, client); ties go to the earlier rows."""
    order = np.lexsort((-weight, client, booking))
    b, c = booking[order], client[order]
    head = np.ones(len(order), bool)
    head[1:] = (b[1:] != b[:-1]) | (c[1:] != c[:-1])
    at = order[head]
    compared = np.bincount(booking[at], minlength=n)
    return Scored(booking[at], client[at], row[at], seen.levels[:, at], bits[:, at], weight[at], compared)


def _decide(
    scored: Scored,
    at: NDArray[Any],
    index: RosterIndex,
    tokens: Sequence[str],
    constraints: Constraints,
    prior: float,
    compared: int,
) -> BookingLinks:
    refs = [index.ref_of(int(c)) for c in scored.client[at]]
    allowed = [k for k, ref in enumerate(refs) if not any((t, ref) in constraints.cannot for t in tokens)]
    at, refs = at[allowed], [refs[k] for k in allowed]
    order = sorted(range(len(at)), key=lambda k: (-scored.weight[at[k]], refs[k]))
    at, refs = at[order], [refs[k] for k in order]
    evidence = [Evidence(tuple(scored.levels[:, k].tolist()), tuple(scored.bits[:, k].tolist())) for k in at]
    groups = _same_person(scored, at, index)
    links: list[Link] = []
    for k, standing in enumerate(standings(evidence, groups, prior, len(index))):
        must = any((t, refs[k]) in constraints.must for t in tokens)
        links.append(_link(evidence[k], refs[k], standing, index.model.thresholds, must))
    kept = _kept(links, index.model.thresholds.floor)
    worst = next((v for v in Verdict if any(x.verdict is v for x in kept)), Verdict.NONE)
    reasons = tuple(dict.fromkeys(r for x in kept if x.verdict is not Verdict.NONE for r in x.reasons))
    return BookingLinks(worst, kept, compared, reasons)


def _link(evidence: Evidence, ref: str, standing: Standing, thresholds: Thresholds, must: bool) -> Link:
    barred = bars(evidence)
    result = verdict(standing, barred, thresholds)
    reasons = barred
    if result is Verdict.REVIEW and not barred:
        reasons = ("margin",) if standing.probability >= thresholds.alert else ("probability",)
    if must:
        result, reasons = _confirmed(evidence)
    levels = tuple(
        FieldLevel(f, label(f, n), round(b, 3)) for f, n, b in zip(FIELDS, evidence.levels, evidence.bits, strict=True)
    )
    return Link(
        ref,
        result,
        evidence.weight,
        standing.probability,
        standing.margin,
        levels,
        reasons if result is not Verdict.NONE else (),
    )


def _confirmed(e: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """A confirmed pair alerts, unless nothing of the identity agrees: two people can share a jail's number."""
    if (
        e.level("first") == Name.DIFFER
        and e.level("last") == Name.DIFFER
        and e.level("dob") in {Dob.DIFFER, Dob.MISSING}
    ):
        return Verdict.REVIEW, ("must_link", "shared_number")
    return Verdict.ALERT, ("must_link",)


def _kept(links: Sequence[Link], floor: float) -> tuple[Link, ...]:
    """Links worth a look, and the best few below."""
    worth = [x for x in links if x.verdict is not Verdict.NONE]
    rest = [x for x in links if x.verdict is Verdict.NONE and x.probability >= floor][:KEPT_BELOW_REVIEW]
    return tuple(sorted((*worth, *rest), key=lambda x: (-x.weight, x.client)))


def _same_person(scored: Scored, at: NDArray[Any], index: RosterIndex) -> list[int]:
    """Groups of candidates that are records of one person, as far as the roster itself can tell."""
    groups = list(range(len(at)))
    if len(at) < 2:
        return groups
    lead = scored.weight[at[0]]
    near = [k for k in range(len(at)) if scored.weight[at[k]] > lead - 30][:8]
    pairs = [(x, y) for n, x in enumerate(near) for y in near[n + 1 :]]
    rows = scored.row[at]
    view = index.view()
    i, j = rows[[x for x, _ in pairs]], rows[[y for _, y in pairs]]
    seen = compare(view, i, view, j, Cuts(index.model.close, index.model.similar))
    for k, (x, y) in enumerate(pairs):
        if _duplicate(seen.levels[:, k].tolist(), index, int(scored.client[at[x]]), int(scored.client[at[y]])):
            groups[y] = groups[x]
    return groups


def _duplicate(levels: Sequence[int], index: RosterIndex, x: int, y: int) -> bool:
    """Whether two clients are evidently one person enrolled twice: names and birth date agree, nothing contradicts.

    Two records of one organisation need an identifier of the person's own as well; of two organisations they do not.
    """
    level = dict(zip(FIELD_NUMBER, levels, strict=True))
    names = level["first"] in {Name.EXACT, Name.NICKNAME, Name.CLOSE, Name.INITIAL} and level["last"] in {
        Name.EXACT,
        Name.PART,
        Name.CLOSE,
    }
    against = {("suffix", Plain.DIFFER), ("sex", Plain.DIFFER), ("ssn4", Ssn4.DIFFER), ("middle", Name.DIFFER)}
    if (
        not names
        or level["dob"] not in {Dob.EXACT, Dob.DAY_MONTH_SWAPPED, Dob.DIGIT}
        or any(level[f] == v for f, v in against)
    ):
        return False
    own = level["ssn4"] == Ssn4.EXACT or level["phone"] == Plain.EXACT or level["address"] in {1, 2}
    return own or (level["dob"] == Dob.EXACT and index.org_of(x) != index.org_of(y))
