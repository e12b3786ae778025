"""Does the courier deliver, retry, withdraw and give up as it should, and once?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update

from alerts.channels import Channel, Parcel, Receipt
from alerts.channels.inbox import contents, destroy
from alerts.courier import Courier, NotNeeded, Withdrawn, outcome_of
from alerts.errors import ChannelDown, ChannelRefused, ChannelUnsafe, NoUsableKey
from alerts.outbox import Backoff, Claim, Dead, Delivered, Outcome, TryLater, enqueue
from config.errors import WarmlinkError
from records import AlertRef
from store.database import Database
from store.tables import alert, attempt, inbox_item, outbox
from tests.alerts.conftest import PutAlert


@dataclass
class ScriptedChannel:
    """Plays back faults, then takes everything."""

    script: list[WarmlinkError] = field(default_factory=list)
    taken: list[Parcel] = field(default_factory=list)

    def send(self, parcel: Parcel) -> Receipt:
        if self.script:
            raise self.script.pop(0)
        self.taken.append(parcel)
        return Receipt("accepted")


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Desk:
    """A courier with everything it talks to within reach."""

    courier: Courier
    clock: Clock
    mail: ScriptedChannel
    answers: list[Withdrawn | NotNeeded | WarmlinkError]
    heard: list[tuple[str, Outcome]]


@pytest.fixture
def desk(database: Database, parcel: Parcel, now: datetime) -> Desk:
    clock, mail = Clock(now), ScriptedChannel()
    answers: list[Withdrawn | NotNeeded | WarmlinkError] = []
    heard: list[tuple[str, Outcome]] = []

    def prepare(conn: Connection, claim: Claim, now: datetime) -> Parcel | Withdrawn | NotNeeded:
        answer = answers.pop(0) if answers else None
        if isinstance(answer, WarmlinkError):
            raise answer
        return answer or replace(parcel, outbox=claim.ref, alert=claim.alert, at=now)

    def settled(conn: Connection, claim: Claim, outcome: Outcome) -> None:
        heard.append((claim.ref, outcome))

    courier = Courier(database, {"mail": mail}, prepare, clock, lambda: 0.5, settled, Backoff(attempts=3))
    return Desk(courier, clock, mail, answers, heard)


@pytest.fixture
def queue(database: Database, put_alert: PutAlert, now: datetime) -> Callable[[str, str], AlertRef]:
    def put(name: str, channel: str) -> AlertRef:
        with database.write() as conn:
            ref = put_alert(conn, name)
            enqueue(conn, f"{name}-{channel}", ref, channel, now=now)
        return ref

    return put


Queue = Callable[[str, str], AlertRef]


def states(database: Database) -> tuple[str, str]:
    with database.read() as conn:
        return conn.execute(select(alert.c.state)).scalar_one(), conn.execute(select(outbox.c.state)).scalar_one()


def test_the_inbox_gets_each_alert_once(database: Database, desk: Desk, queue: Queue, parcel: Parcel) -> None:
    ref = queue("a", "inbox")
    assert desk.courier.run() == 1
    assert desk.courier.run() == 0
    with database.read() as conn:
        assert contents(conn, "s-lee") == {ref: parcel.jose().jwe}
        assert conn.execute(select(inbox_item.c.backup_jwe)).scalar_one() == parcel.jose().backup_jwe
    assert states(database) == ("delivered", "delivered")
    assert desk.heard == [("a-inbox", Delivered("stored"))]


def test_delivery_to_the_inbox_and_its_record_are_one(database: Database, desk: Desk, queue: Queue) -> None:
    """If the audit leaf cannot be written, nothing was delivered."""
    queue("a", "inbox")

    def fails(conn: Connection, claim: Claim, outcome: Outcome) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        replace(desk.courier, settled=fails).run()
    with database.read() as conn:
        assert contents(conn, "s-lee") == {}
        assert conn.execute(select(attempt)).all() == []
    desk.clock.now += desk.courier.lease
    assert desk.courier.run() == 1
    assert states(database) == ("delivered", "delivered")


def test_destroyed_content_does_not_come_back(database: Database, desk: Desk, queue: Queue) -> None:
    ref = queue("a", "inbox")
    desk.courier.run()
    with database.write() as conn:
        assert destroy(conn, ref)
        assert not destroy(conn, ref)
        conn.execute(update(outbox).values(state="queued"))
    assert desk.courier.run() == 1
    with database.read() as conn:
        assert contents(conn, "s-lee") == {}
    assert desk.heard[-1] == ("a-inbox", Delivered("present"))


def test_a_passing_fault_keeps_the_alert_and_the_key_to_it(database: Database, desk: Desk, queue: Queue) -> None:
    ref = queue("a", "mail")
    desk.mail.script = [ChannelDown("x", "unreachable"), ChannelDown("x", "smtp_451")]
    for _ in range(3):
        desk.courier.run()
        desk.clock.now += timedelta(hours=1)
    assert [(p.outbox, p.alert) for p in desk.mail.taken] == [("a-mail", ref)]
    assert [outcome for _, outcome in desk.heard] == [
        TryLater("unreachable"),
        TryLater("smtp_451"),
        Delivered("accepted"),
    ]


@pytest.mark.parametrize("fault", [ChannelRefused("x", "smtp_550"), NoUsableKey("x")], ids=["5xx", "key"])
def test_a_final_fault_is_dead_and_the_alert_stuck(
    database: Database, desk: Desk, queue: Queue, fault: WarmlinkError
) -> None:
    queue("a", "mail")
    desk.answers.append(fault)
    desk.courier.run()
    assert states(database) == ("stuck", "dead")
    assert not desk.mail.taken
    assert desk.heard[0][1] in {Dead("smtp_550"), Dead("no_usable_key")}


def test_one_channel_that_works_is_enough(database: Database, desk: Desk, queue: Queue, now: datetime) -> None:
    ref = queue("a", "mail")
    with database.write() as conn:
        enqueue(conn, "a-inbox", ref, "inbox", now=now + timedelta(minutes=1))
    desk.mail.script = [ChannelRefused("x", "smtp_550")]
    desk.courier.run()
    desk.clock.now += timedelta(hours=1)
    desk.courier.run()
    with database.read() as conn:
        assert conn.execute(select(alert.c.state)).scalar_one() == "delivered"
        assert set(conn.execute(select(outbox.c.state)).scalars()) == {"dead", "delivered"}


def test_a_consent_that_ended_in_the_queue_withdraws(database: Database, desk: Desk, queue: Queue) -> None:
    queue("a", "mail")
    desk.answers.append(Withdrawn("CONSENT_REVOKED"))
    desk.courier.run()
    assert states(database) == ("withdrawn", "withdrawn")
    assert not desk.mail.taken
    assert desk.courier.run() == 0


def test_a_withdrawal_does_not_undo_a_delivery(database: Database, desk: Desk, queue: Queue, now: datetime) -> None:
    """What was received is taken back by a retraction, not by a word in a column."""
    ref = queue("a", "inbox")
    with database.write() as conn:
        enqueue(conn, "a-mail", ref, "mail", now=now + timedelta(minutes=1))
    desk.courier.run()
    desk.clock.now += timedelta(hours=1)
    desk.answers.append(Withdrawn("CONSENT_REVOKED"))
    desk.courier.run()
    with database.read() as conn:
        assert conn.execute(select(alert.c.state)).scalar_one() == "delivered"
        assert not desk.mail.taken


def test_a_notice_that_is_not_needed_ends_alone(database: Database, desk: Desk, queue: Queue, now: datetime) -> None:
    ref = queue("a", "mail")
    with database.write() as conn:
        enqueue(conn, "a-inbox", ref, "inbox", now=now + timedelta(minutes=1))
    desk.answers.append(NotNeeded("opened"))
    desk.courier.run()
    assert not desk.heard
    desk.clock.now += timedelta(hours=1)
    desk.courier.run()
    with database.read() as conn:
        found = {row.channel: row.state for row in conn.execute(select(outbox.c.channel, outbox.c.state))}
        assert found == {"mail": "withdrawn", "inbox": "delivered"}
        assert conn.execute(select(alert.c.state)).scalar_one() == "delivered"


def test_broken_protection_waits_for_a_person_and_then_goes(database: Database, desk: Desk, queue: Queue) -> None:
    queue("a", "mail")
    desk.mail.script = [ChannelUnsafe("x", "tls")]
    desk.courier.run()
    assert states(database) == ("queued", "queued")
    assert not desk.mail.taken
    desk.clock.now += timedelta(hours=1)
    desk.courier.run()
    assert states(database) == ("delivered", "delivered")


def test_while_a_channel_is_down_its_queue_is_left_alone(database: Database, desk: Desk, queue: Queue) -> None:
    """Ten alerts, a mail server that is away: three tries open the breaker, the other seven keep all of theirs."""
    for number in range(10):
        queue(f"a{number}", "mail")
    ref = queue("b", "inbox")
    desk.mail.script = [ChannelDown("x", "unreachable")] * 4
    desk.courier.run()
    with database.read() as conn:
        assert sum(conn.execute(select(outbox.c.attempts).where(outbox.c.channel == "mail")).scalars()) == 3
        assert ref in contents(conn, "s-lee")
    desk.clock.now += timedelta(seconds=31)
    desk.courier.run()  # one probe, which fails
    assert len(desk.mail.script) == 0
    desk.clock.now += timedelta(minutes=20)
    desk.courier.run()
    assert len(desk.mail.taken) == 10
    assert len({parcel.outbox for parcel in desk.mail.taken}) == 10


def test_a_refusal_does_not_trip_the_breaker(desk: Desk, queue: Queue) -> None:
    for number in range(6):
        queue(f"a{number}", "mail")
    desk.mail.script = [ChannelRefused("x", "smtp_550")] * 5
    desk.courier.run()
    assert len(desk.mail.taken) == 1


def test_an_alert_withdrawn_while_it_is_sent_stays_withdrawn(database: Database, desk: Desk, queue: Queue) -> None:
    """The mail is out, but the record says withdrawn: what follows a withdrawal (the retraction) is not undone."""
    ref = queue("a", "mail")

    class Withdrawing:
        def send(self, parcel: Parcel) -> Receipt:
            from alerts.outbox import withdraw

            with database.write() as conn:
                withdraw(conn, ref, now=parcel.at, code="BOOKING_VOID")
            return Receipt("accepted")

    channel: Channel = Withdrawing()
    replace(desk.courier, channels={"mail": channel}).run()
    with database.read() as conn:
        assert conn.execute(select(outbox.c.state)).scalar_one() == "withdrawn"


def test_a_channel_that_is_not_configured_waits(desk: Desk, queue: Queue, database: Database) -> None:
    queue("a", "webhook")
    assert desk.courier.run() == 0
    assert states(database) == ("queued", "queued")


def test_an_entry_that_kills_its_workers_is_given_up(database: Database, desk: Desk, queue: Queue) -> None:
    queue("a", "mail")

    class Killing:
        def send(self, parcel: Parcel) -> Receipt:
            raise SystemExit

    killing = replace(desk.courier, channels={"mail": Killing()})
    for _ in range(3):
        with pytest.raises(SystemExit):
            killing.run()
        desk.clock.now += desk.courier.lease
    killing.run()
    assert states(database) == ("stuck", "dead")
    assert desk.heard == [("a-mail", Dead("gave_up"))]


def test_a_receivers_wish_to_wait_is_passed_on(now: datetime) -> None:
    assert outcome_of(ChannelDown("x", "http_503", now)) == TryLater("http_503", now)
