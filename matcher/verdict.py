"""What a linkage decided: verdicts, links, and the evidence that each link carries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """ALERT may reach a clinician, REVIEW goes to a trained reviewer, NONE goes nowhere."""

    ALERT = "ALERT"
    REVIEW = "REVIEW"
    NONE = "NONE"


class FieldLevel(NamedTuple):
    """What was seen of one field, and its evidence in bits: positive speaks for the same person."""

    field: str
    level: str
    bits: float

    def __str__(self) -> str:
        return f"{self.field}={self.level}"


@dataclass(frozen=True, slots=True)
class Link:
    """One client a booking may be of. Holds no value of a person, only what kind of agreement was seen."""

    client: str
    verdict: Verdict
    weight: float
    """Match weight: sum of the fields' bits."""
    probability: float
    margin: float
    """Bits by which this link leads the best rival explanation: another client, or no client at all."""
    levels: tuple[FieldLevel, ...]
    reasons: tuple[str, ...] = ()
    """Why the verdict is not what the probability alone would say."""

    @property
    def levels_text(self) -> str:
        """One line: `first=exact;last=part;dob=digit;...`."""
        return ";".join(map(str, self.levels))


@dataclass(frozen=True, slots=True)
class BookingLinks:
    """All that a booking's comparison came to: links by falling weight, and the verdict over them."""

    verdict: Verdict
    links: tuple[Link, ...]
    candidates: int
    """How many clients were compared."""
    reasons: tuple[str, ...] = ()


NO_LINKS = BookingLinks(Verdict.NONE, (), 0)


@dataclass(frozen=True, slots=True)
class Constraints:
    """Reviewers' decisions and shared identifiers, as pairs (person token, client).

    A person token stands for a jail's person id, a state id or a fingerprint number. Keyed by token *and* client:
    "not my client" under one jail id says nothing of the client's own.
    """

    must: frozenset[tuple[str, str]] = frozenset()
    cannot: frozenset[tuple[str, str]] = frozenset()


NO_CONSTRAINTS = Constraints()
