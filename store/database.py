"""One door to the database: an engine for SQLite or PostgreSQL, a reading and a writing transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError

from config.errors import ConfigError
from store.errors import AlreadyDone, DatabaseBroken, DatabaseBusy
from store.replica import Replica

_BUSY = (
    "locked",
    "busy",
    "could not connect",
    "connection refused",
    "server closed",
    "deadlock",
    "timeout",
    "terminating",
)


class Database:
    """Transactions on one database.

    SQLite runs in WAL mode with synchronous=FULL, so a committed transaction survives a power cut; a writing
    transaction takes its lock at the start (BEGIN IMMEDIATE) instead of failing half-way.
    """

    def __init__(self, url: str, replica: str = "") -> None:
        """`replica` is the URL of a PostgreSQL server that follows this one; pages are read there."""
        self.engine = _engine(url)
        self._replica = Replica(_engine(replica, read_only=True)) if replica else None

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view. Writing in it is a programming error that SQLite refuses."""
        with _mapped_faults(), self.engine.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One moment of the database, however long it is read. SQLite's readers have that anyway."""
        options = (
            {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        with _mapped_faults(), self.engine.connect().execution_options(**options) as conn, conn.begin():
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """All or nothing. Commits when the block ends, rolls back when it raises."""
        with _mapped_faults(), self.engine.connect() as plain:
            conn = plain.execution_options(warmlink_write=True)
            with conn.begin():
                yield conn
            if self._replica is not None:
                self._replica.expect(plain)

    @contextmanager
    def view(self) -> Iterator[Connection]:
        """What a page shows: from the replica, unless it is away or behind what this process wrote; then as `read`.

        Never for what decides: consent, keys, sessions and claims are read where they are written.
        """
        conn = self._replica.connected() if self._replica is not None else None
        if conn is None:
            with self.read() as own:
                yield own
            return
        with _mapped_faults(), conn, conn.begin():
            yield conn

    @contextmanager
    def rebuild(self) -> Iterator[Connection]:
        """A write transaction in which tables may be replaced, as SQLite's migrations do it (its "alter table", part 7).

        References are not checked row by row meanwhile, but all of them before it ends. Raises DatabaseBroken for one
        that leads nowhere.
        """
        sqlite = self.dialect == "sqlite"
        with _mapped_faults(), self.engine.connect() as plain:
            conn = plain.execution_options(warmlink_write=True)
            _references(conn, checked=not sqlite)
            try:
                with conn.begin():
                    yield conn
                    if sqlite and conn.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                        raise DatabaseBroken("a row would refer to one that is not there; nothing was changed")
            finally:
                _references(conn, checked=True)

    def close(self) -> None:
        self.engine.dispose()
        if self._replica is not None:
            self._replica.close()


def _references(conn: Connection, *, checked: bool) -> None:
    """SQLite heeds this outside a transaction only, so it goes to the driver as it is."""
    if conn.dialect.name == "sqlite":
        raw = conn.connection.cursor()
        raw.execute(f"PRAGMA foreign_keys={'ON' if checked else 'OFF'}")
        raw.close()


def empty_log(database: Database, tables: Sequence[str]) -> None:
    """Overwrite what the database keeps of old rows: SQLite's write-ahead log, PostgreSQL's dead rows of these tables."""
    raw = database.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if database.dialect == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            raw.driver_connection.autocommit = True  # type: ignore[union-attr]  # VACUUM stands outside transactions
            cursor.execute(f"VACUUM {', '.join(tables)}")
            raw.driver_connection.autocommit = False  # type: ignore[union-attr]
        cursor.close()
    finally:
        raw.close()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def make_private(url: str) -> None:
    """Make the SQLite file, if that is what it is, so that only its owner can read it from its first byte on."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).touch(mode=0o600)


def _engine(url: str, *, read_only: bool = False) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as fault:
        raise ConfigError(
            "database.url is not a database URL; try sqlite:///warmlink.db or postgresql://..."
        ) from fault
    match parsed.get_backend_name():
        case "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": 30})
            event.listen(engine, "connect", _sqlite_pragmas)
            event.listen(engine, "begin", _sqlite_begin)
        case "postgresql":
            # A replica that is away must not keep a page waiting.
            guard = {"options": "-c default_transaction_read_only=on", "connect_timeout": 2} if read_only else {}
            engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                isolation_level="READ COMMITTED",
                connect_args=guard,
            )
        case other:
            raise ConfigError(f"database.url names {other}; this product runs on sqlite or postgresql")
    return engine


def _sqlite_pragmas(dbapi: Any, _record: object) -> None:
    dbapi.isolation_level = None  # the driver's own BEGIN comes too late for BEGIN IMMEDIATE
    cursor = dbapi.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",  # the log of one large roster does not keep its gigabytes
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(conn: Connection) -> None:
    writing = conn.get_execution_options().get("warmlink_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _mapped_faults() -> Iterator[None]:
    """Database errors quote the statement and its values: only their class and our words go further."""
    try:
        yield
    except OperationalError as fault:
        text = str(fault.orig).lower()
        if any(word in text for word in _BUSY):
            raise DatabaseBusy("the database is busy or away; it will be tried again") from None
        raise DatabaseBroken(f"the database cannot be used ({type(fault.orig).__name__}: {_kind(text)})") from None
    except IntegrityError as fault:
        text = str(fault.orig).lower()
        if "unique" in text or "primary key" in text:
            raise AlreadyDone("another process recorded this first") from None
        raise DatabaseBroken("the database refused a row that breaks its rules") from None
    except DBAPIError as fault:
        raise DatabaseBroken(f"the database refused a statement ({type(fault.orig).__name__})") from None


def _kind(text: str) -> str:
    for words in (
        "disk is full",
        "readonly",
        "unable to open",
        "no such table",
        "malformed",
        "not a database",
        "disk i/o",
    ):
        if words in text:
            return words
    return "see the database's own log"
