"""Searching files for bytes that must not be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher import EncodedBatch

RUN = 8
Runs = NDArray[np.uint64]


def open_runs(batch: EncodedBatch) -> Runs:
    """Every run of 8 bytes of every person's open encoding: filters, tokens and blocking keys, as they would be serialised.

    Left out are runs with fewer than six different bytes (zeros, pointers, counts), which occur in any file.
    """
    found = [_windows(_arrays(batch.one(i))) for i in range(len(batch))]
    return np.unique(np.concatenate([runs[_says_something(runs)] for runs in found]))


def _arrays(person: EncodedBatch) -> bytes:
    """The bytes behind the header."""
    packed = person.to_bytes()
    return packed[8 + int.from_bytes(packed[6:8], "little") :]


def _windows(data: bytes) -> Runs:
    if len(data) < RUN:
        return np.zeros(0, np.uint64)
    sliding = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), RUN)
    return np.ascontiguousarray(sliding).view("<u8").ravel()


def _says_something(runs: Runs) -> NDArray[np.bool_]:
    ordered = np.sort(np.ascontiguousarray(runs).view(np.uint8).reshape(-1, RUN), axis=1)
    different: NDArray[np.bool_] = (np.diff(ordered, axis=1) != 0).sum(axis=1) >= 5
    return different


def count_runs(files: Iterable[Path], runs: Runs) -> dict[Path, int]:
    """How many places of each file hold one of `runs`; files without any are left out."""
    found = {file: _hits(file.read_bytes(), runs) for file in files}
    return {file: hits for file, hits in found.items() if hits}


def _hits(data: bytes, runs: Runs, piece: int = 1 << 20) -> int:
    hits = 0
    for start in range(0, len(data), piece):
        windows = _windows(data[start : start + piece + RUN - 1])
        at = np.minimum(np.searchsorted(runs, windows), len(runs) - 1)
        hits += int((runs[at] == windows).sum())
    return hits


def all_files(*roots: Path) -> list[Path]:
    return [file for root in roots for file in sorted(root.rglob("*")) if file.is_file()]


def files_with(needle: bytes, files: Iterable[Path]) -> list[Path]:
    """Files that hold the bytes as they are, in UTF-16, or in base64 at any alignment."""
    forms = list(_forms(needle))
    return [file for file in files if any(form in file.read_bytes() for form in forms)]


def _forms(needle: bytes) -> Iterator[bytes]:
    from base64 import b64encode

    yield needle
    if needle.isascii():
        yield needle.decode().encode("utf-16-le")
    for lead in range(3):
        encoded = b64encode(bytes(lead) + needle)
        yield encoded[-(-lead * 8 // 6) + (1 if lead else 0) : len(encoded) - 4]
