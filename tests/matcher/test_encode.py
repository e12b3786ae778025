"""Is the encoding right: official vectors, the literal reference, and answers that must never change."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import EncodedBatch, Encoder, HeaderMismatch, LinkageKey, reference
from matcher.errors import BadSegment
from matcher.hashing import FILTER_WORDS, siphash
from records import Identity
from tests.matcher.people import ENCODER, KEY, MODEL, identities, person

KNOWN = Path(__file__).with_name("known_answers.json")
OFFICIAL = {8: 0x93F5F5799A932462, 16: 0x3F2ACC7F57C29BDB}
"""SipHash-2-4 of 00 01 02 ... under the key 00 .. 0f, from the authors' reference implementation."""


def bits(words: np.ndarray) -> frozenset[int]:
    assert len(words) == FILTER_WORDS
    return frozenset(64 * k + b for k, w in enumerate(words.tolist()) for b in range(64) if w >> b & 1)


@pytest.mark.parametrize("size", OFFICIAL)
def test_siphash_gives_the_official_answers(size: int) -> None:
    key, message = bytes(range(16)), bytes(range(size))
    words = [np.array([int.from_bytes(message[k : k + 8], "little")], np.uint64) for k in range(0, size, 8)]
    assert int(siphash(key, words)[0]) == OFFICIAL[size]
    assert reference.siphash(key, message) == OFFICIAL[size]


@settings(max_examples=150, deadline=None)
@given(st.lists(identities(), min_size=1, max_size=5))
def test_fast_path_equals_the_literal_reference(people: list[Identity]) -> None:
    batch = ENCODER.encode([[p] for p in people])
    tables, rows = batch.tables, batch.rows
    for k, identity in enumerate(people):
        literal = reference.encode(KEY, MODEL, identity)
        for field in ("first", "middle", "last"):
            at = getattr(rows, field)[k]
            assert (bits(tables.name_filters[at]) if at >= 0 else frozenset()) == getattr(literal, field)
        parts = tables.name_parts[rows.last[k]] if rows.last[k] >= 0 else []
        assert tuple(bits(tables.name_filters[p]) for p in parts if p >= 0) == literal.last_parts
        assert (bits(tables.street_filters[rows.street[k]]) if rows.street[k] >= 0 else frozenset()) == literal.street
        found = tables.name_groups[rows.first[k]].tolist() if rows.first[k] >= 0 else []
        assert tuple(g for g in found if g) == literal.first_groups
        assert (tuple(tables.dobs[rows.dob[k]].tolist()) if rows.dob[k] >= 0 else ()) == literal.dob
        assert (tuple(tables.ssns[rows.ssn4[k]].tolist()) if rows.ssn4[k] >= 0 else ()) == literal.ssn4
        assert {name: int(getattr(rows, name)[k]) for name in literal.tokens} == literal.tokens
        assert tuple(batch.blocks[k].tolist()) == literal.blocks


def test_known_answers_have_not_changed() -> None:
    known = json.loads(KNOWN.read_text("utf-8"))
    people = [[Identity(**each) for each in entry] for entry in known["people"]]
    assert ENCODER.header.schema_hash == known["schema_hash"]
    digests = [hashlib.sha256(ENCODER.encode([p]).to_bytes()).hexdigest() for p in people]
    assert digests == known["sha256"]


@given(st.lists(st.lists(identities(), min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_bytes_round_trip_and_people_can_be_cut_and_joined(people: list[list[Identity]]) -> None:
    batch = ENCODER.encode(people)
    data = batch.to_bytes()
    assert EncodedBatch.from_bytes(data, ENCODER.header).to_bytes() == data
    singles = [batch.one(k) for k in range(len(batch))]
    assert EncodedBatch.concat(singles).to_bytes() == EncodedBatch.concat([batch]).to_bytes()
    for single, identity in zip(singles, people, strict=True):
        assert single.to_bytes() == ENCODER.encode([identity]).one(0).to_bytes()


@given(st.lists(st.lists(identities(), min_size=1, max_size=3), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_segments_joined_are_the_batches_joined(people: list[list[Identity]], data: st.DataObject) -> None:
    """Of one person or several, in any cut; and where one is damaged, joined and single reading agree on what it is."""
    batch = ENCODER.encode(people)
    cuts = sorted({0, len(batch), *data.draw(st.sets(st.integers(0, len(batch))))})
    segments = [batch.slice(lo, hi).to_bytes() for lo, hi in pairwise(cuts)]
    assert EncodedBatch.join(segments, ENCODER.header).to_bytes() == _one_by_one(segments)
    which = data.draw(st.integers(0, len(segments) - 1))
    at = data.draw(st.integers(0, len(segments[which]) - 1))
    changed = segments[which][at] ^ data.draw(st.integers(1, 255))
    segments[which] = segments[which][:at] + bytes([changed]) + segments[which][at + 1 :]
    try:
        joined: bytes | None = EncodedBatch.join(segments, ENCODER.header).to_bytes()
    except BadSegment:
        joined = None
    assert joined == _one_by_one(segments)


def _one_by_one(segments: list[bytes]) -> bytes | None:
    """None where one of them is refused."""
    try:
        return EncodedBatch.concat([EncodedBatch.from_bytes(s, ENCODER.header) for s in segments]).to_bytes()
    except (BadSegment, HeaderMismatch):
        return None


def test_what_is_short_long_or_nothing_is_not_joined() -> None:
    good = ENCODER.encode([[person()]]).to_bytes()
    for bad in (b"", good[:3], good[:200], good[:-1], good + b"x"):
        with pytest.raises(BadSegment):
            EncodedBatch.join([good, bad], ENCODER.header)
    with pytest.raises(ValueError, match="nothing"):
        EncodedBatch.join([], ENCODER.header)
    assert EncodedBatch.header_of(good) == ENCODER.header


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_are_refused_or_harmless(data: st.DataObject) -> None:
    good = ENCODER.encode([[person()]]).to_bytes()
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(BadSegment):
        EncodedBatch.from_bytes(good[:cut])
    with pytest.raises(BadSegment):
        EncodedBatch.from_bytes(good + b"x")
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + bytes([good[at] ^ 0x80]) + good[at + 1 :]
    try:
        batch = EncodedBatch.from_bytes(damaged)
    except BadSegment:
        return
    for table in (batch.rows.first, batch.rows.last):
        assert table.max() < len(batch.tables.name_filters)


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (LinkageKey("2027", "test", bytes(range(32))), "epoch"),
        (LinkageKey("2026", "other", bytes(range(32))), "key_id"),
    ],
)
def test_mixed_headers_are_refused_by_name(key: LinkageKey, named: str) -> None:
    mine, theirs = ENCODER.encode([[person()]]), Encoder(key, MODEL).encode([[person()]])
    with pytest.raises(HeaderMismatch, match=named):
        EncodedBatch.concat([mine, theirs])
    with pytest.raises(HeaderMismatch, match=named):
        EncodedBatch.from_bytes(theirs.to_bytes(), mine.header)


def test_keys_and_epochs_give_unrelated_encodings() -> None:
    mine = ENCODER.encode([[person()]])
    for other in (LinkageKey("2027", "test", bytes(range(32))), LinkageKey("2026", "test", bytes(range(1, 33)))):
        theirs = Encoder(other, MODEL).encode([[person()]])
        assert not (mine.tables.dobs == theirs.tables.dobs).any()
        assert not ((mine.blocks == theirs.blocks) & (mine.blocks != 0)).any()


def test_nothing_prints_a_value() -> None:
    batch = ENCODER.encode([[person()]])
    shown = f"{batch!r} {batch} {KEY!r} {KEY} {ENCODER!r} {batch.tables!r} {batch.rows!r}"
    assert "Fontenot" not in shown
    assert KEY.root.hex() not in shown
    assert "array" not in shown
