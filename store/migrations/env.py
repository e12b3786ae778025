"""Alembic's entry: runs the migrations on the connection that store.migrate hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from store.columns import UtcDateTime
from store.tables import metadata


def _render(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """A migration is history: it names plain column types, not today's code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


connection = context.config.attributes["connection"]
# render_as_batch: SQLite changes a column by copying the table
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True, render_item=_render
)
with context.begin_transaction():
    context.run_migrations()
