"""Typed settings: one TOML file, then the environment, then secret files. Read once, in main().

Order of precedence: environment variables `WARMLINK_SECTION__KEY` over secret files (one file per variable, named alike,
in `secrets_dir`) over the TOML file over the defaults here. Relative paths are relative to the TOML file.
"""

from __future__ import annotations

from datetime import date, time
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, model_validator

Minutes = Annotated[int, Field(gt=0, le=7 * 24 * 60)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as fault:
        raise ValueError(f"{zone} is no IANA time zone, such as America/New_York") from fault
    return zone


Zone = Annotated[str, AfterValidator(_known_zone)]


class Section(BaseModel):
    """Settings refuse what they do not know: a mistyped safeguard must not be a missing one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(Enum):
    """Production refuses whatever is only safe with invented people."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class DatabaseSettings(Section):
    url: SecretStr = Field(SecretStr("sqlite:///warmlink.db"), description="sqlite:///FILE or postgresql://...")
    replica: SecretStr = Field(
        SecretStr(""), description="postgresql://... of a streaming replica; the desks' pages are read there"
    )

    @model_validator(mode="after")
    def _a_replica_follows_postgresql(self) -> DatabaseSettings:
        follows = self.replica.get_secret_value().startswith("postgresql")
        if self.replica.get_secret_value() and not (follows and self.url.get_secret_value().startswith("postgresql")):
            raise ValueError("a replica follows a PostgreSQL server: both URLs begin with postgresql://")
        return self


class VaultSettings(Section):
    """HashiCorp Vault's transit engine."""

    url: str = Field(
        "", pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)[:/].*)?$", description="https://vault.example:8200"
    )
    key: str = Field("warmlink", description="name of the transit key (aes256-gcm96)")
    token_file: Path = Field(Path("vault-token"), description="a file that Vault's agent renews")
    mount: str = Field("transit", description="path that the transit engine is mounted at")
    namespace: str = Field("", description="Vault Enterprise's namespace; empty: none")


class KmsSettings(Section):
    """AWS KMS. Credentials come from the machine's role or profile."""

    key: str = Field("", description="id, ARN or alias of a symmetric key")
    region: str = Field("", description="empty: as the machine's profile says")
    endpoint: str = Field("", description="for a private endpoint; empty takes the region's")


class HsmSettings(Section):
    """A PKCS#11 token."""

    module: Path = Field(Path("/usr/lib/softhsm/libsofthsm2.so"), description="the vendor's PKCS#11 library")
    token: str = Field("", description="label of the token")
    label: str = Field("warmlink", description="label of the AES-256 key on it")
    pin_file: Path = Field(Path("hsm-pin"), description="file of the token's PIN; mode 0600")


class KeySettings(Section):
    provider: Literal["file", "environment", "systemd", "vault", "aws-kms", "pkcs11"] = Field(
        "file", description="where the master key comes from; see docs/keys.md"
    )
    master: Path = Field(
        Path("keys/master.key"), description="file of the master key, or of the wrapped one; mode 0600"
    )
    shelf: SecretStr = Field(
        SecretStr("sqlite:///keys/shelf.db"),
        description="database of the keys that must be able to die; never in the same backup as the main one",
    )
    credential: Name = Field("warmlink-master", description="name of the systemd credential")
    epoch: Annotated[Name, Field(max_length=32)] = Field(
        "e1", description="name of the first linkage epoch; encodings of two epochs are never compared"
    )
    vault: VaultSettings = VaultSettings()
    kms: KmsSettings = KmsSettings()
    hsm: HsmSettings = HsmSettings()

    @model_validator(mode="after")
    def _the_service_is_named(self) -> KeySettings:
        needed = {"vault": self.vault.url, "aws-kms": self.kms.key and self.kms.region, "pkcs11": self.hsm.token}
        wanted = {"vault": "keys.vault.url", "aws-kms": "keys.kms.key and keys.kms.region", "pkcs11": "keys.hsm.token"}
        if not needed.get(self.provider, "yes"):
            raise ValueError(f"keys.provider = '{self.provider}' needs {wanted[self.provider]}")
        return self


class WebSinkSettings(Section):
    """A web server or object store of another organisation that keeps checkpoints: each is PUT once, under its size."""

    url: str = Field("", pattern=r"^(https://.+/|http://(127\.0\.0\.1|localhost)[:/].*/)?$", description="empty: none")
    token: SecretStr = Field(SecretStr(""), description="bearer token, if the server asks for one")


class SftpSinkSettings(Section):
    """An SFTP server of another organisation that keeps checkpoints."""

    host: str = Field("", description="empty: none")
    port: int = Field(22, ge=1, le=65535, description="of the server")
    user: str = Field("warmlink", description="our account there")
    folder: str = Field(".", description="a folder that is there")
    host_key: str = Field("", description="the server's public key, one line as in known_hosts without the name")
    client_key: Path = Field(Path("keys/checkpoints.ssh"), description="our private key, OpenSSH form")

    @model_validator(mode="after")
    def _the_server_is_pinned(self) -> SftpSinkSettings:
        if self.host and not self.host_key:
            raise ValueError("audit.sftp.host_key is needed: a server that is not pinned may be anybody")
        return self


class WitnessSettings(Section):
    """A witness (C2SP tlog-witness) that signs checkpoints too."""

    url: str = Field("", pattern=r"^(https://.+/|http://(127\.0\.0\.1|localhost)[:/].*/)?$", description="empty: none")
    key: str = Field("", description="its verifier key, one line: name+id+key")

    @model_validator(mode="after")
    def _its_key_is_known(self) -> WitnessSettings:
        if self.url and not self.key:
            raise ValueError("audit.witness.key is needed to check what the witness signs")
        return self


class TimestampSettings(Section):
    """An RFC 3161 authority that states when a checkpoint existed."""

    url: str = Field("", pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)[:/].*)?$", description="empty: none")
    authority: Path | None = Field(None, description="PEM of the certificates it is known by")

    @model_validator(mode="after")
    def _it_is_known(self) -> TimestampSettings:
        if self.url and self.authority is None:
            raise ValueError("audit.timestamp.authority is needed to check what the authority signs")
        return self


class AuditSettings(Section):
    origin: str = Field("warmlink.example/audit", min_length=3, description="name of this log in its checkpoints")
    signing_key: Path = Field(Path("keys/audit.key"), description="Ed25519 key that signs checkpoints")
    retired_keys: tuple[str, ...] = Field((), description="verifier keys that signed checkpoints before this one")
    checkpoints: Path = Field(Path("checkpoints"), description="where checkpoints are published, outside the database")
    web: WebSinkSettings = WebSinkSettings()
    sftp: SftpSinkSettings = SftpSinkSettings()
    witness: WitnessSettings = WitnessSettings()
    timestamp: TimestampSettings = TimestampSettings()
    match_window_days: int = Field(30, ge=1, le=3650, description="how long an ended stay of no known client is kept")
    retention_years: int = Field(6, ge=6, le=100, description="how long content is kept (45 CFR 164.316: six years)")


class BackupSettings(Section):
    """Encrypted copies, and the audit log's journal that a restore goes on from. Best both on other storage."""

    folder: Path = Field(Path("backups"), description="where backups go")
    journal: Path = Field(Path("journal"), description="where entries of the audit log go as they are written")
    keep_days: int = Field(14, ge=1, le=365, description="older ones are removed, the newest never")
    every_hours: int = Field(26, ge=1, le=24 * 31, description="`doctor` complains of a newest backup older than this")


class TelemetrySettings(Section):
    """Traces for an OpenTelemetry collector: stages, counts and names of feeds. Needs the extra `otel`."""

    endpoint: str = Field(
        "",
        pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)[:/].*)?$",
        description="OTLP over HTTP, such as https://collector.county.example/v1/traces; empty: none",
    )


class LogSettings(Section):
    """Where the log goes: JSON lines of codes, counts and instants."""

    file: Path | None = Field(None, description="a file of its own; empty: standard error, which systemd keeps")


class AlertSettings(Section):
    signing_key: Path = Field(Path("keys/sender.key"), description="Ed25519 key that signs alerts")
    backup_key: Path = Field(Path("keys/backup.pub.jwk"), description="public JWK that every alert is also sealed to")
    expires_days: int = Field(30, ge=1, le=365, description="a sealed alert is refused after this many days")
    lease_seconds: int = Field(60, ge=5, le=3600, description="how long a worker may hold an outbox entry")
    remind_after_minutes: Minutes = Field(60, description="an unanswered alert: its recipient is reminded")
    supervisor_after_minutes: Minutes = Field(240, description="still unanswered: the supervisor is turned to")
    on_call_after_minutes: Minutes = Field(480, description="still unanswered: whoever is on call is turned to")
    notices_an_hour: int = Field(4, ge=1, le=60, description="more are gathered into one")

    @model_validator(mode="after")
    def _the_ladder_goes_up(self) -> AlertSettings:
        if not self.remind_after_minutes < self.supervisor_after_minutes < self.on_call_after_minutes:
            raise ValueError("the ladder's minutes must rise: reminder, supervisor, on call")
        return self


class ClockSettings(Section):
    """The county's deadlines, as alerts name them, and how far the machine's own clock is trusted."""

    set_back_seconds: int = Field(
        120, ge=1, le=3600, description="how far the machine's clock may go back before nothing is decided any more"
    )
    close_of_business: time = Field(time(17), description="when a working day ends, in the zone of the reader")
    holidays: tuple[date, ...] = Field((), description="days on which no office works")
    first_contact_hours: int = Field(72, ge=1, le=720, description="after release")
    appointment_days: int = Field(7, ge=1, le=90, description="after release")
    repeat_bookings: int = Field(4, ge=2, le=99, description="bookings within 12 months from which alerts say so")


class HttpSettings(Section):
    """Endpoints that alerts are posted to, sealed. Their addresses are in the staff directory."""

    enabled: bool = Field(False, description="whether alerts leave by it")
    token: SecretStr = Field(SecretStr(""), description="bearer token the receiver asked for")
    authority: Path | None = Field(None, description="PEM of the receiver's own authority; empty trusts the system's")


class DropSettings(Section):
    """A folder that another system empties."""

    root: Path | None = Field(None, description="addresses in the staff directory are folders below this one")


class SmimeSettings(Section):
    """Alerts as signed and encrypted mail, through the server of [mail]."""

    certificate: Path | None = Field(None, description="PEM of the organisation's own certificate")
    key: Path = Field(Path("keys/smime.pem"), description="PEM of its private key, mode 0600")
    password: SecretStr = Field(SecretStr(""), description="of the private key, where it has one")
    recipients: Path = Field(Path("certificates"), description="folder of STAFF.pem: the pinned certificates")


class MailSettings(Section):
    host: str = Field("", description="SMTP server for the content-free notices; empty sends none")
    port: int = Field(587, ge=1, le=65535, description="587 for submission with STARTTLS")
    starttls: bool = Field(True, description="may be false only in the development profile")
    authority: Path | None = Field(None, description="PEM of the server's own authority; empty trusts the system's")
    sender: str = Field("warmlink@localhost.localdomain", description="address that notices come from")
    user: str = Field("", description="account at the mail server; empty: none is asked for")
    password: SecretStr = Field(
        SecretStr(""), description="its password; from the environment or a secret file, never from the configuration"
    )
    inbox_url: str = Field("", description="where a clinician opens the inbox; the same for everyone")


class ConsentSettings(Section):
    profile: Literal["county", "federal-floor"] = Field("county", description="county is opt-in, the shipped default")
    jurisdiction: str = Field("US", description="US, or a state overlay such as US-TX")
    overrides: dict[str, bool | int | str | list[str] | None] = Field(
        default_factory=dict, description="policy switches that differ from the profile; see docs/consent.md"
    )
    book: Path | None = Field(None, description="a rule book of your own (YAML) instead of the shipped one")
    signatures_needed: int = Field(0, ge=0, le=5, description="how many officers must have signed the rule book")
    officers: dict[Name, str] = Field(default_factory=dict, description="who may sign: name = Ed25519 key in base64")
    signatures: Path = Field(Path("policy.signatures.json"), description="where `warmlink policy sign` keeps them")


class FeedSettings(Section):
    """One source of records, how often it is asked, and what its first load means.

    A folder that a jail drops its CSV files into is described here as a whole. Anything else has a feed file of its own
    (`warmlink feed add` writes one): transport, address, names of secrets. See docs/feeds.md.
    """

    id: Name = Field(description="its name in commands, logs and the audit log")
    kind: Literal["bookings", "roster"] = Field(description="bookings from a jail, or a provider's roster")
    file: Path | None = Field(None, description="the feed's own YAML file; then path, pattern and mapping stand there")
    path: Path | None = Field(None, description="the folder that the source drops its files into")
    pattern: str = Field("*.csv", description="which files in it are deliveries")
    mapping: str = Field("", description="a shipped mapping's name, or a YAML file")
    settle_seconds: int = Field(0, ge=0, le=3600, description="a file younger than this may still be being written")
    every_minutes: Minutes = Field(5, description="how often the source is asked")
    answer_step_ms: int = Field(
        250, ge=0, le=60_000, description="a source sees what becomes of a delivery only at multiples of this"
    )
    first_load: Literal["baseline", "alert"] = Field("baseline", description="a first load notifies nobody by default")
    org: Name | None = Field(None, description="for a roster: whose clients these are")
    max_shrink: float = Field(0.3, ge=0, le=1, description="for a roster: refuse a file that loses a larger share")

    @model_validator(mode="after")
    def _is_whole(self) -> FeedSettings:
        if self.kind == "roster" and self.org is None:
            raise ValueError(f"feed {self.id} is a roster and needs `org`, the organisation whose clients it lists")
        if self.file is None and not (self.path and self.mapping):
            raise ValueError(f"feed {self.id} needs `path` and `mapping`, or `file`, the feed's own YAML file")
        return self


class ProgramSettings(Section):
    """A programme and the legal facts that rules ask for. An unknown fact is an error, not a default."""

    id: Name = Field(description="as rosters call it")
    name: str = Field(description="as people call it")
    org: Name = Field(description="the organisation that it belongs to")
    part2: bool = Field(description="a programme in the sense of 42 CFR 2.11")
    covered_entity: bool = Field(description="45 CFR 160.103")
    admin_control_orgs: tuple[Name, ...] = Field(
        (), description="organisations with direct administrative control, 42 CFR 2.12(c)(3)"
    )
    jurisdiction: str | None = Field(None, description="whose law applies to it; empty: consent.jurisdiction")
    statutory_agency: tuple[Literal["TX_614_017"], ...] = Field(
        (), description="statutes that name it as an agency that may share"
    )


class ClinicSettings(Section):
    """The health service of a jail: a recipient of its own, with the legal facts that rules ask for."""

    id: Name = Field(description="its name in commands and the audit log")
    org: Name = Field(description="the organisation that runs it")
    key: Path = Field(description="public JWK that sheets are sealed to")
    channel: Literal["webhook", "fhir", "folder"] = Field("folder", description="how sheets reach it")
    address: str = Field(description="a URL, or a folder below drop.root")
    verified: bool = Field(description="somebody checked that the address and the key are the clinic's")
    covered_entity: bool = Field(description="45 CFR 160.103")
    medical_personnel: bool = Field(True, description="whether those who read there are health professionals")
    mh_services: bool = Field(True, description="whether it gives mental health care")
    has_care_responsibility: bool = Field(True, description="whether it is responsible for the care of whoever is held")
    represented: bool = Field(False, description="the jail has stated its need, 45 CFR 164.512(k)(5)(i)")
    statutory_agency: tuple[Literal["TX_614_017"], ...] = Field(
        (), description="statutes that name it as an agency that may share"
    )
    agreements: tuple[Literal["IL_9_2_JAIL", "CALAIM_JI"], ...] = Field((), description="written agreements in force")
    language: Literal["en", "es"] = Field("en", description="that sheets are written in")


class FacilitySettings(Section):
    """A place of detention as an alert names it."""

    id: str = Field(description="as bookings call it")
    name: str = Field(description="as alerts call it")
    phone: str = Field("", description="of its booking desk, for alerts")
    visiting_phone: str = Field("", description="for visits, for alerts")
    zone: Zone = Field(description="IANA time zone of its clocks")
    clinic: ClinicSettings | None = None


class OidcSettings(Section):
    """Sign-in through the county's own identity provider (OpenID Connect, authorisation code with PKCE)."""

    issuer: str = Field("", pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)[:/].*)?$", description="empty: none")
    client_id: str = Field("", description="as the identity provider knows us")
    client_secret: SecretStr = Field(SecretStr(""), description="from the environment or a secret file")
    label: str = Field("", description="what the button on the sign-in page calls it")


class ConsoleSettings(Section):
    """The web console: where it listens, how long a session lives, and how people prove who they are."""

    origin: str = Field(
        "https://localhost:8443",
        pattern=r"^https?://[^/]+$",
        description="scheme, host and port as the browser sees them; passkeys and form posts are bound to it",
    )
    idle_minutes: int = Field(15, ge=1, le=240, description="a session unused for so long ends")
    session_hours: int = Field(10, ge=1, le=24, description="a session ends after so long, used or not")
    requests_per_minute: int = Field(600, ge=0, description="of one session, token or address; 0: no limit")
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description="addresses or networks of proxies that say truly whom they speak for (X-Forwarded-For); none by default",
    )
    second_reviewer: bool = Field(False, description="a doubtful match needs two reviewers who agree")
    metrics_token: SecretStr = Field(SecretStr(""), description="bearer token of the metrics collector; empty: none")
    oidc: OidcSettings = OidcSettings()


class MatcherSettings(Section):
    """Which implementation of the matcher runs. All give the same verdicts."""

    kernel: Literal["auto", "numpy", "fast"] = Field(
        "auto",
        description="fast is compiled and needs the extra `fast`; auto takes it for large rosters where it is there",
    )
    compiled: Path | None = Field(
        None, description="folder for compiled code, ours alone; ~/.cache/warmlink/compiled where not named"
    )


class Settings(Section):
    """The whole configuration."""

    profile: Profile = Field(Profile.PRODUCTION, description="development allows --now and mail without TLS")
    organisation: str = Field("", description="whose name the reports carry")
    zone: Zone = Field("UTC", description="zone of the people who read reports")
    secrets_dir: Path | None = Field(None, description="folder of secret files, as a container or systemd gives them")
    home: Path = Field(Path(), description="set from the place of the TOML file")
    database: DatabaseSettings = DatabaseSettings()
    keys: KeySettings = KeySettings()
    audit: AuditSettings = AuditSettings()
    alerts: AlertSettings = AlertSettings()
    clocks: ClockSettings = ClockSettings()
    matcher: MatcherSettings = MatcherSettings()
    mail: MailSettings = MailSettings()
    smime: SmimeSettings = SmimeSettings()
    webhook: HttpSettings = HttpSettings()
    fhir: HttpSettings = HttpSettings()
    drop: DropSettings = DropSettings()
    consent: ConsentSettings = ConsentSettings()
    console: ConsoleSettings = ConsoleSettings()
    backup: BackupSettings = BackupSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    feeds_folder: Path = Field(Path("feeds"), description="every YAML file in it describes one more feed")
    feeds: tuple[FeedSettings, ...] = ()
    programs: tuple[ProgramSettings, ...] = ()
    facilities: tuple[FacilitySettings, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        for label, ids in (
            ("feeds", [f.id for f in self.feeds]),
            ("programs", [p.id for p in self.programs]),
            ("facilities", [f.id for f in self.facilities]),
        ):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise ValueError(f"{label}: {', '.join(twice)} is defined twice")
        return self

    @model_validator(mode="after")
    def _production_is_strict(self) -> Settings:
        if self.profile is Profile.PRODUCTION:
            if self.mail.host and not self.mail.starttls:
                raise ValueError("mail.starttls = false is for the development profile only")
            if not self.console.origin.startswith("https://"):
                raise ValueError("console.origin without TLS is for the development profile only")
            if self.keys.provider == "environment":
                raise ValueError("keys.provider = 'environment' is for the development profile only")
        return self

    def at(self, path: Path) -> Path:
        """A path of the configuration, seen from the folder that holds the file."""
        return path if path.is_absolute() else self.home / path

    def database_url(self) -> str:
        """The URL, with a relative SQLite file seen from the configuration's folder."""
        return self._seen_from_home(self.database.url.get_secret_value())

    def shelf_url(self) -> str:
        """The same of the shelf of short-lived keys."""
        return self._seen_from_home(self.keys.shelf.get_secret_value())

    def _seen_from_home(self, url: str) -> str:
        head, sep, rest = url.partition("sqlite:///")
        if head == "" and sep and rest and not rest.startswith("/"):
            return f"sqlite:///{self.home / rest}"
        return url
