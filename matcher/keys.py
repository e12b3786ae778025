"""The linkage key, and the sub-keys every field derives from it.

One root per epoch; each purpose gets its own key by HKDF-SHA256 (RFC 5869), so that equal text in two fields
gives unrelated encodings. All name fields share one key on purpose: a swapped or doubled name can then be
compared with any other name part.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.errors import Refuse

ROOT_BYTES = 32
"""Shortest root that is accepted: 256 bits."""


@dataclass(frozen=True, slots=True, repr=False)
class LinkageKey:
    """The root secret of one epoch. Whoever holds it can read every encoding made under it.

    `epoch` and `key_id` travel with each encoding; encodings of different epochs or keys are never compared.
    """

    epoch: str
    key_id: str
    root: bytes

    def __post_init__(self) -> None:
        if len(self.root) < ROOT_BYTES:
            raise Refuse(
                f"linkage key {self.key_id}: the root has {len(self.root)} bytes, at least {ROOT_BYTES} are needed"
            )

    def __repr__(self) -> str:
        return f"<linkage key {self.key_id} of epoch {self.epoch}>"

    __str__ = __repr__

    def derive(self, purpose: str, length: int) -> bytes:
        """A sub-key of `length` bytes for one purpose, e.g. `names` or `token/phone`."""
        info = f"warmlink/fl1/{self.epoch}/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self.root)
