"""Does the file drop write whole files, once, under names that say nothing, where it may?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.channels import Folder, Parcel
from alerts.errors import ChannelDown, ChannelRefused
from records import AlertRef


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "drop" / "lee").mkdir(parents=True)
    return tmp_path / "drop"


def test_a_file_appears_whole_and_private(drop: Path, parcel: Parcel) -> None:
    assert Folder(drop).send(replace(parcel, address="lee")).code == "written"
    (written,) = (drop / "lee").iterdir()
    assert written.name == f"{parcel.outbox}.jwe"
    assert written.read_text() == parcel.jose().jwe
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_second_try_changes_nothing(drop: Path, parcel: Parcel) -> None:
    channel = Folder(drop)
    channel.send(replace(parcel, address="lee"))
    assert channel.send(replace(parcel, address="lee")).code == "present"
    assert len(list((drop / "lee").iterdir())) == 1


def test_what_a_crash_left_aside_does_not_stand_in_the_way(drop: Path, parcel: Parcel) -> None:
    (drop / "lee" / f".{parcel.outbox}.jwe.part").write_text("half")
    Folder(drop).send(replace(parcel, address="lee"))
    (written,) = (drop / "lee").iterdir()
    assert written.read_text() == parcel.jose().jwe


def test_two_alerts_of_two_clients_look_alike(drop: Path, parcel: Parcel) -> None:
    for outbox in ("o" * 26, "p" * 26):
        Folder(drop).send(replace(parcel, address="lee", outbox=outbox, alert=AlertRef("b" * 26)))
    one, two = (drop / "lee").iterdir()
    assert len(one.name) == len(two.name)
    assert one.stat().st_size == two.stat().st_size


@pytest.mark.parametrize("address", ["..", "../elsewhere", "/etc", "link"])
def test_no_address_leads_out_of_the_drop(drop: Path, parcel: Parcel, address: str) -> None:
    (drop / "link").symlink_to(drop.parent)
    with pytest.raises(ChannelRefused) as caught:
        Folder(drop).send(replace(parcel, address=address))
    assert caught.value.code == "bad_address"


def test_a_folder_that_is_not_there_is_not_made(drop: Path, parcel: Parcel) -> None:
    with pytest.raises(ChannelRefused) as caught:
        Folder(drop).send(replace(parcel, address="ortiz"))
    assert caught.value.code == "no_folder"


def test_a_disk_that_does_not_take_it_is_tried_again(drop: Path, parcel: Parcel) -> None:
    (drop / "lee" / f".{parcel.outbox}.jwe.part").mkdir()  # the name to write under cannot be opened
    with pytest.raises(ChannelDown) as caught:
        Folder(drop).send(replace(parcel, address="lee"))
    assert caught.value.code == "unwritable"
