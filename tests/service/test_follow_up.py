"""After an alert is out: who has it when people leave, fall silent, disagree, or when the client is discharged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from alerts.followup import Disposed, Disposition, Verdict
from audit.leaves import Kind
from records import Absence, AlertRef, OrgId, ProgramId, QuietHours, Shift, StaffId, StaffMember
from service import reading, registry
from service.desks import inbox as desk
from service.reading import NotAvailable
from store import tables
from tests.service.installation import AVELINE, BARNABY, CLIENTS, ORG, STAFF, START, Installation, Person, revoked

LATER = START + timedelta(days=30)
ON_CALL = StaffMember(
    StaffId("O7"), OrgId(ORG), "Okafor, T.", email="o7@river.example.org", verified=True, role="on call",
    programs=(ProgramId("OP-MH"), ProgramId("SUD-OP")), on_call=(Shift(START, LATER),),
)  # fmt: skip


def staffed(site: Installation, *changed: StaffMember) -> None:
    """The directory with these entries instead of the usual ones."""
    members = {m.staff: m for m in (*STAFF, ON_CALL)} | {m.staff: m for m in changed}
    registry.import_staff(site.engine, tuple(members.values()))
    if ON_CALL.staff not in site.private:
        from alerts.keys import PrivateKey

        path = site.home / "clinicians" / "O7.jwk"
        registry.enrol(site.engine, ON_CALL.staff, registry.generate_key(path))
        site.private[ON_CALL.staff] = PrivateKey.load(path)


def member(name: str) -> StaffMember:
    return next(m for m in (*STAFF, ON_CALL) if m.staff == name)


def away(name: str, cover: str | None, until: datetime = LATER) -> StaffMember:
    absence = Absence(START - timedelta(days=1), until, StaffId(cover) if cover else None)
    return replace(member(name), absences=(absence,))


def told(site: Installation) -> dict[str, list[tuple[str, str]]]:
    """Kind and state of each alert, by recipient, in the order in which they came about."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in sorted(site.rows(tables.alert), key=lambda r: (r["created_at"], r["ref"])):
        found.setdefault(row["recipient"], []).append((row["kind"], row["state"]))
    return found


def ref_of(site: Installation, recipient: str, kind: str = "arrest") -> AlertRef:
    (row,) = [r for r in site.rows(tables.alert, recipient=recipient, kind=kind) if r["state"] != "withdrawn"]
    return AlertRef(row["ref"])


def booked(site: Installation, person: Person = AVELINE, number: str = "J1") -> None:
    site.bookings(person.booked(number), name=f"{number}.csv")
    site.cycle()


def reassigned(site: Installation, clinician: str, *, name: str) -> None:
    site.roster([replace(AVELINE, clinician=clinician), *CLIENTS[1:]], name)
    site.cycle()


def readable(site: Installation, ref: AlertRef, by: str) -> bool:
    try:
        return bool(reading.open_alert(site.engine, ref, site.private[by]).headline)
    except NotAvailable:
        return False


# --- 28: reassigned with an open alert ---


def test_an_open_alert_goes_over_and_the_former_clinician_loses_it(site: Installation) -> None:
    booked(site)
    old = ref_of(site, "A1")
    assert readable(site, old, "A1")
    reassigned(site, "B2", name="two.csv")
    assert told(site) == {"A1": [("arrest", "withdrawn")], "B2": [("hand_over", "delivered")]}
    assert not readable(site, old, "A1")
    (item,) = site.rows(tables.inbox_item, alert=old)
    assert (item["jwe"], item["backup_jwe"]) == (None, None)
    assert readable(site, ref_of(site, "B2", "hand_over"), "B2")
    assert len(site.leaves(Kind.DISCLOSURE)) == 2
    assert site.verified().good
    before = told(site)
    site.cycle()
    assert told(site) == before


def test_given_back_it_is_told_again(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked(site)
    for number, clinician in enumerate(("B2", "A1", "B2")):
        reassigned(site, clinician, name=f"change-{number}.csv")
    states = {who: [state for _, state in rows] for who, rows in told(site).items()}
    assert states == {"A1": ["withdrawn", "withdrawn"], "B2": ["withdrawn", "delivered"]}


def test_a_successor_without_consent_learns_nothing_and_the_former_still_loses_it(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked(site)
    site.consents(revoked(AVELINE, site.clock()))
    site.clock.forward(minutes=1)
    reassigned(site, "B2", name="two.csv")
    assert told(site) == {"A1": [("arrest", "withdrawn")]}
    assert "B2" not in {row["recipient"] for row in site.rows(tables.inbox_item)}


def test_who_lost_an_alert_still_hears_that_it_does_not_stand(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked(site)
    reassigned(site, "B2", name="two.csv")
    site.bookings(AVELINE.booked("J1", "S"), name="sealed.csv")
    site.cycle()
    retracted = {row["recipient"]: row["state"] for row in site.rows(tables.alert, kind="retraction")}
    assert retracted == {"A1": "delivered", "B2": "delivered"}


# --- 29: discharged with an open alert ---


def test_a_discharge_closes_the_thread(site: Installation) -> None:
    staffed(site)
    booked(site)
    alert = ref_of(site, "A1")
    site.roster(CLIENTS[1:], "without-aveline.csv")
    site.cycle()
    assert told(site) == {"A1": [("arrest", "closed")]}
    assert not readable(site, alert, "A1")
    site.clock.forward(hours=20)
    site.cycle()
    assert told(site) == {"A1": [("arrest", "closed")]}


# --- 30: absent, cover absent too, deactivated ---


def test_the_cover_is_told_while_the_clinician_is_away(site: Installation) -> None:
    staffed(site, away("A1", "B2"))
    booked(site, BARNABY)  # of a Part 2 programme, to which both belong
    assert told(site) == {"B2": [("arrest", "delivered")]}
    assert readable(site, ref_of(site, "B2"), "B2")


def test_a_cover_outside_the_part_2_programme_is_not_told(sqlite_site: Installation) -> None:
    site = sqlite_site
    outsider = replace(member("B2"), programs=(ProgramId("OP-MH"),))
    staffed(site, away("A1", "B2"), outsider)
    booked(site, BARNABY)
    assert "B2" not in told(site)


def test_where_the_cover_is_away_too_the_supervisor_is_told(sqlite_site: Installation) -> None:
    site = sqlite_site
    staffed(site, away("A1", "B2"), away("B2", "A1"))
    booked(site)
    assert told(site) == {"S9": [("arrest", "delivered")]}
    assert readable(site, ref_of(site, "S9"), "S9")


def test_where_the_clinician_left_the_supervisor_is_told(sqlite_site: Installation) -> None:
    site = sqlite_site
    staffed(site, replace(member("A1"), active=False))
    booked(site)
    assert told(site) == {"S9": [("arrest", "delivered")]}


def test_who_goes_on_leave_keeps_what_is_open_and_the_cover_has_it_too(sqlite_site: Installation) -> None:
    site = sqlite_site
    booked(site)
    staffed(site, away("A1", "B2", until=site.clock() + timedelta(days=3)))
    for _ in range(3):
        site.cycle()
    assert told(site) == {"A1": [("arrest", "delivered")], "B2": [("hand_over", "delivered")]}
    assert readable(site, ref_of(site, "A1"), "A1")
    assert readable(site, ref_of(site, "B2", "hand_over"), "B2")
    site.clock.forward(days=4)
    site.cycle()
    assert told(site)["B2"] == [("hand_over", "withdrawn")]


# --- 41: the ladder ---


def test_an_unanswered_alert_climbs(site: Installation) -> None:
    staffed(site)
    booked(site)
    steps: list[set[str]] = []
    for _ in range(10):
        site.clock.forward(hours=1)
        site.cycle()
        steps.append(set(told(site)))
    assert (steps[1], steps[4], steps[9]) == ({"A1"}, {"A1", "S9"}, {"A1", "O7", "S9"})
    assert readable(site, ref_of(site, "S9", "hand_over"), "S9")
    assert [row["role"] for row in site.rows(tables.climb)] == ["assigned", "supervisor", "on_call"]
    assert {row["staff"] for row in site.rows(tables.duty)} == {"S9", "O7"}


def test_whoever_stepped_in_stands_down_when_the_stay_is_over(site: Installation) -> None:
    """Covering does not outlive its thread: of the next booking the supervisor hears only if again nobody answers."""
    staffed(site)
    booked(site)
    site.clock.forward(hours=5)
    site.cycle()
    assert set(told(site)) == {"A1", "S9"}
    site.bookings(AVELINE.booked("J1", "R", release_at=site.clock().isoformat()), name="out.csv")
    site.clock.forward(minutes=5)
    site.cycle()
    assert [row["until"] for row in site.rows(tables.duty)] == [None]  # the days after a release are hers to watch, too
    for _ in range(2):
        site.clock.forward(days=7)
        site.cycle()
    assert all(row["until"] is not None for row in site.rows(tables.duty))
    before = len(site.rows(tables.alert, recipient="S9"))
    site.bookings(AVELINE.booked("J2", booked_at=site.clock().isoformat()), name="again.csv")
    site.clock.forward(minutes=5)
    site.cycle()
    assert site.alert_of("J2", AVELINE)["recipient"] == "A1"
    assert len(site.rows(tables.alert, recipient="S9")) == before


def test_whoever_stepped_in_stands_down_when_nothing_is_open_any_more(sqlite_site: Installation) -> None:
    site = sqlite_site
    staffed(site)
    booked(site)
    site.clock.forward(hours=5)
    site.cycle()
    for who, kind in (("A1", "arrest"), ("S9", "hand_over")):
        ref = ref_of(site, who, kind)
        desk.answer(site.engine, ref, StaffId(who), Verdict.IS_MY_CLIENT)
        desk.report(site.engine, ref, StaffId(who), Disposed(site.clock(), Disposition.CLOSED))
    site.cycle()
    assert {state for rows in told(site).values() for _, state in rows} == {"closed"}
    assert [row["until"] is None for row in site.rows(tables.duty)] == [False]


def test_whoever_takes_it_on_stops_the_ladder(sqlite_site: Installation) -> None:
    site = sqlite_site
    staffed(site)
    booked(site)
    site.clock.forward(hours=5)
    site.cycle()
    supervisors = ref_of(site, "S9", "hand_over")
    assert desk.answer(site.engine, supervisors, StaffId("S9"), Verdict.IS_MY_CLIENT) is None
    assert desk.answer(site.engine, ref_of(site, "A1"), StaffId("A1"), Verdict.IS_MY_CLIENT) == "S9"
    site.clock.forward(days=2)
    site.cycle()
    assert set(told(site)) == {"A1", "S9"}


def test_after_a_stand_still_only_the_highest_step_is_taken(sqlite_site: Installation) -> None:
    site = sqlite_site
    staffed(site)
    booked(site)
    site.clock.forward(days=3)
    site.cycle()
    assert set(told(site)) == {"A1", "O7"}
    assert [row["step"] for row in site.rows(tables.climb)] == [3]


def test_nobody_higher_up_is_told_what_consent_forbids(sqlite_site: Installation) -> None:
    site = sqlite_site
    staffed(site)
    booked(site)
    site.consents(revoked(AVELINE, site.clock()))
    site.clock.forward(hours=12)
    site.cycle()
    assert set(told(site)) == {"A1"}
    assert site.rows(tables.duty) == []


@pytest.mark.parametrize(
    ("booked_at", "reminded_at"),
    [
        pytest.param(datetime(2026, 10, 31, 2, tzinfo=UTC), datetime(2026, 10, 31, 12, tzinfo=UTC), id="summer time"),
        pytest.param(datetime(2026, 11, 1, 2, tzinfo=UTC), datetime(2026, 11, 1, 13, tzinfo=UTC), id="clocks go back"),
    ],
)
def test_the_clock_of_the_ladder_starts_after_the_night(
    sqlite_site: Installation, booked_at: datetime, reminded_at: datetime
) -> None:
    """Quiet from 20:00 to 07:00 in New York: the reminder of one hour comes at 8:00 on that wall."""
    site = sqlite_site
    site.clock.at = booked_at
    quiet = QuietHours(time(20), time(7), "America/New_York")
    staffed(site, *(replace(member(name), quiet_hours=quiet) for name in ("A1", "S9")))
    site.bookings(AVELINE.booked("J1", booked_at=booked_at.isoformat()))
    site.cycle()
    site.clock.at = reminded_at - timedelta(minutes=2)
    site.cycle()
    assert site.rows(tables.climb) == []
    site.clock.at = reminded_at + timedelta(minutes=2)
    site.cycle()
    assert [row["role"] for row in site.rows(tables.climb)] == ["assigned"]
    assert set(told(site)) == {"A1"}


# --- answers ---


def test_cannot_act_turns_to_the_supervisor_at_once(site: Installation) -> None:
    booked(site)
    desk.answer(site.engine, ref_of(site, "A1"), StaffId("A1"), Verdict.CANNOT_ACT)
    site.cycle()
    assert told(site)["S9"] == [("hand_over", "delivered")]
    assert readable(site, ref_of(site, "S9", "hand_over"), "S9")


def test_not_on_my_caseload_finds_who_answers_and_stops_repeats(site: Installation) -> None:
    booked(site)
    desk.answer(site.engine, ref_of(site, "A1"), StaffId("A1"), Verdict.NOT_ON_MY_CASELOAD)
    site.cycle()
    assert told(site)["S9"] == [("hand_over", "delivered")]
    booked(site, number="J2")
    assert [row for row in site.rows(tables.alert, recipient="A1") if row["kind"] == "arrest"][1:] == []
    assert told(site)["S9"][1:] == [("arrest", "delivered")]
    reassigned(site, "B2", name="two.csv")
    booked(site, number="J3")
    assert ("arrest", "delivered") in told(site)["B2"]


def test_the_wrong_person_is_taken_back_from_everyone_and_never_alerts_again(site: Installation) -> None:
    staffed(site)
    booked(site)
    site.clock.forward(hours=5)
    site.cycle()
    desk.answer(site.engine, ref_of(site, "A1"), StaffId("A1"), Verdict.NOT_MY_CLIENT)
    site.cycle()
    assert told(site)["A1"] == [("arrest", "closed")]
    assert told(site)["S9"] == [("hand_over", "withdrawn"), ("retraction", "delivered")]
    site.bookings(AVELINE.booked("J1", "R", release_at="2026-10-06T12:00:00-04:00"), name="out.csv")
    site.cycle()
    assert {kind for rows in told(site).values() for kind, _ in rows} == {"arrest", "hand_over", "retraction"}
