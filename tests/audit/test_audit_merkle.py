"""Is the tree the tree of RFC 6962? Known answers, a slow literal reference, and proofs that must not stretch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from audit.errors import ProofRefused

KNOWN: dict[str, Any] = json.loads((Path(__file__).parent / "known_answers.json").read_text())
ENTRIES = [bytes.fromhex(entry) for entry in KNOWN["entries"]]
ROOTS = [bytes.fromhex(root) for root in KNOWN["roots"]]


def slow_root(entries: Sequence[bytes]) -> bytes:
    """MTH(D[n]) letter by letter: no frontier, no shortcut."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\x01" + slow_root(entries[:k]) + slow_root(entries[k:])).digest()


def reader(entries: Sequence[bytes]) -> merkle.HashReader:
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    return lambda start, stop: hashes[start:stop]


def hexed(proof: Sequence[bytes]) -> list[str]:
    return [step.hex() for step in proof]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root_of(map(merkle.leaf_hash, ENTRIES[:size])) == ROOTS[size]


@pytest.mark.parametrize("case", KNOWN["inclusion"], ids=lambda c: f"{c['position']}-in-{c['size']}")
def test_inclusion_proofs_are_the_published_ones(case: dict[str, Any]) -> None:
    proof = merkle.inclusion_proof(case["position"], case["size"], reader(ENTRIES))
    assert hexed(proof) == case["proof"]
    leaf = merkle.leaf_hash(ENTRIES[case["position"]])
    assert merkle.verify_inclusion(leaf, case["position"], case["size"], proof, ROOTS[case["size"]])


@pytest.mark.parametrize("case", KNOWN["consistency"], ids=lambda c: f"{c['old']}-to-{c['new']}")
def test_consistency_proofs_are_the_published_ones(case: dict[str, Any]) -> None:
    proof = merkle.consistency_proof(case["old"], case["new"], reader(ENTRIES))
    assert hexed(proof) == case["proof"]
    assert merkle.verify_consistency(case["old"], case["new"], proof, ROOTS[case["old"]], ROOTS[case["new"]])


def test_the_worked_example_of_the_rfc() -> None:
    """RFC 6962, 2.1.3: the tree of seven leaves, its nodes by their letters."""
    entries = [bytes([n]) for n in range(7)]
    a, b, c, d, e, f, j = (merkle.leaf_hash(entry) for entry in entries)
    g, h, i = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, el = merkle.node_hash(g, h), merkle.node_hash(i, j)
    read = reader(entries)
    assert merkle.root_of(read(0, 7)) == merkle.node_hash(k, el)
    assert merkle.inclusion_proof(0, 7, read) == (b, h, el)
    assert merkle.inclusion_proof(3, 7, read) == (c, g, el)
    assert merkle.inclusion_proof(4, 7, read) == (f, j, k)
    assert merkle.inclusion_proof(6, 7, read) == (i, k)
    assert merkle.consistency_proof(3, 7, read) == (c, d, g, el)
    assert merkle.consistency_proof(4, 7, read) == (el,)
    assert merkle.consistency_proof(6, 7, read) == (i, j, k)


def test_every_size_agrees_with_the_slow_reference_in_every_split_of_appends() -> None:
    entries = [bytes([n, n]) for n in range(70)]
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    one_by_one = merkle.Frontier()
    for size in range(70):
        assert one_by_one.root() == slow_root(entries[:size])
        assert merkle.Frontier.unpack(size, one_by_one.pack()) == one_by_one
        assert one_by_one.extend(hashes[size:]).root() == slow_root(entries)
        one_by_one = one_by_one.extend(hashes[size : size + 1])


@given(st.integers(1, 200), st.data())
def test_an_inclusion_proof_holds_for_its_leaf_and_place_only(size: int, data: st.DataObject) -> None:
    entries = [n.to_bytes(2, "big") for n in range(size)]
    position = data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion_proof(position, size, reader(entries)), slow_root(entries)
    leaf = merkle.leaf_hash(entries[position])
    assert merkle.verify_inclusion(leaf, position, size, proof, root)
    assert len(proof) <= (size - 1).bit_length()
    other = data.draw(st.integers(0, size + 1).filter(lambda n: n != position))
    assert not merkle.verify_inclusion(leaf, other, size, proof, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"other"), position, size, proof, root)
    assert not merkle.verify_inclusion(leaf, position, size, (*proof, leaf), root)
    if proof:
        assert not merkle.verify_inclusion(leaf, position, size, proof[:-1], root)
        assert not merkle.verify_inclusion(leaf, position, size, _flipped(proof, data), root)


@pytest.mark.parametrize("size", [2, 3, 7, 8])
def test_a_root_does_not_pass_for_a_leaf(size: int) -> None:
    root = slow_root(ENTRIES[:size])
    assert not merkle.verify_inclusion(root, 0, size, (), root)
    assert not merkle.verify_inclusion(root, size - 1, size, (), root)


@given(st.integers(1, 120), st.data())
def test_a_consistency_proof_holds_for_its_two_trees_only(new: int, data: st.DataObject) -> None:
    entries = [n.to_bytes(2, "big") for n in range(new)]
    old = data.draw(st.integers(1, new))
    proof = merkle.consistency_proof(old, new, reader(entries))
    roots = slow_root(entries[:old]), slow_root(entries)
    assert merkle.verify_consistency(old, new, proof, *roots)
    assert not merkle.verify_consistency(old, new, proof, b"\x00" * 32, roots[1])
    assert not merkle.verify_consistency(old, new, proof, roots[0], b"\x00" * 32)
    assert not merkle.verify_consistency(old, new, (*proof, roots[0]), *roots)
    rewritten = [b"changed", *entries[1:]]
    assert not merkle.verify_consistency(
        old, new, merkle.consistency_proof(old, new, reader(rewritten)), roots[0], slow_root(rewritten)
    )
    if proof:
        assert not merkle.verify_consistency(old, new, _flipped(proof, data), *roots)


@pytest.mark.parametrize(("position", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_no_proof_for_what_is_not_there(position: int, size: int) -> None:
    with pytest.raises(ProofRefused):
        merkle.inclusion_proof(position, size, reader(ENTRIES))


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4), (-1, 4)])
def test_no_consistency_with_an_empty_or_longer_past(old: int, new: int) -> None:
    with pytest.raises(ProofRefused):
        merkle.consistency_proof(old, new, reader(ENTRIES))


@pytest.mark.parametrize(("size", "packed"), [(1, b""), (3, b"x" * 32), (2, b"x" * 31), (0, b"x" * 32)])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, packed: bytes) -> None:
    with pytest.raises(ProofRefused):
        merkle.Frontier.unpack(size, packed)


def _flipped(proof: Sequence[bytes], data: st.DataObject) -> tuple[bytes, ...]:
    at = data.draw(st.integers(0, len(proof) - 1))
    bad = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    return (*proof[:at], bad, *proof[at + 1 :])
