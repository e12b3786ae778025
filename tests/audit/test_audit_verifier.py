"""Does the stand-alone verifier find what was done to a log, and name the first bad entry?

Each damage is done twice: carelessly, and by someone who makes the file agree with itself again.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import verifier
from audit.checkpoint import sign
from audit.export import consistency_file, entry_line, inclusion_file
from audit.leaves import canonical
from audit.log import AuditLog, TreeHead
from audit.merkle import leaf_hash, root_of
from audit.note import Signer
from audit.verifier import Untrue, examine
from store.database import Database
from tests.audit.samples import ORIGIN, Grow, Lines

SIGNER = Signer.from_seed(ORIGIN, b"\x07" * 32)
KEY = str(SIGNER.verifier)
COUNT, STEP = 40, 10
Damage = Callable[[list[bytes]], list[bytes]]


def made(texts: list[str], spacing: int = STEP, signer: Signer = SIGNER) -> tuple[list[bytes], list[bytes], str]:
    """Heading, entry lines and checkpoint of a log, made without a database."""
    entries = [canonical({"facts": {"t": text}, "position": n, "v": 1}) for n, text in enumerate(texts)]
    hashes = [leaf_hash(entry) for entry in entries]
    notes = [sign(TreeHead(n, root_of(hashes[:n])), signer) for n in range(spacing, len(texts) + 1, spacing)]
    heading = [canonical({"format": "warmlink-audit-log", "origin": ORIGIN, "v": 1})]
    heading += [canonical({"checkpoint": note}) for note in notes]
    return heading, [_line(entry) for entry in entries], sign(TreeHead(len(texts), root_of(hashes)), signer)


def _line(entry: bytes) -> bytes:
    return b'{"entry":' + entry + b',"leaf":"' + leaf_hash(entry).hex().encode() + b'"}'


def mended(lines: list[bytes]) -> list[bytes]:
    """What a careful forger does: number the entries anew and hash them anew."""
    entries = [json.loads(line)["entry"] | {"position": n} for n, line in enumerate(lines)]
    return [_line(canonical(entry)) for entry in entries]


HEADING, LINES, NOTE = made([f"t{n}" for n in range(COUNT)])
_, OLD_LINES, ANCHOR = made([f"t{n}" for n in range(25)])


def change(at: int) -> Damage:
    return lambda lines: [*lines[:at], lines[at].replace(b'"t":"t', b'"t":"u'), *lines[at + 1 :]]


def drop(at: int) -> Damage:
    return lambda lines: [*lines[:at], *lines[at + 1 :]]


def swap(one: int, two: int) -> Damage:
    def swapped(lines: list[bytes]) -> list[bytes]:
        lines = list(lines)
        lines[one], lines[two] = lines[two], lines[one]
        return lines

    return swapped


def insert(at: int) -> Damage:
    """A forged entry that claims the place of the entry before which it is put."""
    forged = _line(canonical({"facts": {"t": "forged"}, "position": at, "v": 1}))
    return lambda lines: [*lines[:at], forged, *lines[at:]]


def repeat(source: int, at: int) -> Damage:
    return lambda lines: [*lines[:at], lines[source], *lines[at:]]


def cut(at: int) -> Damage:
    return lambda lines: lines[:at]


def garble(at: int) -> Damage:
    return lambda lines: [*lines[:at], b"\x00\xff" + lines[at], *lines[at + 1 :]]


def rehash(at: int) -> Damage:
    return lambda lines: [*lines[:at], re.sub(rb'"leaf":"..', b'"leaf":"zz', lines[at]), *lines[at + 1 :]]


def misstate(at: int) -> Damage:
    return lambda lines: [*lines[:at], lines[at][:-66] + b"0" * 64 + b'"}', *lines[at + 1 :]]


@pytest.mark.parametrize("anchor", [None, ANCHOR, NOTE], ids=["no-anchor", "older-anchor", "same-anchor"])
def test_an_intact_log_is_good(anchor: str | None) -> None:
    report = examine(HEADING + LINES, NOTE, KEY, anchor)
    assert (report.good, report.entries, report.proven, report.first_bad) == (True, COUNT, COUNT, None)


@pytest.mark.parametrize(
    ("damage", "first_bad"),
    [
        pytest.param(change(0), 0, id="first entry changed"),
        pytest.param(change(17), 17, id="entry changed"),
        pytest.param(change(39), 39, id="last entry changed"),
        pytest.param(drop(0), 0, id="first entry deleted"),
        pytest.param(drop(17), 17, id="entry deleted"),
        pytest.param(drop(39), 39, id="last entry deleted"),
        pytest.param(swap(3, 4), 3, id="neighbours exchanged"),
        pytest.param(swap(5, 33), 5, id="far entries exchanged"),
        pytest.param(insert(0), 0, id="entry put in at the start"),
        pytest.param(insert(20), 20, id="entry put in at a checkpoint"),
        pytest.param(insert(21), 21, id="entry put in"),
        pytest.param(insert(40), 40, id="entry put in at the end"),
        pytest.param(repeat(3, 30), 30, id="old entry put in again"),
        pytest.param(repeat(29, 30), 30, id="entry doubled"),
        pytest.param(cut(31), 31, id="tail cut"),
        pytest.param(cut(30), 30, id="tail cut at a checkpoint"),
        pytest.param(cut(0), 0, id="all entries cut"),
        pytest.param(garble(8), 8, id="line garbled"),
        pytest.param(rehash(8), 8, id="kept hash garbled"),
        pytest.param(misstate(12), 12, id="kept hash changed"),
        pytest.param(lambda lines: change(30)(change(6)(lines)), 6, id="two entries changed"),
        pytest.param(lambda lines: drop(30)(change(6)(lines)), 6, id="changed, then one deleted"),
        pytest.param(lambda lines: change(30)(drop(6)(lines)), 6, id="deleted, then one changed"),
    ],
)
@pytest.mark.parametrize("anchor", [None, ANCHOR], ids=["no-anchor", "anchor"])
def test_the_first_bad_entry_is_named(damage: Damage, first_bad: int, anchor: str | None) -> None:
    report = examine(HEADING + damage(LINES), NOTE, KEY, anchor)
    assert not report.good
    assert report.first_bad == first_bad, report.words
    assert len(report.bad) == 1 or report.bad.stop >= COUNT
    assert f"entry {first_bad} " in report.words
    assert report.proven <= first_bad or "the entry was not" in report.words


@pytest.mark.parametrize(
    ("damage", "at"),
    [
        pytest.param(change(17), 17, id="changed"),
        pytest.param(drop(17), 17, id="deleted"),
        pytest.param(swap(5, 33), 5, id="exchanged"),
        pytest.param(insert(21), 21, id="put in"),
        pytest.param(change(0), 0, id="first changed"),
        pytest.param(change(39), 39, id="last changed"),
    ],
)
def test_a_careful_forgery_is_narrowed_to_the_stretch_between_two_signatures(damage: Damage, at: int) -> None:
    report = examine(HEADING + mended(damage(LINES)), NOTE, KEY)
    assert not report.good
    assert at in report.bad
    assert len(report.bad) <= STEP
    assert report.proven == report.first_bad == at // STEP * STEP


def test_without_checkpoints_in_the_heading_a_careful_forgery_is_still_found() -> None:
    report = examine(HEADING[:1] + mended(change(17)(LINES)), NOTE, KEY)
    assert (report.good, report.bad, report.proven) == (False, range(COUNT), 0)


def test_a_wrong_key_is_named_before_anything_is_believed() -> None:
    stranger = str(Signer.from_seed(ORIGIN, b"\x08" * 32).verifier)
    report = examine(HEADING + LINES, NOTE, stranger)
    assert (report.good, report.proven) == (False, 0)
    assert "not signed by the key" in report.words


def test_a_log_replaced_under_another_key_is_found_without_an_anchor() -> None:
    heading, lines, note = made([f"new{n}" for n in range(COUNT)], signer=Signer.from_seed(ORIGIN, b"\x08" * 32))
    assert not examine(heading + lines, note, KEY).good


@pytest.mark.parametrize("size", [25, COUNT, 60])
def test_a_log_replaced_under_the_same_key_needs_the_anchor(size: int) -> None:
    heading, lines, note = made([f"new{n}" for n in range(size)])
    assert examine(heading + lines, note, KEY).good
    report = examine(heading + lines, note, KEY, ANCHOR)
    assert (report.good, report.first_bad, report.proven) == (False, 0, 0)
    assert "not the log that the anchor was taken from" in report.words


def test_a_shorter_log_than_the_anchor_saw_was_cut() -> None:
    heading, lines, note = made([f"t{n}" for n in range(20)])
    report = examine(heading + lines, note, KEY, ANCHOR)
    assert (report.good, report.first_bad) == (False, 20)


def test_one_letter_rewritten_in_the_middle_and_signed_anew_needs_the_anchor() -> None:
    heading, lines, note = made([f"t{n}" if n != 12 else "rewritten" for n in range(COUNT)])
    assert examine(heading + lines, note, KEY).good
    assert not examine(heading + lines, note, KEY, ANCHOR).good


def test_an_altered_checkpoint_in_the_heading_is_told_apart_from_an_altered_entry() -> None:
    heading = [HEADING[0], HEADING[1].replace(b"\\n10\\n", b"\\n11\\n"), *HEADING[2:]]
    report = examine(heading + LINES, NOTE, KEY)
    assert (report.good, report.first_bad, report.proven) == (False, None, COUNT)


def test_an_anchor_of_another_log_is_refused() -> None:
    other = Signer.from_seed("other.example/log", b"\x07" * 32)
    foreign = sign(TreeHead(3, bytes(32)), other)
    report = examine(HEADING + LINES, NOTE, f"{KEY}\n{other.verifier}\n", foreign)
    assert not report.good
    assert "not of the same log" in report.words


def test_a_key_that_was_rotated_still_opens_the_old_anchor() -> None:
    new = Signer.from_seed(ORIGIN, b"\x09" * 32)
    _, _, note = made([f"t{n}" for n in range(COUNT)], signer=new)
    assert examine(HEADING + LINES, note, f"{KEY}\n{new.verifier}\n", ANCHOR).good


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_any_flipped_character_is_found_in_its_entry(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, COUNT - 1))
    line = LINES[at]
    column, bit = data.draw(st.integers(0, len(line) - 1)), data.draw(st.integers(0, 7))
    flipped = line[:column] + bytes([line[column] ^ (1 << bit)]) + line[column + 1 :]
    report = examine([*HEADING, *LINES[:at], flipped, *LINES[at + 1 :]], NOTE, KEY)
    # A flip into a line end cannot be told from a file with other line ends, and changes no entry.
    assert not report.good
    assert report.first_bad == at, report.words


@given(st.lists(st.binary(max_size=60), max_size=8), st.text(max_size=80), st.text(max_size=80))
def test_rubbish_is_reported_and_never_raised(lines: list[bytes], note: str, key: str) -> None:
    assert not examine(lines, note, key).good
    assert not examine([HEADING[0], *lines], NOTE, KEY).good
    assert not examine(HEADING + LINES, NOTE, KEY, note or "x").good


def test_the_real_export_and_its_proofs_are_good(
    grow: Grow, exported: Lines, database: Database, log: AuditLog
) -> None:
    first = grow([300])
    note = grow([5, 270, 40])
    lines = exported()
    assert sum(b'"checkpoint"' in line[:14] for line in lines) == 4
    assert examine(lines, note, KEY, first).words == "615 entries, all as they were signed"
    with database.read() as conn:
        assert verifier.continued(consistency_file(conn, log, first), first, KEY)[1].size == 615
        for position in (0, 299, 300, 614):
            proof, line = inclusion_file(conn, log, position), entry_line(conn, position)
            assert verifier.included(line, proof, KEY).size == 615
            with pytest.raises(Untrue):
                verifier.included(line.replace(b"NONE", b"NUNE"), proof, KEY)
            with pytest.raises(Untrue):
                verifier.included(line, proof.replace(f"index {position}", f"index {position + 1}"), KEY)


def test_proofs_of_all_small_trees_hold_and_do_not_stretch() -> None:
    from audit import merkle

    hashes = [leaf_hash(bytes([n])) for n in range(20)]
    for new in range(1, 20):
        root = root_of(hashes[:new])
        for position in range(new):
            steps = list(merkle.inclusion_proof(position, new, lambda a, b: hashes[a:b]))
            assert verifier._climb(hashes[position], position, new, list(steps)) == root
            assert verifier._climb(hashes[position + 1], position, new, list(steps)) != root
        for old in range(1, new + 1):
            steps = list(merkle.consistency_proof(old, new, lambda a, b: hashes[a:b]))
            assert verifier._climb_both(old, new, steps, root_of(hashes[:old])) == (root_of(hashes[:old]), root)
            assert not steps


def test_a_proof_of_another_length_is_refused(grow: Grow, database: Database, log: AuditLog) -> None:
    """Also when what is there folds to the root: a proof has one form."""
    first = grow([5])
    grow([6])
    with database.read() as conn:
        inclusion, growth = inclusion_file(conn, log, 3), consistency_file(conn, log, first)
        line = entry_line(conn, 3)
    extra = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    for longer in (
        inclusion.replace("index 3\n", f"index 3\n{extra}\n"),
        inclusion.replace("\n\n", f"\n{extra}\n\n", 1),
    ):
        with pytest.raises(Untrue):
            verifier.included(line, longer, KEY)
    for longer in (growth.replace("old 5\n", f"old 5\n{extra}\n"), growth.replace("\n\n", f"\n{extra}\n\n", 1)):
        with pytest.raises(Untrue):
            verifier.continued(longer, first, KEY)
    head, _, note = inclusion.partition("\n\n")
    with pytest.raises(Untrue, match="too short"):
        verifier.included(line, "\n".join(head.split("\n")[:-1]) + "\n\n" + note, KEY)
    with pytest.raises(Untrue, match="too short"):
        verifier.continued("old 5\n\n" + growth.partition("\n\n")[2], first, KEY)


def test_one_root_signed_for_two_sizes_is_not_growth() -> None:
    root = root_of(leaf_hash(bytes([n])) for n in range(4))
    older, newer = (sign(TreeHead(size, root), SIGNER) for size in (4, 8))
    with pytest.raises(Untrue):
        verifier.continued("old 4\n\n" + newer, older, KEY)


def test_it_runs_alone(tmp_path: Path, grow: Grow, exported: Lines) -> None:
    """As the compliance officer runs it: one file, in an empty folder, with nothing of the product on the path."""
    anchor, note = grow([30]), grow([12])
    (tmp_path / "verifier.py").write_bytes(Path(verifier.__file__).read_bytes())
    lines = exported()
    for name, content in {
        "log.jsonl": b"".join(lines),
        "bad.jsonl": b"".join(lines).replace(b'"position":7,', b'"position":7, '),
        "checkpoint": note.encode(),
        "anchor": anchor.encode(),
        "key": KEY.encode() + b"\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    run = _runner(tmp_path)
    assert run("log.jsonl", "checkpoint", "key", "--anchor", "anchor") == (
        0,
        "GOOD: 42 entries, all as they were signed.\n",
    )
    code, said = run("bad.jsonl", "checkpoint", "key")
    assert code == 1
    assert said.startswith("BAD: entry 7 ")
    assert run("log.jsonl", "checkpoint")[0] == 2
    assert run("nowhere", "checkpoint", "key")[0] == 2


def _runner(folder: Path) -> Callable[..., tuple[int, str]]:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['audit', 'config', 'records', 'store'])); "
    program = blocked + "import runpy; sys.argv = sys.argv[1:]; runpy.run_path('verifier.py', run_name='__main__')"

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", program, "verifier.py", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"]},
        )
        return done.returncode, done.stdout

    return run


def test_it_imports_nothing_of_the_product() -> None:
    text = Path(verifier.__file__).read_text()
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imported <= set(sys.stdlib_module_names) | {"cryptography"}
