"""Does the standing roster survive change: incremental equals rebuilt, removed means gone, caps are reported."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import BookingLinks, Encoder, HeaderMismatch, LinkageKey, RosterIndex, link
from matcher.blocks import BlockIndex
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


def test_another_epoch_is_refused() -> None:
    later = Encoder(LinkageKey("2027", "test", bytes(range(32))), MODEL)
    with pytest.raises(HeaderMismatch, match="epoch"):
        link(later.encode([[person()]]), roster())


def test_blocks_over_the_cap_are_skipped_and_counted() -> None:
    same = ENCODER.encode([[person()]])
    cap = MODEL.caps["phone+initial"]
    blocks = BlockIndex(MODEL.caps)
    for row in range(cap + 1):
        blocks.add(same.blocks, row)
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
