"""How workers that are trusted with the linkage key come by it: sealed for the cluster, opened in their own memory.

Each worker holds the cluster's credential, 32 bytes that no job carries: a systemd credential, a mounted secret, or a file that only
its owner can read. What travels with a job is the epoch's key wrapped by it (RFC 3394), under the names of epoch and key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config import KeyUnavailable
from matcher import LinkageKey
from store.envelope import DataKey, unwrap, wrap
from store.keys import FileKeyProvider, SystemdKeyProvider


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A linkage key that only holders of the cluster's credential can open."""

    epoch: str
    key_id: str
    wrapped: bytes = field(repr=False)

    @classmethod
    def of(cls, key: LinkageKey, credential: bytes) -> SealedKey:
        wrapped = wrap(DataKey(key.key_id, key.root), _kek(credential, key.epoch, key.key_id))
        return cls(key.epoch, key.key_id, wrapped)

    def opened(self, credential: bytes) -> LinkageKey:
        """Raises KeyUnavailable for another credential, and where the key is not the one that is named."""
        try:
            root = unwrap(self.key_id, self.wrapped, _kek(credential, self.epoch, self.key_id)).secret
        except KeyUnavailable:
            raise KeyUnavailable(
                f"the key of epoch {self.epoch} does not open: this worker has another cluster's credential"
            ) from None
        return LinkageKey(self.epoch, self.key_id, root)


def credential_at(where: str, environment: Mapping[str, str]) -> bytes:
    """The cluster's credential as this process has it: a path, or a name in $CREDENTIALS_DIRECTORY. Raises KeyUnavailable."""
    if Path(where).is_absolute():
        return FileKeyProvider(Path(where)).master()
    return SystemdKeyProvider(environment, where).master()


def _kek(credential: bytes, epoch: str, key_id: str) -> bytes:
    info = f"warmlink/1/cluster\0{key_id}\0{epoch}"
    return HKDF(SHA256(), 32, salt=None, info=info.encode()).derive(credential)
