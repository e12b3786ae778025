"""The composition root: builds every object from the settings, once, and hands them to those who work with them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TextIO, cast

from structlog.typing import FilteringBoundLogger

from alerts.breaker import Breakers
from alerts.keys import PublicKey, Signer
from audit.log import AuditLog
from config import FacilitySettings, FeedSettings, KeyUnavailable, ProgramSettings, Settings
from config.loading import SECRET
from connectors import Connector
from consent import RuleBook
from matcher import Encoder, LinkageKey, Model, default_model
from matcher.kernels import Kernel
from service import kernel, logs
from service.feeds import configured, connector
from service.keys import backup_key, key_provider
from service.lasting import LastingLog
from service.log_file import LogFile
from service.rotation_files import next_master, retire_master
from service.rules import rulebook_in_force
from service.shelving import open_shelf
from service.spool import Seals
from service.standing import StandingIndex
from store import clients, migrate, vaults
from store.clients import Count
from store.database import Database
from store.envelope import RandomBytes, Vault
from store.keys import KeyRing
from store.locator import Locator
from store.shelf import Shelf

Clock = Callable[[], datetime]

Wait = Callable[[float], None]
"""Let so many seconds pass."""


def system_clock() -> datetime:
    return datetime.now(UTC)


def no_wait(_seconds: float) -> None:
    """For a clock that is moved by hand: no time passes on it while we sleep."""


@dataclass(frozen=True)
class Engine:
    """Everything a cycle needs, ready. Made by `open_engine`; `close` when done."""

    settings: Settings
    database: Database
    clock: Clock
    random: RandomBytes = field(repr=False)
    locator: Locator
    vault: Vault = field(repr=False)
    linkage_key: LinkageKey
    model: Model
    rulebook: RuleBook
    audit: AuditLog
    log: FilteringBoundLogger = field(repr=False)
    shelf: Shelf = field(repr=False)
    wait: Wait = no_wait
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)
    """The environment's variables with secrets that feed files name."""

    def fading(self) -> Vault:
        """Seals under the key of this day, which is destroyed once the match window is over."""
        return self.vault.under(self.shelf.day(self.clock()))

    def own(self, booking: str) -> Vault:
        """Seals under this booking's own key, which is destroyed together with the booking."""
        return self.vault.under(self.shelf.booking(booking, self.clock()))

    @cached_property
    def kernel(self) -> Kernel:
        """Chosen once in a process, by the settings and the size of the roster then."""
        with self.database.read() as conn:
            return kernel.chosen(self.settings.matcher, clients.count(conn))

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder(self.linkage_key, self.model, kernel=self.kernel)

    @cached_property
    def signer(self) -> Signer:
        return Signer.load(self.settings.at(self.settings.alerts.signing_key))

    @cached_property
    def backup(self) -> PublicKey:
        return backup_key(self.settings)

    @cached_property
    def programs(self) -> Mapping[str, ProgramSettings]:
        return {program.id: program for program in self.settings.programs}

    @cached_property
    def facilities(self) -> Mapping[str, FacilitySettings]:
        return {facility.id.upper(): facility for facility in self.settings.facilities}

    def connector(self, feed: FeedSettings) -> Connector:
        """The feed's connector, the same for as long as the process lives: a folder's watcher remembers what it saw growing.

        Raises MappingError for a mapping that is not sound: a fault of this feed, not of the others.
        """
        if feed.id not in self._connectors:
            self._connectors[feed.id] = connector(self.settings, feed, self.secrets, Seals(self.vault, self.fading))
        return self._connectors[feed.id]

    @cached_property
    def _connectors(self) -> dict[str, Connector]:
        return {}

    @cached_property
    def breakers(self) -> Breakers:
        """Who was down, remembered between rounds for as long as the process lives."""
        return Breakers()

    @cached_property
    def listed(self) -> Count:
        """The number of clients, kept for as long as the process lives."""
        return Count()

    @cached_property
    def standing(self) -> StandingIndex:
        """The clients who may be matched, kept for as long as the process lives."""
        return StandingIndex()

    def close(self) -> None:
        self.database.close()
        self.shelf.close()


def open_engine(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    random: RandomBytes = os.urandom,
    environment: Mapping[str, str] | None = None,
    log: FilteringBoundLogger | None = None,
    wait: Wait | None = None,
) -> Engine:
    """Open an installation that `warmlink init` made. The master key is dropped as soon as the others are derived."""
    settings = configured(settings)
    database = Database(settings.database_url(), settings.database.replica.get_secret_value())
    migrate.require_current(database)
    ring = key_ring(settings, database, environment or {})
    with database.read() as conn:
        vault = vaults.load(conn, ring, random)
    if vault is None:
        raise KeyUnavailable("the database holds no data key; was it made by `warmlink init`?")
    shelf = open_shelf(settings, database, ring, random, clock())
    epoch = ring.current_epoch(settings.keys.epoch)
    locator = Locator(ring.locator)
    return Engine(
        settings=settings,
        database=database,
        clock=clock,
        random=random,
        locator=locator,
        vault=vault.finding(shelf.find),
        shelf=shelf,
        linkage_key=LinkageKey(epoch, locator.ref("linkage-key", epoch), ring.linkage_root(epoch)),
        model=default_model(),
        rulebook=rulebook_in_force(settings),
        audit=LastingLog(settings.audit.origin, shelf.database),
        log=log or logs.logger(clock, _log_file(settings)),
        wait=wait or (time.sleep if clock is system_clock else no_wait),
        secrets={name: value for name, value in (environment or {}).items() if name.startswith(SECRET)},
    )


def _log_file(settings: Settings) -> TextIO | None:
    return cast("TextIO", LogFile(settings.at(settings.log.file))) if settings.log.file else None


def key_ring(settings: Settings, database: Database, environment: Mapping[str, str]) -> KeyRing:
    """What the master key opens. A rotation that was cut off after its transaction is completed here."""
    ring = KeyRing.derive(key_provider(settings, environment).master())
    with database.read() as conn:
        if vaults.opens(conn, ring):
            return vaults.settled(conn, ring)
    following = next_master(settings)
    if not following.exists():
        raise KeyUnavailable(
            "the master key does not open the keys in the database: it is the one of another time or place"
        )
    ring = KeyRing.derive(key_provider(settings, environment, following).master())
    with database.read() as conn:
        settled = vaults.settled(conn, ring)
    retire_master(settings)
    return settled
