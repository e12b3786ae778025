"""Files on a jail's or provider's SFTP server: host key pinned, our key and no password, downloads resumed where they broke.

Files are held in memory while they are read and never touch our disk: they are plaintext. Nothing is written to the
server unless it agreed to have its files moved.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import stat
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, BinaryIO, Literal, TypeVar

import asyncssh

from connectors.delivery import Cursor, MemoryDelivery
from connectors.errors import FeedMalformed, FeedRejected, FeedUnavailable
from connectors.transports.folder import UNFINISHED, safe_name

T = TypeVar("T")
_CHUNK = 1 << 18
_MEGABYTE = 1 << 20
_HIDDEN = (".", "~")


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file as the server lists it."""

    name: str
    size: int
    modified: int

    @property
    def mark(self) -> str:
        """A token for the cursor that does not hold the name."""
        return sha256(f"{self.name}\0{self.size}\0{self.modified}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class SftpDrop:
    """Polls `folder` on a server for files that match `pattern` and have not changed for `settle`.

    `host_key` is the server's public key as one line of OpenSSH text: no other is accepted, ever. `afterwards`: `leave`
    (read-only account; the cursor remembers what was read), `move` (into `done/`) or `delete`.
    """

    host: str
    username: str
    host_key: str
    client_key: str = field(repr=False)
    folder: str
    port: int = 22
    pattern: str = "*"
    settle: timedelta = timedelta(seconds=30)
    afterwards: Literal["leave", "move", "delete"] = "leave"
    max_megabytes: int = 128
    attempts: int = 4
    timeout: float = 60.0
    """Seconds for connecting, and for each answer: a server may be alive and still never give what was asked for."""
    longest: float = 600.0
    """Seconds for one session, however steadily something comes."""

    def poll(self, cursor: Cursor | None, now: datetime) -> Iterator[SftpDelivery]:
        """Files that were not read yet, oldest first."""
        seen = _read(cursor)
        with _loop() as loop:
            listed = loop.run(self._list())
            read = {remote.mark for remote in listed if remote.mark in seen}
            for remote in sorted(listed, key=lambda r: (r.modified, r.name)):
                if remote.mark in read or remote.modified > (now - self.settle).timestamp():
                    continue
                delivery = self._delivery(remote, loop, read | {remote.mark})
                yield delivery
                if delivery.settled:
                    read.add(remote.mark)

    def _delivery(self, remote: _Remote, loop: _Loop, read: set[str]) -> SftpDelivery:
        """A file that is too large is delivered too, only to be refused: it must not keep the others from being read."""
        large = remote.size > self.max_megabytes * _MEGABYTE
        content = b"" if large else loop.run(self._download(remote))
        fault = f"the file is larger than {self.max_megabytes} MB" if large else ""
        return SftpDelivery(content, _token(read), self._label(remote, content), drop=self, remote=remote, fault=fault)

    def _label(self, remote: _Remote, content: bytes) -> str:
        return safe_name(self.pattern, remote.name, sha256(content).hexdigest())

    async def _list(self) -> list[_Remote]:
        async with self._session() as (sftp, _):
            found = []
            for entry in await sftp.readdir(self.folder):
                name, attrs = str(entry.filename), entry.attrs
                wanted = fnmatch.fnmatchcase(name, self.pattern) and not name.startswith(_HIDDEN)
                unfinished = name.lower().endswith(UNFINISHED)
                regular = attrs.permissions is None or stat.S_ISREG(attrs.permissions)
                if wanted and not unfinished and regular:
                    found.append(_Remote(name, attrs.size or 0, int(attrs.mtime or 0)))
            return found

    async def _download(self, remote: _Remote) -> bytes:
        """The whole file. A connection that breaks is opened again and goes on at the byte where it broke."""
        got = bytearray()
        for attempt in range(1, self.attempts + 1):
            try:
                async with self._session() as (sftp, watch):
                    await self._continue(sftp, watch, remote, got)
                break
            except FeedUnavailable:
                if attempt == self.attempts:
                    raise
        return bytes(got)

    async def _continue(self, sftp: asyncssh.SFTPClient, watch: _Watch, remote: _Remote, got: bytearray) -> None:
        path = self._path(remote.name)
        async with sftp.open(path, "rb") as stream:
            while len(got) < remote.size:
                chunk = await stream.read(min(_CHUNK, remote.size - len(got)), offset=len(got))
                if not chunk:
                    break
                watch.stir()
                got += (
                    chunk if isinstance(chunk, bytes) else chunk.encode("latin-1")
                )  # bytes: the file is opened binary
            after = await stream.stat()
        if len(got) != remote.size or after.size != remote.size or int(after.mtime or 0) != remote.modified:
            raise FeedUnavailable("a file changed while it was read")

    def _path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"

    async def finish(self, remote: _Remote, folder: str) -> None:
        """Take a file out of the way, if that was agreed, and only if it is still the one that was read."""
        if self.afterwards == "leave":
            return
        async with self._session() as (sftp, _):
            path = self._path(remote.name)
            try:
                here = await sftp.stat(path)
            except asyncssh.SFTPNoSuchFile:
                return
            if (here.size, int(here.mtime or 0)) != (remote.size, remote.modified):
                return
            if self.afterwards == "delete" and folder == "done":
                await sftp.remove(path)
                return
            await sftp.makedirs(self._path(folder), exist_ok=True)
            await sftp.posix_rename(path, self._path(f"{folder}/{remote.mark[:12]}-{remote.name}"))

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[asyncssh.SFTPClient, _Watch]]:
        try:
            async with (
                asyncssh.connect(
                    self.host,
                    self.port,
                    username=self.username,
                    client_keys=[asyncssh.import_private_key(self.client_key)],
                    known_hosts=([asyncssh.import_public_key(self.host_key)], [], []),
                    agent_path=None,
                    config=None,
                    preferred_auth="publickey",
                    connect_timeout=self.timeout,
                    login_timeout=self.timeout,
                    keepalive_interval=15,
                ) as connection,
                _Watch.over(connection, self.timeout, self.longest) as watch,
                connection.start_sftp_client() as sftp,
            ):
                yield sftp, watch
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise FeedRejected("the host key or our own key cannot be read; check the feed's settings") from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise FeedRejected(
                "the server shows another host key than the pinned one; do not go on before it is explained"
            ) from error
        except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
            raise FeedRejected("the server does not accept our key, or the folder is closed to it") from error
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise FeedRejected("the folder or the file is not there") from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise FeedUnavailable(f"the server cannot be reached or broke off ({type(error).__name__})") from error


@dataclass(slots=True)
class _Watch:
    """Breaks a connection off when nothing was heard for too long: whoever waits on it then learns that it is gone."""

    connection: asyncssh.SSHClientConnection
    idle: float
    until: float
    _alarm: asyncio.TimerHandle | None = None

    @classmethod
    @asynccontextmanager
    async def over(cls, connection: asyncssh.SSHClientConnection, idle: float, longest: float) -> AsyncIterator[_Watch]:
        watch = cls(connection, idle, asyncio.get_running_loop().time() + longest)
        watch.stir()
        try:
            yield watch
        finally:
            watch.stop()

    def stir(self) -> None:
        """Something was heard: the wait begins anew."""
        self.stop()
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_at(min(loop.time() + self.idle, self.until), self.connection.abort)

    def stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()


@dataclass(slots=True)
class SftpDelivery(MemoryDelivery):
    """One remote file, held in memory."""

    drop: SftpDrop | None = None
    remote: _Remote | None = None
    fault: str = ""

    @property
    def size(self) -> int:
        return self.remote.size if self.remote is not None else len(self.content)

    def open(self) -> BinaryIO:
        if self.fault:
            raise FeedMalformed(self.fault)
        return MemoryDelivery.open(self)

    def acknowledge(self) -> None:
        self._finish("done")
        self.acknowledged = True

    def refuse(self, reason: str) -> None:
        self._finish("refused")
        self.refused = reason

    def _finish(self, folder: str) -> None:
        if self.drop is not None and self.remote is not None:
            with _loop() as loop:
                loop.run(self.drop.finish(self.remote, folder))


class _Loop:
    """An event loop in a thread of its own: polls are synchronous, wherever they are called from."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def _loop() -> Iterator[_Loop]:
    loop = _Loop()
    try:
        yield loop
    finally:
        loop.close()


def _token(read: set[str]) -> Cursor:
    return Cursor(json.dumps(sorted(read)))


def _read(cursor: Cursor | None) -> set[str]:
    if cursor is None:
        return set()
    try:
        return {str(mark) for mark in json.loads(cursor.token)}
    except (ValueError, TypeError) as error:
        raise FeedMalformed("the cursor is not one of this transport; reset the feed's cursor") from error
