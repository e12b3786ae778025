"""Could a test of a decision fail? Each decision is changed in one place, and the tests must notice.

    python -m tests.mutants                                   all decisions of consent and matcher
    python -m tests.mutants matcher.rules --every 5           a fifth of the mutants of one module
    python -m tests.mutants --journal FILE                    go on where an earlier run with this file was stopped

A mutant is a comparison turned, a bound moved, `and` for `or`, an operand of them dropped, a member left out of a set, a sign
or a constant changed. What survives is printed; docs/mutation.md says why, or a test is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pydantic
import pytest

from tests.mutants.changes import Mutant, mutants
from tests.mutants.running import EARLY, QUIET, SURVIVED, Bench, early

FOUND_ONLY = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
"""That a mutant is noticed is all that counts: no example is made small, and none is kept."""
LOADED = (hypothesis, np, pydantic)
"""Loaded once, before forking: they are not ours."""
GROUPS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("matcher.rules", "matcher.decide", "matcher.duplicates"),
        ("tests/matcher/test_rules.py", "tests/matcher/test_decisions.py", "tests/matcher/test_verdicts.py"),
    ),
    (
        ("consent.engine", "consent.case", "consent.covering", "consent.weigh", "consent.programme", "consent.rule",
         "consent.questions_gate", "consent.questions_programme", "consent.questions_consent", "consent.questions_result",
         "consent.times", "consent.history"),
        ("tests/consent/test_consent_scenes.py", "tests/consent/test_consent_second_reading.py", "tests/consent/test_consent_times.py",
         "tests/consent/test_consent_unreadable.py", "tests/consent/test_consent_history.py", "tests/consent/test_consent_published.py",
         "tests/consent/test_consent_rulebook.py", "tests/consent/test_consent_properties.py"),
    ),
    (
        ("matcher.weigh", "matcher.score", "matcher.compare"),
        ("tests/matcher/test_verdicts.py", "tests/matcher/test_kernels.py", "tests/matcher/test_files.py",
         "tests/matcher/test_learning.py"),
    ),
)  # fmt: skip
"""Modules that decide, and the tests of their decisions."""
Done = dict[str, str]


@dataclass(frozen=True, slots=True)
class Journal:
    """What became of each mutant, one line each, so that a run can be stopped and gone on with."""

    path: Path | None

    def read(self) -> Done:
        if self.path is None or not self.path.exists():
            return {}
        return dict(json.loads(line) for line in self.path.read_text("utf-8").splitlines())

    def write(self, mutant: Mutant, verdict: str) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([mutant.name, verdict]) + "\n")


def source_of(module: str) -> str:
    """The file of a module, found without loading it."""
    return str(Path(*module.split(".")).with_suffix(".py").resolve())


def judged(modules: Sequence[str], tests: Sequence[str], every: int, journal: Journal) -> Done:
    """Judge all mutants of some modules that are not in the journal yet."""
    files = {module: source_of(module) for module in modules}
    done = journal.read()
    made = [m for module in modules for m in mutants(module, Path(files[module]).read_text("utf-8"))][::every]
    left = [m for m in made if m.name not in done]
    for mutant, verdict, chosen, seconds in _verdicts(files, left, tests) if left else ():
        found = verdict
        if verdict == EARLY:
            found = early(files[mutant.module], mutant, chosen or tests, seconds)
        done[mutant.name] = found
        journal.write(mutant, found)
        if found == SURVIVED:
            _say(f"survived: {mutant.name}")
    return {m.name: done[m.name] for m in made}


def _verdicts(
    files: dict[str, str], left: Sequence[Mutant], tests: Sequence[str]
) -> Iterator[tuple[Mutant, str, list[str], float]]:
    """Verdicts of a process that has the tests collected, as it tells them."""
    by_name = {mutant.name: mutant for mutant in left}
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        with os.fdopen(writing, "w", encoding="utf-8", buffering=1) as out:

            def told(mutant: Mutant, verdict: str, chosen: Sequence[str]) -> None:
                seconds = sum(bench.known[name].seconds for name in chosen)
                out.write(json.dumps([mutant.name, verdict, list(chosen), seconds]) + "\n")

            bench = Bench(files, left, told)
            code = int(pytest.main([*QUIET, *tests], plugins=[bench]))
        os._exit(0 if code in {0, 5} else 1)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        for line in lines:
            name, verdict, chosen, seconds = json.loads(line)
            yield by_name[name], verdict, chosen, seconds
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("the tests fail on the code as it is, or could not be run: nothing can be said of mutants")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for the terminal


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="all that decide, if none is named")
    parser.add_argument("--every", type=int, default=1, help="only every Nth mutant")
    parser.add_argument("--journal", type=Path, help="keep what became of each mutant in this file")
    chosen = parser.parse_args(arguments)
    hypothesis.settings.register_profile("mutants", database=None, derandomize=True, phases=FOUND_ONLY)
    hypothesis.settings.load_profile("mutants")
    for modules, tests in GROUPS:
        wanted = [m for m in modules if not chosen.modules or m in chosen.modules]
        if wanted:
            done = judged(wanted, tests, chosen.every, Journal(chosen.journal))
            for module in wanted:
                count = Counter(verdict for mutant, verdict in done.items() if mutant.startswith(f"{module}:"))
                _say(
                    f"{module}: {count.total()} mutants, {count.total() - count[SURVIVED]} noticed, {count[SURVIVED]} survived"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
