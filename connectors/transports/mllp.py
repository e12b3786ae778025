"""A listener for HL7 v2 over MLLP (minimal lower layer protocol, HL7 v2 transport specification, release 1).

A message is acknowledged only after the handler has committed it, so one that is lost on the way comes again. The
acknowledgement says that the message was stored and nothing else: it is the same whoever the message is about.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from config.errors import Retry, WarmlinkError
from connectors.delivery import Cursor, MemoryDelivery

START, END, RETURN = b"\x0b", b"\x1c", b"\r"
Handler = Callable[[MemoryDelivery], None]
"""Commits one message before it returns. `Retry` asks the sender to send it again, any other of our errors refuses it."""
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class MllpSettings:
    """Where to listen. Without `tls` only addresses of the machine itself are allowed."""

    host: str = "127.0.0.1"
    port: int = 2575
    tls: ssl.SSLContext | None = None
    encoding: str = "latin-1"
    max_message: int = 1 << 20
    """Bytes."""
    idle: float = 300.0
    """Seconds without a message after which a connection is closed."""
    max_connections: int = 32

    def __post_init__(self) -> None:
        if self.tls is None and self.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("MLLP beyond this machine needs TLS: names would cross the network in the clear")


class MllpListener:
    """Listens from `start` to `stop`; messages of all connections are handled one at a time, in order of arrival."""

    def __init__(self, settings: MllpSettings, handler: Handler, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._settings, self._handler, self._clock = settings, handler, clock
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mllp")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mllp", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on, also where the settings left the choice to the system (0)."""
        if self._server is None:
            raise ValueError("the listener was not started")
        return int(self._server.sockets[0].getsockname()[1])

    def start(self) -> None:
        self._thread.start()
        settings = self._settings
        serving = asyncio.start_server(
            self._accept, settings.host, settings.port, ssl=settings.tls, limit=settings.max_message + 3
        )
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()

    def stop(self) -> None:
        """Finish the message at hand, close every connection, free the port."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._worker.shutdown()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= self._settings.max_connections:
            writer.close()
            return
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the sender went away, fell silent or sent a message without end; what was not acknowledged comes again
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await asyncio.wait_for(reader.readuntil(END + RETURN), self._settings.idle)
            message = frame.rpartition(START)[2].removesuffix(END + RETURN)
            code = await asyncio.wrap_future(self._worker.submit(self._handle, message), loop=self._loop)
            writer.write(START + acknowledgement(message, code, self._clock()) + END + RETURN)
            await writer.drain()

    def _handle(self, message: bytes) -> str:
        digest = sha256(message).hexdigest()
        try:
            self._handler(MemoryDelivery(message, Cursor(digest), name=f"message ~{digest[:8]}"))
        except Retry:
            return "AE"
        except WarmlinkError:
            return "AR"
        except Exception:  # noqa: BLE001 - whatever went wrong inside, the sender keeps the message and sends it again
            return "AE"
        return "AA"


def acknowledgement(message: bytes, code: str, now: datetime) -> bytes:
    """An original-mode ACK: sender and receiver change places, MSA repeats the control id (HL7 v2, chapter 2)."""
    header = message.split(RETURN, 1)[0]
    bar = header[3:4] or b"|"
    fields = header.split(bar)
    fields += [b""] * (12 - len(fields))
    encoding, sender, receiver, control = fields[1] or b"^~\\&", fields[2:4], fields[4:6], fields[9]
    stamp = now.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000").encode()
    parts = [
        b"MSH",
        encoding,
        *receiver,
        *sender,
        stamp,
        b"",
        b"ACK",
        control,
        fields[10] or b"P",
        fields[11] or b"2.5.1",
    ]
    return bar.join(parts) + RETURN + bar.join([b"MSA", code.encode(), control]) + RETURN
