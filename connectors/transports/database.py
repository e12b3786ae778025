"""A query against the source's own database: read-only, from a watermark on, in batches of whole watermarks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.delivery import Cursor, MemoryDelivery
from connectors.errors import FeedMalformed, FeedRejected, FeedUnavailable

Watermark = datetime | int | str

_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET TRANSACTION READ ONLY",
}
"""What keeps a mistaken query from writing. Elsewhere the account must be one that cannot write."""


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """Runs `query`, which takes `:after` and is ordered by `watermark`, and delivers JSON lines (format `json`, lines).

    `first` is where the first poll begins; `overlap` goes back from the last watermark, for rows that were committed
    late: what comes again is recognised by its content hash.
    """

    url: str
    query: str
    watermark: str
    first: Watermark
    overlap: timedelta = timedelta(0)
    batch: int = 5000

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[MemoryDelivery]:  # noqa: ARG002 - the watermark is the source's clock
        """Batches of at least `batch` rows. Rows of one watermark are never in two, so a cursor never cuts between them."""
        after = _read(cursor) if cursor else self.first
        if isinstance(after, datetime) and cursor:
            after -= self.overlap
        with self._rows(after) as rows:
            lines: list[bytes] = []
            mark: Watermark | None = None
            for number, row in enumerate(rows, start=1):
                here = self._mark(row, number)
                if len(lines) >= self.batch and here != mark and mark is not None:
                    delivery = _delivery(lines, mark)
                    yield delivery
                    if not delivery.settled:
                        return
                    lines = []
                mark = here
                lines.append(json.dumps({name: _plain(value) for name, value in row.items()}).encode() + b"\n")
            if lines and mark is not None:
                yield _delivery(lines, mark)

    def _mark(self, row: Mapping[str, Any], number: int) -> Watermark:
        found = row.get(self.watermark)
        if not isinstance(found, datetime | int | str):
            raise FeedMalformed(f"row {number} has no watermark in column '{self.watermark}'")
        return found

    @contextmanager
    def _rows(self, after: Watermark) -> Iterator[Iterator[Mapping[str, Any]]]:
        engine = create_engine(self.url, poolclass=NullPool, hide_parameters=True)
        try:
            with engine.connect() as connection:
                _forbid_writing(connection)
                result = connection.execution_options(stream_results=True).execute(text(self.query), {"after": after})
                yield (dict(row) for row in result.mappings())
                connection.rollback()
        except (OperationalError, InterfaceError) as error:
            if _is_refusal(error):
                raise FeedRejected("the database refuses the account or the query; nothing was written") from None
            raise FeedUnavailable(f"the database does not answer ({type(error).__name__})") from None
        except SQLAlchemyError as error:
            raise FeedRejected(f"the query cannot be run ({type(error).__name__})") from None
        finally:
            engine.dispose()


def _forbid_writing(connection: Connection) -> None:
    statement = _READ_ONLY.get(connection.dialect.name)
    if statement:
        connection.execute(text(statement))


def _is_refusal(error: DBAPIError) -> bool:
    """SQLite reports a missing table, a forbidden write and a locked file as one class; only the last one passes."""
    words = str(error.orig).lower()
    return any(
        word in words
        for word in ("no such", "syntax", "readonly", "authentication", "password", "not authorized", "read-only")
    )


def _delivery(lines: list[bytes], mark: Watermark) -> MemoryDelivery:
    kind = type(mark).__name__
    value = mark.isoformat() if isinstance(mark, datetime) else mark
    return MemoryDelivery(
        b"".join(lines), Cursor(json.dumps({"type": kind, "value": value})), name=f"{len(lines)} rows"
    )


def _read(cursor: Cursor) -> Watermark:
    try:
        token = json.loads(cursor.token)
        value = token["value"]
        return (
            datetime.fromisoformat(value)
            if token["type"] == "datetime"
            else int(value)
            if token["type"] == "int"
            else str(value)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FeedMalformed("the cursor is not one of this transport; reset the feed's cursor") from error


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise FeedMalformed(f"a column holds {type(value).__name__}, which is no text, number or date")
