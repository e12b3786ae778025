"""Do the repositories give back what they were given, hide who it is about, and refuse what must not happen twice?"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, update

from records import (
    BookingEvent,
    BookingNumber,
    BookingRef,
    Charge,
    ClientId,
    ClientRef,
    Custody,
    Enrolment,
    EventKind,
    FacilityId,
    FeedId,
    Identity,
    Instant,
    Op,
    OrgId,
    Personal,
    ProgramId,
    QuietHours,
    RosterEntry,
    StaffId,
    StaffMember,
    TimeQuality,
)
from store import bookings, claims, clients, consents, feeds, persons, sources, staff, vaults
from store.bookings import StoredBooking
from store.clients import StoredClient
from store.database import Database
from store.envelope import Vault
from store.errors import AlreadyDone, DatabaseBroken, EnvelopeDamaged
from store.keys import KeyRing
from store.staff import StaffKey
from store.tables import booking, booking_person, client, delivery, link, quarantine

RING = KeyRing.derive(bytes(range(32)))
AT = datetime(2026, 10, 6, 8, tzinfo=UTC)
REF, OTHER = BookingRef("b" * 26), BookingRef("c" * 26)
CLIENT = ClientRef("d" * 26)

PERSON = Identity(first="Aveline", last="Quistgaard", birth_date="1984-03-17", ssn4="4471", street="118 Tamarack Way")
PLACE = bookings.Place("s" * 26, 1, "c" * 26)
EVENT = BookingEvent(
    feed=FeedId("jail"),
    agency="COMMON",
    booking_number=BookingNumber("J1"),
    op=Op.ADD,
    kind=EventKind.BOOKED,
    identities=(PERSON,),
    content_hash="0" * 64,
    received_at=Instant(AT),
    booked_at=Instant(AT - timedelta(hours=3), "America/New_York", TimeQuality.AMBIGUOUS),
    facility=FacilityId("MAIN"),
    custody=Custody.IN_CUSTODY,
    charges=(Charge("TRES", "Criminal trespass"),),
)
ENTRY = RosterEntry(
    org=OrgId("river-bh"),
    client_id=ClientId("CN1"),
    identities=(PERSON,),
    display_name=Personal("Aveline Quistgaard"),
    enrolments=(Enrolment(ProgramId("OP-MH")),),
)


def vault(conn: Connection) -> Vault:
    vaults.create(conn, RING, os.urandom, AT)
    found = vaults.load(conn, RING, os.urandom)
    assert found is not None
    return found


def stored(event: BookingEvent = EVENT, ref: BookingRef = REF, state: str = "open") -> StoredBooking:
    return StoredBooking(ref, event, b"\x00\x01encoding", state)


# --- bookings ---


def test_a_booking_comes_back_without_its_names(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        bookings.put(conn, opened, stored(), AT)
        found = bookings.get(conn, opened, REF)
        assert found == replace(stored(), event=replace(EVENT, identities=()))
        raw = conn.execute(select(booking.c.sealed)).scalar_one()
    assert not any(word in bytes(raw) for word in (b"Aveline", b"Criminal", b"COMMON"))


def test_a_booking_that_changes_keeps_when_it_was_first_seen(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        bookings.put(conn, opened, stored(), AT)
        bookings.put(conn, opened, stored(state="released"), AT + timedelta(days=1))
        row = conn.execute(select(booking)).one()
    assert (row.state, row.first_seen_at, row.updated_at) == ("released", AT, AT + timedelta(days=1))


@pytest.mark.parametrize("known", [True, False])
def test_what_was_destroyed_leaves_a_tombstone(database: Database, known: bool) -> None:
    with database.write() as conn:
        opened = vault(conn)
        if known:
            bookings.put(conn, opened, stored(), AT)
        bookings.destroy(conn, REF, "sealed", AT)
        assert bookings.get(conn, opened, REF) is None
        assert bookings.state_of(conn, REF) == "sealed"
        assert conn.execute(select(booking.c.sealed)).scalar_one() is None
        assert list(bookings.open_bookings(conn, opened)) == []


def test_a_sealed_value_that_was_moved_to_another_row_does_not_open(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        bookings.put(conn, opened, stored(), AT)
        bookings.put(conn, opened, stored(ref=OTHER), AT)
        value = conn.execute(select(booking.c.sealed).where(booking.c.ref == REF)).scalar_one()
        conn.execute(update(booking).where(booking.c.ref == OTHER).values(sealed=value))
        with pytest.raises(EnvelopeDamaged):
            bookings.get(conn, opened, OTHER)


def test_an_event_is_known_once_it_was_added_and_cannot_be_added_twice(database: Database) -> None:
    with database.write() as conn:
        feeds.begin_delivery(conn, "v" * 26, "jail", AT)
        bookings.put(conn, vault(conn), stored(), AT)
        assert not bookings.known_event(conn, "e1")
        bookings.add_event(conn, "e1", REF, EVENT, place=PLACE, not_news=(), delivery="v" * 26, now=AT)
        assert bookings.known_event(conn, "e1")
    with pytest.raises(AlreadyDone), database.write() as conn:
        bookings.add_event(conn, "e1", REF, EVENT, place=PLACE, not_news=(), delivery="v" * 26, now=AT)


def test_what_a_feed_said_of_many_bookings_comes_back_in_order(database: Database) -> None:
    names = [f"s{n}" for n in range(1234)]
    with database.write() as conn:
        feeds.begin_delivery(conn, "v" * 26, "jail", AT)
        bookings.put(conn, vault(conn), stored(), AT)
        for name in names[::100]:
            for seq in (2, 1):
                place = bookings.Place(name, seq, f"c{seq}")
                bookings.add_event(
                    conn, f"{name}-{seq}", REF, EVENT, place=place, not_news=(), delivery="v" * 26, now=AT
                )
        found = sources.history(conn, names)
    assert set(found) == set(names[::100])
    assert {tuple((said.seq, said.content) for said in course) for course in found.values()} == {((1, "c1"), (2, "c2"))}


@pytest.mark.parametrize("kind", [EventKind.AMENDED, EventKind.RELEASE_WITHDRAWN])
def test_only_a_withdrawal_clears_a_release(kind: EventKind) -> None:
    out = replace(EVENT, kind=EventKind.RELEASED, released_at=Instant(AT), custody=Custody.RELEASED)
    again = bookings.merged(out, replace(EVENT, kind=kind, custody=Custody.IN_CUSTODY))
    withdrawn = kind is EventKind.RELEASE_WITHDRAWN
    assert (again.released_at is None, again.custody is Custody.IN_CUSTODY) == (withdrawn, withdrawn)


@pytest.mark.parametrize(("court", "born", "stays"), [("", "", True), ("CRI", "", False), ("", "1980-01-01", False)])
def test_a_juvenile_stays_one_without_evidence_to_the_contrary(court: str, born: str, *, stays: bool) -> None:
    before = replace(EVENT, juvenile=True)
    after = replace(EVENT, identities=(Identity(last="X", birth_date=born),), court_type=court)
    assert bookings.merged(before, after).juvenile is stays


def test_person_numbers_follow_their_booking_through_a_merge(database: Database) -> None:
    with database.write() as conn:
        bookings.put(conn, vault(conn), stored(), AT)
        bookings.put(conn, vault(conn), stored(ref=OTHER), AT)
        persons.put(conn, REF, ["old"])
        persons.put(conn, OTHER, ["new"])
        assert persons.fold(conn, "old", "new") == 1
        assert persons.fold(conn, "old", "new") == 0
        persons.put(conn, REF, ["old"])  # its feed says what it said: the merge stands
        assert set(conn.execute(select(booking_person.c.person).where(booking_person.c.booking == REF)).scalars()) == {
            "old",
            "new",
        }
        persons.put(conn, REF, ["new"])
        persons.put(conn, REF, ["old"])  # it went back: the merge was taken back
        assert conn.execute(select(booking_person.c.person).where(booking_person.c.booking == REF)).scalars().all() == [
            "old"
        ]
        bookings.destroy(conn, REF, "sealed", AT)
        assert conn.execute(select(booking_person).where(booking_person.c.booking == REF)).all() == []


def test_news_says_what_it_says_and_keeps_the_rest() -> None:
    release = replace(
        EVENT, kind=EventKind.RELEASED, booked_at=None, facility=None, charges=(), released_at=Instant(AT)
    )
    both = bookings.merged(EVENT, release)
    assert (both.kind, both.booked_at, both.facility, both.charges, both.released_at) == (
        EventKind.RELEASED,
        EVENT.booked_at,
        EVENT.facility,
        EVENT.charges,
        Instant(AT),
    )
    moved = replace(EVENT, facility=FacilityId("ANNEX"))
    assert bookings.merged(EVENT, moved).facility == "ANNEX"
    assert bookings.merged(None, release) == release


@given(
    st.one_of(
        st.none(),
        st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(lambda d: Instant(d.replace(tzinfo=UTC))),
    ),
    st.text(max_size=300),
    st.sampled_from(EventKind),
    st.lists(st.builds(Charge, st.text(max_size=40), st.text(max_size=200)), max_size=20).map(tuple),
)
def test_whatever_a_booking_says_comes_back(
    booked: Instant | None, reason: str, kind: EventKind, charges: tuple[Charge, ...]
) -> None:
    reason = reason.encode("utf-8", "ignore").decode()
    event = replace(EVENT, booked_at=booked, release_reason=reason, kind=kind, charges=charges, identities=())
    assert bookings.unpack(bookings.pack(event, b"xyz")) == (event, b"xyz")


# --- clients ---


def test_a_client_comes_back_whole_and_sealed(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        clients.put(conn, opened, StoredClient(CLIENT, ENTRY, b"encoding"), AT)
        assert clients.get(conn, opened, CLIENT) == StoredClient(CLIENT, ENTRY, b"encoding")
        raw = bytes(conn.execute(select(client.c.sealed)).scalar_one())
    assert not any(word in raw for word in (b"Aveline", b"encoding", b"OP-MH"))


def test_a_retired_client_is_marked_and_comes_back_when_listed_again(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        clients.put(conn, opened, StoredClient(CLIENT, ENTRY, b"e"), AT)
        clients.retire(conn, [CLIENT], AT)
        assert [c.retired for c in clients.every(conn, opened)] == [True]
        clients.put(conn, opened, StoredClient(CLIENT, ENTRY, b"e"), AT)
        assert [c.retired for c in clients.every(conn, opened)] == [False]


def test_a_purged_client_is_not_taken_up_again(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        clients.put(conn, opened, StoredClient(CLIENT, ENTRY, b"e"), AT)
        conn.execute(update(client).values(sealed=None, purged_at=AT))
        assert clients.get(conn, opened, CLIENT) is None
        assert list(clients.every(conn, opened)) == []
        with pytest.raises(AlreadyDone):
            clients.put(conn, opened, StoredClient(CLIENT, ENTRY, b"e"), AT)


def test_clients_of_one_organisation_are_given_apart(database: Database) -> None:
    theirs = ClientRef("e" * 26)
    with database.write() as conn:
        opened = vault(conn)
        clients.put(conn, opened, StoredClient(CLIENT, ENTRY, b"e"), AT)
        clients.put(conn, opened, StoredClient(theirs, replace(ENTRY, org=OrgId("north")), b"e"), AT)
        assert [c.ref for c in clients.every(conn, opened, "north")] == [theirs]
        assert len(list(clients.every(conn, opened))) == 2


# --- consents ---


def test_a_history_of_consent_only_grows(database: Database) -> None:
    with database.write() as conn:
        opened = vault(conn)
        for n, status in enumerate(("active", "inactive", "active")):
            record = {"id": "form-CN1", "status": status}
            assert consents.append(conn, opened, CLIENT, record, ref=f"r{n}", by="desk", now=AT) == n
        found = consents.history(conn, opened, CLIENT)
        assert [(e.seq, e.record["status"], e.recorded_by) for e in found] == [
            (0, "active", "desk"),
            (1, "inactive", "desk"),
            (2, "active", "desk"),
        ]
        assert list(consents.history(conn, opened, ClientRef("f" * 26))) == []


# --- feeds ---


def test_a_delivery_that_begins_twice_is_one(database: Database) -> None:
    with database.write() as conn:
        feeds.begin_delivery(conn, "v1", "jail", AT)
        feeds.begin_delivery(conn, "v1", "jail", AT + timedelta(hours=1))
        assert conn.execute(select(delivery.c.received_at)).scalar_one() == AT
        feeds.end_delivery(conn, "v1", "complete", {"rows": 3}, AT)
        assert feeds.delivery_state(conn, "v1") == "complete"
        assert feeds.delivery_state(conn, "v2") is None


def test_a_row_is_set_aside_once(database: Database) -> None:
    rows = [feeds.SetAside(f"q{n}", n, "name", "no-name", "there is no name") for n in (1, 2)]
    with database.write() as conn:
        feeds.begin_delivery(conn, "v1", "jail", AT)
        assert feeds.set_aside(conn, "jail", "v1", rows[:1], AT) == 1
        assert feeds.set_aside(conn, "jail", "v1", rows, AT) == 1
        assert dict(feeds.open_quarantine(conn)) == {"jail": 2}
        assert sorted(conn.execute(select(quarantine.c.line)).scalars()) == [1, 2]


def test_a_feed_is_new_until_something_is_noted_and_keeps_what_was(database: Database) -> None:
    with database.write() as conn:
        assert feeds.status(conn, "jail").state == "new"
        feeds.note(conn, "jail", cursor="abc")
        feeds.note(conn, "jail", state="ok", last_ok_at=AT)
        found = feeds.status(conn, "jail")
    assert (found.cursor, found.state, found.last_ok_at) == ("abc", "ok", AT)


# --- staff and claims ---


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40))
def test_a_member_of_staff_comes_back(database: Database, name: str) -> None:
    hours = QuietHours(AT.time().replace(tzinfo=None), AT.time().replace(hour=6), "America/New_York")
    member = StaffMember(StaffId("A1"), OrgId("river-bh"), name, programs=(ProgramId("OP-MH"),), quiet_hours=hours)
    with database.write() as conn:
        staff.put(conn, member, AT)
        assert staff.get(conn, StaffId("A1")) == member
        assert staff.everyone(conn) == {member.staff: member}


def test_keys_in_force_are_given_newest_first(database: Database) -> None:
    def key(kid: str, ends: datetime | None) -> StaffKey:
        return StaffKey(kid, StaffId("A1"), {"kty": "EC"}, ends, None)

    with database.write() as conn:
        staff.add_key(conn, key("old", None), AT)
        staff.add_key(conn, key("new", AT + timedelta(days=9)), AT + timedelta(days=1))
        staff.add_key(conn, key("ended", AT + timedelta(days=2)), AT + timedelta(days=2))
        later = AT + timedelta(days=3)
        assert [k.kid for k in staff.usable_keys(conn, StaffId("A1"), later)] == ["new", "old"]
        assert [k.kid for k in staff.usable_keys(conn, StaffId("A1"), AT + timedelta(days=9))] == ["old"]
        assert staff.usable_keys(conn, StaffId("B2"), later) == []


def test_a_finished_slot_stays_claimed(database: Database, now: datetime) -> None:
    assert claims.claim(database, "cycle", now, "a", now)
    claims.finish(database, "cycle", now, "a", now)
    assert not claims.claim(database, "cycle", now, "a", now + timedelta(minutes=1))


# --- what the database itself refuses ---


def test_a_word_outside_the_vocabulary_is_refused(database: Database) -> None:
    with pytest.raises(DatabaseBroken), database.write() as conn:
        bookings.destroy(conn, REF, "forgotten", AT)


def test_a_link_to_nobody_is_refused(database: Database) -> None:
    row = {
        "verdict": "ALERT",
        "weight": 1.0,
        "probability": 1.0,
        "margin": 1.0,
        "levels": {},
        "model_hash": "m",
        "at": AT,
    }
    with pytest.raises(DatabaseBroken), database.write() as conn:
        conn.execute(insert(link).values(ref="l", booking="nobody", client="nobody", **row))
