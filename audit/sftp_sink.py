"""A place for checkpoints on another organisation's SFTP server, whose host key is pinned.

A checkpoint is written under another name and then renamed: a reader never sees half a note, and a rename over what is
there already is refused by the server itself (SFTP version 3).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import asyncssh

from audit.checkpoint import Checkpoint
from audit.errors import NoteMalformed, SinkContradicts, SinkRefused, SinkUnavailable
from audit.note import Note

_REFUSED = (asyncssh.PermissionDenied, asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed)
_NO_RIGHT = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


@dataclass(frozen=True, slots=True)
class SftpSink:
    """Puts `SIZE.checkpoint` into a folder that is there. `host_key` is the server's public key, one line."""

    name: str
    host: str
    user: str
    folder: PurePosixPath
    host_key: str
    client_key: str = field(repr=False)
    port: int = 22
    timeout: float = 30.0

    def keep(self, note: str) -> None:
        """Raises SinkUnavailable, SinkRefused, SinkContradicts."""
        try:
            # In a thread of its own: whoever publishes may run an event loop already.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, asyncio.wait_for(self._keep(note), self.timeout)).result()
        except _REFUSED as fault:
            raise SinkRefused(f"checkpoint sink {self.name} is not the server we know, or does not know us") from fault
        except _NO_RIGHT as fault:
            raise SinkRefused(f"checkpoint sink {self.name} does not let us write; look at its folder") from fault
        except (OSError, asyncssh.Error, TimeoutError) as fault:
            raise SinkUnavailable(f"checkpoint sink {self.name} does not answer ({type(fault).__name__})") from fault
        except ValueError as fault:
            raise SinkRefused(f"checkpoint sink {self.name}: a key that is configured for it is no SSH key") from fault

    async def _keep(self, note: str) -> None:
        ours = Checkpoint.parse(Note.parse(note).text)
        async with (
            asyncssh.connect(
                self.host,
                self.port,
                username=self.user,
                config=None,
                agent_path=None,
                client_keys=[asyncssh.import_private_key(self.client_key)],
                known_hosts=([asyncssh.import_public_key(self.host_key)], [], []),
            ) as connection,
            connection.start_sftp_client() as files,
        ):
            there = self.folder / f"{ours.size:012d}.checkpoint"
            if await files.exists(str(there)):
                await self._compare(files, there, ours)
                return
            part = self.folder / f".{ours.size:012d}.part"
            async with files.open(str(part), "wb") as file:
                await file.write(note.encode())
            await files.rename(str(part), str(there))

    async def _compare(self, files: asyncssh.SFTPClient, there: PurePosixPath, ours: Checkpoint) -> None:
        async with files.open(str(there), "r", encoding="utf-8", errors="replace") as file:
            kept = str(await file.read(_LONGEST))
        try:
            theirs = Checkpoint.parse(Note.parse(kept).text)
        except NoteMalformed:
            theirs = None
        if theirs != ours:
            raise SinkContradicts(
                f"checkpoint sink {self.name} holds another checkpoint of size {ours.size}: the log was rewritten"
            )


_LONGEST = 65_536
"""Bytes of a note that are worth reading."""
