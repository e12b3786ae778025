"""A sample of invented people, and a source of bytes that is random to look at and the same every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


@dataclass
class Drbg:
    """SHA-256 in counter mode: a test that asks whether bytes look random must not fail once in a hundred runs."""

    seed: bytes = b"privacy"
    _count: int = field(default=0)

    def __call__(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            out += sha256(self.seed + self._count.to_bytes(8, "big")).digest()
            self._count += 1
        return out[:size]


@pytest.fixture
def drbg() -> Drbg:
    return Drbg()


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared sets are not part of the product")
    return SHARED
