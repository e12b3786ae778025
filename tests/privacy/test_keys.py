"""Do keys change without anything being lost, and is what should be forgotten really gone?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.exposure import installation
from config import KeyUnavailable, Refuse, Settings, load
from matcher import HeaderMismatch, link
from records import Identity
from service import reencoding, rotation
from service.caseload import load_index
from service.cycle import Cycle
from service.engine import Engine, key_ring, open_engine
from service.rotation_files import next_master
from service.setup import CONFIG_NAME, write_secret
from store import clients, vaults
from store.database import Database
from store.key_providers import write_wrapped
from store.keys import FileKeyProvider, SystemdKeyProvider, format_master
from tests.privacy.county import booking
from tests.privacy.test_key_providers import MASTER, FakeTransit, transit
from tests.service.test_commands import warmlink

NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
HEAD = "client_id,first_name,middle_name,last_name,suffix,dob,sex,ssn_last4,phone,street,city,state,zip,aliases,program,clinician_id\n"
ROSTER = HEAD + "".join(
    f"C{i},Ana{chr(97 + i)},,Brandt{chr(97 + i)},,19{60 + i}-03-04,F,,,,,,,,ACT,\n" for i in range(12)
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with twelve clients."""
    roster = tmp_path / "roster.csv"
    roster.write_text(ROSTER)
    with installation(roster, tmp_path / "home"):
        pass
    return load(tmp_path / "home" / CONFIG_NAME, {})


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    opened = open_engine(settings, clock=lambda: NOW)
    yield opened
    opened.close()


def _reopened(settings: Settings) -> tuple[str, dict[str, bytes], set[str]]:
    """Epoch, encodings by client, and the numbers that can be read."""
    opened = open_engine(settings, clock=lambda: NOW)
    with opened.database.read() as conn:
        held = list(clients.every(conn, opened.vault))
    opened.close()
    return opened.linkage_key.epoch, {c.ref: c.encoding for c in held}, {str(c.entry.client_id) for c in held}


def test_a_new_master_key_changes_nothing_that_is_sealed(settings: Settings) -> None:
    before = _reopened(settings)
    old = settings.at(settings.keys.master).read_text()
    count, former = rotation.rotate_master(settings, {}, os.urandom, NOW)
    assert count >= 3  # the standing key, the locator, the epoch
    assert former.read_text() == old
    assert settings.at(settings.keys.master).read_text() != old
    assert _reopened(settings) == before
    rotation.rotate_master(settings, {}, os.urandom, NOW)
    assert _reopened(settings) == before


def test_the_old_master_key_opens_nothing_any_more(settings: Settings) -> None:
    _, former = rotation.rotate_master(settings, {}, os.urandom, NOW)
    settings.at(settings.keys.master).write_text(former.read_text())
    with pytest.raises(KeyUnavailable, match="another time"):
        open_engine(settings)


def test_a_rotation_killed_after_its_transaction_is_completed_at_the_next_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _reopened(settings)

    def killed(_: Settings) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(rotation, "retire_master", killed)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate_master(settings, {}, os.urandom, NOW)
    assert next_master(settings).exists()
    assert _reopened(settings) == before
    assert not next_master(settings).exists()


def test_a_rotation_killed_before_its_transaction_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _reopened(settings)

    def killed(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(vaults, "rewrap", killed)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate_master(settings, {}, os.urandom, NOW)
    monkeypatch.undo()
    assert _reopened(settings) == before
    rotation.rotate_master(settings, {}, os.urandom, NOW)  # the key that was left beside is replaced
    assert _reopened(settings) == before


def test_an_epoch_is_rotated_while_the_service_goes_on(settings: Settings, engine: Engine) -> None:
    """Old encodings are never compared with new ones, and no client is out of the index for a moment."""
    old = load_index(engine)
    person = [booking("B", [_someone(engine)]).identities]
    rotation.begin_epoch(engine, {}, "e2")
    assert len(load_index(engine)) == 12  # this process stays in its epoch until it is restarted
    fresh = open_engine(settings, clock=lambda: NOW)
    assert fresh.linkage_key.epoch == "e2"
    between = load_index(fresh)  # nothing was stored anew yet
    assert len(between) == 12
    assert link(fresh.encoder.encode(person), between)[0].verdict == link(engine.encoder.encode(person), old)[0].verdict
    with pytest.raises(HeaderMismatch, match=r"epoch|key_id"):
        link(fresh.encoder.encode(person), old)
    told: list[tuple[int, int]] = []
    assert reencoding.reencode(fresh, lambda done, of: told.append((done, of))) == 12
    assert told[-1] == (12, 12)
    assert rotation.status(fresh).encodings == {"e2": 12}
    assert reencoding.reencode(fresh, lambda *_: None) == 0
    assert len(load_index(fresh)) == 12
    fresh.close()


def _someone(engine: Engine) -> Identity:
    with engine.database.read() as conn:
        return next(clients.every(conn, engine.vault)).entry.identities[0]


def test_an_epoch_ends_only_when_nobody_is_left_in_it(settings: Settings, engine: Engine) -> None:
    rotation.begin_epoch(engine, {}, "e2")
    fresh = open_engine(settings, clock=lambda: NOW)
    with pytest.raises(Refuse, match="12 clients"):
        rotation.end_epoch(fresh, "e1")
    with pytest.raises(Refuse, match="current"):
        rotation.end_epoch(fresh, "e2")
    reencoding.reencode(fresh, lambda *_: None)
    rotation.end_epoch(fresh, "e1")
    with pytest.raises(Refuse, match="no epoch"):
        rotation.end_epoch(fresh, "e1")
    with pytest.raises(Refuse, match="used once"):
        rotation.begin_epoch(fresh, {}, "e1")
    fresh.close()
    rotation.rotate_master(settings, {}, os.urandom, NOW)
    database = Database(settings.database_url())
    assert set(key_ring(settings, database, {}).epochs) == {"e2"}
    database.close()
    assert _reopened(settings)[0] == "e2"


def test_a_cycle_runs_after_both_rotations(settings: Settings, engine: Engine) -> None:
    rotation.begin_epoch(engine, {}, "e2")
    rotation.rotate_master(settings, {}, os.urandom, NOW)
    fresh = open_engine(settings, clock=lambda: NOW)
    report = Cycle(fresh).run()
    fresh.close()
    assert not report.faults
    assert report.clients == 12


def test_a_systemd_credential(tmp_path: Path) -> None:
    (tmp_path / "warmlink-master").write_text(format_master(MASTER))
    assert SystemdKeyProvider({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "warmlink-master").master() == MASTER
    for environment in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}):
        with pytest.raises(KeyUnavailable):
            SystemdKeyProvider(environment, "warmlink-master").master()


def test_an_installation_whose_master_key_moves_into_a_key_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, then Vault, then rotated there: the same clients throughout, and the file alone is worthless."""
    before, fake = _reopened(settings), FakeTransit()
    path = settings.at(settings.keys.master)
    write_wrapped(path, FileKeyProvider(path).master(), transit(fake))
    moved = settings.model_copy(
        update={"keys": settings.keys.model_copy(update={"provider": "vault", "vault": settings.keys.vault.model_copy(update={"url": "https://vault.example"})})}
    )  # fmt: skip
    monkeypatch.setattr("service.keys.wrapper", lambda _: transit(fake))
    monkeypatch.setattr(rotation, "wrapper", lambda _: transit(fake))
    assert _reopened(moved) == before
    rotation.rotate_master(moved, {}, os.urandom, NOW)
    assert _reopened(moved) == before
    with pytest.raises(KeyUnavailable):
        FileKeyProvider(path).master()


def _warmlink(home: Path, *arguments: str) -> str:
    done = warmlink(*arguments, "-c", str(home / CONFIG_NAME))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_lost_key_drill(settings: Settings) -> None:
    """The ceremony and its drill: split, lose the machine's key, join three of five, go on."""
    home = settings.home
    before = _reopened(settings)
    _warmlink(home, "keys", "split", str(home / "shares"), "--shares", "5", "--threshold", "3")
    master = settings.at(settings.keys.master)
    text = master.read_text()
    master.unlink()
    with pytest.raises(KeyUnavailable):
        open_engine(settings)
    files = [str(home / "shares" / f"share-{x}.txt") for x in (2, 5, 3)]
    assert warmlink("keys", "join", *files, "--out", str(master)).returncode == 0
    assert master.read_text() == text
    assert master.stat().st_mode & 0o077 == 0
    assert _reopened(settings) == before


def test_the_commands_show_no_secret(settings: Settings) -> None:
    home = settings.home
    shown = _warmlink(home, "keys", "status")
    shown += _warmlink(home, "keys", "rotate")
    shown += _warmlink(home, "keys", "rotate", "--linkage", "e2")
    shown += _warmlink(home, "keys", "rotate", "--end", "e1") + _warmlink(home, "keys", "status", "--json")
    assert '"epoch": "e2"' in shown
    assert '"e2": 12' in shown
    secrets = [f.read_text().strip() for f in (home / "keys").glob("master*")]
    assert len(secrets) == 2
    assert not [secret for secret in secrets if secret in shown]


def test_write_secret_is_private_from_its_first_byte(tmp_path: Path) -> None:
    write_secret(tmp_path / "s", "x")
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
