"""Our own attack on what `bench/exposure.py` takes from the disk, with public name lists and without any key.

Each attack guesses something about each client from the bits alone and is scored against the truth, and against the same
guesses over truths that were shuffled `SHUFFLES` times: that is what chance gives. An attack *reads* something where it beats every
shuffle. The same attacks on the open filters of the same people show that they can succeed.

* frequency: values of one place that are equal are taken for one surname, the commonest value for the commonest public surname,
  and so on down. Every place of 8 bytes is tried, and the one that scores best counts (more than a thief would know).
* neighbours: each client is paired with the one whose bits differ least; scored by how many pairs share a surname. This needs no
  equality and finds any similarity-preserving code.
* single bits: the largest correlation of any one bit with sex, with the first half of the alphabet, with birth before 1980.
* order: rank correlation of the place in the table with the surname, and with the roster's own order.
* length: how far the length of the sealed value tells whether a client has aliases (mutual information, bits): not hidden in full,
  see docs/threat-model.md.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.exposure import Bits, Exposure
from service.engine import Engine
from store import clients

SHUFFLES = 99
SIGMAS = 5.0
"""So far above chance that a dozen attacks on every build do not cry wolf."""
NEIGHBOUR_BITS = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """What one attack came to, beside mean and standard deviation of the shuffles."""

    attack: str
    score: float
    chance: float
    spread: float

    @classmethod
    def of(cls, attack: str, score: float, shuffled: Sequence[float]) -> Found:
        return cls(attack, score, float(np.mean(shuffled)), float(np.std(shuffled)))

    @property
    def reads(self) -> bool:
        return self.score > self.chance + SIGMAS * self.spread + 1e-9

    def __str__(self) -> str:
        words = "READS" if self.reads else "at chance"
        return f"{self.attack:<36} {self.score:7.4f}   chance {self.chance:7.4f} +- {self.spread:.4f}   {words}"


@dataclass(frozen=True, slots=True)
class Truth:
    """What the scores are reckoned against, one entry for each client in the order of the bits."""

    surname: NDArray[Any]
    sex: NDArray[Any]
    birth_year: NDArray[Any]
    aliases: NDArray[np.bool_]
    listed: NDArray[np.int64]
    """Place in the roster that was delivered."""

    @classmethod
    def read(cls, roster: Path, numbers: Sequence[str]) -> Truth:
        with roster.open(encoding="utf-8", newline="") as file:
            rows = {row["client_id"]: (at, row) for at, row in enumerate(csv.DictReader(file))}
        mine = [rows[number] for number in numbers]
        return cls(
            surname=np.array([row["last_name"].upper() for _, row in mine]),
            sex=np.array([row["sex"].upper()[:1] for _, row in mine]),
            birth_year=np.array([row["dob"][:4] for _, row in mine]),
            aliases=np.array([bool(row.get("aliases")) for _, row in mine]),
            listed=np.array([at for at, _ in mine], np.int64),
        )


def attacks(bits: Bits, truth: Truth, public: Sequence[str], seed: int = 1) -> list[Found]:
    """Every attack on `bits` (n, bytes). `public` are surnames in upper case by falling frequency."""
    random = np.random.default_rng(seed)
    return [
        _frequency(bits, truth, public, random),
        _neighbours(bits, truth, random),
        *_single_bits(bits, truth, random),
    ]


def order_attacks(position: NDArray[Any], truth: Truth, seed: int = 1) -> list[Found]:
    """What the order of rows in the table gives away."""
    random = np.random.default_rng(seed)
    alphabet = np.unique(truth.surname, return_inverse=True)[1]
    return [
        _scored(
            "order: rank of the surname", lambda t: abs(_correlation(position, alphabet[t])), len(position), random
        ),
        _scored(
            "order: place in the roster", lambda t: abs(_correlation(position, truth.listed[t])), len(position), random
        ),
    ]


def length_tells_aliases(length: NDArray[Any], truth: Truth) -> float:
    """Mutual information (bits) of the sealed value's length and whether the client has aliases."""
    joint = Counter(zip(length.tolist(), truth.aliases.tolist(), strict=True))
    n = len(length)
    by_length, by_alias = Counter(length.tolist()), Counter(truth.aliases.tolist())
    return sum(c / n * float(np.log2(c * n / (by_length[size] * by_alias[has]))) for (size, has), c in joint.items())


def _scored(name: str, score: Callable[[NDArray[np.int64]], float], n: int, random: np.random.Generator) -> Found:
    """`score` takes the truth's order: the right one, then shuffled ones."""
    return Found.of(name, score(np.arange(n)), [score(random.permutation(n)) for _ in range(SHUFFLES)])


def _frequency(bits: Bits, truth: Truth, public: Sequence[str], random: np.random.Generator) -> Found:
    """Share of surnames right, at the place that scores best."""
    code = {name: number for number, name in enumerate(public)}
    real = np.array([code.get(name, -1) for name in truth.surname])
    guesses = np.stack([_by_rank(bits[:, at : at + 8], len(public)) for at in range(0, bits.shape[1] - 7, 8)])

    def best(order: NDArray[np.int64]) -> float:
        return float((guesses == real[order]).mean(axis=1).max())

    return _scored("frequency: surname from equal values", best, len(bits), random)


def _by_rank(window: Bits, names: int) -> NDArray[np.int64]:
    """For each client the rank of its value among all values, by how many share it."""
    raw = np.ascontiguousarray(window).view(f"V{window.shape[1]}").ravel()
    _, inverse, counts = np.unique(raw, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(rank[inverse], names - 1)


def _neighbours(bits: Bits, truth: Truth, random: np.random.Generator) -> Found:
    """Share of clients whose nearest neighbour has their surname."""
    nearest = _nearest(np.unpackbits(bits, axis=1), random)
    code = np.unique(truth.surname, return_inverse=True)[1]
    return _scored("neighbours: same surname", lambda t: float((code[t] == code[t][nearest]).mean()), len(bits), random)


def _nearest(bits: Bits, random: np.random.Generator) -> NDArray[np.int64]:
    """Index of the row that differs in fewest bits, over at most NEIGHBOUR_BITS columns that vary."""
    varying = np.flatnonzero(bits.any(axis=0) & ~bits.all(axis=0))
    if len(varying) > NEIGHBOUR_BITS:
        varying = np.sort(random.choice(varying, NEIGHBOUR_BITS, replace=False))
    signs = bits[:, varying].astype(np.float32) * 2 - 1
    found = np.empty(len(bits), np.int64)
    for start in range(0, len(bits), 1000):
        alike = signs[start : start + 1000] @ signs.T
        alike[np.arange(len(alike)), start + np.arange(len(alike))] = -np.inf
        found[start : start + len(alike)] = alike.argmax(axis=1)
    return found


def _single_bits(bits: Bits, truth: Truth, random: np.random.Generator) -> list[Found]:
    columns = np.unpackbits(bits, axis=1)
    columns = columns[:, columns.any(axis=0) & ~columns.all(axis=0)]
    questions: Mapping[str, NDArray[np.bool_]] = {
        "single bits: sex": truth.sex == "M",
        "single bits: first half of alphabet": truth.surname < "L",
        "single bits: born before 1980": truth.birth_year < "1980",
    }
    return [_one_bit(name, columns, answer, random) for name, answer in questions.items()]


def _one_bit(name: str, columns: Bits, answer: NDArray[np.bool_], random: np.random.Generator) -> Found:
    """Largest absolute correlation of a column with the answer; all shuffles in one product for each block of columns."""
    orders = [np.arange(len(answer)), *(random.permutation(len(answer)) for _ in range(SHUFFLES))]
    wanted = np.stack([answer[order] for order in orders]).astype(np.float32)
    wanted -= wanted.mean(axis=1, keepdims=True)
    best = np.zeros(len(orders), np.float32)
    for start in range(0, columns.shape[1], 2048):
        block = columns[:, start : start + 2048].astype(np.float32)
        block -= block.mean(axis=0)
        best = np.maximum(best, np.abs(wanted @ block / np.sqrt((block**2).sum(axis=0))).max(axis=1))
    best /= np.sqrt((wanted[0] ** 2).sum())
    return Found.of(name, float(best[0]), best[1:].tolist())


def _correlation(one: NDArray[Any], two: NDArray[Any]) -> float:
    return float(np.corrcoef(one, two)[0, 1])


def public_surnames(names: Path) -> list[str]:
    with (names / "last_names.csv").open(encoding="utf-8", newline="") as file:
        return [row["last_name"].upper() for row in csv.DictReader(file)]


def open_filters(engine: Engine, numbers: Sequence[str]) -> Bits:
    """The surname filters that the sealed values hold, opened with the key: what the attack would have if they lay open."""
    from matcher import EncodedBatch

    with engine.database.read() as conn:
        encoded = {
            str(c.entry.client_id): EncodedBatch.from_bytes(c.encoding) for c in clients.every(conn, engine.vault)
        }
    whole = EncodedBatch.concat([encoded[number] for number in numbers])
    last = whole.rows.last[whole.starts[:-1]]
    filters = np.where(last[:, None] >= 0, whole.tables.name_filters[last], np.uint64(0))
    return np.ascontiguousarray(filters.astype("<u8")).view(np.uint8)


def report(exposed: Exposure, engine: Engine, roster: Path, names: Path) -> str:
    """All attacks on what was stolen, then on the open filters."""
    truth = Truth.read(roster, exposed.client_id)
    public = public_surnames(names)
    lines = ["", "stolen rows (reference and sealed value):"]
    stolen = np.concatenate([exposed.reference, exposed.database], axis=1)
    lines += map(str, [*attacks(stolen, truth, public), *order_attacks(exposed.position, truth)])
    lines += [f"length tells of aliases: {length_tells_aliases(exposed.length, truth):.4f} bits"]
    lines += ["", "the same attacks on the open surname filters (which lie in no file):"]
    lines += map(str, attacks(open_filters(engine, exposed.client_id), truth, public))
    return "\n".join(lines)
