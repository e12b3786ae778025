"""Learns m without labels: expectation-maximisation over scored candidates, with u held to the roster.

u is measured, not learned, and m starts from a model instead of from chance: so EM does not collapse where few
bookings are of clients, as it does with everything free. (Dempster, Laird and Rubin, 1977; Winkler, 1988.)
recordlinkage's ECM is here for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.batch import EncodedBatch
from matcher.decide import Odds
from matcher.frequency import F64
from matcher.index import RosterIndex
from matcher.levels import FIELD_NUMBER, FIELDS, PARTITIONS, Dob, Name, Plain
from matcher.model import FieldModel, Model, Relatives, Thresholds
from matcher.prior import START
from matcher.score import Scored, score

CAUTION = 20.0
"""Matches that the starting model's m counts for in each partition: few booked clients move it little, and a level
that no client showed keeps a share of what it had."""
SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Training:
    """A trained model and how the training went."""

    model: Model
    prior: float
    """Estimated share of bookings that are of clients."""
    rounds: int
    expected_matches: float
    history: tuple[float, ...]
    """Log posterior after each round, in bits: likelihood, and the starting model as Dirichlet prior."""


def train(bookings: EncodedBatch, index: RosterIndex, *, rounds: int = 25, name: str = "trained") -> Training:
    """Learns m and prior from one batch, starting from the index's model. Encodings in, a model out; no labels, no text."""
    scored = score(bookings, index)
    model, share = index.model, index.model.prior
    bits = scored.bits.copy()
    history: list[float] = []
    found = np.zeros(len(scored.weight))
    for _ in range(rounds):
        found, likelihood = _expect(bits, scored, share, index, len(bookings))
        history.append(likelihood + _log_prior(model, index.model, share))
        learned = _maximise(model, index.model, scored, found)
        bits += _change(model, learned, scored)
        model, share = learned, float((found.sum() + START * index.model.prior) / (len(bookings) + START))
        if len(history) > 1 and abs(history[-1] - history[-2]) < 1e-3 * max(1.0, abs(history[-1])):
            break
    trained = model.model_copy(update={"name": name, "prior": min(max(share, SMALLEST), 0.999)})
    return Training(trained, share, len(history), float(found.sum()), tuple(history))


def _expect(bits: F64, scored: Scored, share: float, index: RosterIndex, bookings: int) -> tuple[F64, float]:
    """Probability of each pair against its booking's other candidates, their relatives and nobody; log likelihood.

    Without the relatives, EM on a roster with households learns to match families.
    """
    kin_of = index.model.relatives
    before = Odds.of(share, len(index), kin_of)
    weights = (bits.sum(axis=0) + before.client, relatives(bits, kin_of) + before.relative)
    odds, kin = (2.0 ** np.clip(each, -300, 300) for each in weights)
    total = 1.0 + np.bincount(scored.booking, weights=odds + kin, minlength=bookings)
    return odds / total[scored.booking], float(np.log2(total).sum() + bookings * math.log2(1 - share))


def relatives(bits: F64, of: Relatives) -> F64:
    """`matcher.decide.relative` of many pairs at once."""
    seen = {field: bits[row] for field, row in FIELD_NUMBER.items()}
    total: F64 = seen["last"] + seen["address"]
    for field, shared in (("phone", of.phone), ("first", of.namesake), ("dob", of.twin)):
        total = total + np.maximum(0.0, seen[field] + math.log2(shared))
    return total


def _log_prior(model: Model, start: Model, share: float) -> float:
    """What the starting model says of `model`, in bits: its m and prior count as that many observed matches."""
    pairs = zip(model.fields, start.fields, strict=True)
    shares = ((_m(a)[list(p)], _m(b)[list(p)]) for a, b in pairs for p in PARTITIONS[a.field])
    total = math.fsum(float((CAUTION * m0 / m0.sum() * np.log2(m)).sum()) for m, m0 in shares)
    return total + START * (start.prior * math.log2(share) + (1 - start.prior) * math.log2(1 - share))


def _m(field: FieldModel) -> F64:
    """The m of each level; level 0, missing, says nothing."""
    return np.array([1.0, *(v.m for v in field.levels)])


def _maximise(model: Model, start: Model, scored: Scored, found: F64) -> Model:
    """The m of each level: its expected share among the matches that had something to compare.

    The pseudo-counts are those of the *starting* model in every round. Were they the last round's, a level without
    matches would lose the same factor each time and end at nothing.
    """
    learned = []
    for each, first in zip(model.fields, start.fields, strict=True):
        counts = np.bincount(scored.levels[FIELD_NUMBER[each.field]], weights=found, minlength=len(FIELDS[each.field]))
        m, m0 = _m(each), _m(first)
        for part in PARTITIONS[each.field]:
            levels = list(part)
            blend = counts[levels] + CAUTION * m0[levels] / m0[levels].sum()
            m[levels] = np.maximum(blend / blend.sum(), SMALLEST)
        levels_new = tuple(v.model_copy(update={"m": float(m[n])}) for n, v in enumerate(each.levels, 1))
        learned.append(FieldModel(field=each.field, levels=levels_new))
    return model.model_copy(update={"fields": tuple(learned)})


def _change(old: Model, new: Model, scored: Scored) -> F64:
    """Bits by which each pair's evidence changes from one model to the next."""
    rows = []
    for before, after in zip(old.fields, new.fields, strict=True):
        step = [0.0, *(math.log2(b.m / a.m) for a, b in zip(before.levels, after.levels, strict=True))]
        rows.append(np.array(step)[scored.levels[FIELD_NUMBER[before.field]]])
    return np.stack(rows)


def priced(false_alert: float, missed_alert: float, start: Thresholds) -> Thresholds:
    """Thresholds for the prices of the two errors: alert where the expected cost of silence exceeds that of an alert.

    Bayes' rule for two actions: p > false / (false + missed). Raises ValueError for a price that is not positive.
    """
    if false_alert <= 0 or missed_alert <= 0:
        raise ValueError("prices of errors must be positive")
    alert = false_alert / (false_alert + missed_alert)
    return start.model_copy(
        update={"alert": alert, "review": min(start.review, alert), "floor": min(start.floor, alert)}
    )


def compare_models(old: Model, new: Model) -> Mapping[tuple[str, str], tuple[float, float]]:
    """For every (field, level) whose worth differs: log2 m/u before and after. Empty when only names differ."""
    found = {}
    for before, after in zip(old.fields, new.fields, strict=True):
        for a, b in zip(before.levels, after.levels, strict=True):
            was, now = math.log2(a.m / a.u), math.log2(b.m / b.u)
            if not math.isclose(was, now, abs_tol=1e-9):
                found[before.field, a.level] = (was, now)
    return found


def other_changes(old: Model, new: Model) -> Mapping[str, tuple[str, str]]:
    """Whatever else decides and differs: prior, thresholds, rules, relatives and so on, before and after, by place."""
    before, after = (_places(model.model_dump(mode="json", exclude={"fields", "name"})) for model in (old, new))
    return {
        place: (before.get(place, "-"), after.get(place, "-"))
        for place in sorted(before.keys() | after.keys())
        if before.get(place) != after.get(place)
    }


def _places(values: Mapping[str, object], within: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _places(value, f"{within}{name}.")
        else:
            found[within + name] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


_AGREES = {
    "first": (Name.EXACT, Name.NICKNAME, Name.CLOSE, Name.SWAPPED),
    "last": (Name.EXACT, Name.PART, Name.CLOSE, Name.SWAPPED),
    "dob": (Dob.EXACT, Dob.DAY_MONTH_SWAPPED, Dob.DIGIT),
    "sex": (Plain.EXACT,),
    "ssn4": (1, 2),
    "phone": (Plain.EXACT,),
    "address": (1, 2),
}


def ecm(scored: Scored) -> NDArray[np.bool_]:
    """Pairs that recordlinkage's unsupervised ECM classifier calls matches, from the same levels made binary."""
    import pandas as pd
    import recordlinkage

    columns = {f: np.isin(scored.levels[FIELD_NUMBER[f]], levels).astype(int) for f, levels in _AGREES.items()}
    pairs = pd.MultiIndex.from_arrays([scored.booking, scored.client])
    features = pd.DataFrame(columns, index=pairs)
    features = features.loc[:, features.min() != features.max()]
    matches = recordlinkage.ECMClassifier(binarize=None).fit_predict(features)
    return np.asarray(pairs.isin(matches), bool)
