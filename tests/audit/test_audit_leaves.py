"""Can anything but a code, count, instant, hash or opaque reference get into the log? Is its form one and only one?"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import LeafRefused
from audit.facts import REF, as_code
from audit.leaves import Entry, Kind, Leaf, decode, leaf
from audit.vocabulary import SHAPES, TYPES
from consent import COUNTY, FLOOR, load_rulebook
from matcher.levels import FIELDS, label
from records import EventKind, Op
from store.locator import Locator
from tests.audit.samples import AT, hashed, ref

PERSONAL = [
    "Maria Garcia",
    "Garcia, Maria",
    "Garcia",
    "O'Brien",
    "Núñez",
    "李",
    "1990-02-14",
    "02/14/1990",
    "19900214",
    "123-45-6789",
    "6789",
    "(512) 555-0134",
    "maria@example.org (client)",
    "12 Elm Street",
    "",
    " ",
    "a" * 200,
]
NOT_FACTS: list[object] = [1.5, float("nan"), True, -1, 2**60, b"bytes", {"a": 1}, object(), date(1990, 2, 14)]
DASHED = {"1990-02-14", "123-45-6789"}
OPEN_NAMES = {name for name, kind in TYPES.items() if kind("clinician-7") == "clinician-7" and kind("Garcia")}
"""Facts that hold what an organisation calls its own staff and systems: a single word gets through there."""


@pytest.mark.parametrize("name", sorted(TYPES))
def test_no_fact_takes_what_belongs_to_a_person(name: str) -> None:
    for word in PERSONAL:
        if name not in OPEN_NAMES or word not in {"Garcia", "19900214", "6789", *DASHED}:
            assert TYPES[name](word) is None
            assert TYPES[name]([word]) is None
    for value in NOT_FACTS:
        assert TYPES[name](value) is None or (value == -1 and name.endswith("millibits"))


@pytest.mark.parametrize("word", sorted(DASHED))
def test_a_birth_date_or_number_is_no_party(word: str) -> None:
    assert all(TYPES[name](word) is None for name in ("by", "staff", "recipient", "org", "via"))


def test_only_names_of_staff_and_systems_are_open() -> None:
    people = {"approved_by", "by", "org", "recipient", "recipient_org", "staff", "via"}
    assert people | {"epoch", "feed", "rule_set", "sink", "version"} == OPEN_NAMES


@pytest.mark.parametrize("text", ["booked_at", "no-booking-number", "timeout"])
def test_a_code_of_another_room_is_kept(text: str) -> None:
    assert as_code(text) == text


@pytest.mark.parametrize("text", ["", "Last Name", "MSH", "Garcia", "1990-02-14"])
def test_what_is_no_code_is_left_out_and_stops_nothing(text: str) -> None:
    assert as_code(text) is None
    assert (
        "field" not in leaf(Kind.QUARANTINE, feed="lkc", delivery=ref("d"), code="required", field=as_code(text)).facts
    )


def test_every_kind_has_a_shape_and_every_fact_a_type_and_a_use() -> None:
    assert set(SHAPES) == set(Kind)
    used = frozenset[str]().union(*(shape.must | shape.may for shape in SHAPES.values()))
    assert used == set(TYPES)
    assert all(not shape.must & shape.may for shape in SHAPES.values())


@given(st.text(max_size=40))
def test_what_the_locator_makes_is_a_reference(text: str) -> None:
    made = Locator(b"key").ref("client", text)
    assert REF(made) == made


def test_a_decision_is_one_line_of_sorted_ascii() -> None:
    stated = leaf(
        Kind.DECISION,
        decision=ref("d"),
        recipient="staff-7",
        stage="send",
        effect="deny",
        reasons=["OPTED_OUT", "NO_CONSENT", "OPTED_OUT"],
        rule_set="county-2026",
        rule_set_hash=hashed("rules"),
        consents=[],
        obligations=None,
    )
    entry = Entry(3, AT, stated).canonical()
    assert entry.startswith(b'{"at":"2026-10-06T08:00:00.000000Z","facts":{"consents":[],"decision":"')
    assert entry.endswith(b'},"kind":"decision","position":3,"v":1}')
    assert b'"reasons":["NO_CONSENT","OPTED_OUT"]' in entry
    assert b"obligations" not in entry
    assert decode(entry) == Entry(3, AT, stated)


def test_enum_members_and_instants_stand_for_their_values() -> None:
    event = leaf(
        Kind.BOOKING_EVENT, feed="lkc", booking=ref("b"), event=ref("e"), op=Op.ADD, event_kind=EventKind.BOOKED
    )
    assert (event.facts["op"], event.facts["event_kind"]) == ("add", "booked")
    texas = datetime(2026, 10, 6, 3, 0, tzinfo=timezone(timedelta(hours=-5)))
    export = leaf(Kind.EXPORT, report="accounting", format="csv", by="officer", since=texas)
    assert export.facts["since"] == "2026-10-06T08:00:00.000000Z"


def test_every_event_kind_and_op_of_the_vocabulary_has_its_code() -> None:
    assert all(TYPES["event_kind"](kind) for kind in EventKind)
    assert all(TYPES["op"](op) for op in Op)


@pytest.mark.parametrize("instant", [datetime(2026, 1, 1), datetime(1990, 2, 14, tzinfo=UTC), "2026-01-01", 17])
def test_an_instant_has_an_offset_and_is_of_our_time(instant: object) -> None:
    with pytest.raises(LeafRefused, match="since"):
        leaf(Kind.EXPORT, report="accounting", format="csv", by="officer", since=instant)


def test_a_refusal_never_repeats_what_it_refused() -> None:
    for facts in ({"by": "Maria Garcia", "method": "passkey", "result": "ok"}, {"Maria Garcia": 1}):
        with pytest.raises(LeafRefused) as refused:
            leaf(Kind.LOGIN, **facts)
        assert "Garcia" not in str(refused.value)


def test_unknown_and_missing_facts_are_refused() -> None:
    with pytest.raises(LeafRefused, match="does not know verdict"):
        leaf(Kind.LOGIN, method="passkey", result="ok", verdict="NONE")
    with pytest.raises(LeafRefused, match="misses result"):
        leaf(Kind.LOGIN, method="passkey")


def test_facts_cannot_be_altered_afterwards() -> None:
    stated = leaf(Kind.LOGIN, method="passkey", result="ok")
    with pytest.raises(TypeError):
        stated.facts["by"] = "someone"  # type: ignore[index]  # that it is refused is the point


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda e: e.replace(b":3,", b": 3,"), id="blank"),
        pytest.param(lambda e: e.replace(b'"v":1', b'"v":2'), id="version"),
        pytest.param(lambda e: e.replace(b'"v":1', b'"v":1,"w":1'), id="more"),
        pytest.param(lambda e: e.replace(b"login", b"logon"), id="kind"),
        pytest.param(lambda e: e.replace(b"000000Z", b"000000+00:00"), id="offset"),
        pytest.param(lambda e: e.replace(b"2026-10-06", b"2026-13-06"), id="month"),
        pytest.param(lambda e: e.replace(b'"position":3', b'"position":"3"'), id="position"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"[]", id="list"),
        pytest.param(lambda _: b"\xff", id="no text"),
        pytest.param(lambda e: json.dumps(json.loads(e), indent=1).encode(), id="pretty"),
    ],
)
def test_only_the_canonical_form_is_read(alter: object) -> None:
    entry = Entry(3, AT, leaf(Kind.LOGIN, method="passkey", result="ok")).canonical()
    with pytest.raises(LeafRefused):
        decode(alter(entry))  # type: ignore[operator]  # a lambda


def test_the_words_of_the_other_rooms_can_stand_in_the_log() -> None:
    """A word that the log refuses would stop the transaction that it belongs to."""
    for profile in (COUNTY, FLOOR):
        book = load_rulebook(profile)
        assert TYPES["rule_set"](book.version) is not None
        assert TYPES["rule_set_hash"](book.hash) is not None
    rules = files("consent") / "book"
    for name in ("reasons", "obligations"):
        codes = yaml.safe_load((rules / f"{name}.yaml").read_text("utf-8"))
        assert codes
        assert all(TYPES[name]([code]) is not None for code in codes)
    levels = [f"{field}:{label(field, level)}" for field, names in FIELDS.items() for level in names]
    assert TYPES["levels"](levels) == tuple(sorted(levels))


def test_a_leaf_built_by_hand_is_checked_too() -> None:
    with pytest.raises(LeafRefused):
        Leaf(Kind.LOGIN, {"method": "passkey", "result": "ok", "by": "Maria Garcia"})
