"""`warmlink init`: an installation in a folder of its own, with keys that were never anywhere else."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alerts.keys import PrivateKey, Signer
from config import Refuse, Settings, load
from service.feeds import place
from service.keys import key_provider
from store import migrate, operation, vaults
from store.database import Database, make_private
from store.envelope import RandomBytes
from store.keys import MASTER_BYTES, KeyRing, format_master

CONFIG_NAME = "warmlink.toml"


class AlreadyInstalled(Refuse):
    """There is an installation in this folder: making new keys over it would lose every record."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What `init` made, and what its operator must carry away."""

    home: Path
    settings: Settings
    backup_private: Path


def install(
    home: Path,
    config_text: str,
    *,
    random: RandomBytes,
    now: datetime,
    environment: Mapping[str, str],
    shadow: bool = False,
) -> Installation:
    """Make folder, configuration, keys and database. Refuses a folder that already has a configuration.

    `shadow`: it matches and decides, and tells nobody until `warmlink go-live`.
    """
    config = home / CONFIG_NAME
    if config.exists():
        raise AlreadyInstalled(f"{home} already holds {CONFIG_NAME}; choose another folder")
    home.mkdir(parents=True, exist_ok=True)
    config.write_text(config_text, "utf-8")
    settings = load(config, environment)
    backup_private = make_keys(settings, random)
    for feed in settings.feeds:
        place(settings, feed).mkdir(parents=True, exist_ok=True)
    settings.at(settings.audit.checkpoints).mkdir(parents=True, exist_ok=True)
    make_database(settings, random, now, environment, shadow=shadow)
    return Installation(home, settings, backup_private)


def make_keys(settings: Settings, random: RandomBytes) -> Path:
    """The master key, the two signing keys and the organisation's backup key; returns the backup's private half."""
    master = settings.at(settings.keys.master)
    master.parent.mkdir(parents=True, exist_ok=True)
    write_secret(master, format_master(random(MASTER_BYTES)))
    Signer.generate().save(settings.at(settings.alerts.signing_key))
    write_secret(settings.at(settings.audit.signing_key), format_master(random(MASTER_BYTES)))
    backup = PrivateKey.generate()
    private = settings.at(settings.alerts.backup_key).with_name("backup.private.jwk")
    backup.save(private)
    settings.at(settings.alerts.backup_key).write_text(json.dumps(dict(backup.public.jwk)), "utf-8")
    return private


def make_database(
    settings: Settings, random: RandomBytes, now: datetime, environment: Mapping[str, str], *, shadow: bool = False
) -> None:
    make_private(settings.database_url())
    database = Database(settings.database_url())
    migrate.upgrade(database)
    ring = KeyRing.derive(key_provider(settings, environment).master())
    with database.write() as conn:
        vaults.create(conn, ring, random, now)
        if shadow:
            operation.set_mode(conn, operation.Mode.SHADOW, "init", now)
    database.close()


def write_secret(path: Path, text: str) -> None:
    """A new file that only its owner can read, from its first byte on."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
