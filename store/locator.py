"""Opaque references: the same thing always gets the same name, and the name says nothing without the key."""

from __future__ import annotations

import hmac
from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Locator:
    """Names rows by HMAC-SHA256 over what they stand for, cut to 130 bits (26 letters).

    The key never rests in the database. Whoever reads the database sees names indistinguishable from random ones;
    whoever writes it twice for the same booking, client or alert hits the primary key.
    """

    key: bytes = field(repr=False)

    def ref(self, kind: str, *parts: str) -> str:
        """The reference of a `kind` identified by `parts`. Parts are length-prefixed: ("ab","c") is not ("a","bc")."""
        message = b"".join(len(p).to_bytes(4, "big") + p for p in (kind.encode(), *(part.encode() for part in parts)))
        digest = hmac.new(self.key, message, sha256).digest()
        return b32encode(digest)[:26].decode().lower()
