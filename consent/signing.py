"""Signatures on a rule book: Ed25519 over its canonical bytes, by one officer or by two.

Keys are arguments. The signed bytes start with a label of their own, so that a signature on a rule book can never pass
for a signature on anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import TellPerson
from consent.rulebook import RuleBook

_LABEL = b"warmlink rule book signature v1\x00"


class RuleBookNotSigned(TellPerson):
    """A rule book lacks signatures that the installation asks for. A compliance officer has to sign it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One person's signature: 64 bytes of Ed25519 over `signing_bytes`."""

    signer: str
    value: bytes


def signing_bytes(book: RuleBook, signer: str) -> bytes:
    """The bytes a person signs: label, who signs, then the whole canonical content of the book.

    The name is inside, so that one key's signature cannot be shown as another person's.
    """
    name = signer.encode()
    return _LABEL + len(name).to_bytes(4, "big") + name + book.canonical_bytes


def sign(book: RuleBook, signer: str, key: Ed25519PrivateKey) -> Signature:
    """Sign a book as `signer`."""
    return Signature(signer, key.sign(signing_bytes(book, signer)))


def valid_signers(
    book: RuleBook, signatures: Iterable[Signature], trusted: Mapping[str, Ed25519PublicKey]
) -> tuple[str, ...]:
    """Who validly signed this very book, one key counting once, in alphabetical order."""
    keys: dict[bytes, str] = {}
    for signature in signatures:
        key = trusted.get(signature.signer)
        if key is not None and _holds(book, signature, key):
            keys.setdefault(key.public_bytes_raw(), signature.signer)
    return tuple(sorted(set(keys.values())))


def require_signatures(
    book: RuleBook, signatures: Iterable[Signature], trusted: Mapping[str, Ed25519PublicKey], *, needed: int = 1
) -> tuple[str, ...]:
    """The valid signers, of whom there must be at least `needed` with keys of their own. Raises RuleBookNotSigned."""
    if needed < 1:
        raise ValueError("at least one signature must be asked for")
    signers = valid_signers(book, signatures, trusted)
    if len(signers) < needed:
        raise RuleBookNotSigned(
            f"rule set {book.version} ({book.hash[:12]}) has {len(signers)} of {needed} valid signatures"
        )
    return signers


def _holds(book: RuleBook, signature: Signature, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(signature.value, signing_bytes(book, signature.signer))
    except InvalidSignature:
        return False
    return True
