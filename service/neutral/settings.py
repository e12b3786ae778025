"""The configuration of a unit or an edge: one TOML file each, validated, paths relative to it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from alerts.keys import PublicKey, TrustedSigner
from config import ConfigError
from config.settings import Name, Section
from service.neutral.frames import BY_FILE, ONLINE, Pace
from service.neutral.wire import Tls
from store.keys import FileKeyProvider

PartyName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
S = TypeVar("S", bound="_Party")


class TlsFiles(Section):
    certificate: Path = Field(description="PEM of this party's certificate")
    key: Path = Field(description="PEM of its private key, mode 0600")
    authority: Path = Field(description="PEM of the authority that signs every party's certificate")


class Exchange(Section):
    """Frames as sealed files in a folder, for sites that cannot be online; somebody or something carries them."""

    folder: Path = Field(description="with `out/`, to be carried away, and `in/`, where what is brought lies")
    key: Path = Field(description="private half of the key that files for this party are sealed to (JWK, mode 0600)")


class _Party(Section):
    """What a unit and an edge have in common."""

    name: PartyName
    home: Path = Field(Path(), description="set from the place of the file")
    tls: TlsFiles | None = Field(None, description="needed unless files are exchanged")
    signing_key: Path = Field(description="Ed25519 key that signs this party's frames (private JWK, mode 0600)")
    epoch: Name = Field(description="name of the linkage epoch; the same for every party")
    tick_seconds: float = Field(10.0, gt=0, le=600, description="one exchange with the unit at each tick")
    exchange: Exchange | None = Field(None, description="files instead of connections; the same for every party")
    alarms: Path = Field(Path("alarms.jsonl"), description="what a person must hear of, one JSON object a line")

    def at(self, path: Path) -> Path:
        return path if path.is_absolute() else self.home / path

    @property
    def pace(self) -> Pace:
        return ONLINE if self.exchange is None else BY_FILE

    def tls_files(self) -> Tls:
        if self.tls is None:
            raise ConfigError("tls: certificate, key and authority are needed where no files are exchanged")
        return Tls(self.at(self.tls.certificate), self.at(self.tls.key), self.at(self.tls.authority))


class Party(Section):
    """Another party and the public half of its signing key."""

    id: PartyName
    key: Path
    files_to: Path | None = Field(None, description="public half of the key that files for it are sealed to")


class UnitSettings(_Party):
    host: str = "127.0.0.1"
    port: int = Field(8443, ge=0, le=65535)
    hold_seconds: float = Field(2.0, ge=0, description="every answer goes out this long after its request came in")
    state: Path = Field(Path("unit.state"), description="the last number of each party, against replay")
    jurisdiction: str = "US"
    consent_profile: Literal["county", "federal-floor"] = "county"
    jails: tuple[Party, ...]
    providers: tuple[Party, ...]


class Provider(Section):
    """A provider as a jail knows it: the key its bookings are sealed to."""

    id: PartyName
    seal_to: Path


class _Edge(_Party):
    """What both kinds of edge need."""

    unit: Party
    unit_url: str = Field("", pattern=r"^(https://.*)?$", description="where the unit listens")
    linkage_key: Path = Field(description="the key that jails and providers share, mode 0600; the unit never has it")
    installation: Path = Field(
        Path("warmlink.toml"), description="feeds of a jail; the whole installation of a provider"
    )


class JailSettings(_Edge):
    providers: tuple[Provider, ...]


class ProviderSettings(_Edge):
    seal_key: Path = Field(description="private half of the key that jails seal to (JWK, mode 0600)")
    jails: tuple[Party, ...]
    roster_seconds: float = Field(300.0, gt=0, description="how often the roster is read anew")


def load(kind: type[S], path: Path) -> S:
    """Raises ConfigError naming each setting that is wrong, never its value."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        return kind.model_validate({**document, "home": path.absolute().parent})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{path.name} cannot be read as TOML ({type(fault).__name__})") from fault
    except ValidationError as fault:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise ConfigError(f"{path.name}: {places}") from None


def trusted(settings: _Party, parties: tuple[Party, ...]) -> dict[str, TrustedSigner]:
    return {party.id: TrustedSigner.from_jwk(_jwk(settings.at(party.key))) for party in parties}


def public_key(path: Path) -> PublicKey:
    return PublicKey.enrol(_jwk(path))


def linkage_root(settings: _Edge) -> bytes:
    return FileKeyProvider(settings.at(settings.linkage_key)).master()


def _jwk(path: Path) -> dict[str, str]:
    try:
        read: dict[str, str] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{path.name} does not hold a key as JSON") from fault
    return read
