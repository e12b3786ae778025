"""A secret shared among people: any `threshold` of the shares give it back, fewer tell nothing (Shamir, 1979).

Each byte is the value at 0 of a random polynomial of degree threshold - 1 over GF(2**8) with the polynomial of AES (FIPS 197, 4.2);
share x holds its values at x. A share is one line of text with a checksum, to be printed and typed.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from binascii import Error as Base32Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from hashlib import sha256
from operator import xor

from config.errors import Refuse
from store.envelope import RandomBytes

POLYNOMIAL = 0x11B
_CHECK = 4


class SharesRefused(Refuse):
    """Shares that are mistyped, too few, or of different secrets."""


@dataclass(frozen=True, slots=True)
class Share:
    """One person's share. `set` is the same for all shares of one split; `x` is never 0."""

    set: str
    threshold: int
    x: int
    values: bytes = field(repr=False)

    def text(self) -> str:
        """`warmlink-share 3 1 SET VALUES`: threshold, number, name of the split, values with checksum."""
        checked = self.values + self._checksum()
        return f"warmlink-share {self.threshold} {self.x} {self.set} {b32encode(checked).decode().rstrip('=')}"

    @classmethod
    def read(cls, text: str) -> Share:
        """Raises SharesRefused; the message quotes nothing of the share."""
        words = text.split()
        try:
            head, threshold, x, name, body = words[0], int(words[1]), int(words[2]), words[3], "".join(words[4:])
            raw = b32decode(body + "=" * (-len(body) % 8))
        except (IndexError, ValueError, Base32Error):
            raise SharesRefused("this is not a share") from None
        share = cls(name, threshold, x, raw[:-_CHECK])
        if head != "warmlink-share" or not 0 < x < 256 or raw[-_CHECK:] != share._checksum():
            raise SharesRefused("this share was mistyped: its checksum does not hold")
        return share

    def _checksum(self) -> bytes:
        head = f"{self.threshold} {self.x} {self.set} ".encode()
        return sha256(head + self.values).digest()[:_CHECK]


def split(secret: bytes, shares: int, threshold: int, random: RandomBytes) -> tuple[Share, ...]:
    """Raises SharesRefused unless 2 <= threshold <= shares <= 255."""
    if not 2 <= threshold <= shares <= 255:
        raise SharesRefused(
            "a secret is split into at most 255 shares, with a threshold of at least 2 that is not above them"
        )
    name = random(4).hex()
    polynomials = [(byte, *random(threshold - 1)) for byte in secret]
    return tuple(
        Share(name, threshold, x, bytes(evaluate(polynomial, x) for polynomial in polynomials))
        for x in range(1, shares + 1)
    )


def join(shares: Sequence[Share]) -> bytes:
    """The secret. Raises SharesRefused for too few, for a share given twice, and for shares of different splits."""
    first = shares[0] if shares else None
    if first is None or len({share.x for share in shares}) < first.threshold:
        raise SharesRefused(f"{first.threshold if first else 2} different shares are needed")
    if {(s.set, s.threshold, len(s.values)) for s in shares} != {(first.set, first.threshold, len(first.values))}:
        raise SharesRefused("these shares are of different splits")
    used = list({share.x: share for share in shares}.values())[: first.threshold]
    weights = _at_zero([share.x for share in used])
    return bytes(
        reduce(xor, (multiply(weight, share.values[i]) for weight, share in zip(weights, used, strict=True)))
        for i in range(len(first.values))
    )


def evaluate(polynomial: Sequence[int], x: int) -> int:
    """Value at x of the polynomial with these coefficients, the constant first (Horner)."""
    value = 0
    for coefficient in reversed(polynomial):
        value = multiply(value, x) ^ coefficient
    return value


def multiply(a: int, b: int) -> int:
    """Product in GF(2**8)."""
    product = 0
    for _ in range(8):
        product ^= a * (b & 1)
        a = (a << 1) ^ (POLYNOMIAL * (a >> 7))
        b >>= 1
    return product


def invert(a: int) -> int:
    """a**254, the inverse of a in GF(2**8)."""
    power = a
    for _ in range(6):
        power = multiply(multiply(power, power), a)
    return multiply(power, power)


def _at_zero(xs: Sequence[int]) -> list[int]:
    """Lagrange's weights at 0: the product of x_j / (x_j - x_i) over the others; subtraction is exclusive or."""
    weights = []
    for i, xi in enumerate(xs):
        weight = 1
        for j, xj in enumerate(xs):
            if i != j:
                weight = multiply(weight, multiply(xj, invert(xj ^ xi)))
        weights.append(weight)
    return weights
