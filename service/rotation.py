"""Changing keys while everything runs: a new master key, a new linkage epoch, and the end of an old one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from audit.leaves import Kind, leaf
from config import Refuse, Settings
from matcher import EncodedBatch
from service.engine import Engine, key_ring
from service.keys import key_provider, wrapper
from service.rotation_files import next_master, retire_master
from service.setup import write_secret
from store import clients, resealing, vaults
from store.database import Database
from store.envelope import RandomBytes
from store.key_providers import write_wrapped
from store.keys import MASTER_BYTES, KeyRing, format_master
from store.vaults import EPOCH, HeldKey


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What an operator sees of the keys: names, ages and counts."""

    provider: str
    epoch: str
    encodings: Mapping[str, int]
    """Clients by the epoch of their stored encoding."""
    keys: tuple[HeldKey, ...]
    days: tuple[str, ...]
    """Days whose bookings of nobody can still be read."""
    bookings: int
    """Bookings with a key of their own."""
    unreadable: int
    """Keys that bookings are sealed under and that are gone: none, unless an older shelf was brought back."""


def status(engine: Engine) -> KeyStatus:
    with engine.database.read() as conn:
        epochs = Counter(EncodedBatch.header_of(c.encoding).epoch for c in clients.every(conn, engine.vault))
        keys = tuple(vaults.listed(conn))
        used = resealing.keys_in_use(conn) - {key.id for key in keys if key.destroyed_at is None}
    return KeyStatus(
        provider=engine.settings.keys.provider,
        epoch=engine.linkage_key.epoch,
        encodings=dict(sorted(epochs.items())),
        keys=keys,
        days=tuple(str(day) for day in engine.shelf.days()),
        bookings=len(engine.shelf.bookings()),
        unreadable=sum(engine.shelf.find(key) is None for key in used),
    )


def rotate_master(
    settings: Settings, environment: Mapping[str, str], random: RandomBytes, now: datetime
) -> tuple[int, Path]:
    """A new master key: every key in the database is wrapped anew, nothing that is sealed changes.

    Returns how many keys, and where the former master key lies. The new key is on the disk before the database depends on it. Killed between the two, the next start completes it.
    """
    if settings.keys.provider in {"environment", "systemd"}:
        raise Refuse(
            f"keys.provider = '{settings.keys.provider}' is given from outside: see docs/keys.md for its rotation"
        )
    database = Database(settings.database_url())
    old = key_ring(settings, database, environment)
    following = next_master(settings)
    following.unlink(missing_ok=True)
    master = random(MASTER_BYTES)
    if settings.keys.provider == "file":
        write_secret(following, format_master(master))
    else:
        write_wrapped(following, master, wrapper(settings))
    new = KeyRing.derive(key_provider(settings, environment, following).master())
    with database.write() as conn:
        count = vaults.rewrap(conn, old, new, random, now, first_epoch=settings.keys.epoch)
    database.close()
    return count, retire_master(settings)


def begin_epoch(engine: Engine, environment: Mapping[str, str], name: str) -> None:
    """Make a linkage epoch and make it current. From the next start on, every comparison is under it."""
    ring = key_ring(engine.settings, engine.database, environment)
    first = engine.settings.keys.epoch
    now = engine.clock()
    if name == first or name in ring.epochs:
        raise Refuse(f"there is or was an epoch {name}; an epoch's name is used once")
    with engine.database.write() as conn:
        if any(key.purpose == EPOCH + name for key in vaults.listed(conn)):
            raise Refuse(f"there was an epoch {name}; an epoch's name is used once")
        if not ring.epochs:
            root = ring.linkage_root(first)
            vaults.keep(conn, ring, engine.random, now, purpose=EPOCH + first, secret=root)
        later = now + timedelta(microseconds=1)  # the newest epoch is the current one
        vaults.keep(conn, ring, engine.random, later, purpose=EPOCH + name, secret=engine.random(32))
        made = leaf(Kind.KEY_CHANGE, key_purpose="linkage", change="created", epoch=name)
        engine.audit.append(conn, [made], now)


def end_epoch(engine: Engine, name: str) -> None:
    """Destroy an epoch's key: nothing under it can be made or read as a name again.

    Refused for the current epoch, and while a client's stored encoding is under it.
    """
    if name == engine.linkage_key.epoch:
        raise Refuse(f"{name} is the current epoch")
    held = status(engine)
    if held.encodings.get(name):
        raise Refuse(
            f"{held.encodings[name]} clients are still encoded under {name}; run `warmlink keys rotate --linkage` to its end"
        )
    found = [key for key in held.keys if key.purpose == EPOCH + name and key.destroyed_at is None]
    if not found:
        raise Refuse(f"there is no epoch {name}")
    now = engine.clock()
    with engine.database.write() as conn:
        vaults.destroy(conn, found[0].id, now)
        gone = leaf(Kind.KEY_CHANGE, key_purpose="linkage", change="destroyed", epoch=name)
        engine.audit.append(conn, [gone], now)


def record_rotation(engine: Engine) -> None:
    """Say in the audit log that the master key was changed."""
    with engine.database.write() as conn:
        engine.audit.append(conn, [leaf(Kind.KEY_CHANGE, key_purpose="master", change="rotated")], engine.clock())
