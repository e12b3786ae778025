"""Checks an exported audit log without the program that wrote it.

    python verifier.py LOG.jsonl CHECKPOINT PUBKEY [--anchor OLDER_CHECKPOINT]
    python verifier.py inclusion ENTRY PROOF PUBKEY
    python verifier.py consistency PROOF OLDER_CHECKPOINT PUBKEY

Needs Python 3.11, the `cryptography` package and this one file, and shares no code with the writer. The hash tree is
RFC 6962, checkpoints are C2SP signed notes (tlog-checkpoint), proofs are C2SP tlog-proof and, for consistency, the
request of tlog-witness. Exit code: 0 good, 1 bad, 2 not used as above.
"""

from __future__ import annotations

import argparse
import re
import sys
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from json import loads
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_LINE = re.compile(rb'\{"entry":(\{.*"position":(\d{1,16}),"v":\d+\}),"leaf":"([0-9a-f]{64})"\}', re.DOTALL)


class Untrue(Exception):  # noqa: N818 - what was shown is not true; the program did not fail
    """A file is not what it claims to be, or is not signed by the key that was given."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint states: the log's name, its number of entries, and the hash over all of them."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `bad` starts with the first bad entry; it is longer than one where only a range can be named.

    Entries before `proven` are as they were signed. `words` is for the person at the terminal.
    """

    good: bool
    words: str
    entries: int = 0
    proven: int = 0
    bad: range = range(0)

    @property
    def first_bad(self) -> int | None:
        return self.bad.start if self.bad else None


@dataclass(slots=True)
class Tree:
    """The hash tree of RFC 6962, kept as the roots of its perfect subtrees."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        carry, self.size = self.size, self.size + 1
        while carry & 1:
            leaf, carry = _node(self.peaks.pop(), leaf), carry >> 1
        self.peaks.append(leaf)

    def root(self) -> bytes:
        root = self.peaks[-1] if self.peaks else sha256(b"").digest()
        for peak in self.peaks[-2::-1]:
            root = _node(peak, root)
        return root


def examine(lines: Iterable[bytes], checkpoint: str, keys: str, anchor: str | None = None) -> Report:
    """Check an exported log against a signed checkpoint and, if given, an older one that was kept elsewhere.

    `keys` holds verifier keys, one a line. A bad log is reported, never raised.
    """
    rows = (line.rstrip(b"\r\n") for line in lines)
    try:
        walk = _Walk(open_note(checkpoint, keys), open_note(anchor, keys) if anchor else None)
        walk.heading(rows, keys)
    except Untrue as fault:
        return Report(good=False, words=str(fault))
    for row in walk.entries(rows):
        walk.entry(row)
    return walk.conclude()


@dataclass(slots=True)
class _Walk:
    """One pass over the entries: which of them contradict themselves, and which signed hashes they give."""

    head: Head
    anchor: Head | None
    marks: dict[int, list[Head]] = field(default_factory=dict)
    tree: Tree = field(default_factory=Tree)
    kept: Tree | None = None
    """Over the hashes kept beside the entries, once one differs. Where these give a signed root, they are the true ones."""
    kept_is_true: bool = False
    proven: int = 0
    failed: int = 0
    """Size of the first signed tree that the entries do not give."""
    replaced: bool = False
    flaw: int = -1
    flaw_words: str = ""
    previous: bytes = b""
    first_row: bytes = b""
    altered_checkpoints: int = 0

    def heading(self, rows: Iterator[bytes], keys: str) -> None:
        try:
            about = loads(next(rows, b""))
            log = about["format"], about["v"], about["origin"]
        except (ValueError, KeyError, TypeError) as fault:
            raise Untrue("the first line of the log file is not the heading of an exported audit log") from fault
        signed = [self.head, *([self.anchor] if self.anchor else [])]
        if any(log != ("warmlink-audit-log", 1, head.origin) for head in signed):
            raise Untrue("the log file, the checkpoint and the anchor are not of the same log")
        for row in rows:
            if not row.startswith(b'{"checkpoint":'):
                self.first_row = row
                break
            try:
                signed.append(open_note(loads(row)["checkpoint"], keys))
            except (Untrue, ValueError, KeyError, TypeError, AttributeError):
                self.altered_checkpoints += 1
        for head in signed:
            self.marks.setdefault(head.size, []).append(head)

    def entries(self, rows: Iterator[bytes]) -> Iterator[bytes]:
        if self.first_row:
            yield self.first_row
            yield from rows

    def entry(self, row: bytes) -> None:
        place, match = self.tree.size, _LINE.fullmatch(row)
        leaf = sha256(b"\x00" + (match[1] if match else row)).digest()
        position, kept = (int(match[2]), bytes.fromhex(match[3].decode())) if match else (-1, leaf)
        if self.flaw < 0:
            self._look(place, position, row, fits=leaf == kept)
        elif position == self.flaw:
            self.flaw_words = self.flaw_words.replace("was taken out", "was moved")
        self.previous = row
        if self.kept is None and leaf != kept:
            self.kept = Tree(place, list(self.tree.peaks))
        if self.kept is not None:
            self.kept.add(kept)
        self.tree.add(leaf)
        for head in self.marks.get(self.tree.size, ()):
            self._compare(head)

    def _look(self, place: int, position: int, row: bytes, *, fits: bool) -> None:
        """Whether the line contradicts itself or its place."""
        if position < 0:
            self.flaw, self.flaw_words = place, "is damaged: its line cannot be read"
        elif position == place - 1 and row != self.previous:
            self.flaw, self.flaw_words = position, "is there twice, with different content: one of the two was put in"
        elif position < place:
            self.flaw, self.flaw_words = place, f"was put in: the line calls itself entry {position}"
        elif position > place:
            self.flaw, self.flaw_words = place, f"was taken out: the line in its place calls itself entry {position}"
        elif not fits:
            self.flaw, self.flaw_words = place, "was changed: it does not fit the hash that was kept of it"

    def _compare(self, head: Head) -> None:
        if head.root == self.tree.root():
            self.proven = self.proven if self.failed else head.size
            return
        self.replaced |= head is self.anchor
        if not self.failed:
            self.failed = head.size
            self.kept_is_true = self.kept is not None and head.root == self.kept.root()

    def conclude(self) -> Report:
        """The first thing that is wrong, the surest statement first. Good only if all is signed and nothing is wrong."""
        have, signed, whole = self.tree.size, self.head.size, self._gives(self.head)
        for wrong, bad, words in (
            (whole and self.replaced, range(have), _REPLACED),
            (
                0 <= self.flaw < self.proven,
                self._one(),
                f"the hash kept beside entry {self.flaw} was changed, the entry was not",
            ),
            (0 <= self.flaw < (self.failed or have + 1), self._one(), self._flaw_words()),
            (self.failed > 0, range(self.proven, self.failed), _REWRITTEN.format(self.proven, self.failed - 1)),
            (
                have < signed,
                range(have, signed),
                f"entry {have} is missing: the file ends there, but {signed} entries were signed",
            ),
            (have > signed, range(signed, have), f"entry {signed} was put in: only {signed} entries were signed"),
            (not whole, range(have), "the entries do not give the hash that was signed"),
            (self._shorter(), range(have, have + 1), f"entry {have} is missing: the anchor was taken of a longer log"),
            (
                self.altered_checkpoints > 0,
                range(0),
                "a checkpoint in the heading of the file was altered; the entries are true",
            ),
        ):
            if wrong:
                proven = 0 if words == _REPLACED else self.proven
                return Report(good=False, words=words, entries=have, proven=proven, bad=bad)
        return Report(good=True, words=f"{have} entries, all as they were signed", entries=have, proven=have)

    def _gives(self, head: Head) -> bool:
        return (self.tree.size, self.tree.root()) == (head.size, head.root)

    def _shorter(self) -> bool:
        return self.anchor is not None and self.tree.size < self.anchor.size

    def _one(self) -> range:
        return range(self.flaw, self.flaw + 1)

    def _flaw_words(self) -> str:
        sure = ". The hashes kept of all entries are the ones that were signed" if self.kept_is_true else ""
        return f"entry {self.flaw} {self.flaw_words}{sure}"


_REPLACED = (
    "entry 0: this is not the log that the anchor was taken from, although the same key signed both."
    " The log was replaced or rewritten as a whole; none of it can be relied on"
)
_REWRITTEN = (
    "entry {} or a later one up to {} was changed, together with the hash kept beside it:"
    " these entries do not give the hash that was signed over them"
)


def open_note(note: str, keys: str) -> Head:
    """The head that a signed checkpoint states, once one of the keys is seen to have signed it."""
    text, _, below = note.rpartition("\n\n")
    lines = text.split("\n")
    if len(lines) < 3 or not all(lines) or not re.fullmatch(r"0|[1-9]\d{0,15}", lines[1], re.ASCII):
        raise Untrue("the checkpoint is not a signed note of three lines or more")
    head, body = Head(lines[0], int(lines[1]), _base64(lines[2])), (text + "\n").encode()
    signatures = [line.split(" ") for line in below.splitlines()]
    for name, key_id, public in _keys(keys):
        for signature in signatures:
            if signature[:2] == ["\u2014", name] and name == head.origin and len(signature) == 3:
                raw = _base64(signature[2])
                if raw[:4] == key_id and _signed(public, raw[4:], body):
                    return head
    raise Untrue(f"the checkpoint of {head.origin} was altered, or is not signed by the key that was given")


def _keys(text: str) -> Iterator[tuple[str, bytes, bytes]]:
    for line in text.split():
        name, hexed, encoded = (line + "++").split("+", 2)
        raw = _base64(encoded.removesuffix("++"))
        if len(raw) != 33 or raw[0] != 1 or sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != hexed:
            raise Untrue("the public key was altered, or is not of the form name+id+key")
        yield name, bytes.fromhex(hexed), raw[1:]


def _signed(public: bytes, signature: bytes, body: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except InvalidSignature:
        return False
    return True


def included(entry: bytes, proof: str, keys: str) -> Head:
    """The log that the proof shows `entry` to stand in; Untrue when it shows no such thing."""
    above, _, note = proof.partition("\n\n")
    lines = [line for line in above.split("\n") if not line.startswith("extra ")]
    place = re.fullmatch(r"index (0|[1-9]\d{0,15})", lines[1]) if len(lines) > 1 else None
    if lines[0] != "c2sp.org/tlog-proof@v1" or place is None:
        raise Untrue("the proof is not of the form c2sp.org/tlog-proof@v1")
    head, steps, match = open_note(note, keys), [_base64(line) for line in lines[2:]], _LINE.fullmatch(entry.strip())
    leaf = sha256(b"\x00" + (match[1] if match else entry.strip())).digest()
    if int(place[1]) >= head.size or _climb(leaf, int(place[1]), head.size, steps) != head.root or steps:
        raise Untrue("the proof does not show that this entry is in the log")
    return head


def continued(proof: str, older: str, keys: str) -> tuple[Head, Head]:
    """The older and the newer log, when the proof shows that one only grew into the other; Untrue otherwise."""
    above, _, note = proof.partition("\n\n")
    first, *hashes = above.split("\n")
    old, new, steps = open_note(older, keys), open_note(note, keys), [_base64(line) for line in hashes]
    if first != f"old {old.size}" or old.origin != new.origin or not 0 < old.size <= new.size:
        raise Untrue("the proof is not from this older checkpoint to a newer one of the same log")
    if _climb_both(old.size, new.size, steps, old.root) != (old.root, new.root) or steps:
        raise Untrue("the proof does not show that the log only grew: it was rewritten between the two checkpoints")
    return old, new


def _climb(leaf: bytes, at: int, size: int, steps: list[bytes]) -> bytes:
    """The root over `leaf`, taking siblings from the end of `steps` (RFC 6962, 2.1.1)."""
    if size == 1:
        return leaf
    sibling, half = _last(steps), 1 << ((size - 1).bit_length() - 1)
    if at < half:
        return _node(_climb(leaf, at, half, steps), sibling)
    return _node(sibling, _climb(leaf, at - half, size - half, steps))


def _climb_both(old: int, new: int, steps: list[bytes], whole: bytes) -> tuple[bytes, bytes]:
    """Both roots from a consistency proof (RFC 6962, 2.1.2). `whole`: the old root, while the subtree is all of the old log."""
    if old == new:
        same = whole or _last(steps)
        return same, same
    sibling, half = _last(steps), 1 << ((new - 1).bit_length() - 1)
    if old <= half:
        before, after = _climb_both(old, half, steps, whole)
        return before, _node(after, sibling)
    before, after = _climb_both(old - half, new - half, steps, b"")
    return _node(sibling, before), _node(sibling, after)


def _last(steps: list[bytes]) -> bytes:
    if not steps:
        raise Untrue("the proof is too short")
    return steps.pop()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as fault:
        raise Untrue("a hash, key or signature is not base64") from fault


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check an audit log, an inclusion proof or a consistency proof.")
    parser.add_argument(
        "files", nargs="+", type=Path, help="LOG CHECKPOINT PUBKEY | inclusion ENTRY PROOF PUBKEY | ..."
    )
    parser.add_argument("--anchor", type=Path, help="an older checkpoint, kept outside the database")
    given = parser.parse_args(arguments)
    try:
        verdict = _run([str(path) for path in given.files], given.anchor)
    except Untrue as fault:
        verdict = Report(good=False, words=str(fault))
    except (OSError, ValueError) as fault:
        parser.error(f"cannot be read: {fault}")
    sys.stdout.write(f"{'GOOD' if verdict.good else 'BAD'}: {verdict.words}.\n")
    if not verdict.good and verdict.proven:
        sys.stdout.write(f"Entries before {verdict.proven} are as they were signed.\n")
    return 0 if verdict.good else 1


def _run(files: list[str], anchor: Path | None) -> Report:
    def text(at: int) -> str:
        return Path(files[at]).read_text("utf-8")

    if files[0] == "inclusion" and len(files) == 4:
        head = included(Path(files[1]).read_bytes(), text(2), text(3))
        return Report(good=True, words=f"the entry is in the log {head.origin} of {head.size} entries")
    if files[0] == "consistency" and len(files) == 4:
        old, new = continued(text(1), text(2), text(3))
        return Report(good=True, words=f"the log only grew, from {old.size} to {new.size} entries")
    if len(files) != 3:
        raise ValueError("three files: LOG CHECKPOINT PUBKEY")
    with Path(files[0]).open("rb") as log:
        return examine(log, text(1), text(2), anchor.read_text("utf-8") if anchor else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
