"""Keyed hashing over whole arrays: SipHash tokens, and Bloom filters from a table of bigrams.

Tokens are SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed pseudo-random function cheap enough to run over
millions of values as array arithmetic. Filters follow Schnell, Bachteler and Reiher (2009) with keyed random
hashing: the k positions of a bigram come from an HMAC-SHA256 stream, not from two combined hashes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
U32 = NDArray[np.uint32]

FILTER_BITS = 512
FILTER_WORDS = FILTER_BITS // 64
ALPHABET = "_abcdefghijklmnopqrstuvwxyz0123456789"
"""`_` pads the ends of a value; normalisation leaves nothing else."""
BASE = len(ALPHABET)

_MASK = (1 << 64) - 1
_FEW = 12
"""Up to so many messages are hashed one by one: that is faster than an array operation on so few."""
_PIECE = 8192
"""Messages hashed at once: the working arrays stay in the cache."""
CODES = np.zeros(256, np.uint8)
CODES[[ord(c) for c in ALPHABET]] = np.arange(BASE)


def _rotl(x: U64, by: int) -> U64:
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


def _round(v: list[U64]) -> None:
    v[0] = v[0] + v[1]
    v[2] = v[2] + v[3]
    v[1] = _rotl(v[1], 13) ^ v[0]
    v[3] = _rotl(v[3], 16) ^ v[2]
    v[0] = _rotl(v[0], 32)
    v[2] = v[2] + v[1]
    v[0] = v[0] + v[3]
    v[1] = _rotl(v[1], 17) ^ v[2]
    v[3] = _rotl(v[3], 21) ^ v[0]
    v[2] = _rotl(v[2], 32)


def _start(key: bytes, n: int) -> list[U64]:
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    seeds = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    return [np.full(n, s & _MASK, np.uint64) for s in seeds]


def siphash(key: bytes, words: Sequence[U64]) -> U64:
    """SipHash-2-4 of messages of `8 * len(words)` bytes each; word j of every message is `words[j]`.

    `key` has 16 bytes; all words have one shape (n,). Returns (n,).
    """
    n = len(words[0])
    if n <= _FEW:
        return np.array([_siphash_one(key, [int(w[k]) for w in words]) for k in range(n)], np.uint64)
    if n > _PIECE:
        return np.concatenate([siphash(key, [w[i : i + _PIECE] for w in words]) for i in range(0, n, _PIECE)])
    v = _start(key, n)
    length = np.full(n, (8 * len(words) & 0xFF) << 56, np.uint64)
    for word in (*words, length):
        v[3] = v[3] ^ word
        _round(v)
        _round(v)
        v[0] = v[0] ^ word
    v[2] = v[2] ^ np.uint64(0xFF)
    for _ in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _siphash_one(key: bytes, words: Sequence[int]) -> int:
    """SipHash-2-4 of one message, in plain integers."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    a, b, c, d = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    for word, rounds in (*((w, 2) for w in words), ((8 * len(words) & 0xFF) << 56, 2), (None, 4)):
        if word is None:
            c ^= 0xFF
        else:
            d ^= word
        for _ in range(rounds):
            a, c = (a + b) & _MASK, (c + d) & _MASK
            b, d = ((b << 13 | b >> 51) & _MASK) ^ a, ((d << 16 | d >> 48) & _MASK) ^ c
            a = (a << 32 | a >> 32) & _MASK
            c, a = (c + b) & _MASK, (a + d) & _MASK
            b, d = ((b << 17 | b >> 47) & _MASK) ^ c, ((d << 21 | d >> 43) & _MASK) ^ a
            c = (c << 32 | c >> 32) & _MASK
        if word is not None:
            a ^= word
    return a ^ b ^ c ^ d


Sip = Callable[[bytes, Sequence[U64]], U64]
"""`siphash`, or its compiled twin."""


def text_words(values: Sequence[str], width: int) -> list[U64]:
    """ASCII values as zero-padded little-endian words, `width` bytes each (a multiple of 8); longer ones are cut."""
    raw = np.array(values, dtype=f"S{width}").reshape(-1)
    words = raw.view("<u8").reshape(len(raw), width // 8).astype(np.uint64, copy=False)
    return [np.ascontiguousarray(words[:, j]) for j in range(width // 8)]


def short(hashes: U64) -> U32:
    """The upper 32 bits as a token; zero means missing and is never given out."""
    token = (hashes >> np.uint64(32)).astype(np.uint32)
    token[token == 0] = 1
    return token


def tokens(key: bytes, values: Sequence[str], width: int = 16, sip: Sip = siphash) -> U32:
    """One keyed 32-bit token for each value; 0 for the empty value."""
    if not len(values):
        return np.zeros(0, np.uint32)
    found = short(sip(key, text_words(values, width)))
    found[[not v for v in values]] = 0
    return found


def positions(key: bytes, gram: str, k: int) -> list[int]:
    """The k bit positions of one bigram: consecutive 16-bit words of an HMAC-SHA256 stream, modulo the length."""
    stream = b"".join(
        hmac.digest(key, bytes([counter]) + gram.encode(), hashlib.sha256) for counter in range((2 * k + 31) // 32)
    )
    return [int.from_bytes(stream[2 * i : 2 * i + 2], "little") % FILTER_BITS for i in range(k)]


def bigrams(value: str) -> list[str]:
    """Padded bigrams. A single letter is an initial: its one bigram is contained in every name it begins."""
    if len(value) == 1:
        return [f"_{value}"]
    padded = f"_{value}_"
    return [padded[i : i + 2] for i in range(len(padded) - 1)]


@dataclass(frozen=True, slots=True, repr=False)
class FilterTable:
    """The mask of every possible bigram under one key, so that a filter is an OR of table rows."""

    masks: U64
    """(BASE * BASE, FILTER_WORDS)."""

    @classmethod
    def make(cls, key: bytes, k: int) -> FilterTable:
        masks = np.zeros((BASE * BASE, FILTER_WORDS), np.uint64)
        for row in range(BASE * BASE):
            for bit in positions(key, ALPHABET[row // BASE] + ALPHABET[row % BASE], k):
                masks[row, bit // 64] |= np.uint64(1 << (bit % 64))
        return cls(masks)

    def __repr__(self) -> str:
        return "<filter table>"

    def filters(self, values: Sequence[str]) -> U64:
        """Filters (n, FILTER_WORDS) of normalised, non-empty values."""
        if not values:
            return np.zeros((0, FILTER_WORDS), np.uint64)
        codes = CODES[np.frombuffer(("_" + "_".join(values) + "_").encode("ascii"), np.uint8)].astype(np.intp)
        grams = codes[:-1] * BASE + codes[1:]
        lengths = np.array([len(v) for v in values], np.intp)
        starts = np.concatenate(([0], np.cumsum(lengths + 1)[:-1]))
        # The closing pad of an initial is dropped: its second bigram is replaced by its first.
        single = starts[lengths == 1]
        grams[single + 1] = grams[single]
        return np.bitwise_or.reduceat(self.masks[grams], starts, axis=0)
