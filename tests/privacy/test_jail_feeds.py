"""What becomes of a jail's own files at its edge of a neutral unit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.neutral.alarms import Alarm
from service.neutral.jail_feeds import JailFeeds
from service.neutral.settings import JailSettings, load
from tests.privacy.county import Clients, County
from tests.privacy.disk import all_files, files_with
from tests.privacy.parties import JAIL

HEAD = "booking_id,person_id,first_name,middle_name,last_name,suffix,dob,sex,ssn_last4,phone,street,city,state,zip,aliases,booked_at,facility,charges,release_at\n"
ROW = "{0},P1,ZEBULINA,,QUACKENBOSCH,,1983-02-27,F,4471,,,,,,,2026-10-06T03:10:00+00:00,COUNTY JAIL,,\n"
NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
EDGE = """name = "jail"
signing_key = "sign.jwk"
epoch = "e1"
linkage_key = "linkage.key"
unit_url = "https://127.0.0.1:1"
[tls]
certificate = "tls.pem"
key = "tls.key"
authority = "authority.pem"
[unit]
id = "unit"
key = "unit.pub.jwk"
[[providers]]
id = "north"
seal_to = "north.seal.jwk"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "edge.toml").write_text(EDGE)
    (tmp_path / "warmlink.toml").write_text(JAIL)
    (tmp_path / "feeds" / "jail").mkdir(parents=True)
    return tmp_path


def _sent(home: Path, *ticks: str) -> tuple[list[str], list[Alarm]]:
    """Booking numbers that were queued in each round (`round`), taken by the unit in between."""
    alarms: list[Alarm] = []
    edge = County.of({"north": Clients({})}).jail
    feeds, queued = JailFeeds(load(JailSettings, home / "edge.toml"), {}), []
    for _ in ticks:
        feeds.fill(edge, lambda: NOW, alarms.append)
        queued += [str(event.booking_number) for event in edge.queue]
        edge.queue.clear()
    return queued, alarms


def test_a_file_stays_until_the_unit_took_it_and_is_gone_afterwards(home: Path) -> None:
    drop = home / "feeds" / "jail"
    (drop / "today.csv").write_text(HEAD + ROW.format("B1") + ROW.format("B2"))
    assert _sent(home, "taken, then killed") == (["B1", "B2"], [])
    assert files_with(b"QUACKENBOSCH", all_files(home)) == [drop / "today.csv"]
    assert _sent(home, "again", "nothing more") == (["B1", "B2"], [])
    assert files_with(b"QUACKENBOSCH", all_files(home)) == []


def test_what_a_killed_process_left_in_done_goes(home: Path) -> None:
    done = home / "feeds" / "jail" / "done"
    done.mkdir()
    (done / "yesterday.csv").write_text(HEAD + ROW.format("B1"))
    assert _sent(home, "start") == ([], [])
    assert files_with(b"QUACKENBOSCH", all_files(home)) == []


def test_a_file_that_cannot_be_read_is_set_aside_with_an_alarm_and_holds_up_nothing(home: Path) -> None:
    drop = home / "feeds" / "jail"
    (drop / "a.csv").write_text("this is no list of bookings\n")
    (drop / "b.csv").write_text(HEAD + ROW.format("B1") + ROW.format("").replace("1983-02-27", "the spring"))
    queued, alarms = _sent(home, "one")
    assert queued == ["B1"]
    assert [alarm.parameter for alarm in alarms] == ["refused_file", "refused_rows"]
    assert [file.name.endswith("-a.csv") for file in (drop / "refused").glob("*.csv")] == [True]
