"""Signed notes (C2SP signed-note): a text with Ed25519 signatures under it, readable by any transparency-log tool.

A signature line is an em dash, the key's name, and base64 of a 4-byte key id and the signature over the text. The key
id is the beginning of SHA-256(name, newline, signature type, public key). A *verifier key* is the one-line form of a
public key, `name+keyid+base64(type, key)`, that is given to whoever checks.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import NoteMalformed, SignatureRefused

ED25519 = 0x01
COSIGNATURE = 0x04
"""Signature types of the specification: a plain signature, and a witness's statement with its time."""

_NAME = re.compile(r"[^\s+\u0000-\u001f]+")
_SIGNATURE_LINE = re.compile(r"\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})")
_MOST_SIGNATURES = 100


def key_id(name: str, signature_type: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([signature_type]) + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says it is, and the bytes."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        return f"\u2014 {self.name} {b64encode(self.key_id + self.blob).decode()}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under the name it signs with."""

    name: str
    public: bytes
    signature_type: int = ED25519

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise NoteMalformed("a key name must not be empty nor hold a space or a plus sign")

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.signature_type, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.signature_type]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read the one-line form. The key id in it guards against a slip in copying."""
        name, _, rest = text.strip().partition("+")
        hexed, _, encoded = rest.partition("+")
        raw = _base64(encoded, "a verifier key")
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise NoteMalformed("a verifier key must hold an Ed25519 key of 32 bytes")
        key = cls(name, raw[1:], raw[0])
        if key.id.hex() != hexed:
            raise NoteMalformed("the verifier key's id does not fit its name and key: it was copied wrongly")
        return key

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under the name it signs with."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Signer:
        """From 32 secret bytes."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        _checked_text(text)
        return Signature(self.name, self.verifier.id, self.private.sign(text.encode()))


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signature lines under it, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    @classmethod
    def parse(cls, note: str) -> Note:
        text, blank, below = note.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise NoteMalformed("a signed note is a text, an empty line and signature lines, each ended by a newline")
        lines = below.splitlines()
        if not 0 < len(lines) <= _MOST_SIGNATURES:
            raise NoteMalformed("a signed note has between 1 and 100 signature lines")
        return cls(_checked_text(text + "\n"), tuple(_parse_line(line) for line in lines))

    def verified_by(self, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
        """The keys whose signature holds. Signatures of unknown keys are passed over.

        Raises SignatureRefused when a known key's signature is wrong, or when none of the keys signed.
        """
        good = []
        for signature in self.signatures:
            for key in keys:
                if key.signature_type == ED25519 and (signature.name, signature.key_id) == (key.name, key.id):
                    if not key.verify(self.text.encode(), signature.blob):
                        raise SignatureRefused(f"the signature of {key.name} does not fit the text of the note")
                    good.append(key)
        if not good:
            names = ", ".join(sorted({signature.name for signature in self.signatures}))
            raise SignatureRefused(f"the note is signed by {names}, and by none of the keys that were given")
        return tuple(good)


def _checked_text(text: str) -> str:
    if not text.endswith("\n") or len(text) < 2 or any(letter < " " and letter != "\n" for letter in text):
        raise NoteMalformed("the text of a note ends with a newline and holds no other control characters")
    return text


def _parse_line(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None or not _NAME.fullmatch(match[1]):
        raise NoteMalformed("a signature line of the note is not of the form: dash, name, base64")
    raw = _base64(match[2], "a signature line")
    if len(raw) < 5:
        raise NoteMalformed("a signature line of the note is too short")
    return Signature(match[1], raw[:4], raw[4:])


def _base64(text: str, where: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as fault:
        raise NoteMalformed(f"{where} does not hold base64") from fault
