"""Are our notes and checkpoints the ones that other tools read? Known answers, and everything malformed is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, open_checkpoint, sign
from audit.errors import NoteMalformed, SignatureRefused
from audit.log import TreeHead
from audit.note import Note, Signer, VerifierKey

# The key and note of the Go module golang.org/x/mod/sumdb/note, which made the format.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = "E14215504D9446A4C0C4322FD67BF7E93EC9C7E2C2B35AA5ECF7D2B2C5BD9C7C"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
HEAD = TreeHead(20852163, bytes.fromhex("09c52c61518618ea3c764320080528abf5da8e3ec7d9d0763303f78da3c7aa1b")[:32])
SIGNER = Signer.from_seed("log.example/one", b"\x01" * 32)
OTHER = Signer.from_seed("log.example/one", b"\x02" * 32)


def test_the_note_that_made_the_format_verifies() -> None:
    key = VerifierKey.parse(PETER)
    assert str(key) == PETER
    assert Note.parse(PETER_NOTE).verified_by([key]) == (key,)
    assert str(Note.parse(PETER_NOTE)) == PETER_NOTE


def test_a_checkpoint_is_written_as_the_specification_shows() -> None:
    body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    read = Checkpoint.parse(body)
    assert (read.origin, read.size, read.text()) == ("example.com/behind-the-sofa", 20852163, body)


@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_sign_and_open_go_both_ways(size: int, root: bytes) -> None:
    note = sign(TreeHead(size, root), SIGNER)
    opened = open_checkpoint(note, [SIGNER.verifier])
    assert (opened.origin, opened.head) == (SIGNER.name, TreeHead(size, root))


def test_an_unknown_signature_is_passed_over_and_a_known_wrong_one_is_not() -> None:
    text = Checkpoint(SIGNER.name, 3, bytes(32)).text()
    witness = Signer.from_seed("witness.example/w", b"\x03" * 32)
    both = str(Note(text, (witness.sign(text), SIGNER.sign(text))))
    assert open_checkpoint(both, [SIGNER.verifier]).size == 3
    wrong = str(Note(text, (SIGNER.sign(text.replace("3", "4")), witness.sign(text))))
    with pytest.raises(SignatureRefused, match="does not fit"):
        open_checkpoint(wrong, [SIGNER.verifier, witness.verifier])


def test_another_key_of_the_same_name_is_not_enough() -> None:
    with pytest.raises(SignatureRefused, match="none of the keys"):
        open_checkpoint(sign(HEAD, OTHER), [SIGNER.verifier])


def test_a_checkpoint_of_another_log_is_refused_even_if_signed() -> None:
    text = Checkpoint("log.example/two", 3, bytes(32)).text()
    with pytest.raises(NoteMalformed, match="another log"):
        open_checkpoint(str(Note(text, (SIGNER.sign(text),))), [SIGNER.verifier])


@pytest.mark.parametrize("at", range(0, 140, 7))
def test_any_altered_letter_is_noticed(at: int) -> None:
    note = sign(HEAD, SIGNER)
    changed = note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :]
    with pytest.raises((NoteMalformed, SignatureRefused)):
        open_checkpoint(changed, [SIGNER.verifier])


@pytest.mark.parametrize(
    "note",
    [
        pytest.param("", id="empty"),
        pytest.param("text\n", id="no signature"),
        pytest.param("text\n\n", id="no line below"),
        pytest.param("text\n\n\u2014 name", id="no newline at the end"),
        pytest.param("text\n\n\u2014 name AAAA\n", id="signature too short"),
        pytest.param("text\n\n- name AAAAAAAAAAAA\n", id="hyphen for dash"),
        pytest.param("text\n\n\u2014 na+me AAAAAAAAAAAA\n", id="plus in the name"),
        pytest.param("text\n\n\u2014 name AAAAAAAAAAA\n", id="cut base64"),
        pytest.param("te\txt\n\n\u2014 name AAAAAAAAAAAA\n", id="control character"),
        pytest.param("text\n\n" + "\u2014 name AAAAAAAAAAAA\n" * 101, id="a hundred and one signatures"),
    ],
)
def test_what_is_not_a_note_is_refused(note: str) -> None:
    with pytest.raises(NoteMalformed):
        Note.parse(note)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("o\n1\n", id="two lines"),
        pytest.param("o\n01\n" + "A" * 43 + "=\n", id="leading zero"),
        pytest.param("o\n-1\n" + "A" * 43 + "=\n", id="negative"),
        pytest.param("o\n\u0661\n" + "A" * 43 + "=\n", id="foreign digit"),
        pytest.param("o\n1\nAAAA\n", id="short root"),
        pytest.param("o\n1\n!!!!\n", id="no base64"),
        pytest.param("\n1\n" + "A" * 43 + "=\n", id="no origin"),
        pytest.param("o\n1\n" + "A" * 43 + "=\n\n", id="empty extension"),
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+12345678+AAAA",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("Peter", "Pater"),
        PETER.replace("+ARpc", "+BRpc"),
        PETER[:-4],
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_key_that_was_copied_wrongly_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        VerifierKey.parse(text)


def test_the_secret_is_not_in_the_repr() -> None:
    assert "private" not in repr(SIGNER)
