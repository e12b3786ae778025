"""Is a backup whole and closed, and does an installation that goes on from one tell nobody twice and forget nothing?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text

from alerts.demo_sink import MaildirSink
from audit.errors import LogBroken
from audit.leaves import Kind, leaf
from config import KeyUnavailable, load
from consent.vocabulary import Scope
from console import people
from console.rights import Role
from service import circumstances, reading, registry, rotation
from service import feed_tokens as tokens_of_feeds
from service.backups import latest, listed, release
from service.backups.journal import JournalBroken, end, segments, ship
from service.backups.make import lines, make, read_back
from service.backups.note import BackupDamaged, note_path
from service.backups.restore import NotEmpty, Restored, Restorer
from service.backups.rows import copied
from service.caseload import load_index
from service.cycle import Cycle, CycleReport
from service.engine import key_ring
from service.held import purge_client
from service.screening import Screener
from service.setup import CONFIG_NAME
from service.status import status
from store import accounts, acts, feed_tokens, fences
from store import tables as t
from store.database import Database
from tests.service.installation import (
    AVELINE,
    BARNABY,
    CLIENTS,
    CORISANDE,
    DEMETRIO,
    ORG,
    STAFF,
    Clock,
    Installation,
    consent,
    facts_of,
    opened,
    revoked,
)
from tests.service.test_commands import warmlink


def backed_up(site: Installation) -> Path:
    site.clock.forward(minutes=1)
    return make(site.engine, "nightly", {}).path


def emptied(site: Installation) -> None:
    """The machine is gone: the database with it, files on other storage not."""
    url = site.engine.settings.database_url()
    site.engine.close()
    if url.startswith("sqlite"):
        for path in site.home.glob("warmlink.db*"):
            path.unlink()
        return
    database = Database(url)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("DROP SCHEMA public CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))
    database.close()


def restorer(site: Installation, backup: Path) -> Restorer:
    return Restorer(load(site.home / CONFIG_NAME, {}), backup, {}, site.clock, os.urandom)


@contextmanager
def restored(site: Installation, backup: Path) -> Iterator[tuple[Installation, Restored]]:
    site.clock.forward(hours=1)
    emptied(site)
    done = restorer(site, backup).restore("operator")
    with opened(site.home, site.clock) as again:
        yield again, done


def contents(site: Installation) -> dict[str, list[tuple[object, ...]]]:
    with site.engine.database.read() as conn:
        return {
            each.name: [tuple(row) for row in conn.execute(select(each).order_by(*each.primary_key.columns))]
            for each in copied()
        }


# --- the copy ---


def test_every_row_comes_back_as_it_was(site: Installation) -> None:
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"))
    site.cycle()
    before = contents(site)
    backup = backed_up(site)
    with restored(site, backup) as (again, done):
        after = contents(again)
        assert done.rows == sum(len(rows) for rows in before.values())
        changing = {"audit_leaf", "audit_head", "restore_fence", "sent_before", "audit_checkpoint"}
        assert {n: r for n, r in after.items() if n not in changing} == {
            n: r for n, r in before.items() if n not in changing
        }
        assert after["audit_leaf"][: len(before["audit_leaf"])] == before["audit_leaf"]


def test_counters_go_on_after_a_restore(site: Installation) -> None:
    """New rows of tables that number themselves: on PostgreSQL the counter has to be told."""
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    with restored(site, backed_up(site)) as (again, _):
        release.release(again.engine, "operator")
        again.bookings(CORISANDE.booked("B-3"), name="new.csv")
        again.cycle()
        assert again.count(t.attempt) > 1


def test_nobody_can_be_read_in_a_backup(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    backup = backed_up(site)
    words = (b"Quistgaard", b"1984-03-17", b"B-1", b"Adeyemi")
    assert not [word for word in words if word in backup.read_bytes() + note_path(backup).read_bytes()]
    assert b"audit_leaf" not in backup.read_bytes()
    assert backup.stat().st_mode & 0o077 == 0


def test_sessions_are_left_out(sqlite_site: Installation) -> None:
    ring = key_ring(sqlite_site.engine.settings, sqlite_site.engine.database, {})
    assert not {"session", "login_flow", "login_attempt", "api_token"} & read_back(backed_up(sqlite_site), ring).keys()


@pytest.mark.parametrize("damage", ["altered", "cut", "longer", "another head"])
def test_a_damaged_backup_is_refused(sqlite_site: Installation, damage: str) -> None:
    site = sqlite_site
    backup = backed_up(site)
    whole = backup.read_bytes()
    at = len(whole) // 2
    backup.write_bytes(
        {
            "altered": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            "cut": whole[:-40],
            "longer": whole[:-1] + b"0" + whole[-1:],
            "another head": whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
        }[damage]
    )
    with pytest.raises(BackupDamaged, match="SHA-256"):
        restorer(site, backup).rehearse()
    ring = key_ring(site.engine.settings, site.engine.database, {})
    with pytest.raises(BackupDamaged):  # and whoever wrote another manifest for it gets no further
        read_back(backup, ring)


def test_another_master_key_does_not_open_it(sqlite_site: Installation, tmp_path: Path) -> None:
    from tests.service.installation import make as install_another

    install_another(tmp_path / "another")
    backup = backed_up(sqlite_site)
    shutil.copyfile(tmp_path / "another" / "keys" / "master.key", sqlite_site.home / "keys" / "master.key")
    with pytest.raises(KeyUnavailable):
        restorer(sqlite_site, backup).rehearse()


def test_old_backups_go_and_the_newest_never(sqlite_site: Installation) -> None:
    site = sqlite_site
    first = backed_up(site)
    site.clock.forward(days=20)
    second = backed_up(site)
    assert not first.exists()
    folder = site.engine.settings.at(site.engine.settings.backup.folder)
    assert [each.path for each in listed(folder)] == [second]
    newest = latest(site.engine)
    assert newest is not None
    assert newest.made_at == site.clock()
    site.clock.forward(days=400)
    assert listed(folder)
    assert status(site.engine).backup_at == newest.made_at


def test_what_was_cut_off_while_it_was_made_is_no_backup(sqlite_site: Installation) -> None:
    backup = backed_up(sqlite_site)
    note_path(backup).unlink()
    assert latest(sqlite_site.engine) is None
    with pytest.raises(BackupDamaged):
        restorer(sqlite_site, backup).rehearse()


def test_a_database_that_is_not_empty_is_not_overwritten(sqlite_site: Installation) -> None:
    with pytest.raises(NotEmpty):
        restorer(sqlite_site, backed_up(sqlite_site)).restore("operator")


# --- the log ---


def test_the_log_is_continued_and_not_forked(site: Installation) -> None:
    """Entries after the backup come back from the journal, and the next checkpoint is one that every place accepts."""
    backup = backed_up(site)
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    site.cycle()
    size = site.count(t.audit_leaf)
    newest = (site.home / "checkpoints" / "newest.checkpoint").read_text("utf-8")
    with restored(site, backup) as (again, done):
        assert done.verified
        assert done.log_size == size
        assert again.verified().good
        report = again.cycle()
        assert report.checkpoints
        assert (again.home / "checkpoints" / "newest.checkpoint").read_text("utf-8") != newest
        assert again.verified().good


def test_a_log_that_was_longer_may_not_go_on_shorter(sqlite_site: Installation) -> None:
    site = sqlite_site
    backup = backed_up(site)
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    shutil.rmtree(site.home / "journal")
    emptied(site)
    with pytest.raises(LogBroken, match="bring the journal"):
        restorer(site, backup).restore("operator")


def test_a_journal_that_was_altered_is_not_believed(sqlite_site: Installation) -> None:
    site = sqlite_site
    backup = backed_up(site)
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    last = segments(site.home / "journal")[-1].path
    last.write_bytes(last.read_bytes().replace(b'"op":"add"', b'"op":"delete"', 1))
    emptied(site)
    with pytest.raises(LogBroken):
        restorer(site, backup).restore("operator")


def test_an_old_database_put_in_place_by_hand_is_noticed(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.cycle()
    shutil.copyfile(site.home / "warmlink.db", site.home / "kept.db")
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    site.engine.close()
    for path in site.home.glob("warmlink.db*"):
        path.unlink()
    shutil.copyfile(site.home / "kept.db", site.home / "warmlink.db")
    with opened(site.home, site.clock) as again, pytest.raises(JournalBroken):
        ship(again.engine)


# --- nobody is told twice ---


def test_nothing_leaves_before_a_person_says_so(site: Installation) -> None:
    backup = backed_up(site)
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"))
    site.cycle()
    delivered = site.count(t.inbox_item)
    assert delivered
    with restored(site, backup) as (again, done):
        assert done.read_again == 1
        assert done.since.sent == delivered
        again.cycle()
        again.cycle()
        assert again.count(t.inbox_item) == 0
        assert {row["state"] for row in again.rows(t.outbox)} == {"held"}
        assert not status(again.engine).healthy
        held = release.waiting(again.engine)
        assert sum(each.count for each in held.held) == sum(each.sent for each in held.held) == delivered
        before = len(again.leaves(Kind.DISCLOSURE))
        release.release(again.engine, "operator")
        again.cycle()
        assert again.count(t.inbox_item) == delivered, "the inbox has again what it had"
        assert len(again.leaves(Kind.DISCLOSURE)) == before, "and nobody is accounted to have been told twice"
        assert again.verified().good


def test_mail_that_went_out_does_not_go_out_again(sqlite_site: Installation, tmp_path: Path) -> None:
    site = sqlite_site
    site.engine.close()
    with MaildirSink(tmp_path / "mail") as sink:
        mail_to(site, 25, sink.port)
        with opened(site.home, site.clock) as mailing:
            backup = backed_up(mailing)
            mailing.bookings(AVELINE.booked("B-1"))
            mailing.cycle()
            mailing.cycle()
            assert len(sink.messages()) == 1
    with MaildirSink(tmp_path / "afterwards") as sink_again:
        mail_to(site, sink.port, sink_again.port)
        with restored(mailing, backup) as (again, _):
            release.release(again.engine, "operator")
            for _ in range(3):
                again.cycle()
                again.clock.forward(minutes=5)
            assert again.count(t.inbox_item) == 1
            assert sink_again.messages() == ()


def mail_to(site: Installation, before: int, port: int) -> None:
    config = site.home / CONFIG_NAME
    written = config.read_text("utf-8")
    config.write_text(
        written.replace('host = ""', 'host = "127.0.0.1"').replace(f"port = {before}", f"port = {port}"), "utf-8"
    )


def test_what_was_withheld_is_not_sent(sqlite_site: Installation) -> None:
    backup = backed_up(sqlite_site)
    sqlite_site.bookings(AVELINE.booked("B-1"), CORISANDE.booked("B-3"))
    sqlite_site.cycle()
    with restored(sqlite_site, backup) as (again, _):
        alert = str(again.alert_of("B-1", AVELINE)["ref"])
        release.release(again.engine, "operator", withhold=[alert])
        again.cycle()
        assert [row["alert"] for row in again.rows(t.inbox_item)] == [again.alert_of("B-3", CORISANDE)["ref"]]


# --- nothing rises again ---


def test_what_was_sealed_stays_sealed(site: Installation) -> None:
    """Known to the backup or not: it was sealed after, and the archive still has the file that booked it."""
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    backup = backed_up(site)
    site.bookings(BARNABY.booked("B-2"), name="second.csv")
    site.cycle()
    site.bookings(AVELINE.booked("B-1", "S"), BARNABY.booked("B-2", "S"), name="sealed.csv")
    site.cycle()
    with restored(site, backup) as (again, done):
        assert done.since.destroyed >= 2
        for number in ("B-1", "B-2"):
            (row,) = again.rows(t.booking, ref=again.booking(number))
            assert (row["state"], row["sealed"]) == ("sealed", None)
        assert not [row for row in again.rows(t.decision) if row["sealed_input"] is not None]
        release.release(again.engine, "operator")
        again.cycle()
        told = {row["kind"] for row in again.rows(t.alert) if row["state"] == "delivered"}
        assert told <= {"retraction"}


def test_a_purged_client_stays_purged(sqlite_site: Installation) -> None:
    site = sqlite_site
    backup = backed_up(site)
    purge_client(site.engine, site.client(DEMETRIO), "client_request", "privacy-office")
    site.cycle()
    with restored(site, backup) as (again, _):
        (row,) = again.rows(t.client, ref=again.client(DEMETRIO))
        assert row["sealed"] is None
        assert row["purged_at"] is not None


def test_a_revocation_that_is_lost_shuts_everything_until_it_is_back(site: Installation) -> None:
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    backup = backed_up(site)
    site.consents(revoked(AVELINE, site.clock()))
    site.cycle()
    alert = site.alert_of("B-1", AVELINE)
    key = site.private[alert["recipient"]]
    with restored(site, backup) as (again, done):
        assert done.since.lost_consents == 1
        with pytest.raises(reading.NotAvailable):
            reading.open_alert(again.engine, alert["ref"], key)
        with pytest.raises(release.ConsentsMissing):
            release.release(again.engine, "operator")
        again.consents(revoked(AVELINE, again.clock()))
        release.release(again.engine, "operator")
        again.cycle()
        with pytest.raises(reading.NotAvailable):
            reading.open_alert(again.engine, alert["ref"], key)


def test_a_restore_that_is_cut_off_sends_nothing(sqlite_site: Installation) -> None:
    """The rows are there and the journal is not read yet: the fence stands, and opening is shut."""
    site = sqlite_site
    site.bookings(AVELINE.booked("B-1"))
    backup = backed_up(site)
    site.cycle()
    last = segments(site.home / "journal")[-1].path
    last.write_bytes(b"")
    emptied(site)
    with pytest.raises(JournalBroken):
        restorer(site, backup).restore("operator")
    database = Database(load(site.home / CONFIG_NAME, {}).database_url())
    with database.read() as conn:
        fence = fences.standing(conn)
    database.close()
    assert fence is not None
    assert fence.lost_consents


# --- what was taken away after the journal's last file is known from the shelf ---


def killed_before_the_journal(site: Installation) -> None:
    """What happened last is in no file of the journal and in no checkpoint."""
    shipped = end(site.home / "journal")
    with site.engine.database.read() as conn:
        assert site.engine.audit.head(conn).size > shipped


def test_a_consent_that_was_revoked_last_does_not_come_back_to_life(site: Installation) -> None:
    backup = backed_up(site)
    site.consents(revoked(AVELINE, site.clock()))
    killed_before_the_journal(site)
    with restored(site, backup) as (again, done):
        assert (done.from_the_shelf, done.since.lost_consents, done.since.unaccounted) == (1, 1, set())
        assert again.verified().good
        again.bookings(AVELINE.booked("B-1"), CORISANDE.booked("B-3"))
        again.cycle()
        with pytest.raises(release.ConsentsMissing, match="1 consent entries of 1 clients"):
            release.release(again.engine, "operator")
        release.release(again.engine, "careless", consents_are_back=True)
        again.cycle()
        assert told(again) == {again.client(CORISANDE)}, "whoever says they are back is not believed"
        assert not status(again.engine).healthy
        again.consents(consent(AVELINE, expires_at="2027-05-20"))  # a file from before the revocation
        again.cycle()
        assert told(again) == {again.client(CORISANDE)}
        again.consents(revoked(AVELINE, again.clock()))
        again.clock.forward(minutes=1)
        again.consents(consent(AVELINE, id="signed-anew"))
        again.cycle()
        assert told(again) == {again.client(CORISANDE), again.client(AVELINE)}, "and a new form counts again"
        assert status(again.engine).shut_clients == 0


def test_a_restriction_that_was_recorded_last_is_not_forgotten(sqlite_site: Installation) -> None:
    site = sqlite_site
    backup = backed_up(site)
    circumstances.opt_out(site.engine, AVELINE.number, Scope.ALERTS, org=ORG, by="privacy-office")
    killed_before_the_journal(site)
    with restored(site, backup) as (again, _):
        release.release(again.engine, "careless", consents_are_back=True)
        again.bookings(AVELINE.booked("B-1"))
        again.cycle()
        assert told(again) == set()
        circumstances.opt_out(again.engine, AVELINE.number, Scope.ALERTS, org=ORG, by="privacy-office")
        assert status(again.engine).shut_clients == 0
        again.cycle()
        assert told(again) == set()


def test_nobody_who_was_purged_or_sealed_last_rises_again(site: Installation) -> None:
    """A client who came after the backup and was purged, and bookings of before and after it that a court sealed."""
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    backup = backed_up(site)
    late = replace(DEMETRIO, number="CN9", first="Leontine", ssn4="7719")
    site.roster((*CLIENTS, late), name="new-roster.csv")
    site.bookings(BARNABY.booked("B-2"), late.booked("B-9"), name="second.csv")
    site.cycle()
    purge_client(site.engine, site.client(late), "client_request", "privacy-office")
    site.bookings(AVELINE.booked("B-1", "S"), BARNABY.booked("B-2", "S"), name="sealed.csv")
    last_breath(site)
    killed_before_the_journal(site)
    with restored(site, backup) as (again, done):
        assert done.from_the_shelf >= 4
        again.roster((*CLIENTS, late), name="stale-roster.csv")
        again.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"), late.booked("B-9"), name="stale.csv")
        release.release(again.engine, "operator")
        again.cycle()
        (row,) = again.rows(t.client, ref=again.client(late))
        assert (row["sealed"], row["purged_at"] is None) == (None, False)
        for number in ("B-1", "B-2", "B-9"):
            (row,) = again.rows(t.booking, ref=again.booking(number))
            assert (row["state"], row["sealed"]) == ("sealed", None)
        assert {row["kind"] for row in again.rows(t.alert) if row["state"] == "delivered"} <= {"retraction"}


def test_accounts_and_tokens_that_were_taken_away_stay_away(sqlite_site: Installation) -> None:
    site = sqlite_site
    for login in ("gone@river.example.org", "stays@river.example.org"):
        people.add_account(site.engine, login, [Role.OPERATOR], "hash", by="terminal")
    with site.engine.database.write() as conn:
        feed_tokens.add(conn, "jail", "0" * 64, site.clock())
    backup = backed_up(site)
    with site.engine.database.write() as conn:
        gone = accounts.by_login(conn, "gone@river.example.org")
        assert gone is not None
        accounts.change(conn, gone.id, disabled_at=site.clock())
        stated = people.changed_leaf("admin", gone.id, "disabled_at")
        site.engine.audit.append(conn, [stated], site.clock())
    assert tokens_of_feeds.revoke(site.engine, "jail") == 1
    registry.import_staff(site.engine, STAFF[:1])
    killed_before_the_journal(site)
    with restored(site, backup) as (again, done):
        assert done.since.shut_accounts == {"gone@river.example.org"}
        assert done.since.lost_feeds == {"jail"}
        with again.engine.database.read() as conn:
            assert {a.login for a in accounts.everyone(conn) if a.disabled_at is None} == {"stays@river.example.org"}
            assert feed_tokens.standing(conn, "jail", again.clock()) == []
        with pytest.raises(release.Unaccounted, match="staff directory"):
            release.release(again.engine, "operator")
        again.clock.forward(minutes=1)
        registry.import_staff(again.engine, STAFF[:1])
        release.release(again.engine, "operator")


@pytest.mark.parametrize("shelf", ["begun anew", "last night's copy"])
def test_without_the_shelf_of_the_last_hour_everything_is_shut_until_a_person_says_otherwise(
    sqlite_site: Installation, tmp_path: Path, shelf: str
) -> None:
    site = sqlite_site
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    backup = backed_up(site)
    assert warmlink("keys", "shelf", "--copy", str(tmp_path / "copy.db"), home=site.home).returncode == 0
    site.consents(revoked(AVELINE, site.clock()))
    alert, keys = site.alert_of("B-1", AVELINE), site.home / "keys"
    emptied(site)
    (keys / "shelf.db").unlink()
    for left in keys.glob("shelf.db-*"):
        left.unlink()
    if shelf == "begun anew":
        with pytest.raises(KeyUnavailable):
            restorer(site, backup).restore("operator")
        assert warmlink("keys", "shelf", "--new", home=site.home).returncode == 0
        emptied(site)
    else:
        shutil.copyfile(tmp_path / "copy.db", keys / "shelf.db")
    site.clock.forward(hours=1)
    done = restorer(site, backup).restore("operator")
    assert done.since.unaccounted == {"shelf"}
    with opened(site.home, site.clock) as again:
        with pytest.raises(reading.NotAvailable):
            reading.open_alert(again.engine, alert["ref"], site.private[alert["recipient"]])
        with pytest.raises(release.Unaccounted, match="providers for their revocations"):
            release.release(again.engine, "operator", consents_are_back=True)
        assert again.cycle().sent.delivered == {}
        said = warmlink("fence", home=site.home).stdout
        assert "the shelf is not the one" in " ".join(said.split())
        again.consents(revoked(AVELINE, again.clock()))
        release.release(again.engine, "operator", confirmed=["shelf"])
        with pytest.raises(reading.NotAvailable):
            reading.open_alert(again.engine, alert["ref"], site.private[alert["recipient"]])


def test_a_transaction_that_failed_errs_on_the_side_of_silence(sqlite_site: Installation) -> None:
    """The shelf was told first. What it says too much shuts a client; it opens none."""
    site = sqlite_site
    backup = backed_up(site)

    def and_then_fail() -> None:
        with site.engine.database.write() as conn:
            named = site.engine.locator.ref("consent", "form-CN1")
            said = leaf(Kind.CONSENT, consent=named, client=site.client(AVELINE), change="revoked", seq=1)
            site.engine.audit.append(conn, [said], site.clock())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        and_then_fail()
    with restored(site, backup) as (_, done):
        assert done.since.lost_consents == 1


def test_what_every_kept_backup_knows_leaves_the_shelf(sqlite_site: Installation) -> None:
    site = sqlite_site
    site.consents(revoked(AVELINE, site.clock()))
    assert acts.since(site.engine.shelf.database, 0)
    backed_up(site)
    assert acts.since(site.engine.shelf.database, 0) == []


def told(site: Installation) -> set[str]:
    """The clients that anybody was told about."""
    links = {row["ref"]: row["client"] for row in site.rows(t.link)}
    return {links[row["link"]] for row in site.rows(t.alert) if row["state"] in {"delivered", "opened"}}


def last_breath(site: Installation) -> None:
    """A cycle that is killed before its journal is written."""
    cycle = Cycle(site.engine)
    screener = Screener.open(site.engine, load_index(site.engine))
    cycle._feeds("bookings", lambda feed, pull: cycle._take_bookings(screener, feed, pull), CycleReport(site.clock()))


# --- a drill ---


def test_a_rehearsal_changes_nothing(site: Installation) -> None:
    backup = backed_up(site)
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    before = contents(site)
    done = restorer(site, backup).rehearse()
    assert done.verified
    assert done.adopted > 0
    assert contents(site) == before


def test_the_restore_is_in_the_log_with_who_did_it(sqlite_site: Installation) -> None:
    with restored(sqlite_site, backed_up(sqlite_site)) as (again, _):
        release.release(again.engine, "chief")
        said = [facts_of(e) for e in again.leaves(Kind.CONFIG_CHANGE) if "by" in facts_of(e)]
        assert [(f["settings"], f["by"]) for f in said] == [
            (("restored_from_backup",), "operator"),
            (("restore_released",), "chief"),
        ]
        with pytest.raises(release.NothingHeld):
            release.waiting(again.engine)


def test_from_one_database_to_the_other(sqlite_site: Installation, postgres_server: str) -> None:
    """A county outgrows SQLite: its backup goes into PostgreSQL."""
    site = sqlite_site
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    backup = backed_up(site)
    admin = Database(postgres_server)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("CREATE DATABASE moved TEMPLATE template0"))
    admin.close()
    url = make_url(postgres_server).set(database="moved").render_as_string(hide_password=False)
    config = site.home / CONFIG_NAME
    config.write_text(config.read_text("utf-8") + f'\n[database]\nurl = "{url}"\n', "utf-8")
    site.engine.close()
    restorer(site, backup).restore("operator")
    with opened(site.home, Clock(site.clock.at)) as again:
        release.release(again.engine, "operator")
        again.cycle()
        assert again.engine.database.dialect == "postgresql"
        assert again.count(t.inbox_item) == 1
        assert again.verified().good


def test_lines_of_a_cut_file_do_not_pass_for_whole(sqlite_site: Installation) -> None:
    backup = backed_up(sqlite_site)
    ring = key_ring(sqlite_site.engine.settings, sqlite_site.engine.database, {})
    backup.write_bytes(backup.read_bytes()[:70])
    with pytest.raises(BackupDamaged), lines(backup, ring) as opened_lines:
        list(opened_lines)


# --- without the shelf of short-lived keys ---


def test_without_the_shelf_everything_comes_back_but_bookings_of_before(
    sqlite_site: Installation, tmp_path: Path
) -> None:
    """The steps of docs/keys.md: restore stops, an empty shelf is begun, the database is moved aside, restore again."""
    site = sqlite_site
    site.bookings(AVELINE.booked("B-1"))
    site.cycle()
    log, backup = site.count(t.audit_leaf), backed_up(site)
    site.clock.forward(hours=1)
    emptied(site)
    (site.home / "keys" / "shelf.db").unlink()
    with pytest.raises(KeyUnavailable):
        restorer(site, backup).restore("operator")
    assert warmlink("keys", "shelf", "--new", home=site.home).returncode == 0
    for path in site.home.glob("warmlink.db*"):
        path.rename(tmp_path / path.name)
    assert restorer(site, backup).restore("operator").verified
    with opened(site.home, site.clock) as again:
        assert again.count(t.audit_leaf) > log
        assert again.count(t.client) == again.count(t.consent_record) == len(CLIENTS)
        assert rotation.status(again.engine).unreadable == 1
        release.release(again.engine, "operator", confirmed=["shelf"])
        again.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"), name="again.csv")
        assert again.cycle().tally.alerts == 1  # of B-2; B-1 says nothing new, and was told before
        again.bookings(AVELINE.booked("B-1", "R", release_at="2026-10-06T07:00:00-04:00"), name="released.csv")
        assert again.cycle().tally.alerts == 1
        told = [row["kind"] for row in sorted(again.rows(t.alert), key=lambda row: row["created_at"])]
        assert told == ["arrest", "arrest", "release"]
