"""Runs mutants: each in a forked process, against the tests that go through the place that was changed, quickest first."""

from __future__ import annotations

import ast
import gc
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Never, Self

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.changes import Mutant, code_of

QUIET = (
    "-q",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
NOTICED, SURVIVED, ENDLESS = "noticed", "survived", "endless"
EARLY = "early"
"""To be judged by a process that has not loaded the module yet."""


@dataclass(frozen=True, slots=True)
class Known:
    """A test as it went on the code as it is: how long it took, and which lines of each module it went through."""

    seconds: float
    lines: dict[str, frozenset[int]]


@dataclass(slots=True)
class Bench:
    """Collects the tests once and runs each mutant against them in a fork. A plugin of pytest."""

    files: dict[str, str]
    """The source file of each module that is changed."""
    mutants: Sequence[Mutant]
    told: Callable[[Mutant, str, Sequence[str]], None]
    known: dict[str, Known] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise pytest.UsageError("the tests cannot be collected")
        self.known = self._measured(session.items)
        for mutant in self.mutants:
            became_of(
                self.files[mutant.module], mutant
            )  # here, where a fault ends the run, and is not taken for a test's
            chosen = self.chosen(mutant)
            if mutant.inside is None or not chosen:
                self.told(mutant, EARLY, self.chosen(mutant, anywhere=True))
                continue
            items = [item for name in chosen for item in session.items if item.nodeid == name]
            seconds = sum(self.known[name].seconds for name in chosen)
            verdict = _forked(partial(self._passes, mutant, items), seconds)
            self.told(mutant, verdict, chosen)
        return True

    def _measured(self, items: Sequence[pytest.Item]) -> dict[str, Known]:
        """Every test on the code as it is, in a fork, so that nothing of it stays behind here."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _end(lambda: self._write_measures(items, writing))
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as file:
            found = json.load(file)
        os.waitpid(pid, 0)
        failing = [name for name, (passed, *_) in found.items() if not passed]
        if failing:
            raise pytest.UsageError(f"tests fail on the code as it is, nothing can be said of mutants: {failing}")
        return {
            name: Known(took, {f: frozenset(n) for f, n in lines.items()}) for name, (_, took, lines) in found.items()
        }

    def _write_measures(self, items: Sequence[pytest.Item], writing: int) -> bool:
        found = {}
        for item, following in zip(items, [*items[1:], None], strict=True):
            began = time.process_time()
            with Footsteps(frozenset(self.files.values())) as steps:
                passed = _run(item, following)
            lines = {file: sorted(numbers) for file, numbers in steps.lines.items()}
            found[item.nodeid] = passed, time.process_time() - began, lines
        with os.fdopen(writing, "w", encoding="utf-8") as file:
            json.dump(found, file)
        return True

    def chosen(self, mutant: Mutant, *, anywhere: bool = False) -> list[str]:
        """The tests that go through the changed lines, or through the function, or else (`anywhere`) through the module."""
        file = self.files[mutant.module]
        places: list[Iterable[int] | None] = [mutant.lines, mutant.inside]
        for place in [*places, *([range(10**9)] if anywhere else [])]:
            found = [
                n for n, k in self.known.items() if place is not None and any(x in place for x in k.lines.get(file, ()))
            ]
            if found:
                return sorted(found, key=lambda name: self.known[name].seconds)
        return []

    def _passes(self, mutant: Mutant, items: Sequence[pytest.Item]) -> bool:
        exchange(self.files[mutant.module], mutant)
        return all(_run(item, following) for item, following in zip(items, [*items[1:], None], strict=True))


def _run(item: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


@dataclass(slots=True)
class Footsteps:
    """Notes which lines of some files are gone through."""

    files: frozenset[str]
    lines: dict[str, set[int]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        return self._step if frame.f_code.co_filename in self.files else None

    def _step(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            self.lines.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
        return self._step


def became_of(file: str, mutant: Mutant) -> dict[CodeType, CodeType]:
    """What the mutant makes of each piece of code of the file. Raises what a mutant raises that cannot be compiled."""
    source = Path(file).read_text("utf-8")
    trees = ast.parse(source), mutant.tree(source)
    return code_of(*(compile(tree, file, "exec", dont_inherit=True) for tree in trees))


def exchange(file: str, mutant: Mutant) -> None:
    """Give every living function of the file the code of the mutant: whoever imported it has it too."""
    became = became_of(file, mutant)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == file:
            new = became.get(each.__code__)
            if new is not None:
                each.__code__ = new


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module as the mutant has it: for what is computed when it is loaded."""

    def __init__(self, file: str, mutant: Mutant) -> None:
        self._file, self._mutant = file, mutant

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return (
            importlib.util.spec_from_file_location(name, self._file, loader=self)
            if name == self._mutant.module
            else None
        )

    def exec_module(self, module: ModuleType) -> None:
        code: CodeType = compile(self._mutant.tree(Path(self._file).read_text("utf-8")), self._file, "exec")
        exec(code, module.__dict__)


def early(file: str, mutant: Mutant, tests: Sequence[str], seconds: float) -> str:
    """The verdict on a mutant that is loaded in place of the module, by a process that has loaded nothing of ours yet."""

    def passes() -> bool:
        sys.meta_path.insert(0, Loader(file, mutant))
        return pytest.main(["-x", *QUIET, *tests]) == 0

    return _forked(passes, seconds)


def _forked(passes: Callable[[], bool], seconds: float) -> str:
    """Whether all tests passed in a process of their own; `endless` if they took ten times as long as they should."""
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_VIRTUAL, 20 + 10 * seconds)  # its default action ends the process
        _end(passes)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGVTALRM:
        return ENDLESS
    return SURVIVED if status == 0 else NOTICED


def _end(passes: Callable[[], bool]) -> Never:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    code = 1
    try:
        code = 0 if passes() else 1
    except BaseException:  # noqa: BLE001 - a module that does not even load is noticed
        code = 1
    finally:
        os._exit(code)
