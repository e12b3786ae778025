"""Does a witness sign only what grew out of what it signed before, and does its line say when?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.checkpoint import open_checkpoint, sign
from audit.errors import NoteMalformed, ProofRefused, SignatureRefused
from audit.export import consistency_file
from audit.log import AuditLog, TreeHead
from audit.merkle import EMPTY_ROOT
from audit.note import Signer, VerifierKey
from audit.verifier import examine
from audit.witness import Witness, cosigned
from store.database import Database
from tests.audit.samples import AT, Grow, Lines

OWN = Signer.from_seed("witness.example/w1", b"\x05" * 32)


@pytest.fixture
def witness(signer: Signer) -> Witness:
    return Witness(OWN, (signer.verifier,))


def test_a_cosigned_checkpoint_is_still_the_log_s_and_says_when_it_was_seen(
    grow: Grow, exported: Lines, witness: Witness, signer: Signer
) -> None:
    note = witness.cosign(grow([5]), AT)
    assert open_checkpoint(note, [signer.verifier]).size == 5
    assert cosigned(note, [witness.verifier]) == ((witness.verifier, AT),)
    assert examine(exported(), note, str(signer.verifier)).good


def test_the_key_of_a_witness_goes_both_ways_and_is_not_a_log_key(witness: Witness, grow: Grow) -> None:
    assert VerifierKey.parse(str(witness.verifier)) == witness.verifier
    with pytest.raises(SignatureRefused):
        open_checkpoint(witness.cosign(grow([1]), AT), [OWN.verifier])


def test_growth_is_witnessed_with_its_proof_only(
    grow: Grow, database: Database, log: AuditLog, witness: Witness
) -> None:
    first = grow([5])
    second = grow([9])
    with database.read() as conn:
        proof = consistency_file(conn, log, first)
    assert cosigned(witness.cosign(second, AT, first, proof), [witness.verifier])
    assert cosigned(witness.cosign(second, AT, second), [witness.verifier])
    for other in (None, proof.replace("old 5", "old 4"), proof.replace(second, first)):
        with pytest.raises(ProofRefused):
            witness.cosign(second, AT, first, other)


def test_a_rewritten_log_is_not_witnessed(
    grow: Grow, database: Database, log: AuditLog, signer: Signer, witness: Witness
) -> None:
    other_past = sign(TreeHead(5, b"\x09" * 32), signer)
    note = grow([9])
    with database.read() as conn:
        proof = consistency_file(conn, log, other_past)
    with pytest.raises(ProofRefused, match="rewritten"):
        witness.cosign(note, AT, other_past, proof)


def test_neither_an_unsigned_nor_an_empty_log_is_witnessed(witness: Witness, signer: Signer) -> None:
    with pytest.raises(ProofRefused, match="empty"):
        witness.cosign(sign(TreeHead(0, EMPTY_ROOT), signer), AT)
    stranger = Signer.from_seed(signer.name, b"\x06" * 32)
    with pytest.raises(SignatureRefused):
        witness.cosign(sign(TreeHead(1, bytes(32)), stranger), AT)


def test_a_cosignature_with_another_time_or_text_is_false(grow: Grow, witness: Witness) -> None:
    note = witness.cosign(grow([5]), AT)
    later = witness.cosign(grow([2]), AT + timedelta(hours=1))
    swapped = note.rsplit("\u2014", 1)[0] + "\u2014" + later.rsplit("\u2014", 1)[1]
    with pytest.raises(SignatureRefused, match=r"witness\.example/w1"):
        cosigned(swapped, [witness.verifier])
    assert cosigned(note, []) == ()
    with pytest.raises(NoteMalformed):
        cosigned("no note", [witness.verifier])
