"""Where checkpoints go: every place that is configured, and the witness if there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath

import httpx2

from audit.checkpoint import Checkpoint, latest
from audit.cosigner import Cosigner
from audit.http_sink import HttpSink
from audit.leaves import Kind, leaf
from audit.note import Note, VerifierKey
from audit.publish import FolderSink, Sink, publish
from audit.sftp_sink import SftpSink
from audit.timestamp import TimestampAuthority
from config import ConfigError, Retry, Settings
from config.durable import write_whole
from service.engine import Engine
from service.keys import checkpoint_keys, checkpoint_signer
from service.logs import error_code

_TIMEOUT = 30.0


def publish_now(engine: Engine) -> list[int]:
    """Sign what is new and take it everywhere. Gives the sizes. Raises the errors of `audit.publish.publish`."""
    settings = engine.settings
    with places(settings) as (sinks, witness):
        sizes = publish(
            engine.database,
            engine.audit,
            checkpoint_signer(settings),
            sinks,
            engine.clock(),
            retired=checkpoint_keys(settings)[1:],
            witness=witness,
        )
    if sizes and settings.audit.timestamp.url:
        _stamp(engine)
    return sizes


def _stamp(engine: Engine) -> None:
    """Have the newest checkpoint stamped. An authority that does not answer stops nothing: the next stamp covers this one too."""
    wanted = engine.settings.audit.timestamp
    with engine.database.read() as conn:
        note = latest(conn) or ""
    head = Checkpoint.parse(Note.parse(note).text)
    try:
        with httpx2.Client(timeout=_TIMEOUT) as client:
            stamp = TimestampAuthority(wanted.url, client, authority_of(engine.settings)).stamp(note.encode())
    except Retry as fault:
        engine.log.error("checkpoint.unstamped", error=error_code(fault))
        return
    write_whole(engine.settings.at(engine.settings.audit.checkpoints) / f"{head.size:012d}.tsr", stamp)
    stated = leaf(Kind.CHECKPOINT_PUBLISHED, size=head.size, root=head.root.hex(), sink="timestamp")
    with engine.database.write() as conn:
        engine.audit.append(conn, [stated], engine.clock())


def authority_of(settings: Settings) -> bytes:
    """The certificates that the timestamp authority is known by. Raises ConfigError."""
    path = settings.audit.timestamp.authority
    if path is None:
        raise ConfigError("audit.timestamp.authority is needed to check a timestamp")
    try:
        return settings.at(path).read_bytes()
    except OSError as fault:
        raise ConfigError(f"audit.timestamp.authority: {path.name} cannot be read: {fault.strerror}") from fault


def place_names(settings: Settings) -> list[str]:
    with places(settings) as (sinks, _):
        return [sink.name for sink in sinks]


@contextmanager
def places(settings: Settings) -> Iterator[tuple[list[Sink], Cosigner | None]]:
    """The configured sinks, the folder always among them, and the witness. Raises ConfigError."""
    audit = settings.audit
    with ExitStack() as open_now:
        sinks: list[Sink] = [FolderSink("folder", settings.at(audit.checkpoints))]
        if audit.web.url:
            token = audit.web.token.get_secret_value()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            client = httpx2.Client(base_url=audit.web.url, headers=headers, timeout=_TIMEOUT)
            sinks.append(HttpSink("web", open_now.enter_context(client)))
        if audit.sftp.host:
            sinks.append(_sftp(settings))
        witness = None
        if audit.witness.url:
            asked = open_now.enter_context(httpx2.Client(base_url=audit.witness.url, timeout=_TIMEOUT))
            witness = Cosigner(VerifierKey.parse(audit.witness.key), asked)
        yield sinks, witness


def _sftp(settings: Settings) -> SftpSink:
    wanted = settings.audit.sftp
    try:
        key = settings.at(wanted.client_key).read_text("utf-8")
    except OSError as fault:
        raise ConfigError(
            f"audit.sftp.client_key: {wanted.client_key.name} cannot be read: {fault.strerror}"
        ) from fault
    return SftpSink("sftp", wanted.host, wanted.user, PurePosixPath(wanted.folder), wanted.host_key, key, wanted.port)
