"""A PKCS#11 token (HSM, smart card, SoftHSM) wraps the master key. Needs the extra `hsm` (python-pkcs11)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.errors import ConfigError, KeyUnavailable
from store.envelope import RandomBytes
from store.key_providers.wrapped import CONTEXT

_NONCE, _TAG_BITS = 12, 128


@dataclass(frozen=True, slots=True)
class Pkcs11Token:
    """`label` names an AES-256 key on the token that may not leave it; AES-GCM with the purpose as associated data."""

    module: Path
    token: str
    label: str
    pin: str = field(repr=False)
    random: RandomBytes = field(repr=False)

    @property
    def name(self) -> str:
        return "pkcs11"

    def wrap(self, secret: bytes) -> str:
        nonce = self.random(_NONCE)
        with self._key() as (key, how):
            sealed: bytes = key.encrypt(secret, **how(nonce))
        return b64encode(nonce + sealed).decode()

    def unwrap(self, wrapped: str) -> bytes:
        try:
            blob = b64decode(wrapped, validate=True)
        except ValueError:
            raise KeyUnavailable("the wrapped master key is not base64") from None
        with self._key() as (key, how):
            secret: bytes = key.decrypt(blob[_NONCE:], **how(blob[:_NONCE]))
        return secret

    def make_key(self) -> None:
        """Generate the key on the token: not extractable, not readable."""
        pkcs11 = _library()
        with self._session(pkcs11, rw=True) as session:
            session.generate_key(pkcs11.KeyType.AES, 256, label=self.label, store=True)

    @contextmanager
    def _key(self) -> Iterator[tuple[Any, Any]]:
        pkcs11 = _library()

        def how(nonce: bytes) -> dict[str, Any]:
            parameters = pkcs11.GCMParams(nonce, CONTEXT.encode(), _TAG_BITS)
            return {"mechanism": pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}

        with self._session(pkcs11, rw=False) as session:
            yield session.get_key(pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, self.label), how

    @contextmanager
    def _session(self, pkcs11: Any, *, rw: bool) -> Iterator[Any]:
        try:
            token = pkcs11.lib(str(self.module)).get_token(token_label=self.token)
            with token.open(user_pin=self.pin, rw=rw) as session:
                yield session
        except pkcs11.exceptions.PKCS11Error as fault:
            raise KeyUnavailable(f"the PKCS#11 token {self.token} refused ({type(fault).__name__})") from None


def _library() -> Any:
    try:
        import pkcs11
        import pkcs11.exceptions
    except ImportError as fault:
        raise ConfigError("keys.provider = 'pkcs11' needs python-pkcs11: install warmlink[hsm]") from fault
    return pkcs11
