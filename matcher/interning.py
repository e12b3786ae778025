"""Arrays that grow, and two ways to find an entry again without a Python object for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.batch import I32
from matcher.hashing import U64

_ROW = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class Column:
    """An array that grows at the end. What is appended is moved when it is asked for: the first time without room to spare."""

    def __init__(self, dtype: Any, width: int = 0) -> None:
        self._store: NDArray[Any] = np.zeros((0, width) if width else 0, dtype)
        self._fresh: list[NDArray[Any]] = []
        self._filled = self._size = 0

    def append(self, values: NDArray[Any]) -> None:
        self._fresh.append(values)
        self._size += len(values)

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        if self._fresh:
            self._settle()
        return self._store[: self._size]

    def _settle(self) -> None:
        dtype = np.result_type(self._store.dtype, *{values.dtype for values in self._fresh})
        if self._size > len(self._store) or dtype != self._store.dtype:
            room = max(self._size, self._filled + self._filled // 4)
            grown = np.empty((room, *self._store.shape[1:]), dtype)
            grown[: self._filled] = self._store[: self._filled]
            self._store = grown
        np.concatenate(self._fresh, out=self._store[self._filled : self._size])
        self._fresh, self._filled = [], self._size

    @property
    def nbytes(self) -> int:
        return self._store.nbytes + sum(values.nbytes for values in self._fresh)


class Interned:
    """Numbers distinct 64-bit digests in order of first appearance."""

    def __init__(self) -> None:
        self.prints: U64 = np.zeros(0, np.uint64)
        """Sorted."""
        self.numbers: I32 = np.zeros(0, np.int32)
        """Of each digest."""

    def __len__(self) -> int:
        return len(self.prints)

    def find(self, prints: U64) -> I32:
        """Number of each digest, -1 where it is not known."""
        if not len(self.prints):
            return np.full(len(prints), -1, np.int32)
        at = np.minimum(np.searchsorted(self.prints, prints), len(self.prints) - 1)
        return np.where(self.prints[at] == prints, self.numbers[at], np.int32(-1))

    def add(self, prints: U64) -> tuple[I32, NDArray[np.intp]]:
        """Number of each digest, and where in `prints` each newly numbered one stands, in order of number."""
        found = self.find(prints)
        strange = np.flatnonzero(found < 0)
        if not len(strange):
            return found, strange
        _, first = np.unique(prints[strange], return_index=True)
        fresh = strange[np.sort(first)]
        numbers = np.arange(len(self), len(self) + len(fresh), dtype=np.int32)
        merged = np.concatenate([self.prints, prints[fresh]])
        order = np.argsort(merged, kind="stable")
        self.prints, self.numbers = merged[order], np.concatenate([self.numbers, numbers])[order]
        found[strange] = self.find(prints[strange])
        return found, fresh

    @property
    def nbytes(self) -> int:
        return self.prints.nbytes + self.numbers.nbytes


class References:
    """Client references by number and back, a dozen or so bytes each."""

    def __init__(self) -> None:
        self._texts = Column(np.dtype("S1"))
        self._alive = Column(np.bool_)
        self._runs: list[U64] = []
        """Sorted runs of (hash, number), each more than twice as long as the next."""
        self.live = 0

    def __len__(self) -> int:
        """All numbers given out, removed ones included."""
        return len(self._texts)

    @property
    def alive(self) -> NDArray[np.bool_]:
        return self._alive.values

    def add(self, refs: Sequence[str]) -> None:
        """Numbers `refs` onward from len(self). Raises ValueError where one is there already, changing nothing."""
        texts = _encoded(refs)
        added = (_hashes(texts) << _ROW) | np.arange(len(texts), dtype=np.uint64)
        added.sort()
        if self._held(added, refs):
            raise ValueError("a client reference is in the index already; use replace")
        self._runs.append(added + np.uint64(len(self)))
        self._settle()
        self._texts.append(texts)
        self._alive.append(np.ones(len(refs), bool))
        self.live += len(refs)

    def remove(self, ref: str) -> int:
        """Forgets one reference and returns its number. Raises KeyError for an unknown one."""
        number = self.find(ref)
        if number is None:
            raise KeyError("no such client in the index")
        self._alive.values[number] = False
        self.live -= 1
        return number

    def find(self, ref: str) -> int | None:
        """The number of a reference that was not removed, or None."""
        sought, low = ref.encode(), _hashes(_encoded([ref]))[0] << _ROW
        for run in self._runs:
            for entry in run[np.searchsorted(run, low) : np.searchsorted(run, low | _LOW, side="right")]:
                number = int(entry & _LOW)
                if self._texts.values[number] == sought and self._alive.values[number]:
                    return number
        return None

    def text(self, number: int) -> str:
        found: bytes = self._texts.values[number]
        return found.decode()

    def texts(self) -> list[str]:
        """References that were not removed."""
        return [t.decode() for t in self._texts.values[self._alive.values]]

    def _held(self, added: U64, refs: Sequence[str]) -> bool:
        """Whether one of `refs` is in use, or stands among them twice; `added` are their sorted (hash, position)."""
        hashes = added >> _ROW
        twice = np.flatnonzero(hashes[1:] == hashes[:-1])
        alike = [refs[int(added[k + step] & _LOW)] for k in twice for step in (0, 1)]
        used = np.zeros(len(added), bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, added & ~_LOW), len(run) - 1)
            used |= run[at] >> _ROW == hashes
        doubled = len(set(alike)) < len(alike) and len(set(refs)) < len(refs)
        return doubled or any(self.find(refs[int(k)]) is not None for k in added[used] & _LOW)

    def _settle(self) -> None:
        """Each run is more than twice as long as the next one: so there are few, and each entry is moved a few times."""
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort()
            self._runs.append(merged)

    @property
    def nbytes(self) -> int:
        return self._texts.nbytes + self._alive.nbytes + sum(run.nbytes for run in self._runs)


def _encoded(refs: Sequence[str]) -> NDArray[np.bytes_]:
    """References as UTF-8, in an array of one width."""
    try:
        return np.array(refs, dtype=np.bytes_)
    except UnicodeEncodeError:
        return np.array([r.encode() for r in refs], dtype=np.bytes_)


def _hashes(texts: NDArray[np.bytes_]) -> U64:
    """32 bits of each text's hash, whatever the array's width; within the index only, never stored."""
    width = -(-texts.dtype.itemsize // 8)
    words = texts.astype(f"S{8 * width}").view(np.uint64).reshape(-1, width)
    total = np.zeros(len(texts), np.uint64)
    for k in range(width):
        # An empty word changes nothing: the same text hashes alike beside longer ones.
        mixed = ((total ^ words[:, k]) + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        total = np.where(words[:, k] != 0, mixed ^ (mixed >> np.uint64(29)), total)
    return (total * np.uint64(0x94D049BB133111EB)) >> _ROW
