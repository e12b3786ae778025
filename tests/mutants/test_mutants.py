"""Is a mutant made where it says, does whoever imported a function have it, and does a test that goes through it notice?"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.mutants.changes import mutants
from tests.mutants.running import exchange

SOURCE = '''\
KINDS = {"a", "b"}


class Door:
    """1 and 2 are words here."""

    def opens(self, age: int, *, known: bool = False) -> bool:
        return age >= 18 and not known


def shut(kind: str) -> bool:
    return all(kind != each for each in KINDS)
'''
MADE = [
    ("without 'a'", None),
    ("without 'b'", None),
    ("any for all", range(11, 13)),
    ("True", None),
    ("and for or", range(7, 9)),
    ("operand 0 dropped", range(7, 9)),
    ("operand 1 dropped", range(7, 9)),
    ("GtE for Gt", range(7, 9)),
    ("not doubled", range(7, 9)),
    ("NotEq for Eq", range(11, 13)),
    ("18 made 37", range(7, 9)),
]


def loaded(folder: Path) -> ModuleType:
    path = folder / "door.py"
    path.write_text(SOURCE, "utf-8")
    spec = importlib.util.spec_from_file_location("door", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_decision_is_changed_once() -> None:
    assert [(m.what, m.inside) for m in mutants("door", SOURCE)] == MADE


def test_a_mutant_reaches_whoever_has_the_function_and_another_one_takes_its_place(tmp_path: Path) -> None:
    module = loaded(tmp_path)
    door, shut = module.Door(), module.shut
    asked = [(17, False), (18, False), (18, True), (37, False), (17, True)]
    sound = [door.opens(age, known=known) for age, known in asked], [shut(kind) for kind in "abc"]
    for mutant in mutants("door", SOURCE):
        if mutant.inside is None:
            continue
        module = loaded(tmp_path)
        door, shut = module.Door(), module.shut
        exchange(str(module.__file__), mutant)
        assert ([door.opens(age, known=known) for age, known in asked], [shut(kind) for kind in "abc"]) != sound


def test_a_sample_of_the_run() -> None:
    """A twelfth of the mutants of the rules, none of which may survive."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    run = [sys.executable, "-m", "tests.mutants", "matcher.rules", "--every", "12"]
    done = subprocess.run(run, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.splitlines()[-1] == "matcher.rules: 8 mutants, 8 noticed, 0 survived", done.stdout + done.stderr
