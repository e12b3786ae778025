"""The writer: appends leaves in the caller's transaction, so that what happened and its proof commit or vanish together.

One row, `audit_head`, holds the frontier. Whoever appends locks it until the transaction ends; writers therefore
queue, positions have no gaps, and the log cannot fork. Append late in a transaction: the lock is held from there on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from audit.errors import LeafRefused, LogBroken, ProofRefused
from audit.facts import MAX_COUNT
from audit.leaves import Entry, Kind, Leaf, decode
from audit.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash
from audit.places import Sought, chunks, columns_of, positions
from audit.report import ALWAYS, Period
from store.tables import audit_head, audit_leaf

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How long the log is and the hash that stands for all of it."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as the database keeps it, unchecked."""

    position: int
    entry: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The one log of an installation. `origin` is its name in checkpoints: a URL without scheme, such as
    `audit.example.org/warmlink`.
    """

    origin: str

    def append(self, conn: Connection, leaves: Sequence[Leaf], at: datetime) -> range:
        """Append in the caller's transaction and give the positions.

        Nothing is durable before the caller commits; after a rollback the positions are given out again.
        Raises LogBroken when the head row cannot be a head.
        """
        before = _locked_frontier(conn)
        entries = [Entry(before.size + n, at, leaf).canonical() for n, leaf in enumerate(leaves)]
        hashes = [leaf_hash(entry) for entry in entries]
        if entries:
            conn.execute(insert(audit_leaf), rows_of(before.size, entries, hashes))
            after = before.extend(hashes)
            conn.execute(update(audit_head).values(size=after.size, frontier=after.pack()))
        return range(before.size, before.size + len(entries))

    def head(self, conn: Connection) -> TreeHead:
        """The tree as this transaction sees it. An unused log has size 0."""
        frontier = read_frontier(conn)
        return TreeHead(frontier.size, frontier.root())

    def inclusion(self, conn: Connection, position: int, size: int) -> tuple[bytes, ...]:
        """The proof that entry `position` stands in the tree of `size`. Reads all leaf hashes of that tree."""
        self._require(conn, size)
        return inclusion_proof(position, size, lambda start, stop: leaf_hashes(conn, start, stop))

    def consistency(self, conn: Connection, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the tree of `old` entries is the beginning of the tree of `new`."""
        self._require(conn, new)
        return consistency_proof(old, new, lambda start, stop: leaf_hashes(conn, start, stop))

    def _require(self, conn: Connection, size: int) -> None:
        have = read_frontier(conn).size
        if size > have:
            raise ProofRefused(f"the log has {have} entries, not {size}")


def stored_entries(conn: Connection, start: int, stop: int) -> Iterator[StoredEntry]:
    """Entries of positions [start, stop) in order, as they are kept. Missing ones are simply not there.

    Reads page by page, so that a reader may leave early and a long log never fills the memory.
    """
    page = (
        select(audit_leaf.c.position, audit_leaf.c.entry, audit_leaf.c.leaf_hash)
        .where(audit_leaf.c.position >= bindparam("start"), audit_leaf.c.position < stop)
        .order_by(audit_leaf.c.position)
        .limit(_PAGE)
    )
    while rows := conn.execute(page, {"start": start}).all():
        for position, entry, hashed in rows:
            yield StoredEntry(position, _as_kept(entry), _as_kept(hashed))
        start = rows[-1].position + 1


def rows_of(start: int, entries: Sequence[bytes], hashes: Sequence[bytes]) -> list[dict[str, object]]:
    """Entries from position `start` on as the table keeps them."""
    return [
        {"position": start + n, "entry": entry, "leaf_hash": hashed, **columns_of(entry)}
        for n, (entry, hashed) in enumerate(zip(entries, hashes, strict=True))
    ]


def entries(
    conn: Connection,
    *,
    kinds: Collection[Kind] = (),
    period: Period = ALWAYS,
    clients: Collection[str] | None = None,
    start: int = 0,
    stop: int = MAX_COUNT,
) -> Iterator[Entry]:
    """Entries of positions [start, stop) in order, read: of these kinds (all, if none is named), in the period, about these
    clients. Not verified.

    Raises LogBroken for one that is not an entry at all.
    """
    sought = Sought(frozenset(kinds), period, None if clients is None else frozenset(clients), start, stop)
    found = stored_entries(conn, start, stop) if sought.everything else _at(conn, positions(conn, sought))
    for stored in found:
        entry = _read(stored)
        if entry.leaf.kind in sought.kinds or not sought.kinds:
            yield entry


def found_at(conn: Connection, positions: Collection[int]) -> Iterator[Entry]:
    """The entries of these positions, read; those that are not there are left out. Raises LogBroken."""
    return map(_read, _at(conn, sorted(positions)))


def _read(stored: StoredEntry) -> Entry:
    try:
        return decode(stored.entry)
    except LeafRefused as fault:
        raise LogBroken(f"audit entry {stored.position} cannot be read; run `warmlink audit verify`") from fault


def _at(conn: Connection, where: Sequence[int]) -> Iterator[StoredEntry]:
    query = select(audit_leaf.c.position, audit_leaf.c.entry, audit_leaf.c.leaf_hash).order_by(audit_leaf.c.position)
    for some in chunks(where):
        for position, entry, hashed in conn.execute(query.where(audit_leaf.c.position.in_(some))).all():
            yield StoredEntry(position, _as_kept(entry), _as_kept(hashed))


def _as_kept(value: object) -> bytes:
    """What the database gives, as bytes: somebody who rewrote an entry by hand may have left text in its place."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()


def leaf_hashes(conn: Connection, start: int, stop: int) -> list[bytes]:
    """Leaf hashes of positions [start, stop); LogBroken when one is missing."""
    rows = conn.execute(
        select(audit_leaf.c.leaf_hash)
        .where(audit_leaf.c.position >= start, audit_leaf.c.position < stop)
        .order_by(audit_leaf.c.position)
    )
    hashes = [_as_kept(hashed) for hashed in rows.scalars()]
    if len(hashes) != stop - start:
        raise LogBroken(f"the audit log lacks entries between {start} and {stop}")
    return hashes


def read_frontier(conn: Connection) -> Frontier:
    """The frontier as this transaction sees it."""
    return _read_frontier(conn, lock=False) or Frontier()


def unpack_frontier(size: int, packed: bytes) -> Frontier:
    try:
        return Frontier.unpack(size, packed)
    except ProofRefused as fault:
        raise LogBroken(f"the kept frontier of {size} audit entries is damaged") from fault


def _locked_frontier(conn: Connection) -> Frontier:
    """The frontier, locked until the transaction ends. SQLite has locked the whole database by BEGIN IMMEDIATE."""
    found = _read_frontier(conn, lock=True)
    if found is None:
        # The first append of all: two writers may both get here, so one of them inserts and the other waits.
        make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        conn.execute(make(audit_head).values(id=1, size=0, frontier=b"").on_conflict_do_nothing())
        found = _read_frontier(conn, lock=True)
    return found or Frontier()


def _read_frontier(conn: Connection, *, lock: bool) -> Frontier | None:
    query = select(audit_head.c.size, audit_head.c.frontier)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else unpack_frontier(row.size, bytes(row.frontier))
