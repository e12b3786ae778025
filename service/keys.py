"""Key files of an installation, read where they lie and never copied."""

from __future__ import annotations

import json

from alerts.keys import PublicKey
from audit.note import Signer, VerifierKey
from config import ConfigError, Settings
from store.keys import FileKeyProvider


def checkpoint_signer(settings: Settings) -> Signer:
    """The key that signs checkpoints, under the name of the log."""
    seed = FileKeyProvider(settings.at(settings.audit.signing_key)).master()
    return Signer.from_seed(settings.audit.origin, seed)


def checkpoint_keys(settings: Settings) -> tuple[VerifierKey, ...]:
    """The public keys of this log: the one that signs, and those that signed before it."""
    return (checkpoint_signer(settings).verifier, *(VerifierKey.parse(key) for key in settings.audit.retired_keys))


def backup_key(settings: Settings) -> PublicKey:
    """The organisation's backup key: every alert is sealed to it too, so that a lost key loses no alert."""
    path = settings.at(settings.alerts.backup_key)
    try:
        return PublicKey.enrol(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as fault:
        raise ConfigError(f"alerts.backup_key: {path.name} does not hold a public key") from fault
