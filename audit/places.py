"""Where something stands in the log. Beside each entry its kind, time and client are kept, so that a report of a month reads a month.

They are written with the entry, stand as it does, and state nothing that it does not. They are an index and no evidence: whoever
finds an entry by them reads the entry itself, and the check of the log holds them against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, select

from audit.facts import MAX_COUNT, REF, read_instant
from audit.report import ALWAYS, Period
from audit.vocabulary import Kind
from store.tables import audit_leaf

_AT_ONCE = 500
"""Below every database's limit of bound values."""
T = TypeVar("T")
Place = tuple[str, datetime, str | None]
"""Kind, time and client of an entry."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Entries of these kinds (all, if none is named), in this period, about these clients (None: about whomever)."""

    kinds: frozenset[Kind] = frozenset()
    period: Period = ALWAYS
    clients: frozenset[str] | None = None
    start: int = 0
    stop: int = MAX_COUNT

    @property
    def everything(self) -> bool:
        return not self.kinds and self.period == ALWAYS and self.clients is None


def place_of(entry: bytes) -> Place | None:
    """What is kept beside this entry; None for bytes that are no entry."""
    try:
        raw = json.loads(entry)
        at, facts = read_instant(raw["at"]), raw["facts"]
        return (Kind(raw["kind"]).value, at, _client(facts)) if at else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def columns_of(entry: bytes) -> dict[str, Any]:
    kind, at, client = place_of(entry) or (None, None, None)
    return {"kind": kind, "at": at, "client": client}


def positions(conn: Connection, sought: Sought) -> list[int]:
    """In order. Those of entries that cannot be read are always among them: what is broken is not passed over."""
    found = chain(*(conn.execute(query).scalars() for query in _queries(sought)), _unreadable(conn))
    return sorted({at for at in found if sought.start <= at < sought.stop})


def horizon(conn: Connection, sought: Sought, most: int) -> datetime | None:
    """Since when there were no more than the `most` latest of them, or as many more as share an instant; None: always."""
    found: list[datetime] = []
    for query in _queries(sought, audit_leaf.c.at):
        found += conn.execute(query.order_by(audit_leaf.c.at.desc()).limit(most + 1)).scalars()
    return sorted(found, reverse=True)[most - 1] if len(found) > most else None


def _queries(sought: Sought, column: Column[Any] = audit_leaf.c.position) -> Iterator[Select[Any]]:
    """One for each kind, so that each runs along the index on kind and time; or some for the clients, along theirs."""
    base = select(column)
    if sought.period.since is not None:
        base = base.where(audit_leaf.c.at >= sought.period.since)
    if sought.period.until is not None:
        base = base.where(audit_leaf.c.at < sought.period.until)
    if sought.clients is None:
        yield from (base.where(audit_leaf.c.kind == kind.value) for kind in sorted(sought.kinds or Kind, key=str))
        return
    kinds = sorted(kind.value for kind in sought.kinds)
    for some in chunks(sorted(sought.clients)):
        query = base.where(audit_leaf.c.client.in_(some))
        yield query.where(audit_leaf.c.kind.in_(kinds)) if kinds else query


def _unreadable(conn: Connection) -> Sequence[int]:
    return conn.execute(select(audit_leaf.c.position).where(audit_leaf.c.kind.is_(None))).scalars().all()


def chunks(found: Sequence[T]) -> Iterator[Sequence[T]]:
    return (found[start : start + _AT_ONCE] for start in range(0, len(found), _AT_ONCE))


def _client(facts: dict[str, Any]) -> str | None:
    """Whom it is about, as a subject of a purge or a hold too."""
    named = facts.get("client") or (facts.get("subject") if facts.get("subject_kind") == "client" else None)
    return named if REF(named) is not None else None
