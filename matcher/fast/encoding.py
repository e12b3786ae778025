"""Encoding of a few identities, compiled: the bits of `matcher.encode`, without arrays made for thousands.

One person through the batch encoder is a few hundred array operations on arrays of one element. Here the text is
normalised value by value, and everything keyed is computed in two calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matcher import normalise as norm
from matcher.batch import EncodedBatch, EncodingHeader, Rows, Tables
from matcher.encode import INHERITED, SLOT_FACTS, SLOT_PASSES, SUFFIXES, sound, uncomma
from matcher.fast.few import PURPOSE, block_keys, keyed_values
from matcher.fast.hashing import seeds_of
from matcher.hashing import U32, U64
from matcher.nicknames import GROUPS_KEPT, commonness, formal, groups
from matcher.passes import FACTS
from records.identity import Identity

_FACT = {name: n for n, name in enumerate(FACTS)}
_TEXTS = ("first", "middle", "last", "suffix", "birth_date", "sex", "ssn4", "phone", "street", "city", "zip")
_SLOT_FACTS = np.ascontiguousarray(SLOT_FACTS)


@dataclass(slots=True, repr=False)
class _Numbers:
    """Distinct values in order of first appearance."""

    of: dict[Any, int] = field(default_factory=dict)

    def __call__(self, value: Any) -> int:
        """The value's number; -1 for an empty one."""
        return self.of.setdefault(value, len(self.of)) if value else -1

    def name(self, value: norm.NameValue) -> int:
        """A name's number; its parts are numbered before it."""
        bare = value.whole, value.parts
        if value.whole and bare not in self.of:
            for each in value.parts:
                self.name(norm.NameValue(each))
        return self(bare if value.whole else None)


@dataclass(slots=True, repr=False)
class _Messages:
    """What is to be hashed under which key, up to 32 bytes each."""

    packed: list[bytes] = field(default_factory=list)
    kinds: list[tuple[int, int]] = field(default_factory=list)
    """Purpose, and words."""

    def __call__(self, purpose: str, value: str, words: int) -> int:
        """The place where the hash will stand; -1 for the empty value."""
        if not value:
            return -1
        self.packed.append(_bytes(value, 8 * words).ljust(32, b"\0"))
        self.kinds.append((PURPOSE[purpose], words))
        return len(self.packed) - 1

    def words(self) -> U64:
        return _words(self.packed, 4)


@dataclass(frozen=True, slots=True, repr=False)
class _Row:
    """One identity: pointers, places of hashes, and the texts of its blocking facts."""

    pointers: tuple[int, ...]
    tokens: tuple[int, ...]
    suffix: int
    street: int
    facts: Mapping[str, str]


def _bytes(value: str, width: int) -> bytes:
    return value.encode("ascii")[:width]


def _words(values: Sequence[bytes], width: int) -> U64:
    """Zero-padded values as (n, width) words."""
    if not values:
        return np.zeros((0, width), np.uint64)
    raw = b"".join(value.ljust(8 * width, b"\0") for value in values)
    return np.frombuffer(raw, "<u8").astype(np.uint64, copy=False).reshape(-1, width)


def _letters(values: Sequence[str]) -> tuple[Any, Any]:
    """Values one after the other as bytes, and where each ends."""
    ends = np.array([len(v) for v in values], np.int64).cumsum()
    return np.frombuffer("".join(values).encode("ascii"), np.uint8), ends


@dataclass(frozen=True, slots=True, repr=False)
class FewEncoder:
    """Encodes a few identities under one key's tables, as `matcher.encode.Encoder` does."""

    header: EncodingHeader
    name_masks: U64
    street_masks: U64
    seeds: U64
    suffixes: U32

    @classmethod
    def make(
        cls, header: EncodingHeader, names: U64, streets: U64, keys: Mapping[str, bytes], suffixes: U32
    ) -> FewEncoder:
        """For the keys of each purpose, and the masks of each bigram."""
        return cls(header, names, streets, np.array([seeds_of(keys[p]) for p in PURPOSE], np.uint64), suffixes)

    def __call__(self, people: Sequence[Sequence[Identity]]) -> EncodedBatch:
        return _Batch(self).encoded(people)


class _Batch:
    """The encoding of one batch while it is made; plaintext, short-lived."""

    def __init__(self, by: FewEncoder) -> None:
        self.by = by
        self.names, self.dobs, self.ssns, self.lanes = _Numbers(), _Numbers(), _Numbers(), _Numbers()
        self.hashes = _Messages()

    def encoded(self, people: Sequence[Sequence[Identity]]) -> EncodedBatch:
        texts = list(_texts(people))
        given = [norm.given_name(t["first"]) for t in texts]
        middles = [norm.given_name(t["middle"]) for t in texts]
        lasts = [norm.last_name(t["last"]) for t in texts]
        pointers = [[self.names.name(v) for v in values] for values in (given, middles, lasts)]
        rows = [
            self._row(text, (first, last), at)
            for text, first, last, at in zip(texts, given, lasts, zip(*pointers, strict=True), strict=True)
        ]
        parts = self._parts()
        group_tokens = [[self.hashes("group", g, 3) for g in groups(whole)] for whole, _ in self.names.of]
        letters, lanes = _letters([whole for whole, _ in self.names.of]), _letters(list(self.lanes.of))
        filters, street_filters, hashed, dobs, ssns = keyed_values(
            self.by.name_masks, *letters, self.by.street_masks, *lanes, self.by.seeds,
            self.hashes.words(), np.array(self.hashes.kinds, np.int64).reshape(-1, 2),
            _words([_bytes(v, 8) for v in self.dobs.of], 1).ravel(),
            np.array([norm.is_possible(v) for v in self.dobs.of], np.bool_),
            _words([_bytes(v, 4) for v in self.ssns.of], 1).ravel(),
        )  # fmt: skip
        short = hashed >> np.uint64(32)
        short[short == 0] = 1
        token = np.append(short, np.uint64(0)).astype(np.uint32)
        found = np.zeros((len(parts), GROUPS_KEPT), np.uint32)
        for n, places in enumerate(group_tokens):
            found[n, : len(places)] = token[places]
        classes = np.array([commonness(whole) for whole, _ in self.names.of], np.uint8).reshape(-1, 2)
        tables = Tables(filters, parts, found, classes, street_filters, dobs, ssns)
        counts = np.array([0, *(len(person) for person in people)], np.int32).cumsum(dtype=np.int32)
        return EncodedBatch(self.by.header, counts, tables, self._rows(rows, token), self._blocks(rows, parts, hashed))

    def _row(self, text: Mapping[str, str], names: tuple[norm.NameValue, norm.NameValue], at: tuple[int, ...]) -> _Row:
        given, last = names
        if norm.is_placeholder(given.whole, "doe") and norm.is_placeholder("john", last.whole):
            at = (-1, -1, -1)
        suffix = norm.suffix(text["suffix"]) or last.suffix or given.suffix
        dob, ssn4, phone = norm.birth_date(text["birth_date"]), norm.ssn4(text["ssn4"]), norm.phone(text["phone"])
        number, lane = norm.street(text["street"])
        zip_code, hashes = norm.zip_code(text["zip"]), self.hashes
        tokens = (
            hashes("number", number[:8], 1), hashes("zip", zip_code, 3), hashes("city", norm.city(text["city"]), 3),
            hashes("phone", phone, 3), hashes("sex", norm.sex(text["sex"]), 3),
        )  # fmt: skip
        whole = dob if len(dob) == 8 else ""
        facts = {
            "dob": whole, "year": dob[:4], "day": whole[4:], "ssn4": ssn4, "phone": phone, "number": number,
            "lane": lane, "zip": zip_code,
        }  # fmt: skip
        street = hashes("block", f"{number} {lane}" if number and lane else "", 4)
        pointers = (*at, self.dobs(dob), self.ssns(ssn4), self.lanes(lane))
        return _Row(pointers, tokens, SUFFIXES.index(suffix), street, facts)

    def _parts(self) -> Any:
        parts = np.full((len(self.names.of), 2), -1, np.int32)
        for n, (_, halves) in enumerate(self.names.of):
            for k, half in enumerate(halves):
                parts[n, k] = self.names.of[half, ()]
        return parts

    def _rows(self, rows: Sequence[_Row], token: U32) -> Rows:
        pointers = np.array([row.pointers for row in rows], np.int32).T
        tokens = token[np.array([row.tokens for row in rows]).T]
        suffix = self.by.suffixes[[row.suffix for row in rows]]
        columns: list[Any] = [*pointers, *tokens, suffix]
        return Rows(*columns)

    def _blocks(self, rows: Sequence[_Row], parts: Any, hashed: U64) -> U32:
        wholes = [whole for whole, _ in self.names.of]
        values: list[bytes] = []
        for row in rows:
            first, middle, last = row.pointers[:3]
            one, two = parts[last] if last >= 0 else (-1, -1)
            of = dict(row.facts)
            of["first"], of["last"] = _sound(wholes, first), _sound(wholes, last)
            of["part1"], of["part2"] = _sound(wholes, one), _sound(wholes, two)
            of["formal"] = sound(formal(wholes[first])) if first >= 0 else ""
            for name, at in (("head", first), ("mid", middle), ("tail", last)):
                of[name] = wholes[at][:1] if at >= 0 else ""
            values += [_bytes(of.get(name, ""), 8) for name in FACTS]
        facts = _words(values, 1).reshape(len(rows), len(FACTS)).copy()
        facts[:, _FACT["street"]] = [hashed[row.street] if row.street >= 0 else 0 for row in rows]
        found: U32 = block_keys(facts, _SLOT_FACTS, SLOT_PASSES, self.by.seeds[PURPOSE["block"]])
        return found


def _sound(wholes: Sequence[str], at: int) -> str:
    return sound(wholes[at]) if at >= 0 else ""


def _texts(people: Sequence[Sequence[Identity]]) -> Iterator[dict[str, str]]:
    """The texts of each identity; what an alias leaves blank is taken from the name of record."""
    for person in people:
        record = person[0]
        for identity in person:
            text = {name: getattr(identity, name) for name in _TEXTS}
            if identity is not record:
                text |= {name: getattr(record, name) for name in _TEXTS if name in INHERITED and not text[name]}
            if not text["first"] and "," in text["last"]:
                (text["first"],), (text["last"],) = uncomma([""], [text["last"]])
            yield text
