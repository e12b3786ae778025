"""Key files of an installation, read where they lie and never copied."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from alerts.keys import PublicKey
from audit.note import Signer, VerifierKey
from config import ConfigError, KeyUnavailable, Profile, Settings
from store.key_providers import WrappedKeyProvider, Wrapper
from store.keys import EnvironmentKeyProvider, FileKeyProvider, KeyProvider, SystemdKeyProvider


def key_provider(settings: Settings, environment: Mapping[str, str], master: Path | None = None) -> KeyProvider:
    """Where the master key comes from. `master` stands for `keys.master`, while a rotation is under way."""
    path = master or settings.at(settings.keys.master)
    match settings.keys.provider:
        case "environment":
            return EnvironmentKeyProvider(environment, production=settings.profile is Profile.PRODUCTION)
        case "systemd":
            return SystemdKeyProvider(environment, settings.keys.credential)
        case "file":
            return FileKeyProvider(path)
        case _:
            return WrappedKeyProvider(path, wrapper(settings))


def wrapper(settings: Settings) -> Wrapper:
    """The key service that wraps the master key. Raises ConfigError where the provider is none."""
    keys = settings.keys
    match keys.provider:
        case "vault":
            from store.key_providers.vault_transit import VaultTransit

            token = _secret(settings.at(keys.vault.token_file))
            return VaultTransit(keys.vault.url, keys.vault.key, token, keys.vault.mount, keys.vault.namespace)
        case "aws-kms":
            from store.key_providers.aws_kms import AwsKms

            return AwsKms(keys.kms.key, keys.kms.region, keys.kms.endpoint or None)
        case "pkcs11":
            from store.key_providers.pkcs11_token import Pkcs11Token

            pin = _secret(settings.at(keys.hsm.pin_file))
            return Pkcs11Token(keys.hsm.module, keys.hsm.token, keys.hsm.label, pin, os.urandom)
        case other:
            raise ConfigError(f"keys.provider = '{other}' is no key service; choose vault, aws-kms or pkcs11")


def _secret(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise KeyUnavailable(f"{path.name} cannot be read") from fault


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
