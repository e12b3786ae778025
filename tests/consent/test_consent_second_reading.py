"""Do two readings of the specification agree: the product's, and plain code that shares nothing with it?

At boundaries above all: each request is also asked at the very instants at which something in it begins or ends.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from consent import FLOOR, decide, load_rulebook
from tests.consent import second_reading, strategies
from tests.consent.scenes import Raw
from tests.consent.second_tables import KINDS, OVERLAYS

BOOK = load_rulebook(FLOOR)
VECTORS = Path(__file__).parents[3] / "shared" / "consent" / "vectors.jsonl"
SECOND = timedelta(seconds=1)
SINCE = datetime(2024, 5, 1, tzinfo=UTC)
"""Every rule of the book is in force from here on; before its day a rule that permits opens nothing."""
many = settings(max_examples=150, deadline=None)
readable = strategies.requests().filter(lambda request: not request["policy"].get("internal_alert_requires_consent"))


def agree(request: Raw) -> None:
    """Equal in everything that must be equal; every reason of the plain reading is among the product's."""
    got = decide(request, BOOK)
    if "INPUT_INVALID" in got.reason_codes:
        return
    read = second_reading.read(request)
    assert (got.decision.value, set(got.fields_allowed), set(got.fields_withheld)) == (
        read.decision,
        read.allowed,
        read.redact,
    )
    assert (set(got.programs_visible), set(got.consents_relied_on)) == (read.programs, read.consents)
    assert set(got.obligations) == read.obligations
    assert read.codes - set(got.reason_codes) == set()


def vectors() -> Iterator[Raw]:
    with VECTORS.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def test_the_second_reading_gives_what_the_published_vectors_expect() -> None:
    asked = [v for v in vectors() if "INPUT_INVALID" not in v["expect"]["reason_codes"]]
    assert len(asked) >= 160
    for vector in asked:
        read, expected = second_reading.read(vector), vector["expect"]
        told = read.decision, read.allowed, read.redact, read.programs, read.consents, read.obligations
        wanted = (
            expected["decision"],
            *(set(expected[name]) for name in ("fields_allowed", "redact", "programs_visible", "consents_relied_on")),
            set(expected["obligations"]),
        )
        assert told == wanted, vector["id"]
        assert set(expected["reason_codes"]) <= read.codes, vector["id"]


@many
@given(readable)
def test_both_readings_agree(request: Raw) -> None:
    agree(request)


def moments(value: Any) -> Iterator[str]:
    """Every date and instant in a request."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from moments(inner) if name != "policy" else ()
    elif isinstance(value, list):
        for inner in value:
            yield from moments(inner)
    elif isinstance(value, str) and len(value) >= 10 and value[:4].isdecimal() and value[4] == value[7] == "-":
        yield value


def edges(text: str, zone: str, ages: tuple[int, ...] = (0, 12, 18)) -> Iterator[datetime]:
    """Where a moment begins, where it ends, and, as if it were a day of birth, where somebody comes of an age."""
    if len(text) > 10:
        yield datetime.fromisoformat(text).astimezone(UTC)
        return
    day = date.fromisoformat(text)
    for years, more in product(ages, (0, 1)):
        if day.year + years < 9000:
            moved = day.replace(year=day.year + years, day=min(day.day, 28)) if years else day
            local = datetime.combine(moved + timedelta(days=more), time(), ZoneInfo(zone))
            yield local.astimezone(UTC)


@st.composite
def at_an_edge(draw: st.DrawFn) -> Raw:
    request = copy.deepcopy(draw(readable))
    zone = draw(
        st.sampled_from(["UTC", "America/New_York", "America/Chicago", "America/Los_Angeles", "America/Phoenix"])
    )
    request["policy"] |= draw(st.sampled_from([{}, {"tz": zone}, {"discharge_grace_days": 3}]))
    local = request["policy"].get("tz") or OVERLAYS[request["jurisdiction"]].get("tz", "UTC")
    found = {edge for text in moments(request) for edge in edges(text, local) if edge > SINCE}
    edge = draw(st.sampled_from(sorted(found)))
    late = draw(st.sampled_from([-SECOND, timedelta(0), SECOND, timedelta(hours=4), timedelta(hours=24)]))
    request["as_of"] = (edge + late).isoformat()
    return request


@many
@given(at_an_edge())
def test_both_readings_agree_at_the_instants_at_which_something_begins_or_ends(request: Raw) -> None:
    agree(request)


@many
@given(at_an_edge(), st.sampled_from(["purpose", "kind", "both"]), st.data())
def test_both_readings_agree_on_who_asks_for_what(request: Raw, change: str, data: st.DataObject) -> None:
    """Any kind of recipient for any purpose, whatever the scene was made for."""
    if change != "kind":
        request["purpose"] = data.draw(st.sampled_from(sorted({p for p, _ in _work()})))
    if change != "purpose":
        request["recipient"]["kind"] = data.draw(st.sampled_from(sorted(KINDS)))
    agree(request)


def _work() -> Iterator[tuple[str, str]]:
    for kind, (purposes, _) in KINDS.items():
        yield from ((purpose, kind) for purpose in purposes)
