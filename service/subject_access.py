"""Everything that is held about one client, opened as far as we can open it (45 CFR 164.524).

Rows are found through the columns by which every table names what it is about, so that a table that is added later is not forgotten; a
test refuses one that is neither found so nor known to hold nothing about a client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, LargeBinary, RowMapping, Table, select

from audit.log import entries
from config import KeyUnavailable
from records import BookingEvent, BookingRef, ClientRef, RosterEntry
from service.engine import Engine
from store import bookings, clients, consents
from store.tables import alert, audit_leaf, legal_hold, link, metadata, outbox

_ENTRY, _EVENT = TypeAdapter(RosterEntry), TypeAdapter(BookingEvent)
_PLACES = {"decision": ("sealed_input", "decision"), "outcome": ("sealed", "outcome")}
"""Tables with a sealed text of their own about a client: its column, and the place that it is bound to."""
_TO_OTHERS = {"jwe", "backup_jwe"}
"""Sealed to somebody's key: we cannot open it, and say so."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A client, and what is about them."""

    client: ClientRef
    bookings: tuple[BookingRef, ...]
    """Of matches that stand: a match in doubt, or one that was taken back, may be of somebody else."""
    links: tuple[str, ...]
    alerts: tuple[str, ...]
    entries: tuple[str, ...]
    """Of the outbox."""

    @classmethod
    def of(cls, conn: Connection, client: ClientRef) -> Subject:
        links = conn.execute(select(link).where(link.c.client == client)).all()
        names = [row.ref for row in links]
        alerts = list(conn.execute(select(alert.c.ref).where(alert.c.link.in_(names))).scalars())
        sent = list(conn.execute(select(outbox.c.ref).where(outbox.c.alert.in_(alerts))).scalars())
        standing = {BookingRef(r.booking) for r in links if r.verdict == "ALERT" and r.superseded_at is None}
        return cls(client, tuple(sorted(standing)), tuple(names), tuple(alerts), tuple(sent))


def document(engine: Engine, conn: Connection, client: ClientRef) -> Mapping[str, Any]:
    """Roster entry, consents, bookings, and every row and log entry about the client or what was linked to them."""
    known, subject = clients.get(conn, engine.vault, client), Subject.of(conn, client)
    stays = [bookings.get(conn, engine.vault, ref) for ref in subject.bookings]
    return {
        "reference": client,
        "roster": None if known is None else _shown(_ENTRY.dump_python(known.entry, mode="python")),
        "consents": [
            dict(e.record) | {"recorded_at": e.recorded_at} for e in consents.history(conn, engine.vault, client)
        ],
        "bookings": [
            {"reference": stay.ref, "state": stay.state} | _shown(_EVENT.dump_python(stay.event, mode="python"))
            for stay in stays
            if stay is not None
        ],
        "rows": {table.name: held for table in metadata.sorted_tables if (held := _rows(engine, conn, table, subject))},
        "log": list(_log(conn, subject)),
        "elsewhere": [
            "What clinicians opened is on their screens; what an alert said is sealed to their keys and cannot be opened here.",
            "Deliveries of rosters and jails lie sealed in the archive for the match window, and in backups for their time.",
        ],
    }


def about(table: Table) -> tuple[str, str] | None:
    """The column by which a table names what it is about, and which of a subject's names stand in it."""
    if "outbox" in table.c:
        return "outbox", "entries"
    if table is legal_hold:
        return "subject", "client"
    if table is audit_leaf:
        return None  # searched by its content
    if table.name in {"client", "booking", "link", "alert"}:
        return "ref", {"client": "client", "booking": "bookings", "link": "links", "alert": "alerts"}[table.name]
    for column, names in (("client", "client"), ("link", "links"), ("alert", "alerts"), ("booking", "bookings")):
        if column in table.c:
            return column, names
    return None


def _rows(engine: Engine, conn: Connection, table: Table, subject: Subject) -> list[dict[str, Any]]:
    found = about(table)
    if found is None:
        return []
    column, kind = found
    names = getattr(subject, kind)
    wanted = [names] if isinstance(names, str) else list(names)
    rows = conn.execute(select(table).where(table.c[column].in_(wanted)).order_by(*table.primary_key)).mappings()
    return [_row(engine, table, row) for row in rows]


def _row(engine: Engine, table: Table, row: RowMapping) -> dict[str, Any]:
    plain = {c.name: row[c.name] for c in table.c if not isinstance(c.type, LargeBinary) and c.name not in _TO_OTHERS}
    if table.name in _PLACES:
        column, place = _PLACES[table.name]
        plain[column] = _opened(engine, row[column], f"{place}/{row['ref']}")
    return plain


def _opened(engine: Engine, sealed: bytes | None, place: str) -> str | None:
    if sealed is None:
        return None
    try:
        return engine.vault.open(sealed, place=place).decode()
    except KeyUnavailable:
        return None


def _log(conn: Connection, subject: Subject) -> Iterator[dict[str, Any]]:
    names = {subject.client, *subject.links, *subject.alerts}
    for entry in entries(conn):
        facts = entry.leaf.facts
        if names & {value for value in facts.values() if isinstance(value, str)}:
            yield {"position": entry.position, "at": entry.at, "kind": entry.leaf.kind.value} | _shown(facts)


def _shown(value: Any) -> Any:
    """Plain values, names revealed: this document is for the person they belong to."""
    if isinstance(value, Mapping):
        if value.keys() == {"_text"}:  # how a masked text is written down
            return value["_text"]
        return {str(k): _shown(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    return value.value if isinstance(value, Enum) else value
