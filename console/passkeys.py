"""Passkeys (WebAuthn, level 2): made and used with the person verified, bound to our origin, each challenge good once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from console.proofs import token_hash
from console.signin import FLOW_LIFE, REFUSED, SignIn, SignInRefused, name_of
from store import accounts
from store.accounts import Account, Passkey

NAME = "Warmlink"


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Adding a passkey to an account, and signing in with one."""

    door: SignIn
    origin: str

    @property
    def _host(self) -> str:
        return urlsplit(self.origin).hostname or ""

    def ask_new(self, account: Account, flow: str) -> dict[str, Any]:
        """What the browser needs to make one. `flow` names this ceremony in the cookie."""
        engine = self.door.engine
        challenge = engine.random(32)
        with engine.database.write() as conn:
            have = [base64url_to_bytes(p.credential) for p in accounts.passkeys_of(conn, account.id)]
            self._remember(conn, flow, "passkey_add", challenge, account.id)
        return self._options(
            generate_registration_options(
                rp_id=self._host,
                rp_name=NAME,
                user_id=account.id.encode(),
                user_name=account.login,
                challenge=challenge,
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
                ),
                exclude_credentials=[PublicKeyCredentialDescriptor(id=c) for c in have],
            )
        )

    def add(self, account: Account, flow: str, answer: dict[str, Any], label: str) -> None:
        """Raises SignInRefused for an answer that does not hold."""
        engine, now = self.door.engine, self.door.engine.clock()
        with engine.database.write() as conn:
            found = accounts.take_flow(conn, engine.vault, token_hash(flow), "passkey_add", now)
        if found is None or found[0] != account.id:
            raise SignInRefused(REFUSED)
        try:
            made = verify_registration_response(
                credential=answer,
                expected_challenge=bytes.fromhex(found[1]["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise SignInRefused(REFUSED) from None
        name = bytes_to_base64url(made.credential_id)
        new = Passkey(name, account.id, made.credential_public_key, made.sign_count, label[:64] or NAME, now)
        with engine.database.write() as conn:
            accounts.add_passkey(conn, new)

    def ask(self, flow: str) -> dict[str, Any]:
        """What the browser needs to use one, whoever's it is."""
        engine = self.door.engine
        challenge = engine.random(32)
        with engine.database.write() as conn:
            self._remember(conn, flow, "passkey_login", challenge, None)
        return self._options(
            generate_authentication_options(
                rp_id=self._host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
            )
        )

    def use(self, flow: str, answer: dict[str, Any]) -> str:
        """A new session for whoever's passkey it is. Raises SignInRefused."""
        engine, now = self.door.engine, self.door.engine.clock()
        with engine.database.write() as conn:
            found = accounts.take_flow(conn, engine.vault, token_hash(flow), "passkey_login", now)
            known = accounts.get_passkey(conn, str(answer.get("id", "")))
            account = accounts.get(conn, known.account) if known else None
            if found and known and account and account.disabled_at is None:
                count = self._verified(answer, found[1]["challenge"], known)
                if count is not None:
                    accounts.used_passkey(conn, known.credential, count, now)
                    return self.door.begin(conn, account, "passkey")
            self.door.note_failure(conn, name_of(account) if account else None, "passkey", "not_verified")
        raise SignInRefused(REFUSED)

    def _verified(self, answer: dict[str, Any], challenge: str, known: Passkey) -> int | None:
        """The new signature count; None where signature, origin, challenge or counter is not right."""
        try:
            return verify_authentication_response(
                credential=answer,
                expected_challenge=bytes.fromhex(challenge),
                expected_rp_id=self._host,
                expected_origin=self.origin,
                credential_public_key=known.public_key,
                credential_current_sign_count=known.sign_count,
                require_user_verification=True,
            ).new_sign_count
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return None

    def _remember(self, conn: Any, flow: str, purpose: str, challenge: bytes, account: str | None) -> None:
        engine = self.door.engine
        kept = {"challenge": challenge.hex()}
        until = engine.clock() + FLOW_LIFE
        accounts.begin_flow(conn, engine.vault, token_hash(flow), purpose, kept, until=until, account_id=account)

    @staticmethod
    def _options(options: Any) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(options_to_json(options))
        return read
