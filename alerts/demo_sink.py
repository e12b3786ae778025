"""A mail server for demonstrations and tests: takes notices over STARTTLS and keeps each once, in a Maildir."""

from __future__ import annotations

import mailbox
import ssl
from asyncio import Server
from email import message_from_bytes
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MaildirSink:
    """Listens on 127.0.0.1 in a thread of its own. A second message with a known Message-ID is accepted and dropped.

    That is what the outbox asks of a receiver: it may have to send again after a connection broke at the last moment.
    """

    def __init__(self, folder: Path, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._box = mailbox.Maildir(folder, create=True)
        self._seen = {message["Message-ID"] for message in self._box}
        self._controller = _AnyPort(
            self, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=tls is not None
        )

    @property
    def port(self) -> int:
        """The port in use; known once started."""
        port: int = self._controller.port
        return port

    def messages(self) -> tuple[bytes, ...]:
        """What was kept, as it arrived, oldest first."""
        return tuple(self._box.get_bytes(key) for key in sorted(self._box.keys()))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd's hook
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        identifier = message_from_bytes(raw)["Message-ID"]
        if identifier not in self._seen:
            self._box.add(raw)
            self._seen.add(identifier)
        return "250 kept"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()
        self._box.close()


class _AnyPort(Controller):
    """Port 0 asks the system for a free port; the controller's own start-up check must then learn which one it got."""

    def _trigger_server(self) -> None:
        if isinstance(self.server, Server):
            self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it untyped
