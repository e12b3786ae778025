"""The neutral unit for sites that exchange files: does a booking get there, and does a file tell its carrier anything?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.keys import PrivateKey
from config import ConfigError
from records import Identity
from service.neutral.errors import FrameRefused, UnitAway
from service.neutral.files import FileClient, FileServer, open_file, seal_file
from service.neutral.frames import BY_FILE, SIZES
from service.neutral.jail import SLOTS_PER_TICK
from service.neutral.messages import JailReply, JailTick, ProviderReply, ProviderTick
from service.neutral.provider import PER_TICK
from service.neutral.run import _client, _files_to
from service.neutral.settings import JailSettings, Party, load
from tests.privacy.conftest import Drbg
from tests.privacy.county import Clients, County, booking
from tests.privacy.test_jail_feeds import EDGE

ANA = Identity(first="Ana", last="Quisenberry-Holt", birth_date="1987-03-14", sex="F", ssn4="4471", phone="5555550147")
BO = Identity(first="Bogdan", last="Wetherington", birth_date="1979-11-02", sex="M", ssn4="9023")


def test_a_booking_reaches_its_clinic_by_four_exchanges_of_files_in_two_days() -> None:
    """Half a day between exchanges: no frame is too old, nobody counts as silent, no session is forgotten."""
    pace = replace(
        BY_FILE, scale=2
    )  # in production 16: the made-up bookings of the other places would only take time here
    town = County.of({"north": Clients({"n1": (ANA,)}), "south": Clients({"s2": (BO,)})}, pace=pace)
    town.every = timedelta(hours=12)
    for number, person in (("B1", ANA), ("B2", BO)):
        town.jail.put(booking(number, [person]))
    began = town.now
    town.run_until(lambda: town.received("north") and town.received("south"), 6)
    assert town.received("north") == [("B1", "n1", "ALERT")]
    assert town.received("south") == [("B2", "s2", "ALERT")]
    assert town.now - began == 4 * town.every
    assert town.alarms == []


def test_a_frame_by_file_is_as_much_larger_as_it_carries_more() -> None:
    town = County.of({"north": Clients({})}, pace=BY_FILE)
    town.jail.slots = 0
    town.run(1)
    sizes = {"jail>": JailTick, "jail<": JailReply, "north>": ProviderTick, "north<": ProviderReply}
    assert town.frames == {way: {SIZES[kind] * BY_FILE.scale} for way, kind in sizes.items()}
    assert PER_TICK >= SLOTS_PER_TICK


@dataclass
class _Carrier:
    """Takes files from one folder to the other, both ways, and looks at what it carries."""

    edge: Path
    unit: Path
    seen: list[bytes] = field(default_factory=list)

    def walk(self) -> None:
        for source, target in ((self.edge / "out", self.unit / "in"), (self.unit / "out", self.edge / "in")):
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted(source.glob("[!.]*")) if source.is_dir() else ():
                self.seen.append(file.read_bytes())
                part = target / f".{file.name}"
                part.write_bytes(file.read_bytes())
                file.unlink()
                part.rename(target / file.name)


@dataclass
class _Post:
    """An edge and a unit with a carrier between them."""

    client: FileClient
    server: FileServer
    carrier: _Carrier
    stop: threading.Event
    refused: list[str] = field(default_factory=list)

    def exchange(self, frame: bytes) -> bytes:
        """Post from a thread of its own, as the edge's program waits, and carry until the answer is there."""
        answer: list[bytes] = []
        waiting = threading.Thread(target=lambda: answer.append(self.client.post(frame)), daemon=True)
        waiting.start()
        while waiting.is_alive():
            self.carrier.walk()
            self.server.work(lambda: self.refused.append("file"))
            waiting.join(0.02)
        return answer[0]


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Post]:
    monkeypatch.setattr("service.neutral.files.LOOK_SECONDS", 0.01)
    edge, unit = PrivateKey.generate(), PrivateKey.generate()

    def answer(way: str, frame: bytes) -> bytes:
        if frame == b"bad":
            raise FrameRefused("a frame that is not honoured")
        return way.encode() + b":" + frame[::-1]

    stop = threading.Event()
    client = FileClient(tmp_path / "edge", "jail", "harlan.jail", edge, unit.public, Drbg(), stop)
    server = FileServer(tmp_path / "unit", unit, {"harlan.jail": edge.public}, answer)
    yield _Post(client, server, _Carrier(tmp_path / "edge", tmp_path / "unit"), stop)
    stop.set()


def test_frames_come_and_go_as_files_that_tell_their_carrier_nothing(post: _Post) -> None:
    frame = b"a frame of Zebulina Quackenbosch" * 4096
    assert post.exchange(frame) == b"jail:" + frame[::-1]
    assert post.refused == []
    assert len(post.carrier.seen) == 2
    assert not [file for file in post.carrier.seen if b"Zebulina" in file or b"hcsobnekcauQ" in file]
    assert not [
        file for folder in (post.carrier.edge, post.carrier.unit) for file in folder.rglob("*") if file.is_file()
    ]


def test_a_frame_that_is_not_honoured_gets_an_empty_answer_and_an_alarm(post: _Post) -> None:
    assert post.exchange(b"bad") == b""
    assert post.refused == ["file"]


def test_a_file_of_a_stranger_or_for_another_key_is_not_answered(post: _Post) -> None:
    inbox = post.carrier.unit / "in"
    inbox.mkdir(parents=True)
    (inbox / "jail.nobody.00.frame").write_bytes(seal_file(b"x", post.server.key.public))
    (inbox / "jail.harlan.jail.00.frame").write_bytes(seal_file(b"x", PrivateKey.generate().public))
    (inbox / "other.harlan.jail.01.frame").write_bytes(b"\xff\xfe no file of ours")
    assert post.server.work(lambda: post.refused.append("file")) == 0
    assert len(post.refused) == 3
    with pytest.raises(FrameRefused):
        open_file(seal_file(b"x", post.server.key.public), PrivateKey.generate())


def test_a_program_that_is_stopped_while_it_waits_says_so_and_clears_up_at_its_next_start(post: _Post) -> None:
    post.stop.set()
    with pytest.raises(UnitAway):
        post.client.post(b"first")
    assert len(list((post.carrier.edge / "out").iterdir())) == 1
    with pytest.raises(UnitAway):
        post.client.post(b"second")
    assert len(list((post.carrier.edge / "out").iterdir())) == 1


def test_an_edge_needs_either_a_unit_to_call_or_a_folder_and_keys(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(EDGE.replace('unit_url = "https://127.0.0.1:1"\n', ""))
    settings = load(JailSettings, tmp_path / "edge.toml")
    with pytest.raises(ConfigError, match="unit_url"):
        _client(settings, "jail", threading.Event())
    with pytest.raises(ConfigError, match="files_to"):
        _files_to(Party(id="unit", key=Path("unit.pub.jwk")))
