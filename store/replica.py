"""A PostgreSQL server that follows the main one: good for pages, as long as it has what this process wrote."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

_WRITTEN = text("SELECT pg_current_wal_lsn()::text")
_HAS = text(
    "SELECT NOT pg_is_in_recovery() OR (EXISTS (SELECT FROM pg_stat_wal_receiver)"
    " AND pg_last_wal_replay_lsn() >= CAST(:written AS pg_lsn))"
)
"""It follows its server at this moment, and has replayed that position of its log."""


@dataclass(slots=True)
class Replica:
    """Connections to it, and the position of the main server's log that a reader here must see."""

    engine: Engine
    written: str = "0/0"

    def expect(self, main: Connection) -> None:
        """Something was committed: whoever reads here next must see it."""
        with main.begin():
            self.written = str(main.execute(_WRITTEN).scalar_one())

    def connected(self) -> Connection | None:
        """A connection, or None where the replica is away, or is behind."""
        try:
            conn = self.engine.connect()
        except DBAPIError:
            return None
        try:
            with conn.begin():
                fresh = conn.execute(_HAS, {"written": self.written}).scalar_one()
        except DBAPIError:
            fresh = False
        if not fresh:
            conn.close()
        return conn if fresh else None

    def close(self) -> None:
        self.engine.dispose()
