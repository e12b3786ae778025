"""The encrypted form of a backup: AES-256-GCM in chunks, so that it is never whole in memory and never in the clear on a disk.

File: magic | wrapped file key (40 bytes, RFC 3394) | nonce prefix (7) | chunks, each 4 bytes of length and its ciphertext.
Nonce of chunk n: prefix | n (4 bytes) | 1 for the last chunk, else 0: the STREAM construction (Hoang, Reyhanitabar, Rogaway,
Vizar: "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015), so that a cut, swapped or repeated
chunk does not open. The head is associated data of every chunk.
"""

from __future__ import annotations

import hmac
import io
from hashlib import sha256
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from config import KeyUnavailable
from service.backups.note import BackupDamaged
from store.envelope import RandomBytes
from store.keys import KeyRing

MAGIC = b"warmlink-backup/1\n"
CHUNK = 1 << 20
_WRAPPED, _PREFIX = 40, 7


def key_of(ring: KeyRing) -> bytes:
    """The key that wraps file keys: of its own, though it comes from the same master key as the database's."""
    return hmac.digest(ring.kek, b"warmlink/1/backup", sha256)


def key_name(ring: KeyRing) -> str:
    """A name for the master key in manifests: it tells two keys apart and nothing of either."""
    return hmac.digest(ring.kek, b"warmlink/1/backup-name", sha256).hex()[:16]


class SealedWriter(io.RawIOBase):
    """A stream that seals what is written to it. `close` writes the last chunk: without it the file does not open."""

    def __init__(self, out: BinaryIO, ring: KeyRing, random: RandomBytes) -> None:
        secret = random(32)
        self._out, self._cipher, self._buffer, self._number = out, AESGCM(secret), bytearray(), 0
        self._prefix = random(_PREFIX)
        self._head = MAGIC + aes_key_wrap(key_of(ring), secret) + self._prefix
        out.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # what gzip hands over
        self._buffer += data
        while len(self._buffer) > CHUNK:
            self._put(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._buffer), last=True)
        super().close()

    def _put(self, chunk: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), chunk, self._head)
        self._out.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


class SealedReader(io.RawIOBase):
    """Opens what SealedWriter wrote. Raises KeyUnavailable for another master key, BackupDamaged for an altered file."""

    def __init__(self, source: BinaryIO, ring: KeyRing) -> None:
        self._source, self._chunk, self._number, self._ended = source, b"", 0, False
        self._head = source.read(len(MAGIC) + _WRAPPED + _PREFIX)
        if not self._head.startswith(MAGIC):
            raise BackupDamaged("this file is no backup of Warmlink")
        self._prefix = self._head[-_PREFIX:]
        try:
            secret = aes_key_unwrap(key_of(ring), self._head[len(MAGIC) : -_PREFIX])
        except InvalidUnwrap as fault:
            raise KeyUnavailable("the master key is not the one that this backup was sealed under") from fault
        self._cipher = AESGCM(secret)

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview, /) -> int:  # type: ignore[override]  # a writable buffer
        while not self._chunk and not self._ended:
            self._chunk = self._next()
        taken, self._chunk = self._chunk[: len(into)], self._chunk[len(into) :]
        into[: len(taken)] = taken
        return len(taken)

    def _next(self) -> bytes:
        length = self._source.read(4)
        sealed = self._source.read(int.from_bytes(length, "big"))
        for last in (False, True):
            try:
                opened = self._cipher.decrypt(_nonce(self._prefix, self._number, last=last), sealed, self._head)
            except InvalidTag:
                continue
            self._number, self._ended = self._number + 1, last
            return opened
        raise BackupDamaged("the backup was cut or altered: a part of it does not open")


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])
