"""The keys of one session, and what jail and provider can tell each other past the unit.

From the shared linkage key and the jail's nonce, used once, come (HKDF-SHA256, RFC 5869): the session's own linkage key, under which booking
and candidates are encoded for the unit; a key for the blocking keys, which the unit may not see; and a check that both hold the
same linkage key. Encodings of two sessions have nothing in common, so the unit cannot follow a person from one to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matcher import EncodedBatch, Encoder, EncodingHeader, LinkageKey, Model
from matcher.batch import POINTERS, TABLE_SHAPES, TOKENS, Arrays, Rows, Tables
from matcher.hashing import U32
from matcher.passes import SLOTS
from service.neutral.errors import FrameRefused, TooLarge
from service.neutral.messages import Parameters

PROTOCOL = "neutral-1"
NONCE_BYTES = 32
MOST_IDENTITIES = 16
"""Identities of one booking whose blocking keys fit into a probe."""
ENCODING_BYTES = 24 * 1024
_ONE_TIME = bytes(12)
"""The key of a probe is used for one message: its nonce may be fixed."""


@dataclass(frozen=True, slots=True, repr=False)
class Shared:
    """What jails and providers share: the linkage key of an epoch, and the model."""

    key: LinkageKey
    model: Model

    def __repr__(self) -> str:
        return f"<shared key of epoch {self.key.epoch}>"

    @property
    def parameters(self) -> Parameters:
        return parameters(self.model, self.key.epoch)


def parameters(model: Model, epoch: str) -> Parameters:
    return Parameters(PROTOCOL, model.encoding.version, model.schema_hash, epoch, model.hash)


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """One booking's keys."""

    key: LinkageKey
    check: bytes
    _probe: bytes

    @classmethod
    def derive(cls, shared: Shared, session: str, nonce: bytes) -> Session:
        """Raises FrameRefused for a nonce of another length."""
        if len(nonce) != NONCE_BYTES:
            raise FrameRefused(f"a nonce has {NONCE_BYTES} bytes")
        root, check, probe = (
            _expand(shared.key.root, nonce, f"{use}/{session}") for use in ("encode", "check", "probe")
        )
        return cls(LinkageKey(shared.key.epoch, session, root), check[:16], probe)

    def encoder(self, model: Model) -> Encoder:
        return Encoder(self.key, model)

    def seal_probe(self, blocks: U32) -> bytes:
        """Blocking keys (identities, SLOTS) under the standing linkage key, always of one length. Raises TooLarge."""
        if len(blocks) > MOST_IDENTITIES:
            raise TooLarge(f"a booking with {len(blocks)} identities; a probe has room for {MOST_IDENTITIES}")
        padded = np.zeros((MOST_IDENTITIES, SLOTS), "<u4")
        padded[: len(blocks)] = blocks
        return AESGCM(self._probe).encrypt(_ONE_TIME, padded.tobytes(), None)

    def open_probe(self, probe: bytes) -> U32:
        try:
            plain = AESGCM(self._probe).decrypt(_ONE_TIME, probe, None)
        except InvalidTag:
            raise FrameRefused("a probe that does not open") from None
        blocks = np.frombuffer(plain, "<u4").reshape(-1, SLOTS).astype(np.uint32)
        return blocks[blocks.any(axis=1)]


def _expand(root: bytes, nonce: bytes, use: str) -> bytes:
    return HKDF(SHA256(), 32, salt=nonce, info=f"warmlink/neutral/1/{use}".encode()).derive(root)


def blocks_only(blocks: U32, header: EncodingHeader) -> EncodedBatch:
    """One person of whom only the blocking keys are known: enough to find candidates."""
    tables = Tables(**{name: np.zeros((0, width), dtype) for name, (dtype, width) in TABLE_SHAPES.items()})
    pointers: Arrays = {name: np.full(len(blocks), -1, np.int32) for name in POINTERS}
    rows: Arrays = pointers | {name: np.zeros(len(blocks), np.uint32) for name in TOKENS}
    return EncodedBatch(header, np.array([0, len(blocks)], np.int32), tables, Rows(**rows), blocks)


def pad(data: bytes, size: int) -> bytes:
    """Length, bytes, zeros. Raises TooLarge."""
    if len(data) + 4 > size:
        raise TooLarge(f"{len(data)} bytes do not fit into {size}")
    return (len(data).to_bytes(4, "big") + data).ljust(size, b"\x00")


def unpad(data: bytes) -> bytes:
    return data[4 : 4 + int.from_bytes(data[:4], "big")]
