"""Does the standing roster survive change: incremental equals rebuilt, removed means gone, caps are reported."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import BookingLinks, EncodedBatch, Encoder, HeaderMismatch, LinkageKey, RosterIndex, link, segment
from matcher.blocks import BlockIndex, ordered
from matcher.errors import BadSegment
from matcher.passes import PASSES
from tests.matcher.people import ENCODER, MODEL, crowd, person, roster

OTHERS = crowd(60)
BOOKED = ENCODER.encode([[p] for p in OTHERS[:20]] + [[replace(p, last=p.last + "s")] for p in OTHERS[20:30]])


def seen(results: list[BookingLinks]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(r.verdict.value, [(x.client, x.levels_text) for x in r.links]) for r in results]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["add", "remove", "replace", "link"]), min_size=5, max_size=40), st.integers(1, 7))
def test_incremental_equals_rebuilt(steps: list[str], stride: int) -> None:
    index = RosterIndex(MODEL)
    held: dict[str, int] = {}
    for n, step in enumerate(steps):
        k = n * stride % len(OTHERS)
        ref = f"r{k}"
        if step == "link":
            link(BOOKED.slice(0, 2), index)
        elif step == "remove" and held:
            gone = sorted(held)[k % len(held)]
            index.remove(gone)
            del held[gone]
        elif step == "replace" or ref not in held:
            other = (k + 1) % len(OTHERS) if step == "replace" else k
            index.replace(ref, ENCODER.encode([[OTHERS[other]]]))
            held[ref] = other
    rebuilt = RosterIndex(MODEL)
    if held:
        rebuilt.add(ENCODER.encode([[OTHERS[k]] for k in held.values()]), list(held))
    assert len(index) == len(rebuilt) == len(held)
    assert sorted(index.refs()) == sorted(held)
    now, anew = index.candidates(BOOKED), rebuilt.candidates(BOOKED)

    def pairs(where: RosterIndex, found: object) -> set[tuple[int, str]]:
        rows = zip(found.booking_rows.tolist(), where.people_of(found.roster_rows).tolist(), strict=True)  # type: ignore[attr-defined]
        return {(i, where.ref_of(j)) for i, j in rows}

    assert pairs(index, now) == pairs(rebuilt, anew)


def test_a_removed_client_is_never_returned() -> None:
    index = roster(person())
    booked = ENCODER.encode([[person()]])
    assert link(booked, index)[0].links[0].client == "c0"
    index.remove("c0")
    assert "c0" not in index
    assert all(x.client != "c0" for x in link(booked, index)[0].links)
    with pytest.raises(KeyError):
        index.remove("c0")


def test_a_changed_client_is_found_by_the_new_facts_only() -> None:
    index = roster(person())
    index.replace("c0", ENCODER.encode([[person(last="Blanchard", first="Odile", birth_date="1990-10-09")]]))
    old, new = (
        ENCODER.encode(
            [[person(ssn4="", phone="", street="")], [person(last="Blanchard", first="Odile", birth_date="1990-10-09")]]
        ),
        1,
    )
    results = link(old, index)
    assert results[0].verdict.value == "NONE"
    assert results[new].links[0].client == "c0"


def test_a_reference_cannot_be_added_twice() -> None:
    index = roster(person())
    with pytest.raises(ValueError, match="already"):
        index.add(ENCODER.encode([[person()]]), ["c0"])
    assert len(link(ENCODER.encode([[person()]]), index)[0].links) == 1


@pytest.mark.parametrize("size", [30, segment.LARGE + 3])
def test_an_index_of_loaded_segments_is_that_of_added_encodings(size: int) -> None:
    """A large segment has its keys in order; a small one, and every older one, has not."""
    people = crowd(2 * size)
    added, loaded = RosterIndex(MODEL), RosterIndex(MODEL)
    for half in (people[:size], people[size:]):
        batch, refs = ENCODER.encode([[p] for p in half]), [str(len(added) + n) for n in range(size)]
        data = batch.to_bytes()
        assert data.startswith(segment.ORDERED if size >= segment.LARGE else segment.MAGIC)
        assert np.array_equal(EncodedBatch.from_bytes(data).blocks, batch.blocks)
        added.add(batch, refs)
        loaded.load(data, refs)
    one, other = added.candidates(BOOKED), loaded.candidates(BOOKED)
    assert (one.booking_rows.tolist(), one.roster_rows.tolist()) == (
        other.booking_rows.tolist(),
        other.roster_rows.tolist(),
    )
    assert len(one.booking_rows)
    assert link(BOOKED, added) == link(BOOKED, loaded)


def test_a_segment_of_the_layout_without_order_is_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [[p] for p in crowd(segment.LARGE)]
    new = ENCODER.encode(people).to_bytes()
    monkeypatch.setattr(segment, "LARGE", len(people) + 1)
    old = ENCODER.encode(people).to_bytes()
    assert (old[:6], new[:6]) == (segment.MAGIC, segment.ORDERED)
    assert EncodedBatch.from_bytes(new).to_bytes() == EncodedBatch.from_bytes(old).to_bytes() == old
    joined = EncodedBatch.join([new, old], ENCODER.header)
    assert joined.to_bytes() == EncodedBatch.concat([EncodedBatch.from_bytes(s) for s in (new, old)]).to_bytes()
    index, refs = RosterIndex(MODEL), [str(n) for n in range(len(people))]
    index.load(old, refs)
    assert link(ENCODER.encode(people[:1]), index)[0].links[0].client == "0"


def test_keys_out_of_order_are_refused() -> None:
    data = ENCODER.encode([[p] for p in crowd(segment.LARGE)]).to_bytes()
    keys = EncodedBatch.from_bytes(data).blocks[:, : len(PASSES[0].slots)]
    least = np.unique(keys[keys != 0])[:2]
    swapped = data.replace(least.astype("<u4").tobytes(), least[::-1].astype("<u4").tobytes(), 1)
    for damaged, what in ((swapped, "out of order"), (data[:-4] + b"\xff" * 4, "without a place")):
        with pytest.raises(BadSegment, match=what):
            RosterIndex(MODEL).load(damaged, [str(n) for n in range(segment.LARGE)])


def test_another_epoch_is_refused() -> None:
    later = Encoder(LinkageKey("2027", "test", bytes(range(32))), MODEL)
    with pytest.raises(HeaderMismatch, match="epoch"):
        link(later.encode([[person()]]), roster())


def test_blocks_over_the_cap_are_skipped_and_counted() -> None:
    same = ENCODER.encode([[person()]])
    cap = MODEL.caps["phone+initial"]
    blocks = BlockIndex(MODEL.caps)
    for row in range(cap + 1):
        blocks.add(ordered(same.blocks), row)
    report = blocks.pairs(same.blocks).report
    phone = next(r for r in report if r.name == "phone+initial")
    assert phone.pairs == 0
    assert phone.capped_blocks == 2
    assert phone.capped_pairs == 2 * (cap + 1)


def test_exhaustive_compares_everybody() -> None:
    index = roster(exhaustive=True)
    assert [r.candidates for r in link(BOOKED, index)] == [len(index)] * len(BOOKED)


def test_an_empty_roster_or_batch_links_nothing() -> None:
    assert link(BOOKED, RosterIndex(MODEL))[0].links == ()
    assert link(BOOKED.slice(0, 0), roster()) == []


def test_memory_stays_small() -> None:
    index = RosterIndex(MODEL)
    people = crowd(3000)
    index.add(ENCODER.encode([[p] for p in people]), [f"x{k}" for k in range(len(people))])
    link(BOOKED, index)
    assert index.bytes_per_client() < 600


def test_results_do_not_depend_on_the_batch() -> None:
    index = roster(*OTHERS[:5])
    whole = link(BOOKED, index)
    assert seen(whole) == seen([link(BOOKED.one(k), index)[0] for k in range(len(BOOKED))])


def test_who_came_after_the_frequencies_were_measured_is_weighed() -> None:
    """A roster that grew by less than a tenth keeps its measure; values it did not know count as held once."""
    index = roster(*crowd(60))
    late = replace(person(), first="Ottoline", last="Vandersloot", birth_date="1953-02-11", ssn4="7713")
    link(BOOKED.slice(0, 1), index)
    index.add(ENCODER.encode([[late]]), ["late"])
    (found,) = link(ENCODER.encode([[late]]), index)[0].links
    assert found.client == "late"
    assert found.weight > 20
