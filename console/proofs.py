"""Proofs of identity: argon2id passwords, one-time codes (RFC 6238), and tokens that are kept as hashes."""

from __future__ import annotations

import hmac
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from config import Refuse
from store.envelope import RandomBytes

LEAST_LENGTH = 12
STEP_SECONDS = 30
_WINDOW = (0, -1, 1)
"""Steps around the present in which a code is taken: clocks of telephones differ (RFC 6238, 5.2)."""


class PasswordTooWeak(Refuse):
    """The password is too short, or is the login itself."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Hashes and checks with argon2id at the library's RFC 9106 low-memory parameters, or those given for tests."""

    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    decoy: list[str] = field(default_factory=list)

    def hash(self, password: str, login: str) -> str:
        if len(password) < LEAST_LENGTH or login.casefold() in password.casefold():
            raise PasswordTooWeak(f"a password has {LEAST_LENGTH} characters or more, and not the login among them")
        return self.hasher.hash(password)

    def right(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. Takes as long for an account that is not there: nobody learns which there are."""
        if not self.decoy:
            self.decoy.append(self.hasher.hash("a password of nobody"))
        try:
            return self.hasher.verify(kept or self.decoy[0], password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def new_token(random: RandomBytes) -> str:
    """256 bits for a cookie."""
    return urlsafe_b64encode(random(32)).decode().rstrip("=")


def token_hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def csrf_token(token: str) -> str:
    """What a form must carry besides the cookie. Bound to the session, and no way back to its token."""
    return hmac.new(token.encode(), b"csrf", sha256).hexdigest()


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def new_totp_secret(random: RandomBytes) -> bytes:
    return random(20)


def code_step(secret: bytes, code: str, now: datetime) -> int | None:
    """The time step whose code this is, or None. The caller must use the step up: a code is good once."""
    current = int(now.timestamp()) // STEP_SECONDS
    return next((current + d for d in _WINDOW if same(code_at(secret, current + d), code)), None)


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a time step."""
    made: bytes = HOTP(secret, 6, SHA1(), enforce_key_length=False).generate(step)  # noqa: S303 - as RFC 6238 has it
    return made.decode()


def readable(secret: bytes) -> str:
    """In groups of four letters, to type into an authenticator."""
    text = b32encode(secret).decode()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def otpauth(secret: bytes, login: str) -> str:
    """The address that authenticator apps read."""
    return f"otpauth://totp/Warmlink:{quote(login)}?secret={b32encode(secret).decode()}&issuer=Warmlink"
