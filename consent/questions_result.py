"""What is asked about a result before it is dressed for the recipient."""

from __future__ import annotations

from consent.case import ResultCase
from consent.questions import question


@question
def denies(result: ResultCase) -> bool:
    return result.denies


@question
def told_plainly(result: ResultCase) -> bool:
    """Whether this kind of recipient may hear a plain refusal."""
    return result.told_plainly


@question
def outside_envelope(result: ResultCase) -> bool:
    return result.outside_envelope


@question
def hides_programme(result: ResultCase) -> bool:
    return result.hides_programme


@question
def hides_part2_programme(result: ResultCase) -> bool:
    return result.hides_part2_programme


@question
def denies_without_reason(result: ResultCase) -> bool:
    return result.denies_without_reason
