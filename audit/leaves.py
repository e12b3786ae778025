"""A leaf of the audit log: what may be stated, checked, and the bytes that are hashed.

A leaf that states an unknown fact, misses a required one or holds anything but a code, count, instant, hash or
opaque reference is refused before it reaches the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from audit.errors import LeafRefused
from audit.facts import COUNT, Fact, instant, read_instant, write_instant
from audit.vocabulary import SHAPES, TYPES, Kind

__all__ = ["VERSION", "Entry", "Kind", "Leaf", "canonical", "decode", "leaf"]

VERSION = 1
"""Of the form of an entry, stated in each."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that happened, before it has a place in the log. Raises LeafRefused when it may not be stated."""

    kind: Kind
    facts: Mapping[str, Fact]

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(_checked(self.kind, self.facts)))


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf with its place and time: what is hashed. It carries its own position, so no entry can pass for another."""

    position: int
    at: datetime
    leaf: Leaf

    def __post_init__(self) -> None:
        if COUNT(self.position) is None or instant(self.at) is None:
            raise LeafRefused("an entry has a position from 0 on and an instant with an offset")

    def canonical(self) -> bytes:
        """The bytes that are hashed and kept: JSON, keys sorted, no blanks, whole numbers only, ASCII."""
        return canonical(
            {
                "at": write_instant(self.at),
                "facts": dict(self.leaf.facts),
                "kind": self.leaf.kind.value,
                "position": self.position,
                "v": VERSION,
            }
        )


def leaf(kind: Kind, **facts: object) -> Leaf:
    """A leaf of this kind. Facts given as None are left out, enum members stand for their value."""
    return Leaf(kind, {name: value for name, value in facts.items() if value is not None})  # type: ignore[misc]  # checked by Leaf


def canonical(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def decode(entry: bytes) -> Entry:
    """The entry that these bytes are the canonical form of; LeafRefused for anything else."""
    try:
        raw = json.loads(entry)
        at, version = read_instant(raw["at"]), raw["v"]
        read = Entry(raw["position"], at, Leaf(Kind(raw["kind"]), raw["facts"])) if at and version == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise LeafRefused("these bytes are not an entry of the audit log") from fault
    if read is None or read.canonical() != entry:
        raise LeafRefused("these bytes are not the canonical form of an entry of the audit log")
    return read


def _checked(kind: Kind, facts: Mapping[str, object]) -> dict[str, Fact]:
    shape = SHAPES[kind]
    for problem, names in (
        ("does not know", facts.keys() - shape.must - shape.may),
        ("misses", shape.must - facts.keys()),
    ):
        if names:
            raise LeafRefused(f"a {kind.value} leaf {problem} {_nameable(names)}")
    return {name: _fact(kind, name, value) for name, value in facts.items()}


def _fact(kind: Kind, name: str, value: object) -> Fact:
    fact = TYPES[name](value)
    if fact is None:
        raise LeafRefused(f"{name} of a {kind.value} leaf holds something that may not stand in the audit log")
    return fact


def _nameable(names: set[str] | frozenset[str]) -> str:
    """Names of facts; one that we do not know may be somebody's words, so it is not repeated."""
    return ", ".join(sorted(name if name in TYPES else "an unknown fact" for name in names))
