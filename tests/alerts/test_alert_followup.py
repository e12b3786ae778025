"""Do answers and reports do what they say, once, for the right person, and can an alert be taken back?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from alerts.answers import Note, answer, close_thread, opened, report, take_back, taken_on_by
from alerts.channels import Parcel
from alerts.channels.inbox import Inbox, contents
from alerts.content import AlertKind
from alerts.errors import AlertNotOpen, LeaseLost, NotTheRecipient, OutcomeRefused
from alerts.followup import (
    ANSWERABLE,
    AlertState,
    Appointment,
    Consequence,
    Contact,
    ContactMode,
    Disposed,
    Disposition,
    FirstContact,
    InfoItem,
    InfoSent,
    Outcome,
    Verdict,
    acknowledge,
    check_outcome,
    within,
)
from alerts.outbox import Delivered, claim, enqueue, settle
from records import AlertRef, StaffId, ThreadRef
from store import tables
from store.database import Database
from store.envelope import DataKey, Vault
from tests.alerts.conftest import NOW, PutAlert

LEE, BOSS = StaffId("s-lee"), StaffId("s-boss")
STAY = ThreadRef("stay")


@pytest.mark.parametrize("state", AlertState)
@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("kind", AlertKind)
def test_the_state_machine(kind: AlertKind, state: AlertState, verdict: Verdict) -> None:
    if state not in ANSWERABLE:
        with pytest.raises(AlertNotOpen, match=state.value):
            acknowledge(kind, state, verdict)
        return
    after = acknowledge(kind, state, verdict)
    assert after.state in {AlertState.OPENED, AlertState.ACKNOWLEDGED, AlertState.CLOSED}
    if kind is AlertKind.RETRACTION:
        assert not after.consequences
        return
    assert (Consequence.REFUSE_LINK in after.consequences) == (verdict is Verdict.NOT_MY_CLIENT)
    assert (Consequence.CONFIRM_LINK in after.consequences) == (verdict is Verdict.IS_MY_CLIENT)
    assert (Consequence.REROUTE in after.consequences) == (verdict is Verdict.NOT_ON_MY_CASELOAD)
    if verdict is Verdict.SEEN:
        assert after.state is (AlertState.ACKNOWLEDGED if state is AlertState.ACKNOWLEDGED else AlertState.OPENED)


def state_of(conn: Connection, ref: AlertRef) -> str:
    return str(conn.execute(select(tables.alert.c.state).where(tables.alert.c.ref == ref)).scalar_one())


@pytest.fixture
def lees(database: Database, put_alert: PutAlert) -> AlertRef:
    """Delivered to Lee; the supervisor has one of the same stay."""
    with database.write() as conn:
        put_alert(conn, "boss", "s-boss", STAY, "delivered")
        return put_alert(conn, "lee", "s-lee", STAY, "delivered")


def test_mine_is_kept_and_stops_the_ladder(database: Database, lees: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        assert taken_on_by(conn, STAY) is None
        opened(conn, lees, LEE, now=now)
        assert state_of(conn, lees) == "opened"
        taken = answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        assert taken.earlier is None
        assert Consequence.STOP_LADDER in taken.transition.consequences
        assert state_of(conn, lees) == "acknowledged"
        assert taken_on_by(conn, STAY) == LEE


def test_the_second_to_say_mine_is_told_of_the_first(database: Database, lees: AlertRef, now: datetime) -> None:
    bosss = AlertRef("boss".ljust(26, "x"))
    with database.write() as conn:
        answer(conn, bosss, BOSS, Verdict.IS_MY_CLIENT, via="console", now=now)
        assert answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now).earlier == BOSS


def test_a_colleagues_alert_and_no_alert_look_the_same(database: Database, lees: AlertRef, now: datetime) -> None:
    said = []
    for ref, by in ((lees, BOSS), (AlertRef("none"), LEE)):
        with pytest.raises(NotTheRecipient) as caught, database.write() as conn:
            answer(conn, ref, by, Verdict.IS_MY_CLIENT, via="console", now=now)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_mine_may_turn_into_not_mine_and_then_it_is_over(database: Database, lees: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        taken = answer(conn, lees, LEE, Verdict.NOT_MY_CLIENT, via="console", now=now)
        assert Consequence.REFUSE_LINK in taken.transition.consequences
        assert taken_on_by(conn, STAY) is None
        with pytest.raises(AlertNotOpen):
            answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        assert conn.execute(select(func.count()).select_from(tables.acknowledgement)).scalar_one() == 2


def test_looking_again_changes_nothing(database: Database, lees: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        opened(conn, lees, LEE, now=now)
        opened(conn, lees, LEE, now=now + timedelta(hours=1))
        assert conn.execute(select(tables.alert.c.opened_at).where(tables.alert.c.ref == lees)).scalar_one() == now


OUTCOMES = (
    Contact(NOW, ContactMode.JAIL_CLINIC_CONTACT),
    InfoSent(NOW, "decision-ref", frozenset({InfoItem.MEDICATION_LIST, InfoItem.PHARMACY})),
    Disposed(NOW, Disposition.RELEASED_WITH_PLAN),
    FirstContact(NOW),
    Appointment(NOW, kept=True),
)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: type(o).__name__)
def test_an_outcome_is_recorded_once(database: Database, lees: AlertRef, now: datetime, outcome: Outcome) -> None:
    done = replace(outcome, at=now)
    with database.write() as conn:
        answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        assert report(conn, lees, LEE, done, key="k" * 26, now=now)
        assert not report(conn, lees, LEE, done, key="k" * 26, now=now)
        assert state_of(conn, lees) == "acknowledged"


def test_the_disposition_closed_closes(database: Database, lees: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        report(conn, lees, LEE, Disposed(now, Disposition.CLOSED), key="k", now=now)
        assert state_of(conn, lees) == "closed"


def test_the_clinicians_words_rest_sealed(database: Database, lees: AlertRef, now: datetime) -> None:
    vault = Vault({"d" * 26: DataKey("d" * 26, b"k" * 32)}, "d" * 26, lambda size: b"n" * size)
    with database.write() as conn:
        answer(conn, lees, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        note = Note("Quillon was calm", vault)
        assert "Quillon" not in repr(note)
        report(conn, lees, LEE, FirstContact(now), key="k1", now=now, note=note)
        sealed = conn.execute(select(tables.outcome.c.sealed)).scalar_one()
        assert b"Quillon" not in sealed
        assert vault.open(sealed, place="outcome/k1") == b"Quillon was calm"


def test_what_cannot_be_is_not_recorded(now: datetime) -> None:
    ahead = now + timedelta(days=1)
    with pytest.raises(OutcomeRefused):
        check_outcome(AlertState.ACKNOWLEDGED, FirstContact(ahead), now)
    with pytest.raises(OutcomeRefused):
        check_outcome(AlertState.ACKNOWLEDGED, Appointment(ahead, kept=True), now)
    check_outcome(AlertState.ACKNOWLEDGED, Appointment(ahead, kept=False), now)
    with pytest.raises(AlertNotOpen):
        check_outcome(AlertState.DELIVERED, FirstContact(now), now)
    with pytest.raises(OutcomeRefused):
        InfoSent(now, "", frozenset({InfoItem.RISK}))
    with pytest.raises(OutcomeRefused):
        InfoSent(now, "decision", frozenset())


@pytest.mark.parametrize(
    ("contact_hours", "now_hours", "expected"),
    [(72, 80, True), (73, 80, False), (None, 71, None), (None, 73, False), (-1, 73, False)],
)
def test_the_clocks(now: datetime, contact_hours: int | None, now_hours: int, expected: bool | None) -> None:
    at = None if contact_hours is None else now + timedelta(hours=contact_hours)
    assert within(now, at, timedelta(hours=72), now + timedelta(hours=now_hours)) is expected
    assert within(None, at, timedelta(hours=72), now) is None


@pytest.mark.parametrize("destroy_content", [True, False])
def test_taking_back_stops_what_waits_and_shuts_what_came(
    database: Database, put_alert: PutAlert, parcel: Parcel, now: datetime, destroy_content: bool
) -> None:
    with database.write() as conn:
        came, waits = put_alert(conn, "came", state="delivered"), put_alert(conn, "waits")
        Inbox(conn).send(replace(parcel, alert=came))
        enqueue(conn, "e", waits, "inbox", now=now)
        (held,) = claim(conn, now=now, lease=timedelta(minutes=1), limit=1)
        back = take_back(conn, [came, waits], code="BOOKING_VOID", destroy_content=destroy_content, now=now)
        assert {(b.alert, b.received) for b in back} == {(came, True), (waits, False)}
        assert (contents(conn, "s-lee") == {}) == destroy_content
        assert state_of(conn, came) == state_of(conn, waits) == "withdrawn"
        assert take_back(conn, [came, waits], code="BOOKING_VOID", destroy_content=True, now=now) == ()
        with pytest.raises(LeaseLost):
            settle(conn, held, Delivered(), now=now, random=lambda: 0.5)
        with pytest.raises(AlertNotOpen):
            answer(conn, came, LEE, Verdict.IS_MY_CLIENT, via="console", now=now)
        assert conn.execute(select(func.count()).select_from(tables.inbox_item)).scalar_one() == 1


def test_a_discharge_closes_the_stays_alerts(database: Database, lees: AlertRef, now: datetime) -> None:
    with database.write() as conn:
        enqueue(conn, "e", lees, "mail", now=now)
        assert close_thread(conn, STAY, code="DISCHARGED", now=now) == 2
        assert close_thread(conn, STAY, code="DISCHARGED", now=now) == 0
        assert state_of(conn, lees) == "closed"
        assert not claim(conn, now=now, lease=timedelta(minutes=1), limit=9)
