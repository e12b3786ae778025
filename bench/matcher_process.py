"""What a process needs that holds no more plaintext than a chunk: the child of `bench/matcher.py`, one for each task.

python bench/matcher_process.py encode FOLDER    roster.csv -> an index, and its sealed segments in FOLDER
python bench/matcher_process.py answer FOLDER    sealed segments -> an index; the first booking, then all of them
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, str(Path(__file__).parents[1]))

from matcher import EncodedBatch, Encoder, LinkageKey, RosterIndex, default_model, link
from service.common_form import encoded_rows

KEY = LinkageKey("bench", "k", bytes(range(32)))
SEAL, NONCE = AESGCM(bytes(32)), bytes(12)
"""One key and nonce for all: this is a bench, and nobody's data."""


def peak() -> float:
    """The most memory this process held so far, in MB. Not `ru_maxrss`: that begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def encode(folder: Path) -> dict[str, float]:
    """From CSV to an index that answers, and sealed segments as they pass."""
    encoder, index = Encoder(KEY, default_model()), RosterIndex(default_model())
    for n, (ids, batch) in enumerate(encoded_rows(folder / "roster.csv", "client_id", encoder)):
        index.add(batch, ids)
        (folder / f"{n:06d}.sealed").write_bytes(SEAL.encrypt(NONCE, batch.to_bytes(), None))
        (folder / f"{n:06d}.ids").write_text("\n".join(ids))
        last = batch
    link(last.one(0), index)
    return {}


def answer(folder: Path) -> dict[str, float]:
    """CPU seconds to the first answer; then all bookings."""
    booked = EncodedBatch.from_bytes((folder / "bookings").read_bytes())
    cpu, wall = time.process_time(), time.perf_counter()
    index = RosterIndex(default_model())
    for path in sorted(folder.glob("*.sealed")):
        index.load(SEAL.decrypt(NONCE, path.read_bytes(), None), path.with_suffix(".ids").read_text().split("\n"))
    link(booked.one(0), index)
    first = {"first_cpu": time.process_time() - cpu, "first_wall": time.perf_counter() - wall}
    link(booked, index)
    return first


TASKS: dict[str, Callable[[Path], dict[str, float]]] = {"encode": encode, "answer": answer}

if __name__ == "__main__":
    start = time.process_time()
    told = TASKS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps(told | {"cpu": time.process_time() - start, "peak": peak()}))
