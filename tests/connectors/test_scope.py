"""What is never pushed, and why."""

from __future__ import annotations

import pytest

from connectors import parse_mapping
from connectors.schema import Scope
from connectors.scope import not_news
from tests.connectors.feeding import read

MAPPING = """
name: t
kind: bookings
format: {type: csv, header_line: 0, columns: [number, name, born, booked, event, custody, holds, court]}
bookings:
  agency: {constant: A}
  booking_number: number
  name: name
  birth_date: born
  booked_at: booked
  event: {column: event, codes: {B: booked, T: transferred, R: released, S: sealed}}
  custody: {column: custody, codes: {W: weekender}}
  holds: {column: holds, split: ";"}
  court_type: court
"""
SCOPE = Scope(excluded_holds=("USM", "ICE"))


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ("2026-12-01T01:00,B,,,", ()),
        ("2026-11-28T13:00,B,,,", ()),
        ("2026-11-28T11:00,B,,,", ("too-old",)),
        (",B,,,", ("no-booking-time",)),
        ("2036-12-01T01:00,B,,,", ("no-booking-time",)),
        ("2026-12-01T01:00,B,W,,", ("weekender",)),
        ("2026-12-01T01:00,B,,WORK;ice,", ("excluded-hold",)),
        ("2026-12-01T01:00,B,,WORK,", ()),
        ("2026-12-01T01:00,B,,,JUV", ("juvenile",)),
        ("2026-12-01T01:00,T,,,", ("transfer-is-no-arrest",)),
        ("2026-11-01T01:00,B,W,USM,JUV", ("too-old", "juvenile", "weekender", "excluded-hold")),
        ("2026-11-01T01:00,R,W,USM,JUV", ("no-release-time", "juvenile", "weekender", "excluded-hold")),
        (",S,,,", ()),
    ],
)
def test_reasons(row: str, reasons: tuple[str, ...]) -> None:
    (event,) = read(f'1,"A, B",1980-01-01,{row}\n'.encode(), parse_mapping(MAPPING, "t")).events
    assert not_news(event, SCOPE) == reasons


def test_what_is_excluded_can_be_let_in() -> None:
    (event,) = read(b'1,"A, B",2010-01-01,2026-11-01T01:00,B,W,USM,\n', parse_mapping(MAPPING, "t")).events
    assert not_news(event, Scope(max_age_hours=10_000, juveniles=True, weekenders=True)) == ()
