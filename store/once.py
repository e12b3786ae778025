"""Write a row unless its key is taken: the database, not a look beforehand, decides between two writers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


def insert_once(conn: Connection, table: Table, **row: Any) -> bool:
    """True if the row is new; False if any unique key of the table already holds it."""
    insert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    new = insert(table).values(row).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return conn.execute(new).first() is not None
