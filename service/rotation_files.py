"""The files of a master key that is being replaced: the next one beside it, the former one kept for old backups."""

from __future__ import annotations

from pathlib import Path

from config import Settings


def next_master(settings: Settings) -> Path:
    """Where the next master key waits until the database is wrapped by it."""
    master = settings.at(settings.keys.master)
    return master.with_name(f"{master.name}.next")


def retire_master(settings: Settings) -> Path:
    """Put the next master key in force. Returns the former one: with it, backups of before still open."""
    master = settings.at(settings.keys.master)
    former = _free(master.with_name(f"{master.name}.former"))
    master.rename(former)
    next_master(settings).rename(master)
    return former


def _free(path: Path) -> Path:
    numbered = (path.with_name(f"{path.name}-{number}") for number in range(2, 1000))
    return path if not path.exists() else next(p for p in numbered if not p.exists())
