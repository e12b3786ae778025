"""Every row of the database as lines of JSON, in the order in which they can be put back; the same from either database.

Sealed values stay sealed. What must not come back is left out: sessions, half-finished sign-ins, tokens of scripts.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    Table,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import JSON, TypeEngine

from service.backups.note import BackupDamaged
from store.columns import UtcDateTime
from store.tables import metadata

LEFT_OUT = frozenset({"session", "login_flow", "login_attempt", "api_token", "name_search"})
"""What may have been ended since: a restored session or token would let somebody in again. And what lives for a day only."""
NEVER_EMPTIED = frozenset({"audit_leaf"})
_CHUNK = 500
Kind = str
"""`bytes`, `instant`, `json` or `plain`: how a column's values stand in a line."""


def copied() -> list[Table]:
    return [each for each in metadata.sorted_tables if each.name not in LEFT_OUT]


def dump(conn: Connection, write: Callable[[bytes], object]) -> Counter[str]:
    """Write every row. Returns how many of each table."""
    rows: Counter[str] = Counter()
    for each in copied():
        kinds = [_kind(c) for c in each.c]
        write(_line({"table": each.name, "columns": [[c.name, kind] for c, kind in zip(each.c, kinds, strict=True)]}))
        ordered = select(each).order_by(*each.primary_key.columns)
        for row in conn.execution_options(yield_per=_CHUNK).execute(ordered):
            write(_line([_out(value, kind) for value, kind in zip(row, kinds, strict=True)]))
            rows[each.name] += 1
        rows.setdefault(each.name, 0)
    return rows


def load(conn: Connection, lines: Iterator[bytes]) -> Counter[str]:
    """Put back what `dump` wrote, into tables of the version that it was written at. Raises BackupDamaged."""
    rows: Counter[str] = Counter()
    into: Any = None
    kinds: list[Kind] = []
    names: list[str] = []
    while chunk := list(islice(lines, _CHUNK)):
        waiting: list[dict[str, Any]] = []
        for line in chunk:
            read = _read(line)
            if isinstance(read, dict):
                _insert(conn, into, waiting)
                names, kinds = [name for name, _ in read["columns"]], [kind for _, kind in read["columns"]]
                into = table(read["table"], *(column(n, _TYPES[k]) for n, k in zip(names, kinds, strict=True)))
                rows.setdefault(read["table"], 0)
                waiting = []
                if read["table"] not in NEVER_EMPTIED:
                    conn.execute(delete(into))  # a migration may have put a first row there
            else:
                waiting.append({n: _in(v, k) for n, v, k in zip(names, read, kinds, strict=True)})
                rows[into.name] += 1
        _insert(conn, into, waiting)
    _count_on(conn, rows)
    return rows


def count(lines: Iterable[bytes]) -> Counter[str]:
    """How many rows of each table the lines hold, without keeping any."""
    rows: Counter[str] = Counter()
    name = ""
    for line in lines:
        read = _read(line)
        if isinstance(read, dict):
            name = read["table"]
            rows.setdefault(name, 0)
        else:
            rows[name] += 1
    return rows


_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")  # nothing stays nothing
_TYPES: dict[Kind, TypeEngine[Any]] = {"bytes": LargeBinary(), "instant": UtcDateTime(), "json": _JSON}
_TYPES["plain"] = column("").type


def _kind(of: Column[Any]) -> Kind:
    for kind, types in (("bytes", LargeBinary), ("instant", UtcDateTime), ("json", JSON)):
        if isinstance(of.type, types):
            return kind
    return "plain"


def _out(value: Any, kind: Kind) -> Any:
    if value is None or kind in {"plain", "json"}:
        return value
    return b64encode(value).decode() if kind == "bytes" else value.isoformat()


def _in(value: Any, kind: Kind) -> Any:
    if value is None or kind in {"plain", "json"}:
        return value
    return b64decode(value) if kind == "bytes" else datetime.fromisoformat(value)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as fault:
        raise BackupDamaged("the backup holds a line that cannot be read") from fault


def _insert(conn: Connection, into: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(insert(into), rows)


def _count_on(conn: Connection, rows: Iterable[str]) -> None:
    """PostgreSQL's counters go on after the highest number that was put back."""
    if conn.dialect.name != "postgresql":
        return
    for name in rows:
        counted = [
            each for each in inspect(conn).get_columns(name) if each["name"] == "id" and each.get("autoincrement")
        ]
        if counted:
            highest = conn.execute(select(func.max(column("id"))).select_from(text(f'"{name}"'))).scalar()
            if highest is not None:
                conn.execute(
                    text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :at)"), {"name": name, "at": highest}
                )
