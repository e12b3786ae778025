"""Brings a database to the version of this program, and says how far away it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from store.database import Database
from store.errors import DatabaseBroken
from store.tables import metadata

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Apply the missing migrations in one transaction. Safe to call on an up-to-date database."""
    with database.rebuild() as conn:
        try:
            command.upgrade(_config(conn), revision)
        except CommandError as fault:
            raise DatabaseBroken(f"the database cannot be brought to version {revision}: {fault}") from fault


def downgrade(database: Database, revision: str) -> None:
    with database.rebuild() as conn:
        command.downgrade(_config(conn), revision)


def current(database: Database) -> str | None:
    """The version the database is at, or None for an empty one."""
    with database.read() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def newest() -> str | None:
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def history() -> Iterator[Script]:
    """Every migration that this program knows, the newest first."""
    yield from ScriptDirectory.from_config(_config(None)).walk_revisions()


def require_current(database: Database) -> None:
    """Refuse to work on a database of another version: half-understood rows are how records get lost."""
    at = current(database)
    if at != newest():
        raise DatabaseBroken(
            f"the database is at version {at or 'none'} and this program needs {newest()}; run `warmlink upgrade`"
        )


def drift(database: Database) -> list[object]:
    """What the tables in code and in the database differ in; empty when they agree."""
    with database.read() as conn:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata))


def _config(conn: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
    return config
