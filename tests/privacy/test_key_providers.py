"""Does the master key come from each provider, and does each fault end as one of our errors?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.errors import KeyUnavailable
from store.key_providers import KeyServiceAway, WrappedKeyProvider, Wrapper, write_wrapped
from store.key_providers.aws_kms import AwsKms
from store.key_providers.pkcs11_token import Pkcs11Token
from store.key_providers.vault_transit import VaultTransit

MASTER = bytes(range(32))


@dataclass
class FakeTransit:
    """Vault's transit engine as far as its HTTP API shows: versions, tokens, rewrap, the errors it answers with."""

    token: str = "s.token"
    keys: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    sealed: bool = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.sealed:
            return httpx2.Response(503, json={"errors": ["Vault is sealed"]})
        if request.headers.get("X-Vault-Token") != self.token:
            return httpx2.Response(403, json={"errors": ["permission denied"]})
        body = json.loads(request.content)
        action = request.url.path.removeprefix("/v1/transit/").split("/")
        if action[1:] != ["warmlink"]:
            return httpx2.Response(400, json={"errors": ["encryption key not found"]})
        try:
            return httpx2.Response(200, json={"data": getattr(self, action[0])(body)})
        except (InvalidTag, ValueError, IndexError):
            return httpx2.Response(400, json={"errors": ["invalid ciphertext"]})

    def rotate(self) -> None:
        self.keys.append(os.urandom(32))

    def encrypt(self, body: dict[str, str]) -> dict[str, object]:
        nonce, version = os.urandom(12), len(self.keys)
        sealed = nonce + AESGCM(self.keys[-1]).encrypt(nonce, b64decode(body["plaintext"]), None)
        return {"ciphertext": f"vault:v{version}:{b64encode(sealed).decode()}", "key_version": version}

    def decrypt(self, body: dict[str, str]) -> dict[str, object]:
        _, version, text = body["ciphertext"].split(":")
        blob = b64decode(text)
        plain = AESGCM(self.keys[int(version[1:]) - 1]).decrypt(blob[:12], blob[12:], None)
        return {"plaintext": b64encode(plain).decode()}

    def rewrap(self, body: dict[str, str]) -> dict[str, object]:
        return self.encrypt({"plaintext": str(self.decrypt(body)["plaintext"])})


def transit(fake: FakeTransit, token: str = "s.token", key: str = "warmlink") -> VaultTransit:
    return VaultTransit("https://vault.example", key, token, transport=httpx2.MockTransport(fake))


def _through(wrapper: Wrapper, path: Path) -> None:
    """What every wrapper must do: give the master key back, from a file that does not hold it."""
    write_wrapped(path, MASTER, wrapper)
    held = path.read_bytes()
    assert MASTER not in held
    assert b64encode(MASTER) not in held
    assert path.stat().st_mode & 0o077 == 0
    assert WrappedKeyProvider(path, wrapper).master() == MASTER
    path.write_text(held.decode().replace(wrapper.name, "other", 1))
    with pytest.raises(KeyUnavailable):
        WrappedKeyProvider(path, wrapper).master()


def test_vault_transit(tmp_path: Path) -> None:
    fake = FakeTransit()
    _through(transit(fake), tmp_path / "master")


def test_vault_rewraps_under_a_rotated_key() -> None:
    fake = FakeTransit()
    vault = transit(fake)
    wrapped = vault.wrap(MASTER)
    fake.rotate()
    again = vault.rewrap(wrapped)
    assert wrapped.startswith("vault:v1:")
    assert again.startswith("vault:v2:")
    assert vault.unwrap(again) == vault.unwrap(wrapped) == MASTER


def test_vault_faults_are_ours() -> None:
    fake = FakeTransit()
    wrapped = transit(fake).wrap(MASTER)
    with pytest.raises(KeyUnavailable, match="403"):
        transit(fake, token="wrong").unwrap(wrapped)
    with pytest.raises(KeyUnavailable, match="400"):
        transit(fake, key="other").unwrap(wrapped)
    with pytest.raises(KeyUnavailable):
        transit(fake).unwrap(wrapped[:-8] + "AAAAAAA=")
    fake.sealed = True
    with pytest.raises(KeyServiceAway, match="sealed"):
        transit(fake).unwrap(wrapped)

    def gone(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no route to vault")

    with pytest.raises(KeyServiceAway):
        VaultTransit("https://vault.example", "k", "t", transport=httpx2.MockTransport(gone)).wrap(MASTER)
    with pytest.raises(KeyUnavailable, match="not Vault"):
        VaultTransit(
            "https://vault.example",
            "k",
            "t",
            transport=httpx2.MockTransport(lambda _: httpx2.Response(200, text="hello")),
        ).wrap(MASTER)


def test_a_token_is_not_printed() -> None:
    assert "s.token" not in repr(transit(FakeTransit()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # moto's and botocore's own
def test_aws_kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with moto.mock_aws():
        from botocore.session import get_session

        kms = get_session().create_client("kms", region_name="us-east-1")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        _through(AwsKms(key, "us-east-1"), tmp_path / "master")
        wrapped = AwsKms(key, "us-east-1").wrap(MASTER)
        with pytest.raises(KeyUnavailable):
            AwsKms(other, "us-east-1").unwrap(wrapped)
        with pytest.raises(KeyUnavailable):
            AwsKms("no-such-key", "us-east-1").wrap(MASTER)
        with pytest.raises(KeyUnavailable, match="base64"):
            AwsKms(key, "us-east-1").unwrap("***")


MODULES = [Path(f"/usr/lib/{place}/libsofthsm2.so") for place in ("softhsm", "x86_64-linux-gnu/softhsm")]


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A token of this test's own."""
    pytest.importorskip("pkcs11")
    module = next((m for m in MODULES if m.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "county", "--so-pin", "1234", "--pin", "5678"],
        check=True,
        capture_output=True,
    )
    return module


def test_a_pkcs11_token(softhsm: Path, tmp_path: Path) -> None:
    token = Pkcs11Token(softhsm, "county", "master", "5678", os.urandom)
    token.make_key()
    _through(token, tmp_path / "wrapped")
    wrapped = token.wrap(MASTER)
    changed = bytearray(b64decode(wrapped))
    changed[20] ^= 1
    wrong_pin = Pkcs11Token(softhsm, "county", "master", "0000", os.urandom)
    no_token = Pkcs11Token(softhsm, "nowhere", "master", "5678", os.urandom)
    no_key = Pkcs11Token(softhsm, "county", "no such key", "5678", os.urandom)
    for asked, text in (
        (token, b64encode(bytes(changed)).decode()),
        (wrong_pin, wrapped),
        (no_token, wrapped),
        (no_key, wrapped),
    ):
        with pytest.raises(KeyUnavailable):
            asked.unwrap(text)
    assert "5678" not in repr(token)
