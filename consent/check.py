"""Run scenarios in the published schema against a rule book, and say what differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from consent.engine import decide
from consent.rulebook import RuleBook

_SAME = ("fields_allowed", "redact", "programs_visible", "consents_relied_on", "obligations")


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a decision that is not as expected."""

    part: str
    missing: tuple[str, ...]
    """Expected and not given."""
    extra: tuple[str, ...]
    """Given and not expected."""

    def __str__(self) -> str:
        return f"{self.part}: " + ", ".join(
            [*(f"-{code}" for code in self.missing), *(f"+{code}" for code in self.extra)]
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """One scenario, by its line; `problem` where the line could not be run at all."""

    line: int
    id: str
    title: str
    got: dict[str, Any]
    differences: tuple[Difference, ...]
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and not self.differences

    def as_json(self) -> str:
        """One line of a results file."""
        return json.dumps({
            "line": self.line, "id": self.id, "passed": self.passed, "problem": self.problem, "got": self.got,
            "differences": [{"part": d.part, "missing": d.missing, "extra": d.extra} for d in self.differences],
        }, ensure_ascii=False)  # fmt: skip


def run_vectors(lines: Iterable[str], rulebook: RuleBook) -> Iterator[Checked]:
    """Decide each scenario (one JSON object a line, blank lines skipped) and compare it with its `expect`.

    Lists are compared as sets; further reason codes of the book beside the expected ones are no difference.
    The published scenarios assume the federal-floor profile.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _check(number, line, rulebook)


def _check(number: int, line: str, book: RuleBook) -> Checked:
    try:
        vector = json.loads(line)
    except (ValueError, RecursionError):
        return Checked(number, "", "", {}, (), "not JSON")
    if not isinstance(vector, dict):
        return Checked(number, "", "", {}, (), "not an object")
    got = decide(vector, book).as_expected()
    expect = vector.get("expect")
    name, title = str(vector.get("id", "")), str(vector.get("title", ""))
    if not isinstance(expect, dict):
        return Checked(number, name, title, got, (), "nothing is expected of it")
    try:
        return Checked(number, name, title, got, tuple(_differences(got, expect)))
    except (KeyError, TypeError):
        return Checked(number, name, title, got, (), "what is expected of it is incomplete")


def _differences(got: dict[str, Any], expect: dict[str, Any]) -> Iterator[Difference]:
    if got["decision"] != expect["decision"]:
        yield Difference("decision", (str(expect["decision"]),), (got["decision"],))
    for part in _SAME:
        there, wanted = set(got[part]), set(expect[part])
        if there != wanted:
            yield Difference(part, tuple(sorted(wanted - there)), tuple(sorted(there - wanted)))
    lacking = set(expect["reason_codes"]) - set(got["reason_codes"])
    if lacking:
        yield Difference("reason_codes", tuple(sorted(lacking)), ())
