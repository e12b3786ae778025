"""An upgrade encodes people otherwise: does everybody who is held still link, and is it said of whom that cannot be?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.content import AlertKind
from matcher import EncodedBatch, Model
from records import BookingRef
from service import archive, engine, reencoding, rotation
from service.doctor import State, inside
from service.reencoding import Outdated
from store import clients, in_force, resealing, tables, upgrading
from store.envelope import key_of
from tests.service.installation import AVELINE, BARNABY, CLIENTS, STRANGER, TWIN, Installation, Person, opened
from tests.service.test_commands import warmlink

JOINED = replace(STRANGER, number="CN9")


def otherwise(model: Model) -> Model:
    """A model of the next release: names are hashed otherwise, so that nothing of before compares."""
    return model.model_copy(update={"encoding": model.encoding.model_copy(update={"name_hashes": 18})})


def upgraded(site: Installation) -> Installation:
    """The same installation under the next release, as a new process."""
    return replace(site, engine=replace(site.engine, model=otherwise(site.engine.model)))


def headers(site: Installation) -> Counter[str]:
    with site.engine.database.read() as conn:
        held = [c.encoding for c in clients.listed(conn, site.engine.vault)]
        held += [h.encoding for h in resealing.encodings(conn, site.engine.vault) if h.encoding]
    return Counter(EncodedBatch.header_of(each).schema_hash for each in held)


def booked(site: Installation) -> None:
    """A client whom two jails know, and two strangers; one of them is corrected, one is released."""
    site.bookings(AVELINE.booked("J1"), STRANGER.booked("J2"), TWIN.booked("J3", last_name="Misheard"))
    site.bookings(AVELINE.booked("J1", ssn_last4=""), feed="second-jail")
    site.cycle()
    site.bookings(TWIN.booked("J3"), name="corrected.csv")
    site.cycle()
    site.bookings(TWIN.booked("J3", "R", release_at="2026-10-06T06:00:00-04:00"), name="released.csv")
    site.cycle()


def test_everybody_held_is_encoded_anew_and_links(site: Installation) -> None:
    booked(site)
    before = {row["ref"]: row for row in site.rows(tables.booking)}
    new = upgraded(site)
    assert reencoding.survey(new.engine) == Outdated(len(CLIENTS), 3, 0)
    assert reencoding.see_to(new.engine) == Outdated(len(CLIENTS), 3, 0)
    assert set(headers(new)) == {new.engine.model.schema_hash}
    for row in new.rows(tables.booking):  # nothing else of a stay changed, and nothing lives longer for it
        was = before[row["ref"]]
        assert (key_of(row["sealed"]), row["state"], row["updated_at"]) == (
            key_of(was["sealed"]), was["state"], was["updated_at"],
        )  # fmt: skip

    new.roster([*CLIENTS, JOINED])
    assert new.cycle().looked_back == 1
    # The stranger who is a client now is found among those in custody, by an encoding that was made before the upgrade.
    assert linked(new, "J2", JOINED)
    assert AlertKind.RETRACTION.value not in {row["kind"] for row in new.rows(tables.alert)}
    assert new.verified().good


def test_they_are_what_the_new_program_makes_of_the_last_names(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked(site)
    new = upgraded(site)
    reencoding.see_to(new.engine)
    with new.engine.database.read() as conn:
        held = {(h.booking, bool(h.series)): h.encoding for h in resealing.encodings(conn, new.engine.vault)}
    # Another number with the corrected names, taken in by the new program.
    new.bookings(TWIN.booked("J9"), name="later.csv")
    new.cycle()
    with new.engine.database.read() as conn:
        later = {h.booking: h.encoding for h in resealing.encodings(conn, new.engine.vault)}
    assert held[BookingRef(site.booking("J3")), False] == held[BookingRef(site.booking("J3")), True]
    assert held[BookingRef(site.booking("J3")), False] == later[BookingRef(site.booking("J9"))]


def linked(site: Installation, number: str, person: Person) -> bool:
    ref = site.engine.locator.ref("link", site.booking(number), site.client(person))
    return [row["verdict"] for row in site.rows(tables.link, ref=ref)] == ["ALERT"]


def archived(site: Installation, feed: str) -> list[Path]:
    return archive.all_kept(site.home / "feeds" / feed)


def test_what_cannot_be_read_any_more_is_counted_until_it_is_delivered(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked(site)
    for file in archived(site, "jail"):
        file.unlink()
    new = upgraded(site)
    assert reencoding.see_to(new.engine) == Outdated(len(CLIENTS), 3, 3)
    assert [f.state for f in inside.encodings(new.engine)] == [State.WARNING]
    assert "3 bookings cannot" in next(iter(inside.encodings(new.engine))).words
    new.bookings(AVELINE.booked("J1"), STRANGER.booked("J2"), BARNABY.booked("J7"), name="who-is-here.csv")
    new.cycle()
    restarted = replace(new, engine=replace(new.engine))
    assert reencoding.see_to(restarted.engine).lost == 1  # J3 was released: nobody delivers it
    assert "1 bookings cannot" in next(iter(inside.encodings(restarted.engine))).words
    new.roster([*CLIENTS, JOINED])
    new.cycle()
    assert linked(new, "J2", JOINED)


def test_a_new_programs_first_delivery_corrects_nobody(sqlite_site: Installation) -> None:
    """Where nothing could be encoded anew: another encoding of the same names is no other identity, and no link is taken back."""
    site = sqlite_site
    booked(site)
    before = [row["kind"] for row in site.rows(tables.booking_event)]
    assert before.count("identity_changed") == 1  # the one that was
    for feed in ("jail", "second-jail"):
        for file in archived(site, feed):
            file.unlink()
    new = upgraded(site)
    new.bookings(
        AVELINE.booked("J1", charges="THEFT|Theft"), STRANGER.booked("J2", charges="THEFT|Theft"), name="n.csv"
    )
    new.cycle()
    kinds = [row["kind"] for row in new.rows(tables.booking_event)]
    assert (kinds.count("identity_changed"), kinds.count("amended")) == (1, before.count("amended") + 2)
    assert {row["superseded_at"] for row in new.rows(tables.link)} == {None}


def test_cut_off_it_goes_on(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site = sqlite_site
    booked(site)
    new = upgraded(site)
    monkeypatch.setattr(reencoding, "_CHUNK", 1)
    seen: list[tuple[int, int]] = []

    def cut(done: int, of: int) -> None:
        seen.append((done, of))
        if len(seen) in {2, 5}:  # within the clients, and within the bookings
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            reencoding.settle(new.engine, cut)
        assert len(headers(new)) == 2
        assert reencoding.known(new.engine)[0] != reencoding.encoded_as(new.engine)
    reencoding.settle(new.engine, cut)
    assert set(headers(new)) == {new.engine.model.schema_hash}
    assert reencoding.known(new.engine) == (reencoding.encoded_as(new.engine), 0)


def test_a_new_epoch_takes_bookings_along_and_an_engine_of_the_old_one_undoes_nothing(
    sqlite_site: Installation,
) -> None:
    site = sqlite_site
    booked(site)
    rotation.begin_epoch(site.engine, {}, "e2")
    with opened(site.home, site.clock) as new:
        assert reencoding.renew(new.engine, lambda *_: None) == Outdated(len(CLIENTS), 3, 0)
        made = encoded(new)
        old = replace(site, engine=replace(site.engine))  # started before, not restarted yet
        assert reencoding.see_to(old.engine) == Outdated()
        assert encoded(new) == made
        assert reencoding.see_to(new.engine) == Outdated()


def encoded(site: Installation) -> list[bytes]:
    with site.engine.database.read() as conn:
        return [c.encoding for c in clients.listed(conn, site.engine.vault)] + [
            h.encoding for h in resealing.encodings(conn, site.engine.vault)
        ]


def test_the_plan_the_doctor_and_the_upgrade_say_so(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site = sqlite_site
    booked(site)
    assert "encoded anew" not in warmlink("upgrade", "--plan", home=site.home).stdout
    model = otherwise(site.engine.model)
    for room in (engine, upgrading):
        monkeypatch.setattr(room, "default_model", lambda: model)
    said = "4 clients and 3 bookings are to be encoded anew"
    assert said in warmlink("upgrade", "--plan", home=site.home).stdout
    assert said in warmlink("doctor", home=site.home).stdout
    with site.engine.database.read() as conn:
        rows = upgrading.plan(site.engine.database).encodings
        assert (rows.same, rows.clients, rows.bookings) == (False, 4, 3)
        assert in_force.known(conn)["encoded"]
    done = warmlink("upgrade", home=site.home)
    assert "4 clients and 3 bookings were encoded anew" in done.stdout
    assert "every booking that is held can be compared" in warmlink("doctor", home=site.home).stdout
    assert "encoded anew" not in warmlink("upgrade", "--plan", home=site.home).stdout
