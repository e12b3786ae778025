"""Does a checkpoint reach a real SFTP server once, whole, and only the server whose key we know?"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import asyncssh
import pytest

from audit.checkpoint import sign
from audit.errors import SinkContradicts, SinkRefused, SinkUnavailable
from audit.log import TreeHead
from audit.note import Signer
from audit.sftp_sink import SftpSink

SIGNER = Signer.from_seed("log.example/one", b"\x01" * 32)
NOTE, OTHER, NEXT = (sign(TreeHead(size, bytes([n]) * 32), SIGNER) for size, n in ((5, 0), (5, 1), (9, 2)))
NAME = "000000000005.checkpoint"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SftpSink, Path]]:
    """A server of this machine, and a sink that knows it."""
    root = tmp_path_factory.mktemp("sftp")
    host, ours = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=os.fsencode(root))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        authorized_client_keys=asyncssh.import_authorized_keys(ours.export_public_key().decode()),
        sftp_factory=Files,
    )

    async def listen() -> asyncssh.SSHAcceptor:
        return await listening

    async def close(acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        await acceptor.wait_closed()

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    key, private = host.export_public_key().decode(), ours.export_private_key().decode()
    yield (
        SftpSink("clerk", "127.0.0.1", "warmlink", PurePosixPath("/kept"), key, private, acceptor.get_port(), 10),
        root,
    )
    asyncio.run_coroutine_threadsafe(close(acceptor), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def sink(served: tuple[SftpSink, Path], request: pytest.FixtureRequest) -> tuple[SftpSink, Path]:
    """A folder of this test's own on the server."""
    folder = str(abs(hash(request.node.name)))
    (served[1] / folder).mkdir()
    return replace(served[0], folder=PurePosixPath("/") / folder), served[1] / folder


def test_it_is_kept_whole_under_its_size_and_may_come_twice(sink: tuple[SftpSink, Path]) -> None:
    place, folder = sink
    for note in (NOTE, NOTE, NEXT):
        place.keep(note)
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == {
        NAME: NOTE,
        "000000000009.checkpoint": NEXT,
    }


@pytest.mark.parametrize("there", [OTHER, "not a checkpoint", "\ufffd" * 9])
def test_another_checkpoint_of_the_same_size_is_a_fork(there: str, sink: tuple[SftpSink, Path]) -> None:
    place, folder = sink
    (folder / NAME).write_text(there, "utf-8")
    with pytest.raises(SinkContradicts, match="clerk holds another checkpoint of size 5"):
        place.keep(NOTE)
    assert (folder / NAME).read_text("utf-8") == there


def test_half_a_note_from_an_interrupted_visit_is_in_nobodys_way(sink: tuple[SftpSink, Path]) -> None:
    place, folder = sink
    (folder / ".000000000005.part").write_text(NOTE[:20])
    place.keep(NOTE)
    assert [(path.name, path.read_text("utf-8")) for path in folder.iterdir()] == [(NAME, NOTE)]


def test_another_server_or_key_or_folder_is_for_a_person(sink: tuple[SftpSink, Path]) -> None:
    place, _ = sink
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    for other in (
        replace(place, host_key=stranger.export_public_key().decode()),
        replace(place, client_key=stranger.export_private_key().decode()),
        replace(place, folder=PurePosixPath("/nowhere")),
        replace(place, host_key="no key at all"),
    ):
        with pytest.raises(SinkRefused, match="clerk"):
            other.keep(NOTE)


def test_a_server_that_is_away_is_tried_again(sink: tuple[SftpSink, Path]) -> None:
    with pytest.raises(SinkUnavailable, match="clerk"):
        replace(sink[0], port=1).keep(NOTE)


def test_the_private_key_is_not_in_its_repr(sink: tuple[SftpSink, Path]) -> None:
    assert "PRIVATE" not in repr(sink[0])
