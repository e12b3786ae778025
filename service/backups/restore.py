"""Going on from a backup: the rows come back, the log is continued from its journal, and a fence stands until a person lifts it.

The order matters. The fence is in the transaction that brings the rows, so that a restore that was cut off sends nothing.
Then the log, then what it and the shelf say was done since, then what the archive still has is read again. Nothing leaves meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from audit.adopt import adopt
from audit.leaves import Entry, Kind, decode, leaf
from audit.log import AuditLog
from audit.verify import verify_database
from config import KeyUnavailable, Refuse, Settings, WarmlinkError
from service import feed_commands, shelving
from service.backups import journal, rows
from service.backups.make import lines
from service.backups.note import BackupDamaged, BackupNote, read_note, require_unaltered
from service.backups.sealed import key_name
from service.backups.since import SHELF, Since, repeat, settle_again
from service.engine import Clock, Engine, open_engine
from service.keys import checkpoint_keys, key_provider
from service.reports import party
from store import acts, fences, lost_consents, migrate, purges, vaults
from store.database import Database, make_private, sqlite_url
from store.envelope import RandomBytes
from store.fences import Fence
from store.keys import KeyRing


class NotEmpty(Refuse):
    """The database has tables already: it is moved aside by a person, never overwritten."""


@dataclass(slots=True)
class Restored:
    """What came of it."""

    note: BackupNote
    rows: int
    log_size: int
    adopted: int
    """Entries of the audit log that the journal gave back."""
    from_the_shelf: int
    """Entries that were written later, known from the shelf, and stated again."""
    since: Since
    read_again: int = 0
    unread: list[str] = field(default_factory=list)
    """Deliveries that the archive does not have or that cannot be read: the source has to send them again."""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Restorer:
    """A backup and the installation that it belongs to."""

    settings: Settings
    backup: Path
    environment: Mapping[str, str] = field(repr=False)
    clock: Clock
    random: RandomBytes = field(repr=False)

    def rehearse(self) -> Restored:
        """The whole restore into a database that is thrown away: what a drill does, and `--verify`."""
        with TemporaryDirectory(prefix="warmlink-restore-") as folder:
            database = Database(sqlite_url(Path(folder) / "rehearsal.db"))
            try:
                return self._bring_back(database)
            finally:
                database.close()

    def restore(self, by: str) -> Restored:
        """Raises NotEmpty, KeyUnavailable, BackupDamaged, LogBroken, JournalBroken. What was begun is done again from an empty database."""
        make_private(self.settings.database_url())
        database = Database(self.settings.database_url())
        try:
            if migrate.current(database) is not None:
                raise NotEmpty("the database is not empty: move it aside (docs/runbook.md), nothing is overwritten")
            done = self._bring_back(database)
        finally:
            database.close()
        engine = open_engine(self.settings, clock=self.clock, random=self.random, environment=self.environment)
        try:
            self._read_again(engine, done)
            self._note(engine, done, by)
        finally:
            engine.close()
        return done

    def _bring_back(self, database: Database) -> Restored:
        note = read_note(self.backup)
        require_unaltered(self.backup, note)
        ring = KeyRing.derive(key_provider(self.settings, self.environment).master())
        if key_name(ring) != note.key:
            raise KeyUnavailable(
                "the master key is not the one of the backup: a former one is kept as master.key.former"
            )
        migrate.upgrade(database, note.version)
        now = self.clock()
        with database.write() as conn, lines(self.backup, ring) as opened:
            counts = rows.load(conn, opened)
            fences.put_up(conn, Fence(now, note.made_at, lost_consents=1))  # at least one, until it is counted
        if dict(counts) != dict(note.rows):
            raise BackupDamaged(f"{self.backup.name} does not hold the rows that its manifest lists")
        migrate.upgrade(database)
        with database.write() as conn:
            done = self._continue(conn, ring, note, sum(counts.values()), now)
        purges.sweep(database)
        done.verified = self._verified(database)
        return done

    def _continue(self, conn: Connection, ring: KeyRing, note: BackupNote, count: int, now: datetime) -> Restored:
        log = AuditLog(note.origin)
        head = log.head(conn)
        if (head.size, head.root.hex()) != (note.log_size, note.log_root):
            raise BackupDamaged(f"the log of {self.backup.name} does not end as its manifest says")
        kept = journal.entries(self.settings.at(self.settings.backup.journal), note.log_size)
        after = adopt(conn, kept, self._published(note.log_size), checkpoint_keys(self.settings), now)
        size = head.size + len(after)
        last, complete = self._from_the_shelf(conn, ring, size)
        since = repeat(conn, (*after, *last))
        if not complete:
            since.unaccounted.add(SHELF)
        log.append(conn, [entry.leaf for entry in last], now)
        fences.note(conn, lost_consents=lost_consents.outstanding(conn)[0], unaccounted=since.unaccounted)
        fences.hold(conn)
        return Restored(note, count, size + len(last), len(after), len(last), since)

    def _from_the_shelf(self, conn: Connection, ring: KeyRing, size: int) -> tuple[list[Entry], bool]:
        """Entries that were written after the journal's last file and must not be undone, and whether that is all of them."""
        secret = vaults.shelf_secret(conn, ring)
        with shelving.lying(self.settings) as shelf:
            if shelf is None or secret is None or not acts.kept(shelf, secret.id):
                return [], False
            return [decode(entry) for entry in acts.since(shelf, size)], acts.complete(shelf, size)

    def _published(self, size: int) -> list[str]:
        """Checkpoints as the folder outside the database keeps them: those beyond `size`, and the last before."""
        folder = self.settings.at(self.settings.audit.checkpoints)
        known = {int(path.stem): path for path in folder.glob("*.checkpoint") if path.stem.isdigit()}
        last = max((each for each in known if each <= size), default=0)
        return [known[each].read_text("utf-8") for each in sorted(known) if each >= last]

    def _verified(self, database: Database) -> bool:
        with database.read() as conn:
            return verify_database(conn, self.settings.audit.origin, checkpoint_keys(self.settings)).good

    def _read_again(self, engine: Engine, done: Restored) -> None:
        """What came in after the backup, from the archive. Of rosters only the newest counts."""
        rosters = {feed.id for feed in engine.settings.feeds if feed.kind == "roster"}
        newest = {feed: name for feed, name in done.since.deliveries if feed in rosters}
        for feed, name in (*newest.items(), *(d for d in done.since.deliveries if d[0] not in rosters)):
            try:
                feed_commands.replay(engine, feed, name)
                done.read_again += 1
            except WarmlinkError as fault:
                done.unread.append(f"{feed} {name}: {type(fault).__name__}")

    def _note(self, engine: Engine, done: Restored, by: str) -> None:
        now = engine.clock()
        with engine.database.write() as conn:
            settle_again(engine, conn, done.since)
            fences.hold(conn)
            stated = leaf(
                Kind.CONFIG_CHANGE, config_hash=done.note.sha256, settings=["restored_from_backup"], by=party(by)
            )
            engine.audit.append(conn, [stated], now)
