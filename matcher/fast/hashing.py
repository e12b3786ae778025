"""The keyed hash, compiled: `matcher.hashing.siphash`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from matcher.fast.jit import jit, part
from matcher.hashing import U64


@part
def _turn(x: Any, by: Any) -> Any:
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


@part
def sip_round(a: Any, b: Any, c: Any, d: Any) -> Any:
    a, c = a + b, c + d
    b, d = _turn(b, 13) ^ a, _turn(d, 16) ^ c
    a = _turn(a, 32)
    c, a = c + b, a + d
    b, d = _turn(b, 17) ^ c, _turn(d, 21) ^ a
    return a, b, _turn(c, 32), d


@jit("u8[]", "u8[,]", "u8[]!")
def _siphash(seeds: Any, words: Any, found: Any) -> None:
    length = np.uint64((8 * len(words) & 0xFF) << 56)
    for n in range(words.shape[1]):
        a, b, c, d = seeds[0], seeds[1], seeds[2], seeds[3]
        for k in range(len(words) + 1):
            word = words[k, n] if k < len(words) else length
            d ^= word
            for _ in range(2):
                a, b, c, d = sip_round(a, b, c, d)
            a ^= word
        c ^= np.uint64(0xFF)
        for _ in range(4):
            a, b, c, d = sip_round(a, b, c, d)
        found[n] = a ^ b ^ c ^ d


def seeds_of(key: bytes) -> list[int]:
    """The state that SipHash starts from under a key of 16 bytes."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    return [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]


def siphash_fast(key: bytes, words: Sequence[U64]) -> U64:
    """The hashes of `matcher.hashing.siphash`, compiled."""
    found = np.empty(len(words[0]), np.uint64)
    _siphash(np.array(seeds_of(key), np.uint64), np.array(words, np.uint64), found)
    return found
