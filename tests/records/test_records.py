"""Can a record be printed by accident, and is an instant one point in time?"""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import (
    BookingEvent,
    BookingNumber,
    Charge,
    ClientId,
    Custody,
    EventKind,
    FacilityId,
    FeedId,
    Identity,
    Instant,
    JailPersonId,
    Op,
    OrgId,
    Personal,
    RosterEntry,
    TimeQuality,
)

VALUE = st.text(st.characters(codec="utf-8", exclude_characters="0123456789"), min_size=1, max_size=12).map(
    "§{}§".format
)
"""Marked, so that a value that is found in a printout did not get there by chance."""

IDENTITY = st.builds(Identity, **{f.name: VALUE for f in fields(Identity)})
PERSONAL = st.builds(Personal, VALUE)
NOW = Instant(datetime(2026, 10, 6, 8, tzinfo=UTC))

EVENT = st.builds(
    BookingEvent,
    feed=st.just(FeedId("jail")),
    agency=VALUE,
    booking_number=VALUE.map(BookingNumber),
    op=st.sampled_from(Op),
    kind=st.sampled_from(EventKind),
    identities=st.tuples(IDENTITY, IDENTITY),
    content_hash=VALUE,
    received_at=st.just(NOW),
    person_id=VALUE.map(JailPersonId),
    state_id=VALUE,
    fbi_number=VALUE,
    release_reason=VALUE,
    facility=VALUE.map(FacilityId),
    custody=st.sampled_from(Custody),
    holds=st.tuples(VALUE),
    charges=st.tuples(st.builds(Charge, VALUE, VALUE)),
    source_hash=VALUE,
)
ENTRY = st.builds(
    RosterEntry,
    org=st.just(OrgId("river-bh")),
    client_id=VALUE.map(ClientId),
    identities=st.tuples(IDENTITY, IDENTITY),
    display_name=PERSONAL,
    team=VALUE,
)


def printed(value: object) -> str:
    """Every way in which a careless line of code turns a value into text."""
    record = logging.makeLogRecord({"msg": "%s %r", "args": (value, value)})
    return " ".join(
        (repr(value), str(value), f"{value}", f"{value!r}", "%s" % (value,), "{}".format(value), repr([value]),  # noqa: UP031, UP032 - the ways are the point
         str({"key": value}), str(ValueError(value)), record.getMessage())
    )  # fmt: skip


@given(IDENTITY)
def test_an_identity_prints_no_value(identity: Identity) -> None:
    assert "§" not in printed(identity)


@given(PERSONAL)
def test_a_personal_text_prints_its_length_only(personal: Personal) -> None:
    assert "§" not in printed(personal)
    assert str(len(personal.reveal())) in str(personal)


@given(EVENT)
def test_a_booking_event_prints_no_value(event: BookingEvent) -> None:
    assert "§" not in printed(event)


@given(ENTRY)
def test_a_roster_entry_prints_no_value(entry: RosterEntry) -> None:
    assert "§" not in printed(entry)


def test_what_is_printed_still_says_which_record_it_is() -> None:
    identity = Identity(first="§", birth_date="§")
    assert repr(identity) == "<identity with first, birth_date>"
    assert repr(Identity()) == "<identity with no field>"
    entry = RosterEntry(OrgId("river-bh"), ClientId("§"), (identity,), Personal("§"), source_line=7)
    assert repr(entry) == "<roster entry of river-bh, line 7>"


def test_a_personal_text_is_true_when_there_is_one() -> None:
    assert Personal("x")
    assert not Personal("")


def test_a_row_without_any_name_is_not_named() -> None:
    assert not Identity(birth_date="1980-01-01", ssn4="1234").named
    assert Identity(last="§").named
    assert Identity(first="§").named


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_an_instant_is_one_point_in_time(naive: datetime, zone: timezone) -> None:
    local = naive.replace(tzinfo=zone)
    instant = Instant(local)
    assert instant.at == local
    assert instant.at.tzinfo is UTC
    assert instant == Instant(local.astimezone(UTC))
    assert datetime.fromisoformat(str(instant)) == local.replace(microsecond=0)


def test_an_instant_needs_an_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        Instant(datetime(2026, 10, 6, 8))


def test_a_doubtful_instant_is_not_the_same_as_a_sure_one() -> None:
    assert replace(NOW, quality=TimeQuality.AMBIGUOUS) != NOW
