"""The keys of the seal: P-256 to encrypt to a recipient, Ed25519 to sign, each named by its RFC 7638 thumbprint."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from alerts.errors import KeyRefused
from config.errors import KeyUnavailable

Jwk = Mapping[str, str]
"""A JSON Web Key (RFC 7517) with string members only."""

K = TypeVar("K", ECKey, OKPKey)
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A recipient's public key: what an alert is encrypted to. Equal keys have equal thumbprints."""

    kid: str
    jwk: Jwk

    @classmethod
    def enrol(cls, jwk: Mapping[str, Any]) -> PublicKey:
        """Check a key as it arrives from outside. Raises KeyRefused; the message never quotes the key."""
        if _PRIVATE & jwk.keys():
            raise KeyRefused("this is a private key; enrol the public half only, and replace the pair: it was shown")
        if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
            raise KeyRefused("alerts are sealed to keys of kty EC and crv P-256; this is another kind")
        if jwk.get("use", "enc") != "enc":
            raise KeyRefused("this key says that it is not for encryption")
        public = {name: jwk.get(name) for name in ("kty", "crv", "x", "y")}
        key = _import(ECKey, public)
        return cls(key.thumbprint(), {name: str(value) for name, value in public.items()})

    def key(self) -> ECKey:
        return _import(ECKey, self.jwk)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The other half of a PublicKey. Lives with the recipient only: a file of theirs, or their browser."""

    kid: str
    key: ECKey = field(repr=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new pair, from the operating system's randomness."""
        key = ECKey.generate_key("P-256", private=True)
        return cls(key.thumbprint(), key)

    @property
    def public(self) -> PublicKey:
        return PublicKey.enrol(self.key.as_dict(private=False))

    def save(self, path: Path) -> None:
        _write_private(path, self.key.as_dict(private=True))

    @classmethod
    def load(cls, path: Path) -> PrivateKey:
        """Raises KeyUnavailable where the file is missing, open to others, or no P-256 private key."""
        key = _load_private(ECKey, path)
        if key.is_private and key.as_dict().get("crv") == "P-256":
            return cls(key.thumbprint(), key)
        raise KeyUnavailable(f"{path.name} is not a P-256 private key")


@dataclass(frozen=True, slots=True)
class TrustedSigner:
    """The public half of the signing key: what a recipient checks an alert's origin with."""

    kid: str
    key: OKPKey = field(repr=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> TrustedSigner:
        if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or "d" in jwk:
            raise KeyRefused("a trusted signer is the public half of an Ed25519 key")
        key = _import(OKPKey, {name: jwk.get(name) for name in ("kty", "crv", "x")})
        return cls(key.thumbprint(), key)

    def jwk(self) -> dict[str, Any]:
        return dict(self.key.as_dict(private=False))


@dataclass(frozen=True, slots=True)
class Signer:
    """The organisation's signing key. Recipients know its public half from their enrolment."""

    kid: str
    key: OKPKey = field(repr=False)

    @classmethod
    def generate(cls) -> Signer:
        key = OKPKey.generate_key("Ed25519", private=True)
        return cls(key.thumbprint(), key)

    def sign(self, message: bytes) -> bytes:
        """A bare Ed25519 signature (RFC 8032), for protocols that frame it themselves."""
        key = self.key.private_key
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnavailable("the signing key has no private half")
        return key.sign(message)

    @property
    def trusted(self) -> TrustedSigner:
        return TrustedSigner.from_jwk(self.key.as_dict(private=False))

    def save(self, path: Path) -> None:
        _write_private(path, self.key.as_dict(private=True))

    @classmethod
    def load(cls, path: Path) -> Signer:
        key = _load_private(OKPKey, path)
        if key.is_private and key.as_dict().get("crv") == "Ed25519":
            return cls(key.thumbprint(), key)
        raise KeyUnavailable(f"{path.name} is not an Ed25519 private key")


def _import(kind: type[K], jwk: Mapping[str, Any]) -> K:
    try:
        return kind.import_key(dict(jwk))
    except (JoseError, ValueError, TypeError):
        raise KeyRefused(
            "this is not a well-formed key: a member is missing, or its point is not on the curve"
        ) from None


def _write_private(path: Path, jwk: Mapping[str, Any]) -> None:
    """Readable by its owner from the first byte on; an existing file is never overwritten."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as fault:
        raise KeyUnavailable(f"the key file {path.name} cannot be made: {fault.strerror}") from fault
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(dict(jwk), file)


def _load_private(kind: type[K], path: Path) -> K:
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as fault:
        raise KeyUnavailable(f"the key file {path.name} cannot be read") from fault
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnavailable(f"the key file {path.name} is open to others; set its mode to 0600")
    try:
        return _import(kind, json.loads(text))
    except (ValueError, KeyRefused):
        raise KeyUnavailable(f"the key file {path.name} does not hold a key") from None
