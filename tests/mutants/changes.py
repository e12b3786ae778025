"""The mutants of a module: its source with one decision in it made otherwise."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
OTHER = {"max": "min", "min": "max", "any": "all", "all": "any"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
CODED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module. `inside` is the function that it is in; None at the level of the module or a class."""

    module: str
    place: int
    """Of the node, in the order of `ast.walk`."""
    what: str
    lines: range
    inside: range | None

    @property
    def name(self) -> str:
        return f"{self.module}:{self.lines.start} {self.what} ({self.place})"

    def tree(self, source: str) -> ast.Module:
        """The module with the change made."""
        tree = ast.parse(source)
        node = list(ast.walk(tree))[self.place]
        (apply,) = [apply for what, apply in _changes(node) if what == self.what]
        apply()
        return ast.fix_missing_locations(tree)


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, apart from types, decorators and whether a field is shown: they decide nothing."""
    tree = ast.parse(source)
    passed_over, inside = _passed_over(tree), _inside(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in passed_over and isinstance(node, ast.expr | ast.stmt):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            for what, _ in _changes(copy.deepcopy(node)):
                yield Mutant(module, place, what, lines, inside.get(id(node)))


def _passed_over(tree: ast.Module) -> set[int]:
    """Nodes that are types or decorators, or of a field's declaration."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = list(getattr(node, "decorator_list", ()))
        parts += [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"field", "Field", "TypeVar"}
        ):
            parts.append(node)
        if isinstance(node, ast.Call):  # zip(strict=...), dataclass arguments: they refuse what cannot be there
            parts += [
                each.value for each in node.keywords if each.arg in {"strict", "compare", "frozen", "slots", "repr"}
            ]
        for part in parts:
            found |= {id(each) for each in ast.walk(part)} if part is not None else set()
    return found


def _inside(tree: ast.Module) -> dict[int, range]:
    """The outermost function of each node in one. What defaults and decorators say is said where it is defined."""
    found: dict[int, range] = {}
    for node in ast.walk(tree):
        if isinstance(node, CODED):
            own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            body = node.body if isinstance(node.body, list) else [node.body]
            for each in (part for statement in body for part in ast.walk(statement)):
                found.setdefault(id(each), own)
    return found


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
                # Of two operands the other one twice: a chain of one cannot be written down.
                kept = [each for k, each in enumerate(values) if k != n]
                yield f"operand {n} dropped", lambda k=kept: setattr(node, "values", k if len(k) > 1 else k * 2)
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


def code_of(before: CodeType, after: CodeType) -> dict[CodeType, CodeType]:
    """What code of a module became of each piece of it, matched by name and place."""
    made: dict[tuple[str, int], list[CodeType]] = {}
    for code in _codes(after):
        made.setdefault((code.co_qualname, code.co_firstlineno), []).append(code)
    return {
        code: made[key].pop(0) for code in _codes(before) if made.get(key := (code.co_qualname, code.co_firstlineno))
    }


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)
