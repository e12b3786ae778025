"""Could a test of the matcher's decisions fail? Each decision is changed in one place, and the tests must notice.

    python tests/matcher/mutants.py                          decide, duplicates
    python tests/matcher/mutants.py matcher.decide --every 5 a fifth of its mutants

A mutant is a comparison turned, a bound moved, `and` for `or`, an operand of them dropped, a level left out of a set, a sign
or a constant changed. It is made in a forked process by exchanging the code of the functions that stand there, so that
whoever imported them has it too; then the tests run until one fails. What survives is printed, and is explained in
docs/reliability.md or is a test that is missing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from tests.matcher import people  # what takes long to load is loaded once, before forking

assert people

MODULES = ("matcher.decide", "matcher.duplicates")
TESTS = ("tests/matcher/test_decisions.py", "tests/matcher/test_verdicts.py")
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""What is loaded before the fork cannot be rewritten; the tests themselves are."""
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd,
}  # fmt: skip
OTHER = {"max": "min", "min": "max", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what, and the module's whole source with it."""

    line: int
    what: str
    tree: ast.Module


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Every module that differs from this one in one place."""
    nodes = list(ast.walk(tree))
    for at, node in enumerate(nodes):
        for what, _ in _changes(copy.deepcopy(node)):
            changed = copy.deepcopy(tree)
            twin = list(ast.walk(changed))[at]
            (apply,) = [apply for name, apply in _changes(twin) if name == what]
            apply()
            yield Mutant(getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed))


def _changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """What can be changed at this node, and how."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in TURNED:
            other = TURNED[type(op)]
            yield f"{type(op).__name__} for {other.__name__}", lambda: node.ops.__setitem__(0, other())
        case ast.BoolOp(op=op, values=values):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield "and for or", lambda: setattr(node, "op", other_op)
            for n in range(len(values)):
                yield f"operand {n} dropped", lambda n=n: node.values.pop(n)
        case ast.BinOp(op=op) if type(op) in SWAPPED:
            swapped = SWAPPED[type(op)]
            yield f"{type(op).__name__} for {swapped.__name__}", lambda: setattr(node, "op", swapped())
        case ast.UnaryOp(op=ast.Not()):
            yield "not doubled", lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        case ast.UnaryOp(op=ast.USub()):
            yield "minus dropped", lambda: setattr(node, "op", ast.UAdd())
        case ast.Set(elts=elements) if len(elements) > 1:
            for n, element in enumerate(elements):
                yield f"without {ast.unparse(element)}", lambda n=n: node.elts.pop(n)
        case ast.Call(func=ast.Name(id=name)) if name in OTHER:
            yield f"{OTHER[name]} for {name}", lambda: setattr(node.func, "id", OTHER[name])
        case ast.Constant(value=bool() as value):
            yield f"{not value}", lambda: setattr(node, "value", not value)
        case ast.Constant(value=int() | float() as value):
            yield f"{value} made {value * 2 + 1}", lambda: setattr(node, "value", value * 2 + 1)


def survives(module: ModuleType, mutant: Mutant) -> bool:
    """Whether no test notices."""
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        try:
            _install(module, mutant.tree)
            code = int(pytest.main(["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *QUIET, *TESTS]))
        except BaseException:  # noqa: BLE001 - a module that does not even load is noticed
            code = 1
        os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def _install(module: ModuleType, tree: ast.Module) -> None:
    """Exchange the code of what the module defines, in place, and the values it holds."""
    fresh: dict[str, Any] = dict(module.__dict__)
    exec(compile(tree, str(module.__file__), "exec"), fresh)
    for name, new in fresh.items():
        old = module.__dict__.get(name)
        if isinstance(old, FunctionType) and isinstance(new, FunctionType) and old.__module__ == module.__name__:
            old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
        elif isinstance(old, frozenset | tuple | int | float):
            setattr(module, name, new)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--every", type=int, default=1, help="only every Nth mutant")
    chosen = parser.parse_args(arguments)
    survivors = made = 0
    unchanged = importlib.import_module(chosen.modules[0])
    if not survives(unchanged, Mutant(0, "nothing", ast.parse(Path(str(unchanged.__file__)).read_text("utf-8")))):
        raise SystemExit("the tests fail on the code as it is: nothing can be said of mutants")
    for name in chosen.modules:
        module = importlib.import_module(name)
        assert module.__file__ is not None
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        for mutant in list(mutants(tree))[:: chosen.every]:
            made += 1
            if survives(module, mutant):
                survivors += 1
                print(f"survived: {name}:{mutant.line} {mutant.what}", flush=True)  # noqa: T201 - a program for the terminal
    print(f"{made} mutants, {made - survivors} noticed, {survivors} survived", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
