"""Sign-in at the county's own identity provider: OpenID Connect, authorisation code with PKCE (RFC 7636), nonce and state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]  # authlib ships no types
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from config import Refuse, Retry
from config.settings import OidcSettings
from console.proofs import new_token, same
from store.envelope import RandomBytes

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_SKEW = 60


class ProviderRefused(Refuse):
    """The provider's answer does not prove who this is."""


class ProviderDown(Retry):
    """The provider does not answer."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to send the browser, and what to remember until it comes back."""

    address: str
    kept: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """One OpenID provider. `http` is the client that reaches it."""

    settings: OidcSettings
    redirect: str
    http: httpx2.Client = field(repr=False)

    def start(self, random: RandomBytes) -> Start:
        state, nonce, verifier = (new_token(random) for _ in range(3))
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        address = f"{self._about()['authorization_endpoint']}?{urlencode(query)}"
        return Start(address, {"state": state, "nonce": nonce, "verifier": verifier})

    def finish(self, kept: Mapping[str, str], state: str, code: str, clock: Callable[[], datetime]) -> str:
        """The subject that the provider vouches for. Raises ProviderRefused and ProviderDown."""
        if not same(kept["state"], state):
            raise ProviderRefused("the provider's answer belongs to another sign-in")
        about = self._about()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret.get_secret_value(),
            "code_verifier": kept["verifier"],
        }
        answer = self._json(lambda: self.http.post(about["token_endpoint"], data={k: v for k, v in form.items() if v}))
        keys = self._json(lambda: self.http.get(about["jwks_uri"]))
        return self._subject(str(answer.get("id_token", "")), keys, kept["nonce"], clock())

    def _subject(self, token: str, keys: Mapping[str, Any], nonce: str, now: datetime) -> str:
        """OpenID Connect Core, 3.1.3.7: signature, issuer, audience, expiry, nonce."""
        try:
            claims = jwt.decode(token, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS).claims  # type: ignore[arg-type]  # a JWKS document is what it reads
            wanted = jwt.JWTClaimsRegistry(
                now=lambda: int(now.timestamp()),
                leeway=_SKEW,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                nonce={"essential": True, "value": nonce},
                exp={"essential": True},
                sub={"essential": True},
            )
            wanted.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as fault:
            raise ProviderRefused(f"the provider's token does not hold ({type(fault).__name__})") from None
        others = claims.get("aud")
        if isinstance(others, list) and len(others) > 1 and claims.get("azp") != self.settings.client_id:
            raise ProviderRefused("the provider's token was made for somebody else")
        return f"{self.settings.issuer}#{claims['sub']}"

    def _about(self) -> dict[str, Any]:
        """The provider's own description; its issuer must be the one that was configured (RFC 8414, 3.3)."""
        at = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        about = self._json(lambda: self.http.get(at))
        if about.get("issuer") != self.settings.issuer:
            raise ProviderRefused("the provider calls itself by another name than console.oidc.issuer")
        return about

    def _json(self, ask: Callable[[], httpx2.Response]) -> dict[str, Any]:
        try:
            answer = ask()
            answer.raise_for_status()
            read = answer.json()
        except httpx2.HTTPStatusError as fault:
            raise ProviderRefused(f"the provider answered {fault.response.status_code}") from None
        except httpx2.HTTPError as fault:
            raise ProviderDown(f"the provider does not answer ({type(fault).__name__})") from None
        except json.JSONDecodeError:
            raise ProviderRefused("the provider's answer is not JSON") from None
        if not isinstance(read, dict):
            raise ProviderRefused("the provider's answer is not an object")
        return read
