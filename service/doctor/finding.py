"""One finding of the doctor: what was looked at, how it is, and what to do. Counts, codes and names of settings only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """`warning`: it works, and will not for ever."""

    WELL = "well"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """`words` says how it is, `action` what a person does about it; empty where all is well."""

    check: str
    state: State
    words: str
    action: str = ""


def well(check: str, words: str) -> Finding:
    return Finding(check, State.WELL, words)


def warning(check: str, words: str, action: str) -> Finding:
    return Finding(check, State.WARNING, words, action)


def fault(check: str, words: str, action: str) -> Finding:
    return Finding(check, State.FAULT, words, action)
