"""Does the notice arrive over a real connection, say nothing, and refuse to go unprotected?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.channels import Parcel, SmtpNotice, SmtpServer
from alerts.channels.smtp import BODY, SUBJECT
from alerts.demo_sink import MaildirSink
from alerts.errors import ChannelDown, ChannelFault, ChannelRefused, ChannelUnsafe
from config.errors import ConfigError
from records import AlertRef, StaffId
from tests.alerts.conftest import Tls

SENDER = "warmlink@clinic.example"


def server(port: int, tls: Tls | None, *, production: bool = True) -> SmtpServer:
    return SmtpServer("127.0.0.1", port, SENDER, tls.client if tls else None, production=production, timeout=5)


@pytest.fixture
def sink(tmp_path: Path, tls: Tls) -> Iterator[MaildirSink]:
    with MaildirSink(tmp_path / "mail", tls=tls.server) as running:
        yield running


def test_the_notice_arrives_and_says_only_that_something_waits(sink: MaildirSink, tls: Tls, parcel: Parcel) -> None:
    assert SmtpNotice(server(sink.port, tls)).send(parcel).code == "accepted"
    (raw,) = sink.messages()
    message = message_from_bytes(raw)
    assert message["To"] == "lee@clinic.example"
    assert message["Subject"] == SUBJECT
    assert message["Message-ID"] == f"<{parcel.outbox}@clinic.example>"
    assert message.get_payload(decode=True) == BODY.replace("\n", "\r\n").encode()
    for word in (b"Quillon", b"jail", b"arrest", b"client", parcel.alert.encode(), b"http"):
        assert word not in raw


def test_a_second_try_carries_the_same_identifier_and_is_dropped(sink: MaildirSink, tls: Tls, parcel: Parcel) -> None:
    channel = SmtpNotice(server(sink.port, tls))
    channel.send(parcel)
    channel.send(replace(parcel, at=parcel.at + timedelta(minutes=5)))
    channel.send(replace(parcel, outbox="p" * 26))
    assert len(sink.messages()) == 2


def test_a_sink_that_restarts_remembers(tmp_path: Path, tls: Tls, parcel: Parcel) -> None:
    for _ in range(2):
        with MaildirSink(tmp_path / "mail", tls=tls.server) as running:
            SmtpNotice(server(running.port, tls)).send(parcel)
            assert len(running.messages()) == 1


def test_two_alerts_of_two_clients_cannot_be_told_apart(sink: MaildirSink, tls: Tls, parcel: Parcel) -> None:
    channel = SmtpNotice(server(sink.port, tls))
    channel.send(parcel)
    channel.send(replace(parcel, outbox="p" * 26, alert=AlertRef("b" * 26)))
    one, two = (message_from_bytes(raw) for raw in sink.messages())
    del one["Message-ID"], two["Message-ID"]
    assert one.as_bytes() == two.as_bytes()


def test_without_starttls_nothing_is_sent(tmp_path: Path, tls: Tls, parcel: Parcel) -> None:
    with MaildirSink(tmp_path / "mail") as plain:
        with pytest.raises(ChannelUnsafe) as caught:
            SmtpNotice(server(plain.port, tls)).send(parcel)
        assert caught.value.code == "no_starttls"
        assert not plain.messages()
        SmtpNotice(server(plain.port, None, production=False)).send(parcel)
        assert len(plain.messages()) == 1


def test_production_cannot_be_told_to_go_without() -> None:
    with pytest.raises(ConfigError, match="starttls"):
        server(25, None)


def test_a_certificate_that_does_not_verify_stops_it(sink: MaildirSink, tls: Tls, parcel: Parcel) -> None:
    strange = replace(server(sink.port, tls), tls=tls.stranger)
    with pytest.raises(ChannelUnsafe) as caught:
        SmtpNotice(strange).send(parcel)
    assert caught.value.code == "tls"
    assert not sink.messages()


class Answering:
    """A server that gives one answer at one stage."""

    def __init__(self, stage: str, answer: str) -> None:
        self.stage, self.answer = stage, answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.stage == "rcpt":
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return self.answer


class FreePort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # a TCP server
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it untyped


@contextmanager
def answering(stage: str, answer: str, tls: Tls) -> Iterator[int]:
    controller = FreePort(
        Answering(stage, answer), hostname="127.0.0.1", port=0, tls_context=tls.server, require_starttls=True
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.mark.parametrize("stage", ["rcpt", "data"])
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("451 lee@clinic.example is busy", ChannelDown),
        ("452 no room", ChannelDown),
        ("550 no lee@clinic.example here", ChannelRefused),
        ("554 no", ChannelRefused),
    ],
)
def test_answers_become_instructions(
    tls: Tls, parcel: Parcel, stage: str, answer: str, fault: type[ChannelFault]
) -> None:
    with answering(stage, answer, tls) as port, pytest.raises(fault) as caught:
        SmtpNotice(server(port, tls)).send(parcel)
    assert caught.value.code == f"smtp_{answer[:3]}"
    assert "lee" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_nobody_at_home(tls: Tls, parcel: Parcel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ChannelDown):
        SmtpNotice(server(port, tls)).send(parcel)


def test_a_server_that_hangs_up(tls: Tls, parcel: Parcel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            listener.accept()[0].close()

        Thread(target=hang_up, daemon=True).start()
        with pytest.raises(ChannelDown):
            SmtpNotice(server(listener.getsockname()[1], tls)).send(parcel)


def test_a_server_that_stays_silent(tls: Tls, parcel: Parcel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ChannelDown):
        SmtpNotice(replace(server(listener.getsockname()[1], tls), timeout=0.2)).send(parcel)


@contextmanager
def reciting(*answers: bytes) -> Iterator[int]:
    """A server that says its part line by line whatever it hears, and hangs up at the end. After 354 it reads to the dot."""

    def recite() -> None:
        with listener.accept()[0] as line, line.makefile("rb") as heard:
            for answer in answers:
                line.sendall(answer + b"\r\n")
                while heard.readline() not in {b"", b".\r\n"} and answer.startswith(b"354"):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=recite)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


TAKEN = b"220 here", b"250 here", b"250 sender", b"250 recipient", b"354 go on"


def test_a_server_that_hangs_up_after_the_message_may_not_have_it(parcel: Parcel) -> None:
    with reciting(*TAKEN) as port, pytest.raises(ChannelDown):
        SmtpNotice(server(port, None, production=False)).send(parcel)


@pytest.mark.parametrize("farewell", [(), (b"421 too busy to say goodbye",), (b"nonsense",)])
def test_a_message_that_was_taken_is_not_sent_again_for_a_bad_farewell(
    farewell: tuple[bytes, ...], parcel: Parcel
) -> None:
    with reciting(*TAKEN, b"250 taken", *farewell) as port:
        assert SmtpNotice(server(port, None, production=False)).send(parcel).code == "accepted"


@pytest.mark.parametrize(
    "address", ["", "lee", "lee@clinic.example\nBcc: x@y.example", "lee@clinic.example, x@y.example"]
)
def test_what_is_no_address_is_not_sent_to(sink: MaildirSink, tls: Tls, parcel: Parcel, address: str) -> None:
    with pytest.raises(ChannelRefused) as caught:
        SmtpNotice(server(sink.port, tls)).send(replace(parcel, address=address, recipient=StaffId("s-lee")))
    assert caught.value.code == "bad_address"
    assert not sink.messages()
