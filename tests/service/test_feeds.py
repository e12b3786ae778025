"""What jails really send, at the level of the whole service: each is told of once, rightly, or to nobody.

The numbers are those of the list of scenarios that the product is built against. Hand-overs, discharges and absences (28
to 30) are in test_follow_up.py.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Refuse
from records import BookingRef
from service import feed_commands
from service.cycle import Cycle
from service.explain import explain
from service.recording import Recorder
from service.sequence import overlap
from service.status import status
from store import bookings, reviews, tables
from store import feeds as stored_feeds
from tests.service.feeding import alerts, describe, folder, kinds, row, says, snapshot, strangers, text
from tests.service.installation import (
    AVELINE,
    CLIENTS,
    CORISANDE,
    DEMETRIO,
    ROSTER_COLUMNS,
    STRANGER,
    Installation,
    consent,
)

OUT = "2026-10-06T06:00:00-04:00"


@pytest.fixture
def site(sqlite_site: Installation) -> Installation:
    """None of this depends on the database."""
    return sqlite_site


def stored(site: Installation, number: str) -> bookings.StoredBooking:
    with site.engine.database.read() as conn:
        found = bookings.get(conn, site.engine.vault, BookingRef(site.booking(number)))
    assert found is not None
    return found


def fault(site: Installation, feed: str = "jail2") -> str:
    """One cycle that meets a fault of this feed and of no other."""
    report = Cycle(site.engine).run()
    site.clock.forward(minutes=1)
    assert list(report.faults) == [feed]
    return report.faults[feed]


# --- snapshots: 1, 2, 4, 5 ---


def test_01_a_first_load_lists_who_is_there_and_tells_nobody(site: Installation) -> None:
    folder(site, "jail2", first_load="baseline", **snapshot())
    rows = [row(p, f"S{n}") for n, p in enumerate(strangers(300))]
    says(site, "jail2", *rows, row(AVELINE, "J1"))
    first = site.cycle()
    assert (first.tally.events, first.tally.baseline, first.tally.alerts) == (301, 1, 0)
    says(site, "jail2", *rows, row(AVELINE, "J1"), row(DEMETRIO, "J2"), name="b.csv")
    second = site.cycle()
    assert (second.tally.events, second.tally.replayed, second.tally.alerts) == (1, 301, 1)


def test_who_is_not_listed_any_more_left_and_who_is_listed_again_did_not(site: Installation) -> None:
    folder(site, "jail2", **snapshot())
    others = [row(p, f"S{n}") for n, p in enumerate(strangers(12))]
    says(site, "jail2", *others, row(AVELINE, "J1"))
    site.cycle()
    says(site, "jail2", *others, name="b.csv")
    site.cycle()
    assert alerts(site) == ["arrest", "release"]
    assert stored(site, "J1").event.release_inferred
    says(site, "jail2", *others, row(AVELINE, "J1"), name="c.csv")
    site.cycle()
    assert alerts(site) == ["arrest", "release", "release_withdrawn"]
    assert (stored(site, "J1").state, stored(site, "J1").event.released_at) == ("open", None)
    assert kinds(site)[-2:] == ["released", "release_withdrawn"]


def test_absence_means_nothing_where_it_is_not_declared(site: Installation) -> None:
    folder(site, "jail2", **snapshot(absence_means_release=False))
    others = [row(p, f"S{n}") for n, p in enumerate(strangers(12))]
    says(site, "jail2", *others, row(AVELINE, "J1"))
    site.cycle()
    says(site, "jail2", *others, name="b.csv")
    site.cycle()
    assert (alerts(site), stored(site, "J1").state) == (["arrest"], "open")


def test_a_row_that_cannot_be_read_holds_every_inferred_release_back(site: Installation) -> None:
    folder(site, "jail2", **snapshot())
    others = [row(p, f"S{n}") for n, p in enumerate(strangers(12))]
    says(site, "jail2", *others, row(AVELINE, "J1"))
    site.cycle()
    nameless = row(AVELINE, "J1", first_name="", last_name="")
    says(site, "jail2", *others, nameless, name="b.csv")
    site.cycle()
    assert (alerts(site), stored(site, "J1").state) == (["arrest"], "open")
    says(site, "jail2", *others[:11], name="c.csv")
    site.cycle()
    assert alerts(site) == ["arrest", "release"]
    assert {r["state"] for r in site.rows(tables.quarantine)} == {"retried"}  # a newer list says everything again


def test_04_a_list_that_was_cut_off_releases_nobody_until_a_person_believes_it(site: Installation) -> None:
    folder(site, "jail2", **snapshot())
    rows = [row(p, f"S{n}") for n, p in enumerate(strangers(12))]
    says(site, "jail2", row(AVELINE, "J1"), *rows)
    site.cycle()
    whole = text([row(AVELINE, "J1"), *rows])
    (site.home / "feeds" / "jail2" / "b.csv").write_text(whole[: len(whole) // 2], "utf-8")
    assert "lost" in fault(site)
    assert (alerts(site), stored(site, "J1").state) == (["arrest"], "open")
    says(site, "jail2", *rows[:3], name="c.csv")
    fault(site)
    refused = [r for r in site.rows(tables.delivery) if r["state"] == "refused"]
    assert len(refused) == 2
    assert all(r["reason"] for r in refused)
    assert list((site.home / "feeds" / "jail2" / "refused").iterdir()) == []  # sealed away, not left in the clear
    with site.engine.database.read() as conn:
        latest = stored_feeds.deliveries(conn, "jail2")[-1].ref
    (done,) = feed_commands.replay(site.engine, "jail2", latest, believe=True)
    assert done.fresh == 10  # nine strangers and Aveline left
    assert stored(site, "J1").state == "released"


@pytest.mark.parametrize(("content", "words"), [("", "0 bytes"), (text([]), "lost 13 of 13")])
def test_05_an_empty_file_is_not_an_empty_jail(site: Installation, content: str, words: str) -> None:
    folder(site, "jail2", **snapshot())
    says(site, "jail2", row(AVELINE, "J1"), *[row(p, f"S{n}") for n, p in enumerate(strangers(12))])
    site.cycle()
    (site.home / "feeds" / "jail2" / "b.csv").write_text(content, "utf-8")
    assert words in fault(site)
    assert stored(site, "J1").state == "open"


def test_a_snapshot_killed_in_the_middle_goes_on_where_it_stopped(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(site, "jail2", **snapshot())
    others = [row(p, f"S{n}") for n, p in enumerate(strangers(12))]
    says(site, "jail2", *others, row(AVELINE, "J1"), row(DEMETRIO, "J2"))
    site.cycle()
    says(site, "jail2", *others, name="b.csv")
    record = Recorder.record
    done: list[int] = []

    def breaks(self: Recorder, *args: object) -> None:
        if len(done) == 1:
            raise KeyboardInterrupt
        record(self, *args)  # type: ignore[arg-type]  # as it was called
        done.append(1)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Recorder, "record", breaks)
        Cycle(site.engine).run()
    site.cycle()
    assert sorted(alerts(site)) == ["arrest", "arrest", "release", "release"]
    assert site.cycle().tally.events == 0


# --- formats: 6, 7, 8, 9, 10, 26 ---


def test_06_columns_may_change_places_and_not_names(site: Installation) -> None:
    folder(site, "jail2")
    lines = [line.split(",") for line in text([row(AVELINE, "J1", street="118 Tamarack Way")]).splitlines()]
    turned = "\n".join(",".join(reversed(cells)) for cells in lines)
    (site.home / "feeds" / "jail2" / "a.csv").write_text(turned + "\n", "utf-8")
    assert site.cycle().tally.alerts == 1
    renamed = text([row(DEMETRIO, "J2")]).replace("booking_id", "booking_number", 1)
    (site.home / "feeds" / "jail2" / "b.csv").write_text(renamed, "utf-8")
    assert "column 'booking_id' is missing (is it now 'booking_number'?)" in fault(site)
    assert site.count(tables.booking) == 1


def test_07_08_the_declared_encoding_and_delimiter_and_no_other(site: Installation) -> None:
    pena = replace(DEMETRIO, number="CN9", last="Peña-Muñoz")
    site.roster([*CLIENTS, pena])
    site.cycle()
    site.consents(consent(pena))
    folder(site, "jail2", format={"type": "csv", "encoding": "cp1252", "delimiter": "|"})
    piped = text([row(pena, "J1", charges="", street='2311 "Larkspur" Rd')]).replace(",", "|")
    (site.home / "feeds" / "jail2" / "a.csv").write_bytes(piped.encode("cp1252"))
    assert site.cycle().tally.alerts == 1
    says(site, "jail2", row(AVELINE, "J2"), name="b.csv")
    assert "is the delimiter ',' rather than '|'?" in fault(site)


def test_09_10_what_stands_for_nothing_matches_nobody(site: Installation) -> None:
    doe = replace(STRANGER, number="CN9", first="John", last="Doe", dob="1985-02-30", ssn4="0000", phone="")
    site.roster([*CLIENTS, doe])
    site.cycle()
    site.consents(consent(doe))
    folder(site, "jail2")
    john = replace(doe, dob="1900-01-01", ssn4="9999", street="", zip="")
    says(site, "jail2", row(john, "J1"), row(replace(AVELINE, dob="1984-02-30"), "J2"))
    report = site.cycle()
    assert (report.tally.events, report.refused) == (2, 0)
    assert all(r["booking"] != site.booking("J1") or r["verdict"] != "ALERT" for r in site.rows(tables.link))


def test_26_one_hub_two_zones_and_the_hour_that_comes_twice(site: Installation) -> None:
    places = {"EAST": {"zone": "America/New_York"}, "WEST": {"zone": "America/Los_Angeles"}}
    folder(site, "jail2", facilities=places, zone="America/New_York", scope={"max_age_hours": 100_000})
    local = {"booked_at": "2025-11-02T01:30:00"}
    says(
        site,
        "jail2",
        row(AVELINE, "J1", facility="EAST", **local),
        row(DEMETRIO, "J2", facility="WEST", **local),
        row(STRANGER, "J3", facility="WEST", booked_at="2026-03-08T02:30:00"),
    )
    site.cycle()
    moments = [stored(site, number).event.booked_at for number in ("J1", "J2", "J3")]
    assert [(m.at.isoformat(), m.quality.value) for m in moments if m] == [
        ("2025-11-02T05:30:00+00:00", "ambiguous"),
        ("2025-11-02T08:30:00+00:00", "ambiguous"),
        ("2026-03-08T10:30:00+00:00", "nonexistent-local"),
    ]


# --- order and age: 3, 11 to 16 ---


def test_03_one_booking_from_three_feeds_is_told_once(site: Installation) -> None:
    """The second knows less of the person, the third calls the jail by another name: neither changes anything."""
    for name in ("jail2", "jail3", "jail4"):
        folder(site, name)
    says(site, "jail2", row(AVELINE, "J1"))
    site.cycle()
    says(site, "jail3", row(replace(AVELINE, dob="", ssn4="", phone="", street=""), "J1"))
    says(site, "jail4", row(AVELINE, "J1", facility="MAIN"))
    site.cycle()
    says(site, "jail3", row(replace(AVELINE, dob="", ssn4="", phone="", street=""), "J1", charges="DUI|Driving"))
    site.cycle()
    assert (site.count(tables.booking), alerts(site)) == (1, ["arrest"])
    assert "transferred" not in kinds(site)
    assert [r["superseded_at"] for r in site.rows(tables.link)] == [None]


def test_a_feed_that_lags_withdraws_no_release(site: Installation) -> None:
    for name in ("jail2", "jail3"):
        folder(site, name, semantics={"blank_release": "withdrawn"})
    says(site, "jail2", row(AVELINE, "J1"))
    says(site, "jail2", row(AVELINE, "J1", release_at=OUT), name="b.csv")
    site.cycle()
    says(site, "jail3", row(AVELINE, "J1"))
    says(site, "jail3", row(AVELINE, "J1", charges="DUI|Driving"), name="b.csv")
    site.cycle()
    assert alerts(site) == ["arrest", "release"]
    assert stored(site, "J1").state == "released"


@pytest.mark.parametrize(
    ("declared", "said"), [("withdrawn", ["arrest", "release", "release_withdrawn"]), ("unsaid", ["arrest", "release"])]
)
def test_a_release_that_is_blank_again(site: Installation, declared: str, said: list[str]) -> None:
    """A, then B, then A again: the third row reads as the first did and is news all the same."""
    folder(site, "jail2", semantics={"blank_release": declared})
    rows = [row(AVELINE, "J1"), row(AVELINE, "J1", release_at=OUT), row(AVELINE, "J1")]
    for number, one in enumerate(rows):
        says(site, "jail2", one, name=f"{number}.csv")
        site.cycle()
    assert alerts(site) == said
    assert site.count(tables.booking_event) == 3
    for number, one in enumerate(rows[2:]):
        says(site, "jail2", one, name=f"again-{number}.csv")
    assert site.cycle().tally.events == 0


def test_a_discharge_that_is_cancelled_is_told(site: Installation) -> None:
    folder(site, "jail2")
    says(
        site, "jail2", row(AVELINE, "J1"), row(AVELINE, "J1", event="R", release_at=OUT), row(AVELINE, "J1", event="W")
    )
    site.cycle()
    assert alerts(site)[-1] == "release_withdrawn"


def test_a_window_that_overlaps_repeats_nothing(site: Installation) -> None:
    folder(site, "jail2", semantics={"blank_release": "withdrawn"})
    first, second = row(AVELINE, "J1"), row(AVELINE, "J1", release_at=OUT)
    says(site, "jail2", first, second)
    site.cycle()
    says(site, "jail2", first, second, row(DEMETRIO, "J2"), name="b.csv")
    report = site.cycle()
    assert (report.tally.events, report.tally.replayed) == (1, 2)
    assert alerts(site) == ["arrest", "release", "arrest"]


@given(st.lists(st.sampled_from("AB"), max_size=8), st.lists(st.sampled_from("AB"), min_size=1, max_size=8), st.data())
def test_wherever_it_was_killed_what_is_missing_is_taken_in_and_no_more(
    before: list[str], delivered: list[str], data: st.DataObject
) -> None:
    whole = before + delivered[overlap(before, delivered) :]
    done = data.draw(st.integers(len(before), len(whole)))
    killed = whole[:done]
    assert killed + delivered[overlap(killed, delivered) :] == whole


def test_11_away_longer_than_the_source_keeps_its_news(site: Installation) -> None:
    folder(site, "jail2", semantics={"window_minutes": 240})
    says(site, "jail2", row(AVELINE, "J1"))
    site.cycle()
    site.clock.forward(minutes=200)
    site.cycle()
    assert status(site.engine).healthy
    site.clock.forward(minutes=300)
    site.cycle()
    page = status(site.engine)
    assert {f.feed: f.state for f in page.feeds}["jail2"] == "degraded"
    assert not page.healthy
    site.cycle()
    assert not status(site.engine).healthy  # asking again does not bring back what was dropped
    feed_commands.fill_gap(site.engine, "jail2")
    assert status(site.engine).healthy


def test_12_no_news_is_not_no_arrests(site: Installation) -> None:
    folder(site, "jail2", semantics={"cadence_minutes": 60})
    says(site, "jail2", row(STRANGER, "J1"))
    site.cycle()
    for minutes, state in ((90, "ok"), (60, "late"), (120, "late")):
        site.clock.forward(minutes=minutes)
        site.cycle()
        assert {f.feed: f.state for f in status(site.engine).feeds}["jail2"] == state
    says(site, "jail2", row(STRANGER, "J2"), name="b.csv")
    site.cycle()
    assert status(site.engine).healthy


def test_13_a_release_that_arrives_before_its_booking(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1", booked_at="", release_at=OUT))
    first = site.cycle()
    assert (alerts(site), first.tally.not_news["no-booking-time"]) == ([], 1)
    says(site, "jail2", row(AVELINE, "J1"), name="b.csv")
    site.cycle()
    assert (alerts(site), stored(site, "J1").state) == (["release"], "released")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"release_at": "2026-10-01T06:00:00-04:00"}, "released-before-booked"),
        ({"booked_at": "2026-09-26T05:00:00-04:00"}, "too-old"),
        ({"booked_at": ""}, "no-booking-time"),
        ({"booked_at": "2036-10-06T05:00:00-04:00"}, "no-booking-time"),
    ],
    ids=["14-released-before-booked", "15-back-dated", "16-no-date", "16-future"],
)
def test_what_cannot_be_fresh_is_kept_and_told_to_nobody(site: Installation, said: dict[str, str], reason: str) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1", **said), row(DEMETRIO, "J2"))
    report = site.cycle()
    assert report.tally.not_news == {reason: 1}
    assert alerts(site) == ["arrest"]
    assert {r["booking"] for r in site.rows(tables.link)} == {site.booking("J1"), site.booking("J2")}
    assert [r["not_news"] for r in site.rows(tables.booking_event, booking=site.booking("J1"))] == [[reason]]
    assert reason in explain(site.engine, "J1", "COMMON").because


# --- numbers: 17, 18 ---


def test_17_a_number_used_by_another_jail_and_again_after_years(site: Installation) -> None:
    folder(site, "jail2", scope={"max_age_hours": 200_000})
    long_ago = {"booked_at": "2016-03-01T05:00:00-04:00"}
    says(
        site,
        "jail2",
        row(AVELINE, "J1", **long_ago, release_at="2016-03-04T05:00:00-04:00"),
        row(DEMETRIO, "J1", agency="NORTH"),
    )
    site.cycle()
    says(site, "jail2", row(CORISANDE, "J1"), name="b.csv")
    site.cycle()
    says(site, "jail2", row(CORISANDE, "J1", release_at=OUT), name="c.csv")
    site.cycle()
    assert site.count(tables.booking) == 3
    assert explain(site.engine, "J1", "COMMON").answer == "told"  # the latest stay of the number, not that of 2016
    told = sorted((r["recipient"], r["kind"]) for r in site.rows(tables.alert))
    assert told == [("A1", "arrest"), ("B2", "arrest"), ("B2", "release")]


def _settled(site: Installation, number: str, outcome: str) -> None:
    link = site.engine.locator.ref("link", site.booking(number), site.client(AVELINE))
    with site.engine.database.write() as conn:
        reviews.settle(conn, link, outcome, "S9", site.clock())


def test_18_what_was_said_of_a_person_number_survives_its_renumbering(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1", person_id="P1"))
    site.cycle()
    _settled(site, "J1", "refused")
    says(site, "jail2", row(AVELINE, "M1", event="M", person_id="P2", old_person_id="P1"), name="b.csv")
    site.cycle()
    says(site, "jail2", row(AVELINE, "J2", person_id="P2"), name="c.csv")
    site.cycle()
    assert [r["kind"] for r in site.rows(tables.alert)] == ["arrest"]
    says(site, "jail2", row(AVELINE, "J3", person_id="P3"), name="d.csv")
    site.cycle()
    assert len(site.rows(tables.alert)) == 2  # another number is another person, as far as anybody said
    assert kinds(site).count("merged") == 1


def test_18_a_merge_that_is_taken_back_is_forgotten(site: Installation) -> None:
    folder(site, "jail2")
    said = [row(AVELINE, "J1", person_id=number) for number in ("P1", "P2", "P1")]
    says(site, "jail2", said[0])
    site.cycle()
    _settled(site, "J1", "refused")
    says(site, "jail2", row(AVELINE, "M1", event="M", person_id="P2", old_person_id="P1"), said[1], name="b.csv")
    site.cycle()
    says(site, "jail2", said[2], name="c.csv")
    site.cycle()
    says(site, "jail2", row(AVELINE, "J2", person_id="P2"), name="d.csv")
    site.cycle()
    assert [r["state"] for r in site.rows(tables.alert, link=_link(site, "J2"))] == ["delivered"]


def _link(site: Installation, number: str) -> str:
    return site.engine.locator.ref("link", site.booking(number), site.client(AVELINE))


# --- corrections: 19, 20, 21 ---


def test_19_the_true_name_comes_with_the_fingerprints(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(replace(STRANGER, first="Alias"), "J1", person_id="P1"))
    site.cycle()
    assert alerts(site) == []
    says(site, "jail2", row(AVELINE, "J1", person_id="P1", sid="OH1"), name="b.csv")
    site.cycle()
    assert (alerts(site), kinds(site)[-1]) == (["arrest"], "identity_changed")


def test_19_a_correction_that_is_corrected_back_is_told_anew(site: Installation) -> None:
    """Told, taken back, and true after all: the last word must not be that it was somebody else."""
    folder(site, "jail2")
    said = []
    for number, person in enumerate((AVELINE, STRANGER, AVELINE, STRANGER, AVELINE)):
        says(site, "jail2", row(person, "J1"), name=f"{number}.csv")
        site.cycle()
        said.append(sorted(r["kind"] for r in site.rows(tables.alert) if r["state"] == "delivered"))
    assert said == [
        ["arrest"], ["retraction"], ["arrest", "retraction"], ["retraction", "retraction"], ["arrest", "retraction", "retraction"],
    ]  # fmt: skip
    says(site, "jail2", row(AVELINE, "J1", release_at="2026-10-06T06:05:00-04:00"), name="out.csv")
    site.cycle()
    assert alerts(site)[-1] == "release"


def test_20_a_booking_in_error(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1"))
    site.cycle()
    site.clock.forward(minutes=5)
    says(site, "jail2", row(AVELINE, "J1", event="C"), name="b.csv")
    site.cycle()
    assert alerts(site) == ["retraction"]
    assert {r["sealed"] for r in site.rows(tables.booking_source)} == {None}


def test_21_sealed_after_nine_days_and_never_seen_again(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1", person_id="P1"))
    site.cycle()
    site.clock.forward(days=9)
    says(site, "jail2", row(STRANGER, "J1", event="S", first_name="", last_name=""), name="b.csv")
    site.cycle()
    folder(site, "jail3")
    says(site, "jail3", row(AVELINE, "J1", person_id="P1"))
    site.cycle()
    feed_commands.replay(site.engine, "jail2")
    assert [r["state"] for r in site.rows(tables.booking)] == ["sealed"]
    for table in (tables.booking, tables.booking_source):
        assert {r["sealed"] for r in site.rows(table)} == {None}
    assert site.count(tables.booking_person) == 0
    assert alerts(site) == ["retraction"]


# --- who is no news: 22, 23, 24; moves: 25 ---


@pytest.mark.parametrize(
    "said",
    [{"dob": "2009-06-01"}, {"court": "JUV"}, {"holds": "WORK;USM"}, {"custody": "W"}],
    ids=["22-juvenile", "22-juvenile-court", "23-federal-hold", "24-weekender"],
)
def test_whose_stay_is_no_news(site: Installation, said: dict[str, str]) -> None:
    person = replace(AVELINE, number="CN8", dob=said.get("dob", AVELINE.dob), ssn4="5577")
    site.roster([*CLIENTS, person])
    site.cycle()
    site.consents(consent(person))
    folder(site, "jail2", scope={"excluded_holds": ["USM"]})
    says(site, "jail2", row(person, "J1", **said))
    site.cycle()
    says(site, "jail2", row(person, "J1", **said, charges="DUI|Driving"), name="b.csv")
    site.cycle()
    says(site, "jail2", row(person, "J1", release_at=OUT), name="c.csv")
    site.cycle()
    assert alerts(site) == []
    assert site.count(tables.link) >= 1  # recorded, never told


def test_22_who_turns_eighteen_in_custody_was_a_juvenile_when_booked(site: Installation) -> None:
    person = replace(AVELINE, number="CN8", dob="2008-10-07")
    site.roster([*CLIENTS, person])
    site.cycle()
    site.consents(consent(person))
    folder(site, "jail2")
    says(site, "jail2", row(person, "J1"))
    site.cycle()
    site.clock.forward(days=2)
    says(site, "jail2", row(person, "J1", charges="DUI|Driving"), name="b.csv")
    site.cycle()
    assert alerts(site) == []


def test_24_weekends_in_and_out_are_one_stay(site: Installation) -> None:
    folder(site, "jail2", scope={"weekenders": True}, semantics={"blank_release": "withdrawn"})
    for week in range(3):
        says(site, "jail2", row(AVELINE, "J1", custody="W"), name=f"{week}-in.csv")
        site.cycle()
        says(
            site,
            "jail2",
            row(AVELINE, "J1", custody="W", release_at=f"2026-10-06T0{week + 6}:00:00-04:00"),
            name=f"{week}-out.csv",
        )
        site.cycle()
    assert alerts(site) == ["arrest", "release"]


def test_25_moved_to_another_jail_to_hospital_and_back(site: Installation) -> None:
    folder(site, "jail2")
    for number, said in enumerate(
        ({"facility": "MAIN"}, {"facility": "ANNEX"}, {"facility": "MERCY", "custody": "H"}, {"facility": "MAIN"})
    ):
        says(site, "jail2", row(AVELINE, "J1", **said), name=f"{number}.csv")
        site.cycle()
    assert alerts(site) == ["arrest", "transfer", "transfer", "transfer"]
    assert kinds(site) == ["booked", "transferred", "transferred", "transferred"]


def test_a_transfer_alone_is_no_arrest(site: Installation) -> None:
    folder(site, "jail2", scope={"max_age_hours": 1})
    says(site, "jail2", row(AVELINE, "J1", facility="MAIN"))
    site.clock.forward(hours=5)
    site.cycle()
    says(site, "jail2", row(AVELINE, "J1", facility="ANNEX"), name="b.csv")
    site.cycle()
    assert alerts(site) == []


def test_a_hearing_is_told_to_who_heard_of_the_booking(site: Installation) -> None:
    folder(site, "jail2")
    says(site, "jail2", row(AVELINE, "J1"))
    site.cycle()
    says(site, "jail2", row(AVELINE, "J1", court_at="2026-10-07T13:30:00-04:00"), name="b.csv")
    site.cycle()
    assert alerts(site) == ["arrest", "court_date"]


# --- rosters: 27, 31, 32 ---


def test_27_a_roster_that_lost_too_many_changes_nothing(site: Installation) -> None:
    settings = site.engine.settings
    strict = tuple(f.model_copy(update={"max_shrink": 0.3}) for f in settings.feeds)
    site.engine = replace(site.engine, settings=settings.model_copy(update={"feeds": strict}))
    site.roster([AVELINE], "shrunk.csv")
    assert "3 of 4 clients are missing" in fault(site, "roster")
    site.bookings(CORISANDE.booked("J1"))
    assert site.cycle().tally.alerts == 1
    with site.engine.database.read() as conn:
        latest = stored_feeds.deliveries(conn, "roster")[-1].ref
    feed_commands.replay(site.engine, "roster", latest, believe=True)
    assert len([r for r in site.rows(tables.client) if r["retired_at"] is None]) == 1


def test_27_one_person_under_two_numbers_is_reported_and_taken_in(site: Installation) -> None:
    site.roster([*CLIENTS, replace(AVELINE, number="CN7", clinician="B2")])
    report = site.cycle()
    assert report.rosters["roster"].twice == 1
    (waiting,) = site.rows(tables.quarantine)
    assert (waiting["code"], waiting["line"], "line 6" in waiting["reason"]) == ("person-twice", 2, True)
    assert site.count(tables.client) == 5


def test_an_older_roster_is_not_read_again(site: Installation) -> None:
    with site.engine.database.read() as conn:
        first = stored_feeds.deliveries(conn, "roster")[-1].ref
    site.roster([*CLIENTS, replace(STRANGER, number="CN9")])
    site.cycle()
    with pytest.raises(Refuse, match="newer roster"):
        feed_commands.replay(site.engine, "roster", first)


def test_31_a_client_who_is_added_while_in_jail_is_told_of_once(site: Installation) -> None:
    newcomer = replace(STRANGER, number="CN9", clinician="B2")
    site.bookings(STRANGER.booked("J1"))
    site.bookings(replace(STRANGER, first="Seraphine", ssn4="1").booked("J2"), name="b.csv")
    assert site.cycle().tally.alerts == 0
    site.roster([*CLIENTS, newcomer])
    site.cycle()
    assert alerts(site) == []  # no consent yet
    site.consents(consent(newcomer))
    site.cycle()
    assert alerts(site) == ["already_in_custody"]
    site.roster([*CLIENTS, replace(newcomer, phone="5550001111")])
    site.cycle()
    site.cycle()
    assert alerts(site) == ["already_in_custody"]


def test_31_a_caseload_that_is_loaded_for_the_first_time_is_no_storm(site: Installation) -> None:
    site.bookings(STRANGER.booked("J1"))
    site.cycle()
    (site.home / "feeds" / "other").mkdir()
    transport = {"type": "folder", "path": "feeds/other", "pattern": "*.csv", "settle_seconds": 0}
    described = (files("connectors") / "mappings" / "common_roster.yaml").read_text("utf-8")
    describe(site, "other", transport, described, kind="roster", org="other-bh")
    site.drop("other", ROSTER_COLUMNS, [replace(STRANGER, number="X1").roster_row()], "r.csv")
    report = site.cycle()
    assert (report.looked_back, site.count(tables.link)) == (0, 0)


def test_31_not_told_of_a_stay_that_is_over_or_too_old_or_no_news(site: Installation) -> None:
    folder(site, "jail2", scope={"excluded_holds": ["USM"], "max_stay_days": 30, "max_age_hours": 1})
    says(
        site,
        "jail2",
        row(STRANGER, "J1", release_at=OUT),
        row(STRANGER, "J2", booked_at="2026-06-01T05:00:00-04:00"),
        row(STRANGER, "J3", holds="USM"),
    )
    site.cycle()
    newcomer = replace(STRANGER, number="CN9")
    site.roster([*CLIENTS, newcomer])
    site.cycle()
    site.consents(consent(newcomer))
    site.cycle()
    assert alerts(site) == []


def test_32_a_name_that_is_corrected_on_the_roster_finds_who_is_in_jail(site: Installation) -> None:
    wrong = replace(
        STRANGER,
        number="CN9",
        first="Zenobia",
        last="Karrigan",
        ssn4="7777",
        dob="1951-01-01",
        phone="",
        street="1 Elm",
    )
    site.roster([*CLIENTS, wrong])
    site.cycle()
    site.consents(consent(wrong))
    site.bookings(STRANGER.booked("J1"))
    site.cycle()
    assert alerts(site) == []
    site.roster([*CLIENTS, replace(STRANGER, number="CN9")])
    site.cycle()
    assert alerts(site) == ["already_in_custody"]


# --- who was there before we looked ---


ALIAS = replace(STRANGER, first="Alias", last="Nobody", dob="1971-02-02", ssn4="1", phone="", street="")


def _baseline(site: Installation, **said: str) -> None:
    """A jail whose first load lists a client under an alias."""
    folder(site, "jail2", first_load="baseline")
    says(site, "jail2", row(ALIAS, "J1", **said), row(STRANGER, "J2"))
    assert site.cycle().tally.alerts == 0


@pytest.mark.parametrize("began", ["2026-10-06T05:00:00-04:00", "2026-09-20T05:00:00-04:00"], ids=["fresh", "old"])
def test_a_corrected_identity_is_news_though_the_stay_is_not(site: Installation, began: str) -> None:
    """She was in jail when the feed was connected, under another name: to be told of once, as in custody."""
    _baseline(site, booked_at=began)
    says(site, "jail2", row(AVELINE, "J1", booked_at=began), name="b.csv")
    site.cycle()
    assert (alerts(site), kinds(site)[-1]) == (["already_in_custody"], "identity_changed")
    says(site, "jail2", row(AVELINE, "J1", booked_at=began, charges="DUI|Driving"), name="c.csv")
    site.cycle()
    assert alerts(site) == ["already_in_custody"]
    says(site, "jail2", row(AVELINE, "J1", booked_at=began, release_at="2026-10-06T06:02:00-04:00"), name="d.csv")
    site.cycle()
    assert alerts(site) == ["already_in_custody", "release"]


def test_who_was_linked_at_the_baseline_hears_nothing_of_a_correction_or_the_end(site: Installation) -> None:
    folder(site, "jail2", first_load="baseline")
    says(site, "jail2", row(AVELINE, "J1"))
    site.cycle()
    says(site, "jail2", row(AVELINE, "J1", middle_name="Q"), name="b.csv")
    site.cycle()
    says(site, "jail2", row(AVELINE, "J1", middle_name="Q", release_at=OUT), name="c.csv")
    site.cycle()
    assert (alerts(site), kinds(site)) == ([], ["booked", "identity_changed", "released"])


@pytest.mark.parametrize(
    "said",
    [{"release_at": "2026-10-06T06:02:00-04:00"}, {"court": "JUV"}, {"booked_at": ""}, {"booked_at": "2024-01-01"}],
    ids=["over", "juvenile-court", "no-date", "longer-than-a-stay-goes-on"],
)
def test_a_corrected_identity_is_no_news_of_a_stay_that_is_over_or_nobodys_business(
    site: Installation, said: dict[str, str]
) -> None:
    _baseline(site, booked_at=said.get("booked_at", "2026-10-06T05:00:00-04:00"))
    says(site, "jail2", row(AVELINE, "J1", **said), name="b.csv")
    site.cycle()
    assert alerts(site) == []
    assert [r["client"] for r in site.rows(tables.link) if r["verdict"] == "ALERT"] == [site.client(AVELINE)]


def test_a_true_name_that_comes_after_a_week_is_still_news(site: Installation) -> None:
    """No baseline, only late: the booking is too old for an arrest, and she is still there."""
    folder(site, "jail2")
    says(site, "jail2", row(ALIAS, "J1"))
    site.cycle()
    site.clock.forward(days=7)
    says(site, "jail2", row(AVELINE, "J1"), name="b.csv")
    site.cycle()
    assert alerts(site) == ["already_in_custody"]


def test_who_was_told_of_a_stay_from_the_baseline_hears_of_its_end(site: Installation) -> None:
    newcomer = replace(STRANGER, number="CN9")
    folder(site, "jail2", first_load="baseline")
    says(site, "jail2", row(STRANGER, "J1"))
    site.cycle()
    site.roster([*CLIENTS, newcomer])
    site.cycle()
    site.consents(consent(newcomer))
    site.cycle()
    says(site, "jail2", row(STRANGER, "J1", release_at="2026-10-06T06:03:00-04:00"), name="b.csv")
    site.cycle()
    assert alerts(site) == ["already_in_custody", "release"]
