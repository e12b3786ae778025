"""A log file that another program may move away: `logrotate` does, and the next line goes into a new file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from config import ConfigError


class LogFile:
    """Appends to the file of that name, whichever file that is by now. Made for its owner's eyes only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._opened()

    def write(self, text: str) -> int:
        if self._moved():
            self._file.close()
            self._file = self._opened()
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _moved(self) -> bool:
        try:
            there, ours = self._path.stat(), os.fstat(self._file.fileno())
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _opened(self) -> TextIO:
        try:
            return open(self._path, "a", encoding="utf-8", opener=_private)
        except OSError as fault:
            raise ConfigError(f"log.file: {self._path} cannot be written: {fault.strerror}") from fault


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
