"""What a whole file of bookings says before any one is decided: how many are of clients, and whether clients come twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.batch import I32
from matcher.frequency import F64
from matcher.score import Scored

START = 100
"""Bookings that the model's prior counts for."""
HIGHEST_SHARE = 0.999
"""Most bookings that are taken to be of clients, whatever the file says."""
SURE = 0.99


def best_weights(scored: Sequence[Scored]) -> F64:
    """Each booking's best weight, minus infinity where nobody was worth keeping."""
    found = [np.full(len(piece.compared), -np.inf) for piece in scored]
    for best, piece in zip(found, scored, strict=True):
        np.maximum.at(best, piece.booking, piece.weight)
    return np.concatenate(found)


def estimate_prior(best: F64, start: float, clients: int) -> float:
    """Share of bookings that are of clients, by EM over each booking's best weight; `start` counts as START bookings."""
    share = start
    for _ in range(20):
        odds = 2.0 ** np.clip(best + math.log2(share / (1 - share) / max(clients, 1)), -200, 200)
        share = float(((odds / (1 + odds)).sum() + START * start) / (len(best) + START))
    return share


@dataclass(frozen=True, slots=True, repr=False)
class Rebooking:
    """One-to-one, where the data say so: a client whom another booking fits better is less likely to be booked again.

    Of clients who are surely booked, r further bookings each are seen in a file that has l bookings a client: the odds of
    a further one are r / l times those of a first. Where clients come back, that is no less than one and changes
    nothing; where every client was booked once, it settles who is who.
    """

    best: F64
    """By client: the weight of the booking that fits best, infinite below SURE."""
    factor: float
    """Log2 of r / l, at most 0."""

    @classmethod
    def measure(cls, scored: Sequence[Scored], share: float, clients: int) -> Rebooking:
        """Counts sure bookings, the likeliest client of each. With few of them, r is taken to be about one."""
        before = math.log2(share / (1 - share) / max(clients, 1))
        sure = math.log2(SURE / (1 - SURE)) - before
        client, weight = _likeliest(scored)
        client, weight = client[weight >= sure], weight[weight >= sure]
        if not len(client):
            return NO_REBOOKING
        best = np.full(int(client.max()) + 1, np.inf)
        order = np.argsort(weight, kind="stable")
        best[client[order]] = weight[order]
        booked = int(np.isfinite(best).sum())
        again = (len(client) - booked + 1) / (booked + 1)
        each = share * sum(len(piece.compared) for piece in scored) / max(clients, 1)
        return cls(best, min(0.0, math.log2(again / each)))

    def bits(self, scored: Scored) -> F64:
        """For each pair 0, or `factor` where another booking surely is of that client and fits better."""
        found = np.zeros(len(scored.client))
        known = np.flatnonzero(scored.client < len(self.best))
        best = self.best[scored.client[known]]
        found[known[np.isfinite(best) & (best > scored.weight[known])]] = self.factor
        return found


NO_REBOOKING = Rebooking(np.zeros(0), 0.0)


def _likeliest(scored: Sequence[Scored]) -> tuple[I32, F64]:
    """The best client of each booking that has one, and its weight."""
    clients, weights = [], []
    for piece in scored:
        order = np.lexsort((-piece.weight, piece.booking))
        booking = piece.booking[order]
        first = order[np.concatenate(([True], booking[1:] != booking[:-1]))] if len(order) else order
        clients.append(piece.client[first])
        weights.append(piece.weight[first])
    return np.concatenate(clients), np.concatenate(weights)
