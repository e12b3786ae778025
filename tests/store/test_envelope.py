"""Do sealed values open only where, and with what, they were sealed?"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError, KeyUnavailable
from store import vaults
from store.database import Database
from store.envelope import SIZE_CLASSES, DataKey, Vault, unwrap, wrap
from store.errors import EnvelopeDamaged
from store.keys import EnvironmentKeyProvider, FileKeyProvider, KeyRing, format_master
from store.locator import Locator

KEY = DataKey("k" * 26, bytes(range(32)))
VAULT = Vault({KEY.id: KEY}, KEY.id, os.urandom)


@given(st.binary(max_size=5000), st.text(max_size=20))
def test_what_is_sealed_opens_in_its_place(plain: bytes, place: str) -> None:
    assert VAULT.open(VAULT.seal(plain, place=place), place=place) == plain


@given(st.binary(min_size=1, max_size=400), st.data())
def test_a_changed_byte_is_noticed(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(plain, place="client/a"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((EnvelopeDamaged, KeyUnavailable)):
        VAULT.open(bytes(sealed), place="client/a")


def test_a_moved_value_does_not_open() -> None:
    with pytest.raises(EnvelopeDamaged, match="client/b"):
        VAULT.open(VAULT.seal(b"x", place="client/a"), place="client/b")


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_length_tells_nothing_within_a_size_class(one: bytes, two: bytes) -> None:
    assert len(VAULT.seal(one, place="p")) == len(VAULT.seal(two, place="p"))
    assert len(VAULT.seal(one, place="p")) < SIZE_CLASSES[1]


def test_a_data_key_needs_the_key_it_was_wrapped_with() -> None:
    wrapped = wrap(KEY, bytes(32))
    assert unwrap(KEY.id, wrapped, bytes(32)) == KEY
    with pytest.raises(KeyUnavailable, match="does not open"):
        unwrap(KEY.id, wrapped, bytes(31) + b"\x01")


def test_a_destroyed_key_opens_nothing(database: Database, now: datetime) -> None:
    ring = KeyRing.derive(bytes(32))
    with database.write() as conn:
        key_id = vaults.create(conn, ring, os.urandom, now)
        vault = vaults.load(conn, ring, os.urandom)
        assert vault is not None
        sealed = vault.seal(b"x", place="p")
        vaults.destroy(conn, key_id, now)
        vaults.create(conn, ring, os.urandom, now)
        later = vaults.load(conn, ring, os.urandom)
    assert later is not None
    with pytest.raises(KeyUnavailable, match="destroyed"):
        later.open(sealed, place="p")


def test_derived_keys_are_unrelated_and_hidden() -> None:
    ring = KeyRing.derive(bytes(32))
    assert len({ring.kek, ring.locator, ring.linkage_root("a"), ring.linkage_root("b")}) == 4
    assert "x" not in repr(ring).replace("<", "")[8:]


@given(st.lists(st.text(max_size=5), max_size=3), st.lists(st.text(max_size=5), max_size=3))
def test_references_differ_when_what_they_name_differs(one: list[str], two: list[str]) -> None:
    locator = Locator(b"key")
    assert (locator.ref("client", *one) == locator.ref("client", *two)) == (one == two)


def test_a_master_key_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(format_master(bytes(32)))
    path.chmod(0o644)
    with pytest.raises(KeyUnavailable, match="0600"):
        FileKeyProvider(path).master()
    path.chmod(0o600)
    assert FileKeyProvider(path).master() == bytes(32)


@pytest.mark.parametrize("text", ["", "not base64 !", "c2hvcnQ="])
def test_a_bad_master_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyUnavailable) as caught:
        FileKeyProvider(path).master()
    assert not text or text not in str(caught.value)


def test_production_takes_no_key_from_the_environment() -> None:
    with pytest.raises(ConfigError, match="development"):
        EnvironmentKeyProvider({}, production=True)
    key = EnvironmentKeyProvider({"WARMLINK_MASTER_KEY": format_master(bytes(32))}, production=False).master()
    assert key == bytes(32)
