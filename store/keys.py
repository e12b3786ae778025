"""Where the master key comes from, and the keys that are derived from it.

One master key per installation, kept outside the database, is the root of three unrelated keys (HKDF-SHA256, RFC 5869):
the key-encryption key, the locator key, and the root of each linkage epoch.
"""

from __future__ import annotations

import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.errors import ConfigError, KeyUnavailable

MASTER_BYTES = 32


class KeyProvider(Protocol):
    """Gives the master key, or raises KeyUnavailable."""

    def master(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FileKeyProvider:
    """A file that only its owner can read; also what a systemd credential looks like."""

    path: Path

    def master(self) -> bytes:
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text("ascii")
        except OSError as fault:
            raise KeyUnavailable(f"the master key file {self.path.name} cannot be read: {fault.strerror}") from fault
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyUnavailable(f"the master key file {self.path.name} is open to others; set its mode to 0600")
        return parse_master(text, self.path.name)


@dataclass(frozen=True, slots=True)
class EnvironmentKeyProvider:
    """An environment variable: visible to every process of the user, so for development only."""

    environment: Mapping[str, str] = field(repr=False)
    production: bool
    variable: str = "WARMLINK_MASTER_KEY"

    def __post_init__(self) -> None:
        if self.production:
            raise ConfigError("keys.provider = 'environment' is for development; use 'file' or a systemd credential")

    def master(self) -> bytes:
        try:
            return parse_master(self.environment[self.variable], self.variable)
        except KeyError as fault:
            raise KeyUnavailable(f"the environment has no {self.variable}") from fault


def parse_master(text: str, source: str) -> bytes:
    try:
        key = b64decode(text.strip(), validate=True)
    except (Base64Error, ValueError) as fault:
        raise KeyUnavailable(f"{source} does not hold base64") from fault
    if len(key) != MASTER_BYTES:
        raise KeyUnavailable(f"{source} holds {len(key)} bytes; a master key has {MASTER_BYTES}")
    return key


def format_master(key: bytes) -> str:
    return b64encode(key).decode() + "\n"


@dataclass(frozen=True, slots=True)
class SystemdKeyProvider:
    """A credential that systemd decrypted for this service alone (LoadCredentialEncrypted=)."""

    environment: Mapping[str, str] = field(repr=False)
    credential: str

    def master(self) -> bytes:
        folder = self.environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise KeyUnavailable("there is no CREDENTIALS_DIRECTORY; the unit needs LoadCredentialEncrypted=")
        try:
            text = (Path(folder) / self.credential).read_text("ascii")
        except (OSError, UnicodeDecodeError) as fault:
            raise KeyUnavailable(f"the systemd credential {self.credential} cannot be read") from fault
        return parse_master(text, self.credential)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What is derived from the master key. Holds no master key, so that it can be dropped after deriving.

    After a rotation only `kek` is derived from the new master key: locator and epochs are kept, wrapped, in the database.
    """

    kek: bytes = field(repr=False)
    locator: bytes = field(repr=False)
    _linkage: bytes = field(repr=False)
    epochs: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Roots of epochs that have a key of their own, the current one last."""

    @classmethod
    def derive(cls, master: bytes) -> KeyRing:
        kek, locator, linkage = (
            _expand(master, f"warmlink/1/{use}") for use in ("key-encryption", "locator", "linkage")
        )
        return cls(kek, locator, linkage)

    def linkage_root(self, epoch: str) -> bytes:
        """The root of one epoch's linkage keys. Encodings of two epochs have nothing in common."""
        return self.epochs.get(epoch) or _expand(self._linkage, f"warmlink/1/epoch/{epoch}")

    def current_epoch(self, first: str) -> str:
        """The newest epoch; `first` before any was rotated."""
        return [first, *self.epochs][-1]


def _expand(secret: bytes, info: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=info.encode()).derive(secret)
