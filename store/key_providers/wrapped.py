"""A master key that a key service wrapped, in a file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from config.errors import KeyUnavailable, Retry
from store.keys import MASTER_BYTES

CONTEXT = "warmlink-master"
"""Bound to every wrapped master key where the service can: another program's ciphertext does not pass for ours."""


class KeyServiceAway(Retry):
    """The key service did not answer. Nothing starts without it, and nothing falls back to plaintext."""


class Wrapper(Protocol):
    """A key that stays in its service. Raises KeyUnavailable where it refuses, KeyServiceAway where it does not answer."""

    @property
    def name(self) -> str: ...
    def wrap(self, secret: bytes) -> str: ...
    def unwrap(self, wrapped: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class WrappedKeyProvider:
    """Gives the master key by asking the service to unwrap the file."""

    path: Path
    wrapper: Wrapper = field(repr=False)

    def master(self) -> bytes:
        try:
            head, _, wrapped = self.path.read_text("ascii").strip().partition(" ")
        except (OSError, UnicodeDecodeError) as fault:
            raise KeyUnavailable(f"the wrapped master key {self.path.name} cannot be read") from fault
        if head != self.wrapper.name or not wrapped:
            raise KeyUnavailable(f"{self.path.name} does not hold a master key that {self.wrapper.name} wrapped")
        master = self.wrapper.unwrap(wrapped)
        if len(master) != MASTER_BYTES:
            raise KeyUnavailable(f"{self.path.name} holds {len(master)} bytes; a master key has {MASTER_BYTES}")
        return master


def write_wrapped(path: Path, master: bytes, wrapper: Wrapper) -> None:
    """Wrap, check that it unwraps to the same, and put it in place of the file, whole or not at all."""
    text = f"{wrapper.name} {wrapper.wrap(master)}\n"
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if WrappedKeyProvider(part, wrapper).master() != master:
        part.unlink()
        raise KeyUnavailable(f"{wrapper.name} does not unwrap what it wrapped; nothing was changed")
    part.replace(path)
