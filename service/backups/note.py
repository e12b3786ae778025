"""What is known of a backup without opening it: a small JSON file beside it, in counts, instants and hashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from config import TellPerson
from service.engine import Engine

SUFFIX = ".backup"


class BackupDamaged(TellPerson):
    """A backup that is not what was written: take another one."""


class BackupNote(BaseModel):
    """The manifest of one backup. `key` names the master key that opens it, and tells nothing of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: datetime
    version: str
    """Of the database's tables (the migration)."""
    origin: str
    """The audit log's name."""
    log_size: int
    log_root: str
    rows: Mapping[str, int]
    sha256: str
    """Of the encrypted file."""
    size: int
    """Of the encrypted file, in bytes."""
    key: str

    def write(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Listed:
    """A backup that lies in the folder."""

    path: Path
    note: BackupNote = field(repr=False)


def note_path(backup: Path) -> Path:
    return backup.with_suffix(".json")


def read_note(backup: Path) -> BackupNote:
    """Raises BackupDamaged where there is none, or one that is not ours."""
    try:
        return BackupNote.model_validate(json.loads(note_path(backup).read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as fault:
        raise BackupDamaged(f"beside {backup.name} there is no sound manifest ({note_path(backup).name})") from fault


def listed(folder: Path) -> list[Listed]:
    """Every whole backup of a folder, the oldest first. One without its manifest was cut off while it was made."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            found.append(Listed(path, read_note(path)))
        except BackupDamaged:
            continue
    return sorted(found, key=lambda one: one.note.made_at)


def latest(engine: Engine) -> BackupNote | None:
    """The newest whole backup, for the operations desk, `doctor` and the collector; None where there is none."""
    known = listed(engine.settings.at(engine.settings.backup.folder))
    return known[-1].note if known else None


def require_unaltered(backup: Path, note: BackupNote) -> None:
    """Raises BackupDamaged when the file is not the one that the manifest was written for."""
    try:
        with backup.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise BackupDamaged(f"{backup.name} cannot be read: {fault.strerror}") from fault
    if digest != note.sha256:
        raise BackupDamaged(f"{backup.name} is not the file that its manifest was written for: its SHA-256 differs")
