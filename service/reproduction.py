"""A past decision made again: from its stored input, under the rule book of that time, beside what the log says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, select

from audit.errors import ProofRefused
from audit.leaves import Entry, Kind, leaf
from audit.log import entries
from audit.report import text
from audit.reproduce import Reproduction, reproduce
from consent import RuleBook
from service.engine import Engine
from service.reports import party
from store import rulebooks
from store.errors import KeyDestroyed
from store.tables import decision


@dataclass(frozen=True, slots=True)
class Remade:
    """What came out, and what it was made from."""

    found: Reproduction
    at: datetime
    effect: str
    rule_set: str
    rule_set_hash: str


def remake(engine: Engine, ref: str, by: str) -> Remade:
    """Decide again what the decision `ref` decided. Who asked is in the log, as a look at the client it is about.

    Raises ProofRefused where there is no such decision, or its input was destroyed; what was altered is a difference.
    """
    with engine.database.read() as conn:
        entry = _entry(conn, ref)
        sealed = conn.execute(select(decision.c.sealed_input).where(decision.c.ref == ref)).scalar_one_or_none()
        book_hash = text(entry, "rule_set_hash")
        book = rulebooks.get(conn, book_hash)
    _look(engine, entry, party(by))
    try:
        stored = None if sealed is None else engine.vault.open(bytes(sealed), place=f"decision/{ref}")
    except KeyDestroyed:
        stored = None
    if stored is None:
        raise ProofRefused("the input of this decision was destroyed; what was decided stands in the log")
    found = _again(entry, stored, book, book_hash)
    return Remade(found, entry.at, text(entry, "effect"), text(entry, "rule_set"), book_hash)


def is_decision(engine: Engine, ref: str) -> bool:
    """Whether there is a decision of this name."""
    with engine.database.read() as conn:
        return conn.execute(select(decision.c.ref).where(decision.c.ref == ref)).first() is not None


def _destroyed(engine: Engine, entry: Entry) -> str:
    """When the input went, and why, as the log has it."""
    about = {text(entry, "client"), text(entry, "booking")} - {""}
    with engine.database.read() as conn:
        gone = [e for e in entries(conn, kinds={Kind.PURGE}) if about & {text(e, "client"), text(e, "booking")}]
    when = f" on {gone[-1].at:%Y-%m-%d} ({text(gone[-1], 'purge_reason')})" if gone else ""
    return f"the input of this decision was destroyed{when}; what was decided stands in the log"


def _entry(conn: Connection, ref: str) -> Entry:
    for entry in entries(conn, kinds={Kind.DECISION}):
        if text(entry, "decision") == ref:
            return entry
    raise ProofRefused("the log has no decision of this name; `warmlink explain` gives the names")


def _again(entry: Entry, stored: bytes, book: bytes | None, book_hash: str) -> Reproduction:
    if book is None:
        return Reproduction(entry.position, ("the rule book of that time was not kept",))
    if sha256(book).hexdigest() != book_hash:
        return Reproduction(entry.position, ("the rule book that was kept is not the one that decided",))
    return reproduce(entry, stored, read_book(book))


def read_book(canonical: bytes) -> RuleBook:
    """The rule book that these canonical bytes are of."""
    raw = json.loads(canonical)
    return RuleBook(raw["book"], raw["profile"], raw["overrides"])


def _look(engine: Engine, entry: Entry, by: str) -> None:
    seen = {name: text(entry, name) or None for name in ("client", "booking", "link")}
    with engine.database.write() as conn:
        engine.audit.append(conn, [leaf(Kind.VIEW, by=by, screen="compliance", **seen)], engine.clock())
