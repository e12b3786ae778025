"""A feed's file becomes a connector; what it must not say is refused with the reason."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from importlib.resources import files
from pathlib import Path

import pytest

from connectors import (
    FhirSearch,
    FolderDrop,
    JsonPages,
    MappingError,
    MllpListener,
    PushOnly,
    RowFault,
    SftpDrop,
    SqlQuery,
    parse_feed,
)
from connectors.feed import MllpFeed
from tests.connectors.feeding import NOW
from tests.connectors.servers import certificate

FOLDER = "id: jail\nmapping: jms_export\ntransport: {type: folder, path: %s, pattern: '*.csv', settle_seconds: 0}\n"


def secret(name: str) -> str:
    return {"key": "PRIVATE", "db": "sqlite://", "token": "t"}[name]


def test_a_folder_of_files_from_its_file_to_its_records(tmp_path: Path, feeds: Path) -> None:
    (tmp_path / "a.csv").write_bytes((feeds / "jms_csv" / "jms_export.csv").read_bytes())
    connector = parse_feed(FOLDER % tmp_path, "jail.yaml").connect(secret)
    (pull,) = connector.pull(None, dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    items = list(pull.items())
    assert sum(isinstance(item, RowFault) for item in items) == 6
    pull.acknowledge()
    assert len(list((tmp_path / "done").iterdir())) == 1


@pytest.mark.parametrize(
    ("transport", "kind"),
    [
        ("{type: sftp, host: h, username: u, host_key: k, client_key: key, folder: /out}", SftpDrop),
        ("{type: json_pages, url: 'https://jail.example.org/v2', token: token}", JsonPages),
        ("{type: fhir_search, base: 'https://ehr.example.org/fhir'}", FhirSearch),
        ("{type: sql, url: db, query: 'SELECT 1', watermark: w}", SqlQuery),
        ("{type: mllp}", PushOnly),
        ("{type: push}", PushOnly),
        ("{type: folder, path: /srv/in}", FolderDrop),
    ],
)
def test_every_transport(transport: str, kind: type) -> None:
    connector = parse_feed(f"id: x\nmapping: jms_export\ntransport: {transport}\n", "x").connect(secret)
    assert isinstance(connector.transport, kind)
    if kind is PushOnly:
        assert list(connector.pull(None, NOW)) == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("id: x\nmapping: jms_export\ntransport: {type: folder, pth: /a}\n", "did you mean 'path'?"),
        ("id: x\nmapping: jms_export\ntransport: {type: ftp}\n", "'folder'"),
        ("id: X!\nmapping: jms_export\ntransport: {type: push}\n", "id:"),
        ("id: x\nmapping: jms_export\ntransport: {type: json_pages, url: 'http://jail.example.org'}\n", "https://"),
        ("id: [", "not YAML"),
    ],
)
def test_mistakes_are_explained(text: str, answer: str) -> None:
    with pytest.raises(MappingError) as wrong:
        parse_feed(text, "x")
    assert answer in str(wrong.value)


def test_a_roster_has_an_owner() -> None:
    feed = parse_feed("id: x\nkind: roster\nmapping: common_roster\ntransport: {type: push}\n", "x")
    with pytest.raises(MappingError, match="set 'org'"):
        feed.connect(secret)


def test_a_feed_says_what_its_mapping_says() -> None:
    with pytest.raises(MappingError, match="is of bookings, but mapping common_roster is of roster"):
        parse_feed("id: x\nmapping: common_roster\ntransport: {type: push}\n", "x").connect(secret)


def test_paths_are_seen_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        (files("connectors") / "mappings" / "jms_export.yaml").read_text("utf-8"), "utf-8"
    )
    text = "id: x\nmapping: own.yaml\ntransport: {type: folder, path: drop}\n"
    connector = parse_feed(text, "x").connect(secret, tmp_path)
    assert isinstance(connector.transport, FolderDrop)
    assert connector.transport.path == tmp_path / "drop"


@pytest.mark.parametrize("form", ["consents: {elements: [nonsense]}", "consents: {forms: 1}"])
def test_a_form_of_consents_is_checked(form: str) -> None:
    with pytest.raises(MappingError, match="consents"):
        parse_feed(f"id: x\nmapping: fhir_roster\nkind: roster\norg: o\ntransport: {{type: push}}\n{form}\n", "x")


def test_hl7_over_tls_with_a_certificate_of_the_sender(tmp_path: Path) -> None:
    ours, theirs = certificate(tmp_path / "ours.pem"), certificate(tmp_path / "theirs.pem")
    settings = MllpFeed(port=0, certificate=ours, client_ca_file=theirs).settings()
    kept: list[bytes] = []
    listener = MllpListener(settings, lambda delivery: kept.append(delivery.content), clock=lambda: NOW)
    listener.start()
    try:
        trusted = ssl.create_default_context(cafile=str(ours))
        trusted.load_cert_chain(theirs)
        assert b"MSA|AA|7" in _answer(listener.port, trusted)
        nobody = ssl.create_default_context(cafile=str(ours))
        assert _answer(listener.port, nobody) == b""
    finally:
        listener.stop()
    assert len(kept) == 1


def _answer(port: int, context: ssl.SSLContext) -> bytes:
    """What the listener says to one message; nothing if it ends the connection. TLS 1.3 tells a client only when it reads."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port)) as line,
            context.wrap_socket(line, server_hostname="127.0.0.1") as safe,
        ):
            safe.sendall(b"\x0bMSH|^~\\&|A|B|C|D|2026||ADT^A01|7|T|2.5.1\r\x1c\r")
            return safe.recv(4096)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_hl7_beyond_this_machine_needs_tls() -> None:
    with pytest.raises(ValueError, match="TLS"):
        MllpFeed(host="192.0.2.1").settings()
