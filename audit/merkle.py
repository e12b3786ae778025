"""The Merkle tree of RFC 6962 (hash rules kept by RFC 9162), as pure functions over SHA-256 hashes.

The tree over n leaves is split at the largest power of two below n. A *frontier* (also called compact range) holds
the roots of the perfect subtrees that make up n, largest first: one for each 1 in the binary form of n. It is all
that is needed to append and to know the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from audit.errors import ProofRefused

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

HashReader = Callable[[int, int], Sequence[bytes]]
"""Leaf hashes of positions [start, stop), in order."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry. The 0x00 prefix keeps a leaf from passing as a node (RFC 6962, 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one. The 0x01 prefix keeps a node from passing as a leaf."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves, kept as the roots of its perfect subtrees, largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.peaks) != self.size.bit_count() or any(len(peak) != HASH_BYTES for peak in self.peaks):
            raise ProofRefused(f"a frontier of {self.size} leaves has {self.size.bit_count()} peaks of 32 bytes")

    def extend(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The frontier after appending these leaves."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaf_hashes:
            peaks.append(leaf)
            # Each trailing 1 in the old size is a perfect subtree that the new leaf completes.
            carry = size
            while carry & 1:
                right = peaks.pop()
                peaks[-1] = node_hash(peaks[-1], right)
                carry >>= 1
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """The Merkle tree hash: peaks folded from the smallest to the largest."""
        if not self.peaks:
            return EMPTY_ROOT
        folded = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            folded = node_hash(peak, folded)
        return folded

    def pack(self) -> bytes:
        return b"".join(self.peaks)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Frontier:
        """Raises ProofRefused when the bytes cannot be the frontier of `size` leaves."""
        return cls(size, tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    return Frontier().extend(leaf_hashes).root()


def inclusion_proof(position: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """The sibling hashes from leaf `position` up to the root of the tree of `size` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= position < size:
        raise ProofRefused(f"there is no entry {position} in a log of {size}")
    return _path(position, 0, size, read)


def consistency_proof(old: int, new: int, read: HashReader) -> tuple[bytes, ...]:
    """The hashes showing that the tree of `old` leaves is the beginning of the tree of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise ProofRefused(f"a log of {old} entries cannot be the non-empty beginning of one of {new}")
    return () if old == new else _subproof(old, 0, new, read, whole=True)


def verify_inclusion(leaf: bytes, position: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` (a leaf hash) stands at `position` in the tree of `size` leaves with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= position < size:
        return False
    at, last, folded = position, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            folded = node_hash(sibling, folded)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            folded = node_hash(folded, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and folded == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    # A perfect old tree is itself a node of the new one, so the proof leaves it out.
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_folded = new_folded = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_folded, new_folded = node_hash(sibling, old_folded), node_hash(sibling, new_folded)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new_folded = node_hash(new_folded, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old_folded == old_root and new_folded == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(start: int, stop: int, read: HashReader) -> bytes:
    return root_of(read(start, stop))


def _path(position: int, start: int, stop: int, read: HashReader) -> tuple[bytes, ...]:
    if stop - start == 1:
        return ()
    middle = start + _split(stop - start)
    if position < middle:
        return (*_path(position, start, middle, read), _root(middle, stop, read))
    return (*_path(position, middle, stop, read), _root(start, middle, read))


def _subproof(old: int, start: int, stop: int, read: HashReader, *, whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962: `whole` says that the subtree is the complete old tree, whose root the reader knows."""
    if old == stop:
        return () if whole else (_root(start, stop, read),)
    middle = start + _split(stop - start)
    if old <= middle:
        return (*_subproof(old, start, middle, read, whole=whole), _root(middle, stop, read))
    return (*_subproof(old, middle, stop, read, whole=False), _root(start, middle, read))
