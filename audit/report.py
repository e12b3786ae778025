"""What every report is: a table of rows over decoded entries of the log, for one period, with its legal basis.

Reports are pure functions. They state what the log states, codes and references; whoever shows one may put a name to
a reference where the reader is allowed to know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from audit.facts import read_instant
from audit.leaves import Entry


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on and before `until`; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


ALWAYS = Period()


@dataclass(frozen=True, slots=True)
class Table:
    """A report. `rows` are frozen dataclasses of `row_type`, whose fields are the columns."""

    code: str
    title: str
    basis: str
    row_type: type[Any]
    rows: tuple[Any, ...]
    period: Period = ALWAYS
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in fields(self.row_type))

    def cells(self) -> Iterator[tuple[Any, ...]]:
        for row in self.rows:
            yield tuple(getattr(row, name) for name in self.columns)


def text(entry: Entry, name: str) -> str:
    """A fact as text, empty when the entry does not state it."""
    value = entry.leaf.facts.get(name, "")
    return value if isinstance(value, str) else ""


def texts(entry: Entry, name: str) -> tuple[str, ...]:
    value = entry.leaf.facts.get(name, ())
    return value if isinstance(value, tuple) else ()


def number(entry: Entry, name: str) -> int:
    value = entry.leaf.facts.get(name, 0)
    return value if isinstance(value, int) else 0


def moment(entry: Entry, name: str) -> datetime | None:
    return read_instant(text(entry, name))


def years_before(at: datetime, years: int) -> datetime:
    """The same moment so many years earlier; 29 February becomes the 28th."""
    try:
        return at.replace(year=at.year - years)
    except ValueError:
        return at.replace(year=at.year - years, day=28)


def trail(entries: Iterable[Entry], *refs: str) -> tuple[Entry, ...]:
    """Every entry that mentions one of these references, in order: what the log knows of a booking, client or alert."""
    wanted = frozenset(refs)
    return tuple(entry for entry in entries if not wanted.isdisjoint(_mentioned(entry)))


def _mentioned(entry: Entry) -> Iterator[str]:
    for value in entry.leaf.facts.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from value
