"""A feed's own file: its name, whose it is, its mapping and its transport. Secrets are named in it, never written.

id: lkc-jail
kind: bookings
mapping: jms_export
transport: {type: sftp, host: sftp.example.org, username: warmlink, folder: /out,
            host_key: "ssh-ed25519 AAAA...", client_key: lkc-sftp-key}
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import httpx2
import yaml
from pydantic import Field, ValidationError, field_validator

from connectors.connector import Connector
from connectors.convert.library import load_mapping, ready_mappings
from connectors.delivery import PushOnly, Transport
from connectors.errors import MappingError
from connectors.schema import Mapping
from connectors.strict import Strict, explain
from connectors.transports import FhirSearch, FolderDrop, JsonPages, MllpSettings, SftpDrop, SqlQuery
from consent.intake_fhir import FormTemplate
from consent.vocabulary import ConsentType, Element, RuleVersion
from records import FeedId, OrgId

Secrets = Callable[[str], str]
"""Gives the secret of a name: from the key provider, at the composition root. Raises its own error if there is none."""

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def _confidential(url: str) -> str:
    """Only https leaves this machine: every request carries a credential and every answer names."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise ValueError("the address must begin with https://")
    return url


class FolderFeed(Strict):
    """Files that are dropped into a folder; see `FolderDrop`."""

    type: Literal["folder"] = "folder"
    path: Path
    pattern: str = "*"
    complete: Literal["settled", "marker"] = "settled"
    settle_seconds: float = Field(default=10, ge=0)
    marker: str = ".done"
    afterwards: Literal["move", "delete"] = "move"
    order: Literal["modified", "name"] = "modified"

    def transport(self, _secrets: Secrets) -> Transport:
        return FolderDrop(
            self.path,
            self.pattern,
            self.complete,
            timedelta(seconds=self.settle_seconds),
            self.marker,
            self.order,
            afterwards=self.afterwards,
        )


class SftpFeed(Strict):
    """Files on a server of the sender; see `SftpDrop`. `client_key` names the secret with our private key."""

    type: Literal["sftp"] = "sftp"
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    username: str
    host_key: str = Field(description="The server's public key, one line of OpenSSH text, obtained from its owner.")
    client_key: str
    folder: str
    pattern: str = "*"
    settle_seconds: float = Field(default=30, ge=0)
    afterwards: Literal["leave", "move", "delete"] = "leave"
    max_megabytes: int = Field(default=128, ge=1)

    def transport(self, secrets: Secrets) -> Transport:
        return SftpDrop(
            self.host,
            self.username,
            self.host_key,
            secrets(self.client_key),
            self.folder,
            port=self.port,
            pattern=self.pattern,
            settle=timedelta(seconds=self.settle_seconds),
            afterwards=self.afterwards,
            max_megabytes=self.max_megabytes,
        )


class _Web(Strict):
    token: str = Field(default="", description="Name of the secret that is sent as a bearer token.")
    certificate: Path | None = Field(
        default=None, description="Our certificate and its key in one PEM file, for mutual TLS."
    )
    ca_file: Path | None = Field(
        default=None, description="The authority of a server with a certificate of its own making."
    )
    timeout_seconds: float = Field(default=30, gt=0)

    def client(self, secrets: Secrets) -> httpx2.Client:
        """A client that trusts what is declared and reads nothing from the environment."""
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.certificate:
            context.load_cert_chain(self.certificate)
        headers = {"Authorization": f"Bearer {secrets(self.token)}"} if self.token else {}
        return httpx2.Client(verify=context, headers=headers, timeout=self.timeout_seconds, trust_env=False)


class JsonPagesFeed(_Web):
    """A JSON interface with pages; see `JsonPages`."""

    type: Literal["json_pages"] = "json_pages"
    url: str
    since_parameter: str = "since"
    next_path: str = "page.next"
    first_since: datetime | None = None
    overlap_minutes: float = Field(default=10, ge=0)

    _url_is_confidential = field_validator("url")(_confidential)

    def transport(self, secrets: Secrets) -> Transport:
        return JsonPages(
            partial(self.client, secrets),
            self.url,
            self.since_parameter,
            self.next_path,
            self.first_since,
            timedelta(minutes=self.overlap_minutes),
        )


class FhirSearchFeed(_Web):
    """A FHIR R4 server; see `FhirSearch`."""

    type: Literal["fhir_search"] = "fhir_search"
    base: str
    searches: tuple[str, ...] = ()

    _base_is_confidential = field_validator("base")(_confidential)

    def transport(self, secrets: Secrets) -> Transport:
        base = self.base.rstrip("/") + "/"
        client = partial(self.client, secrets)
        return FhirSearch(client, base, self.searches) if self.searches else FhirSearch(client, base)


class SqlFeed(Strict):
    """A query; see `SqlQuery`. `url` names the secret with the database's URL."""

    type: Literal["sql"] = "sql"
    url: str
    query: str
    watermark: str
    first: datetime | int | str = 0
    overlap_minutes: float = Field(default=0, ge=0)
    batch: int = Field(default=5000, ge=1)

    def transport(self, secrets: Secrets) -> Transport:
        overlap = timedelta(minutes=self.overlap_minutes)
        return SqlQuery(secrets(self.url), self.query, self.watermark, self.first, overlap, self.batch)


class MllpFeed(Strict):
    """HL7 messages that are sent to us; `settings` is for `MllpListener`."""

    type: Literal["mllp"] = "mllp"
    host: str = "127.0.0.1"
    port: int = Field(default=2575, ge=0, le=65535)
    certificate: Path | None = Field(default=None, description="Our certificate and its key in one PEM file.")
    client_ca_file: Path | None = Field(default=None, description="Whose certificates senders must show.")
    encoding: str = "latin-1"

    def transport(self, _secrets: Secrets) -> Transport:
        return PushOnly()

    def settings(self) -> MllpSettings:
        """Raises `ValueError` for an address beyond this machine without a certificate."""
        return MllpSettings(self.host, self.port, self._tls(), self.encoding)

    def _tls(self) -> ssl.SSLContext | None:
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate)
        if self.client_ca_file:
            context.load_verify_locations(self.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class PushFeed(Strict):
    """Deliveries that are posted to our own endpoint."""

    type: Literal["push"] = "push"

    def transport(self, _secrets: Secrets) -> Transport:
        return PushOnly()


AnyTransport = Annotated[
    FolderFeed | SftpFeed | JsonPagesFeed | FhirSearchFeed | SqlFeed | MllpFeed | PushFeed, Field(discriminator="type")
]


class ConsentForm(Strict):
    """What the paper form behind the consents of a feed says, as far as its resources do not; see `FormTemplate`."""

    type: ConsentType = ConsentType.GENERAL_ROI
    rule_version: RuleVersion = RuleVersion.R2024
    elements: frozenset[Element] = frozenset()
    program_ids: tuple[str, ...] = ()
    any_treating_program: bool = False
    signed_by_patient: bool = False
    info: tuple[str, ...] = ()
    recipients: dict[str, tuple[dict[str, str | bool | None], ...]] = Field(default={})

    def template(self) -> FormTemplate:
        return FormTemplate(**{name: getattr(self, name) for name in type(self).model_fields})


class Feed(Strict):
    """One feed. `org` is whose roster it is; `mapping` the name of a ready mapping or the path of a file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    kind: Literal["bookings", "roster"] = "bookings"
    org: str = ""
    mapping: str
    transport: AnyTransport
    every_minutes: int = Field(default=5, ge=1, le=7 * 24 * 60)
    first_load: Literal["baseline", "alert"] = Field(default="baseline", description="A first load notifies nobody.")
    max_shrink: float = Field(default=0.3, ge=0, le=1, description="A roster that loses a larger share is refused.")
    consents: ConsentForm | None = Field(
        default=None, description="Take the consents of a FHIR roster too, from forms that say this."
    )

    def read_mapping(self, home: Path = Path()) -> Mapping:
        """The mapping; a file's path is seen from `home`. Raises `MappingError` if it is wrong or does not fit the feed."""
        ready = self.mapping in ready_mappings()
        mapping = load_mapping(self.mapping if ready else home / self.mapping)
        if mapping.kind != self.kind:
            raise MappingError(f"feed {self.id} is of {self.kind}, but mapping {mapping.name} is of {mapping.kind}")
        if mapping.kind == "roster" and not (self.org or (mapping.roster and mapping.roster.org)):
            raise MappingError(f"feed {self.id}: a roster belongs to an organisation; set 'org'")
        return mapping

    def connect(self, secrets: Secrets, home: Path = Path()) -> Connector:
        """The connector. Paths are seen from `home`. Raises `MappingError` as `read_mapping` does."""
        mapping = self.read_mapping(home)
        return Connector.of(FeedId(self.id), self.seen_from(home).transport(secrets), mapping, OrgId(self.org))

    def seen_from(self, home: Path) -> AnyTransport:
        """The transport's settings with every path absolute or relative to where we are."""
        paths = {name: home / value for name, value in self.transport if isinstance(value, Path)}
        return self.transport.model_copy(update=paths)


def parse_feed(text: str, name: str) -> Feed:
    """A feed from YAML. `name` is for the message of the `MappingError`."""
    try:
        return Feed.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise MappingError(f"feed {name}: not YAML") from error
    except ValidationError as error:
        raise MappingError(f"feed {name}: {explain(error, Feed)}") from error
