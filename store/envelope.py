"""The key envelope at rest: data keys wrapped by a key outside the database, values sealed by data keys.

Sealed value: version (1 byte) | data key id (26) | nonce (12) | AES-256-GCM ciphertext and tag. The associated data names
table and row, so that a value moved to another row does not open. Plaintext is padded to a size class first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from config.errors import KeyUnavailable
from store.errors import EnvelopeDamaged, KeyDestroyed

VERSION = 1
SIZE_CLASSES = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
_KEY_ID = 26
_NONCE = 12

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class DataKey:
    """An AES-256 key with the name it carries in sealed values."""

    id: str
    secret: bytes = field(repr=False)


def wrap(data_key: DataKey, kek: bytes) -> bytes:
    """Wrap with the key-encryption key (RFC 3394)."""
    return aes_key_wrap(kek, data_key.secret)


def unwrap(key_id: str, wrapped: bytes, kek: bytes) -> DataKey:
    try:
        return DataKey(key_id, aes_key_unwrap(kek, wrapped))
    except InvalidUnwrap as fault:
        raise KeyUnavailable(
            f"data key {key_id} does not open: the master key is not the one it was wrapped with"
        ) from fault


Find = Callable[[str], DataKey | None]
"""Looks a key up that was not there when the vault was made; None once it was destroyed."""


class Vault:
    """Seals with one data key, and opens with any it was given or finds."""

    def __init__(
        self, keys: dict[str, DataKey], current: str, random: RandomBytes, find: Find = lambda _: None
    ) -> None:
        self._keys = keys
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys.values()}
        self._current = current
        self._random = random
        self._find = find

    @property
    def current(self) -> str:
        """The name of the key that seals."""
        return self._current

    def finding(self, find: Find) -> Vault:
        """The same vault, which looks keys up that it does not hold."""
        return Vault(self._keys, self._current, self._random, find)

    def under(self, key: DataKey) -> Vault:
        """The same vault, sealing with this key."""
        return Vault({**self._keys, key.id: key}, key.id, self._random, self._find)

    def like(self, sealed: bytes, *, place: str) -> Vault:
        """The same vault, sealing with the key that this value is sealed under. Raises KeyDestroyed."""
        key = self._keys.get(key_of(sealed)) or self._find(key_of(sealed))
        if key is None:
            raise KeyDestroyed(f"the data key of the value at {place} was destroyed or never loaded")
        return self.under(key)

    def seal(self, plaintext: bytes, *, place: str) -> bytes:
        """`place` is table and row; it must be given again to open."""
        nonce = self._random(_NONCE)
        head = bytes([VERSION]) + self._current.encode()
        sealed = self._ciphers[self._current].encrypt(nonce, _pad(plaintext), head + place.encode())
        return head + nonce + sealed

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Raises KeyDestroyed where the key is gone, EnvelopeDamaged where the value was altered or moved."""
        if len(sealed) < 1 + _KEY_ID + _NONCE + 16 or sealed[0] != VERSION:
            raise EnvelopeDamaged(f"the sealed value at {place} is not an envelope of version {VERSION}")
        head, rest = sealed[: 1 + _KEY_ID], sealed[1 + _KEY_ID :]
        cipher = self._cipher(head[1:].decode("ascii", "replace"), place)
        try:
            return _unpad(cipher.decrypt(rest[:_NONCE], rest[_NONCE:], head + place.encode()))
        except InvalidTag as fault:
            raise EnvelopeDamaged(f"the sealed value at {place} was altered or moved") from fault

    def _cipher(self, key_id: str, place: str) -> AESGCM:
        known = self._ciphers.get(key_id)
        if known is not None:
            return known
        found = self._find(key_id)
        if found is None:
            raise KeyDestroyed(f"the data key of the value at {place} was destroyed or never loaded")
        return AESGCM(found.secret)


def key_of(sealed: bytes) -> str:
    """The name of the key that a value is sealed under."""
    return sealed[1 : 1 + _KEY_ID].decode("ascii", "replace")


def _pad(plaintext: bytes) -> bytes:
    """4-byte length, the bytes, zeros up to the next size class: length must not tell two people apart."""
    body = len(plaintext).to_bytes(4, "big") + plaintext
    size = next((s for s in SIZE_CLASSES if len(body) <= s), -(-len(body) // SIZE_CLASSES[-1]) * SIZE_CLASSES[-1])
    return body.ljust(size, b"\x00")


def _unpad(body: bytes) -> bytes:
    return body[4 : 4 + int.from_bytes(body[:4], "big")]
