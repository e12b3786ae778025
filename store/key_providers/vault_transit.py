"""HashiCorp Vault's transit engine wraps the master key (HTTP API v1: encrypt, decrypt, rewrap)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

import httpx2

from config.errors import KeyUnavailable
from store.key_providers.wrapped import KeyServiceAway

AWAY = frozenset({429, 472, 473, 500, 502, 503})
"""Answers that pass: too many requests, a standby, sealed or in maintenance."""


@dataclass(frozen=True, slots=True)
class VaultTransit:
    """`key` is the name of a transit key of type aes256-gcm96, `token` a Vault token that may encrypt and decrypt with it."""

    url: str
    key: str
    token: str = field(repr=False)
    mount: str = "transit"
    namespace: str = ""
    transport: httpx2.BaseTransport | None = field(default=None, repr=False)
    """Instead of the network, for tests."""

    @property
    def name(self) -> str:
        return "vault-transit"

    def wrap(self, secret: bytes) -> str:
        return str(self._call("encrypt", {"plaintext": b64encode(secret).decode()})["ciphertext"])

    def unwrap(self, wrapped: str) -> bytes:
        return b64decode(self._call("decrypt", {"ciphertext": wrapped})["plaintext"])

    def rewrap(self, wrapped: str) -> str:
        """The same secret under the newest version of the key; it does not leave Vault for that."""
        return str(self._call("rewrap", {"ciphertext": wrapped})["ciphertext"])

    def _call(self, action: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"X-Vault-Token": self.token, "X-Vault-Request": "true"}
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        try:
            with httpx2.Client(transport=self.transport, trust_env=False, timeout=10) as client:
                reply = client.post(
                    f"{self.url.rstrip('/')}/v1/{self.mount}/{action}/{self.key}", json=body, headers=headers
                )
        except httpx2.HTTPError as fault:
            raise KeyServiceAway(f"Vault does not answer ({type(fault).__name__})") from None
        return self._read(reply, action)

    def _read(self, reply: httpx2.Response, action: str) -> dict[str, Any]:
        if reply.status_code in AWAY:
            raise KeyServiceAway(f"Vault answered {reply.status_code}; is it sealed?")
        if reply.status_code != httpx2.codes.OK:
            raise KeyUnavailable(f"Vault refused to {action} with transit key {self.key} ({reply.status_code})")
        try:
            data: dict[str, Any] = reply.json()["data"]
        except (ValueError, KeyError, TypeError):
            raise KeyUnavailable("what answers at keys.vault.url is not Vault") from None
        return data
