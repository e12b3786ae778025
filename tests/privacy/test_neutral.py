"""Does the neutral unit's protocol keep its promises? Cores only; real processes are in test_neutral_processes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from consent import decide, load_rulebook, read_request
from matcher import Encoder, LinkageKey, default_model, link
from records import Identity
from service.neutral.alarms import AlarmKind
from service.neutral.errors import FrameRefused, ParameterMismatch, Replayed
from service.neutral.frames import ONLINE, SIZES, open_frame, seal_frame
from service.neutral.messages import JailTick, ProviderReply, ProviderTick
from service.neutral.opaque import opaque
from service.neutral.provider import CANDIDATES
from service.neutral.session import MOST_IDENTITIES, Session, Shared, blocks_only, parameters
from service.neutral.unit import HANDLES
from tests.privacy.county import START, Clients, County, booking, people

ANA = Identity(first="Ana", last="Quisenberry-Holt", birth_date="1987-03-14", sex="F", ssn4="4471", phone="5555550147")
BO = Identity(first="Bogdan", last="Wetherington", birth_date="1979-11-02", sex="M", ssn4="9023")
CY = Identity(first="Cyrus", last="Abernathy", birth_date="1991-07-30", sex="M", ssn4="1188")
OTHERS = {f"x{i}": (Identity(first=f, last=s, birth_date=f"19{60 + i}-0{1 + i % 9}-1{i % 9}", sex="M"),) for i, (f, s) in enumerate(
    (f, s) for f in ("Liam", "Omar", "Paul", "Rex", "Saul", "Theo") for s in ("Brandt", "Castle", "Dorsey")
)}  # fmt: skip


def county(**changed: object) -> County:
    return County.of(
        {"north": Clients({"n1": (ANA,), **OTHERS}), "south": Clients({"s1": (ANA,), "s2": (BO,), **OTHERS})}, **changed
    )


def test_a_booked_client_reaches_every_provider_who_has_them_and_nobody_else() -> None:
    town = county()
    for number, person in (("B1", ANA), ("B2", BO), ("B3", CY)):
        town.jail.put(booking(number, [person]))
    town.run()
    assert town.received("north") == [("B1", "n1", "ALERT")]
    assert sorted(town.received("south")) == [("B1", "s1", "ALERT"), ("B2", "s2", "ALERT")]
    assert not town.alarms
    assert all(
        town.now - s.began < timedelta(seconds=60) for s in town.unit.sessions.values()
    )  # older ones are forgotten
    assert all(event.identities == () for event, _ in town.clients["south"].received)


def test_a_denied_client_is_not_released() -> None:
    town = county()
    town.clients["north"].denied = frozenset({"n1"})
    town.jail.put(booking("B1", [ANA]))
    town.run()
    assert town.received("north") == []
    assert [r[0] for r in town.received("south")] == ["B1"]


def test_what_passes_over_the_wire_is_the_same_size_whatever_happens() -> None:
    busy, idle = county(), county()
    for town in (busy, idle):
        town.busy = True
    for number in range(2):
        busy.jail.put(booking(f"B{number}", [ANA, BO]))
    busy.run(5)
    idle.run(5)
    assert busy.frames == idle.frames
    assert {way: sizes for way, sizes in busy.frames.items() if len(sizes) > 1} == {}


def test_the_unit_asks_about_as_many_handles_with_a_match_as_without() -> None:
    town = county()
    town.jail.put(booking("B1", [ANA]))
    town.run(3)
    asked = [inquiry for held in town.unit._outboxes.values() for inquiry in held.inquiries]
    inquired = [handles for s in town.unit.sessions.values() for handles in s.inquired.values()]
    assert {len(i.handles) for i in asked} | {len(h) for h in inquired} == {HANDLES}


def test_answers_are_always_padded_and_handles_are_of_one_session() -> None:
    town = county()
    town.jail.put(booking("B1", [ANA]))
    town.tick()
    answers = list(town.providers["north"]._answers)
    assert {len(a.handles) for a in answers} == {CANDIDATES}
    assert len({h for a in answers for h in a.handles}) == CANDIDATES * len(answers)


def test_two_sessions_of_one_person_have_nothing_in_common() -> None:
    shared = Shared(LinkageKey("e1", "k", bytes(32)), default_model())
    one, two = (
        Session.derive(shared, s * 32, n * 32).encoder(shared.model).encode([[ANA]])
        for s, n in (("a", b"1"), ("b", b"2"))
    )
    assert not set(one.blocks.ravel().tolist()) & set(two.blocks.ravel().tolist()) - {0}
    agree = (one.tables.name_filters[0] ^ two.tables.name_filters[0]).tolist()
    assert sum(int(word).bit_count() for word in agree) > 50


def test_a_probe_opens_with_the_linkage_key_only() -> None:
    shared = Shared(LinkageKey("e1", "k", bytes(32)), default_model())
    other = Shared(LinkageKey("e1", "k", b"\x01" * 32), default_model())
    mine, theirs = (Session.derive(s, "a" * 32, b"n" * 32) for s in (shared, other))
    blocks = Encoder(shared.key, shared.model).encode([[ANA, BO]]).blocks
    probe = mine.seal_probe(blocks)
    assert (mine.open_probe(probe) == blocks).all()
    assert len(probe) == len(mine.seal_probe(blocks[:1])) == len(mine.seal_probe(blocks[[0] * MOST_IDENTITIES]))
    with pytest.raises(FrameRefused):
        theirs.open_probe(probe)


def test_blocks_alone_find_the_same_candidates() -> None:
    shared = Shared(LinkageKey("e1", "k", bytes(32)), default_model())
    index = Clients({"n1": (ANA,), **OTHERS}).index(shared)
    whole = Encoder(shared.key, shared.model).encode([[ANA]])
    assert (
        index.candidates(whole).roster_rows == index.candidates(blocks_only(whole.blocks, whole.header)).roster_rows
    ).all()


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        pytest.param({"epoch": "e2"}, "epoch", id="epoch"),
        pytest.param({"model": default_model().model_copy(update={"name": "other"})}, "model", id="model"),
    ],
)
def test_a_jail_that_differs_is_refused_by_name(changed: dict[str, object], parameter: str) -> None:
    key = LinkageKey(str(changed.get("epoch", "e1")), "shared", sha256(b"linkage").digest())
    town = county(shared=Shared(key, changed.get("model", default_model())))  # type: ignore[arg-type]
    town.jail.put(booking("B1", [ANA]))
    with pytest.raises(ParameterMismatch, match=parameter):
        town.tick()
    assert {(a.kind, a.party, a.parameter) for a in town.alarms} == {(AlarmKind.PARAMETER_MISMATCH, "jail", parameter)}
    assert len(town.jail.queue) == 1  # not lost: it is sent again once mended


def test_a_provider_with_another_linkage_key_is_an_alarm_and_never_no_match() -> None:
    other = Shared(LinkageKey("e1", "shared", b"\x02" * 32), default_model())
    town = county(provider_shared=other)
    town.jail.put(booking("B1", [ANA]))
    town.run(4)
    assert {(a.kind, a.parameter) for a in town.alarms} == {(AlarmKind.PARAMETER_MISMATCH, "linkage_key")}
    assert {a.party for a in town.alarms} == {
        "jail",
        "north",
        "south",
    }  # each provider's own alarm, and the unit's of each
    assert not any(held.releases for held in town.unit._outboxes.values())


def test_a_provider_of_another_epoch_is_named() -> None:
    town = county(provider_shared=Shared(LinkageKey("e0", "shared", sha256(b"linkage").digest()), default_model()))
    town.busy = True
    town.run(3)
    assert {a.parameter for a in town.alarms} == {"epoch"}


def test_a_replayed_frame_is_refused_and_raised() -> None:
    town = county()
    town.now += timedelta(seconds=10)
    frame = town.jail.tick(town.now)
    town.unit.jail_tick(frame, town.now)
    with pytest.raises(Replayed):
        town.unit.jail_tick(frame, town.now)
    assert [a.kind for a in town.alarms] == [AlarmKind.REPLAYED]


def test_a_question_is_answered_once() -> None:
    """A unit that plays a jail's question again, to see other candidates, gets none."""
    town = county()
    town.jail.put(booking("B1", [ANA]))
    town.tick()
    ask = next(iter(town.unit.sessions.values())).offer.ask
    north, answered = town.providers["north"], len(town.providers["north"]._answers)
    north._asked(ask, town.now)
    assert len(north._answers) == answered
    assert town.alarms[-1].kind is AlarmKind.REPLAYED


def test_the_unit_cannot_make_up_a_question() -> None:
    town = county()
    town.jail.put(booking("B1", [ANA]))
    town.jail.signer = town.unit.signer  # signed by the unit in the jail's name
    frame = town.jail.tick(town.now)
    asks = open_frame(frame, JailTick, {"jail": town.unit.signer.trusted}, "unit")[1].offers
    town.providers["north"]._asked(asks[0].ask, town.now)
    assert [a.kind for a in town.alarms] == [AlarmKind.FRAME_REFUSED]
    assert not town.providers["north"]._answers


def test_a_late_frame_is_refused() -> None:
    town = county()
    frame = town.jail.tick(START)
    with pytest.raises(Replayed, match="clock"):
        town.unit.jail_tick(frame, START + timedelta(minutes=3))


def test_a_silent_provider_is_an_alarm_and_the_other_is_served() -> None:
    town = county()
    town.silent = {"south"}
    town.jail.put(booking("B1", [ANA]))
    town.run(2 + ONLINE.patience // timedelta(seconds=10) + 4)
    assert (AlarmKind.PARTY_SILENT, "south") in {(a.kind, a.party) for a in town.alarms}
    assert [r[1] for r in town.received("north")] == ["n1"]
    town.silent = set()
    town.run_until(lambda: town.received("south"))
    assert [r[1] for r in town.received("south")] == ["s1"]


def test_a_session_that_nobody_finished_ends_with_an_alarm() -> None:
    town = county()
    town.silent, town.busy = {"south"}, True
    town.tick()
    town.now += timedelta(hours=2)
    town.unit.watch(town.now)
    assert not town.unit.sessions
    assert (AlarmKind.SESSION_UNFINISHED, "south") in {(a.kind, a.party) for a in town.alarms}


def test_a_frame_for_another_kind_party_or_with_a_changed_byte_is_refused() -> None:
    town = county()
    frame = town.jail.tick(town.now)
    trusted = {"jail": town.jail.signer.trusted}
    with pytest.raises(FrameRefused):
        open_frame(frame, JailTick, trusted, "elsewhere")
    with pytest.raises(FrameRefused):
        open_frame(frame.ljust(SIZES[ProviderTick], b"\x00"), ProviderTick, trusted, "unit")
    changed = bytearray(frame)
    changed[200] ^= 1
    with pytest.raises(FrameRefused):
        open_frame(bytes(changed), JailTick, trusted, "unit")


def test_a_reply_to_another_tick_is_refused() -> None:
    town = county()
    reply = ProviderReply(7, (), (), ())
    frame = seal_frame(reply, town.unit.signer, "unit", "north")
    town.providers["north"].tick(town.now)
    with pytest.raises(Replayed):
        town.providers["north"].heard(frame, town.now)


def test_a_booking_without_a_name_is_not_queued() -> None:
    town = county()
    assert not town.jail.put(booking("B1", [Identity(birth_date="1980-01-01")]))
    assert not town.jail.put(replace(booking("B2", [ANA]), identities=()))


def test_parameters_of_unit_and_edges_are_the_same_words() -> None:
    model = default_model()
    assert parameters(model, "e1") == Shared(LinkageKey("e1", "k", bytes(32)), model).parameters


@pytest.mark.parametrize("profile", ["federal-floor", "county"])
def test_the_rules_decide_the_same_without_names(profile: str, shared: Path) -> None:
    """Every vector of the consent specification, with and without names: same decision, fields, obligations and reasons."""
    book = load_rulebook(profile, {})
    lines = (shared.parent / "consent" / "vectors.jsonl").read_text("utf-8").splitlines()
    asked = [read_request(json.loads(line)) for line in lines if _readable(line)]
    assert len(asked) > 100
    for request in asked:
        named, nameless = decide(request, book), decide(read_request(opaque(request, b"secret")), book)
        for part in ("decision", "fields_allowed", "fields_withheld", "obligations", "reason_codes", "rules", "faults"):
            assert getattr(named, part) == getattr(nameless, part)


def _readable(line: str) -> bool:
    try:
        read_request(json.loads(line))
    except ValueError:
        return False
    return True


def test_opaque_facts_hold_no_name(shared: Path) -> None:
    from tests.privacy.county import request

    text = json.dumps(opaque(request("CL-77"), b"secret"))
    assert not [word for word in ("CL-77", "Riverside", "u-lee", "org-river", "1980-05-17") if word in text]


def test_it_links_as_the_provider_would_itself(shared: Path) -> None:
    """us_small whole roster; the bookings of clients and as many others."""
    folder = shared / "us_small"
    roster, booked = people(folder / "roster.csv", "client_id"), people(folder / "bookings.csv", "booking_id")
    picked = dict(list(booked.items())[:12])
    town = County.of({"all": Clients(roster)})
    for number, identities in picked.items():
        town.jail.put(booking(number, identities))
    while town.jail.queue:
        town.tick()
    town.run(4)
    keys = town.jail.shared
    hosted = link(Encoder(keys.key, keys.model).encode(list(picked.values())), town.providers["all"].index)
    expected = {
        (n, f.client, f.verdict.value)
        for n, r in zip(picked, hosted, strict=True)
        for f in r.links
        if f.verdict.value != "NONE"
    }
    assert set(town.received("all")) == expected
    assert not town.alarms
