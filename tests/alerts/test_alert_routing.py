"""Does every alert find someone, the right one, and does what is open move with the caseload?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import NoRecipient
from alerts.routing import Role, Rung, hand_overs, ladder
from records import (
    Absence,
    AlertRef,
    Assignment,
    ClientId,
    Enrolment,
    OrgId,
    Personal,
    ProgramId,
    RosterEntry,
    StaffId,
    StaffMember,
)

NOW = datetime(2026, 3, 10, 13, tzinfo=UTC)
DAY = timedelta(days=1)
ORG, MH = OrgId("org"), ProgramId("mh")
NAMES = ("lee", "ortiz", "boss", "night")
LEE, ORTIZ, BOSS, NIGHT = (StaffId(name) for name in NAMES)


def member(name: StaffId, **more: object) -> StaffMember:
    return replace(StaffMember(name, ORG, name, verified=True), **more)  # type: ignore[arg-type]  # fields by name


def away(cover: StaffId | None, *, days: int = 5) -> tuple[Absence, ...]:
    return (Absence(NOW - DAY, NOW + days * DAY, cover),)


def staff(*members: StaffMember) -> dict[StaffId, StaffMember]:
    everyone = {name: member(name) for name in (LEE, ORTIZ, BOSS, NIGHT)}
    return everyone | {m.staff: m for m in members}


def client(*assignments: Assignment, supervisor: StaffId | None = BOSS) -> RosterEntry:
    return RosterEntry(
        ORG,
        ClientId("c"),
        (),
        Personal("x"),
        enrolments=(Enrolment(MH),),
        assignments=assignments or (Assignment(LEE, MH),),
        supervisor=supervisor,
    )


def test_the_assigned_clinician_first_then_supervisor_then_on_call() -> None:
    assert ladder(client(), staff(), NOW, on_call=NIGHT) == (
        Rung(LEE, Role.ASSIGNED),
        Rung(BOSS, Role.SUPERVISOR),
        Rung(NIGHT, Role.ON_CALL),
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param([member(LEE, absences=away(ORTIZ))], Rung(ORTIZ, Role.COVER), id="away with cover"),
        pytest.param([member(LEE, absences=away(None))], Rung(BOSS, Role.SUPERVISOR), id="away without cover"),
        pytest.param(
            [member(LEE, absences=away(ORTIZ)), member(ORTIZ, absences=away(NIGHT))],
            Rung(NIGHT, Role.COVER),
            id="the cover is away too",
        ),
        pytest.param(
            [member(LEE, absences=away(ORTIZ)), member(ORTIZ, absences=away(LEE))],
            Rung(BOSS, Role.SUPERVISOR),
            id="two cover each other and both are away",
        ),
        pytest.param([member(LEE, active=False)], Rung(BOSS, Role.SUPERVISOR), id="left"),
        pytest.param([member(LEE, verified=False)], Rung(BOSS, Role.SUPERVISOR), id="not verified"),
        pytest.param(
            [member(LEE, absences=away(ORTIZ)), member(ORTIZ, active=False)],
            Rung(BOSS, Role.SUPERVISOR),
            id="the cover left",
        ),
        pytest.param(
            [member(LEE, absences=away(StaffId("unknown")))], Rung(BOSS, Role.SUPERVISOR), id="the cover is unknown"
        ),
    ],
)
def test_who_stands_in(changed: list[StaffMember], expected: Rung) -> None:
    assert ladder(client(), staff(*changed), NOW)[0] == expected


def test_an_absence_ends_at_its_end() -> None:
    directory = staff(member(LEE, absences=away(ORTIZ, days=5)))
    assert ladder(client(), directory, NOW + 5 * DAY)[0].staff == LEE
    assert ladder(client(), directory, NOW + 5 * DAY - timedelta(seconds=1))[0].staff == ORTIZ


def test_a_reassignment_takes_effect_at_its_instant() -> None:
    moved = client(Assignment(LEE, MH, ends=NOW), Assignment(ORTIZ, MH, starts=NOW))
    assert ladder(moved, staff(), NOW - timedelta(seconds=1))[0].staff == LEE
    assert ladder(moved, staff(), NOW)[0].staff == ORTIZ


def test_of_several_assigned_the_primary_and_latest_is_the_recipient() -> None:
    shared = client(
        Assignment(NIGHT, MH, role="covering"),
        Assignment(LEE, MH, starts=NOW - 9 * DAY),
        Assignment(ORTIZ, MH, starts=NOW - DAY),
    )
    assert [rung.staff for rung in ladder(shared, staff(), NOW)] == [ORTIZ, LEE, NIGHT, BOSS]


def test_without_a_supervisor_of_their_own_the_programmes_supervisor_steps_in() -> None:
    directory = staff(member(LEE, active=False), member(ORTIZ, supervises=(MH,)))
    assert ladder(client(supervisor=None), directory, NOW) == (Rung(ORTIZ, Role.SUPERVISOR),)


def test_nobody_is_an_error_not_silence() -> None:
    gone = staff(*(member(name, active=False) for name in (LEE, ORTIZ, BOSS, NIGHT)))
    with pytest.raises(NoRecipient):
        ladder(client(), gone, NOW, on_call=NIGHT)


ABSENCES = st.lists(
    st.tuples(st.sampled_from([LEE, ORTIZ, BOSS, NIGHT]), st.sampled_from([LEE, ORTIZ, BOSS, NIGHT, None]))
)


@given(absences=ABSENCES, inactive=st.sets(st.sampled_from([LEE, ORTIZ, BOSS, NIGHT])))
def test_nobody_away_or_gone_is_ever_on_the_ladder(
    absences: list[tuple[StaffId, StaffId | None]], inactive: set[StaffId]
) -> None:
    leave = dict(absences)
    directory = {
        name: member(name, active=name not in inactive, absences=away(leave[name]) if name in leave else ())
        for name in (LEE, ORTIZ, BOSS, NIGHT)
    }
    try:
        rungs = ladder(client(), directory, NOW, on_call=NIGHT)
    except NoRecipient:
        return
    standing = [rung.staff for rung in rungs]
    assert len(standing) == len(set(standing))
    assert not set(standing) & (inactive | leave.keys())


def test_open_alerts_move_only_from_those_who_no_longer_answer() -> None:
    moved = ladder(client(Assignment(ORTIZ, MH)), staff(), NOW)
    alerts = {AlertRef("a"): LEE, AlertRef("b"): ORTIZ, AlertRef("c"): BOSS}
    (over,) = hand_overs(alerts, moved)
    assert (over.alert, over.former, over.now) == ("a", LEE, ORTIZ)
