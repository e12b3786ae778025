"""Identities become encodings, a whole batch at a time.

Each distinct value of a column is normalised and hashed once; rows are then gathered by index. The literal
reference in `matcher.reference` gives the same bits one value at a time and exists to be read and tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from jellyfish import metaphone
from numpy.typing import NDArray

from matcher import normalise as norm
from matcher.batch import DOB_TOKENS, I32, SSN_TOKENS, Arrays, EncodedBatch, EncodingHeader, Rows, Tables
from matcher.hashing import U32, U64, FilterTable, Sip, short, siphash, text_words, tokens
from matcher.kernels import Kernel, implementation
from matcher.keys import LinkageKey
from matcher.model import Model
from matcher.nicknames import GROUPS_KEPT, commonness, formal, groups
from matcher.passes import FACTS, PASSES, SLOTS, slot_ranges
from records.identity import Identity

T = TypeVar("T")
Columns = Mapping[str, Sequence[str]]
"""One list of text for each field of `Identity`, all of one length; absent columns are unknown."""

INHERITED = ("birth_date", "sex", "suffix", "ssn4", "phone", "street", "city", "state", "zip")
"""What an alias takes from the name of record where it does not say otherwise."""

SUFFIXES = ("", "jr", "sr", "ii", "iii", "iv")
FEW = 6
"""Up to so many identities, a compiled encoder takes them value by value."""
_DOB_MASKS = [[i for i in range(8) if i != hidden] for hidden in range(8)]
_FACT = {name: i for i, name in enumerate((*FACTS, ""))}
SLOT_FACTS = np.array([[_FACT[f] for f in ("", "", *names)[-3:]] for p in PASSES for names in p.slots]).T
"""(3, SLOTS): which facts make each slot's key; one number past the facts where a slot has fewer than three."""
_UNUSED = np.equal(SLOT_FACTS, len(FACTS))[:, :, None]
SLOT_PASSES = np.array([n for n, (each, _, _) in enumerate(slot_ranges()) for _ in each.slots], np.uint64)


def distinct(values: Sequence[str], step: Callable[[str], T]) -> tuple[list[T], I32]:
    """`step` of each distinct value, and for each value the position of its result."""
    seen: dict[str, int] = {}
    at = np.fromiter((seen.setdefault(v, len(seen)) for v in values), np.int32, len(values))
    return [step(v) for v in seen], at


class _Interner:
    """Gives each distinct key a number in order of first appearance."""

    def __init__(self) -> None:
        self.number: dict[norm.NameValue, int] = {}

    def __call__(self, name: norm.NameValue) -> int:
        if not name.whole:
            return -1
        bare = norm.NameValue(name.whole, name.parts)
        if bare not in self.number:
            for part in bare.parts:
                self(norm.NameValue(part))
            self.number[bare] = len(self.number)
        return self.number[bare]


def sound(name: str) -> str:
    """Phonetic code of a name (Philips' Metaphone), for blocking only; an initial has none."""
    return (metaphone(name) or name)[:8] if len(name) > 1 else ""


def dob_table(key: bytes, values: Sequence[str], sip: Sip = siphash) -> U32:
    """Tokens (n, 15) of normalised birth dates, each of a combination that says much:

    0 whole date; 1 year with day and month in either order; 2 month and day; 3 year and month; 4 year and day;
    5 year; 6-13 the date with one digit hidden; 14 digits sorted within each part. Partial dates fill 3 and 5 only,
    impossible ones all but 1 to 5.
    """
    n = len(values)
    chars = np.array(values, "S8").view(np.uint8).reshape(n, 8) if n else np.zeros((0, 8), np.uint8)
    forms = np.zeros((DOB_TOKENS, n, 8), np.uint8)
    forms[0] = chars
    month, day = chars[:, 4:6], chars[:, 6:8]
    later = month.astype(np.uint16) @ np.array([256, 1], np.uint16) > day.astype(np.uint16) @ np.array(
        [256, 1], np.uint16
    )
    forms[1] = np.where(later[:, None], np.concatenate([chars[:, :4], day, month], axis=1), chars)
    for form, kept in ((2, [4, 5, 6, 7]), (3, [0, 1, 2, 3, 4, 5]), (4, [0, 1, 2, 3, 6, 7]), (5, [0, 1, 2, 3])):
        forms[form][:, kept] = chars[:, kept]
    for hidden, kept in enumerate(_DOB_MASKS):
        forms[6 + hidden][:, kept] = chars[:, kept]
    for part in (slice(0, 4), slice(4, 6), slice(6, 8)):
        forms[14][:, part] = np.sort(chars[:, part], axis=1)
    found = _tagged(key, forms, sip)
    whole, month_known = chars[:, 7] != 0, chars[:, 5] != 0
    found[~whole] = np.where(np.isin(np.arange(DOB_TOKENS), [3, 5]), found[~whole], np.uint32(0))
    found[~month_known, 3] = 0
    found[[len(v) == 8 and not norm.is_possible(v) for v in values], 1:6] = 0
    return found


def ssn_table(key: bytes, values: Sequence[str], sip: Sip = siphash) -> U32:
    """Tokens (n, 6) of four digits: whole, with each digit hidden in turn, and sorted."""
    n = len(values)
    chars = np.array(values, "S4").view(np.uint8).reshape(n, 4) if n else np.zeros((0, 4), np.uint8)
    forms = np.zeros((SSN_TOKENS, n, 8), np.uint8)
    forms[:5, :, :4] = chars
    for hidden in range(4):
        forms[1 + hidden, :, hidden] = 0
    forms[5, :, :4] = np.sort(chars, axis=1)
    return _tagged(key, forms, sip)


def _tagged(key: bytes, forms: NDArray[np.uint8], sip: Sip) -> U32:
    """Tokens (n, forms) of (forms, n, 8) bytes, each form under its own number."""
    count, n, _ = forms.shape
    words = forms.reshape(count * n, 8).view("<u8").ravel().astype(np.uint64, copy=False)
    tags = np.repeat(np.arange(count, dtype=np.uint64), n)
    return np.ascontiguousarray(short(sip(key, [words, tags])).reshape(count, n).T)


@dataclass(frozen=True, slots=True)
class _Names:
    """The name table of one batch with what blocking needs to know of each entry (plaintext, short-lived)."""

    tables: Arrays
    sounds: U64
    formals: U64
    heads: U64


class Encoder:
    """Turns identities into encodings under one key. Keeps the key's tables and nothing of any person.

    `kernel` names the implementation of the hashing; both give the same bits. Raises KernelUnavailable.
    """

    def __init__(self, key: LinkageKey, model: Model, *, kernel: Kernel = "numpy") -> None:
        self.kernel = kernel
        self._sip = implementation(kernel).sip
        self.header = EncodingHeader(model.encoding.version, key.key_id, key.epoch, model.schema_hash)
        self._names = FilterTable.make(key.derive("names", 32), model.encoding.name_hashes)
        self._streets = FilterTable.make(key.derive("street", 32), model.encoding.street_hashes)
        purposes = ("dob", "ssn4", "phone", "zip", "city", "number", "sex", "suffix", "group", "block")
        self._keys = {p: key.derive(f"token/{p}", 16) for p in purposes}
        self._suffixes = tokens(self._keys["suffix"], SUFFIXES)
        masks = self._names.masks, self._streets.masks
        self._few = implementation(kernel).few(self.header, *masks, self._keys, self._suffixes)

    def __repr__(self) -> str:
        return f"<encoder of epoch {self.header.epoch}>"

    def encode(self, people: Sequence[Sequence[Identity]]) -> EncodedBatch:
        """Each person is a name of record followed by aliases; what an alias leaves blank is taken from the record.

        Raises ValueError for a person without any identity.
        """
        if not all(people):
            raise ValueError("a person needs at least one identity")
        if self._few and 0 < sum(map(len, people)) <= FEW:
            return self._few(people)
        columns: dict[str, list[str]] = {f.name: [] for f in fields(Identity)}
        for person in people:
            for identity in person:
                for name, column in columns.items():
                    value = getattr(identity, name)
                    column.append(value or (getattr(person[0], name) if name in INHERITED else ""))
        return self.encode_columns(columns, [len(p) for p in people])

    def encode_columns(self, columns: Columns, counts: Sequence[int] | None = None) -> EncodedBatch:
        """Encodes columns of text, one entry per identity; `counts` says how many entries each person has (default 1)."""
        n = max((len(c) for c in columns.values()), default=0)
        text = {f.name: columns.get(f.name) or [""] * n for f in fields(Identity)}
        text["first"], text["last"] = uncomma(text["first"], text["last"])
        starts = np.arange(n + 1) if counts is None else np.concatenate(([0], np.cumsum(counts)))
        names, first, middle, last, suffix = self._name_columns(text)
        rows, tables, facts = self._other_columns(text, names, suffix)
        facts["first"], facts["last"] = _of(names.sounds, first), _of(names.sounds, last)
        facts["formal"] = _of(names.formals, first)
        for initial, at in (("head", first), ("mid", middle), ("tail", last)):
            facts[initial] = _of(names.heads, at)
        # One more row, for the pointer -1 of a row without a surname.
        halves = np.append(names.tables["name_parts"], np.full((1, 2), -1, np.int32), axis=0)[last]
        facts["part1"], facts["part2"] = _of(names.sounds, halves[:, 0]), _of(names.sounds, halves[:, 1])
        return EncodedBatch(
            self.header,
            starts.astype(np.int32),
            Tables(**tables),
            Rows(first=first, middle=middle, last=last, **rows),
            self._blocks(facts, n),
        )

    def _name_columns(self, text: Columns) -> tuple[_Names, I32, I32, I32, I32]:
        """Name table, pointers of first, middle and last name, and the suffix's number, for each row."""
        given, at_first = distinct(text["first"], norm.given_name)
        middles, at_middle = distinct(text["middle"], norm.given_name)
        lasts, at_last = distinct(text["last"], norm.last_name)
        nobody = _placeholders(given, at_first, lasts, at_last)
        intern = _Interner()
        pointers = []
        for values, at in ((given, at_first), (middles, at_middle), (lasts, at_last)):
            to = np.array([intern(v) for v in values], np.int32)
            pointers.append(np.where(nobody, np.int32(-1), to[at]) if len(to) else at)
        suffixes, at_suffix = distinct(text["suffix"], norm.suffix)
        suffix = _pick(suffixes, at_suffix)
        for values, at in ((lasts, at_last), (given, at_first)):
            suffix = np.where(suffix > 0, suffix, _pick([v.suffix for v in values], at))
        return self._name_table(list(intern.number)), pointers[0], pointers[1], pointers[2], suffix

    def _name_table(self, values: list[norm.NameValue]) -> _Names:
        number = {v: i for i, v in enumerate(values)}
        parts = np.full((len(values), 2), -1, np.int32)
        grouped = [groups(v.whole) for v in values]
        found = np.zeros((len(values), GROUPS_KEPT), np.uint32)
        where = [(i, j, g) for i, gs in enumerate(grouped) for j, g in enumerate(gs)]
        if where:
            found[[w[0] for w in where], [w[1] for w in where]] = tokens(
                self._keys["group"], [w[2] for w in where], 24, self._sip
            )
        for i, value in enumerate(values):
            for j, part in enumerate(value.parts):
                parts[i, j] = number[norm.NameValue(part)]
        sounds = [sound(v.whole) for v in values]
        formals = [sound(formal(v.whole)) for v in values]
        tables: Arrays = {
            "name_filters": self._names.filters([v.whole for v in values]),
            "name_parts": parts,
            "name_groups": found,
            "name_classes": np.array([commonness(v.whole) for v in values], np.uint8).reshape(-1, 2),
        }
        return _Names(tables, _word(sounds), _word(formals), _word([v.whole[:1] for v in values]))

    def _other_columns(self, text: Columns, names: _Names, suffix: I32) -> tuple[Arrays, Arrays, Arrays]:
        """Row columns, tables and blocking facts of everything but the names."""
        keys = self._keys
        rows: Arrays = {}
        facts: Arrays = {}
        dobs, at_dob = _values(text["birth_date"], norm.birth_date)
        ssns, at_ssn = _values(text["ssn4"], norm.ssn4)
        rows["dob"], rows["ssn4"] = at_dob, at_ssn
        full = [v if len(v) == 8 else "" for v in dobs]
        facts["dob"], facts["day"] = _of(_word(full), at_dob), _of(_word([v[4:] for v in full]), at_dob)
        facts["year"] = _of(_word([v[:4] for v in dobs]), at_dob)
        facts["ssn4"] = _of(_word(ssns), at_ssn)
        simple = {"phone": norm.phone, "zip": norm.zip_code, "city": norm.city, "sex": norm.sex}
        for column, step in simple.items():
            values, at = distinct(text[column], step)
            rows[column] = tokens(keys[column], values, 24, self._sip)[at] if values else np.zeros(0, np.uint32)
            if column in FACTS:
                facts[column] = _word(values)[at]
        rows["suffix"] = self._suffixes[suffix]
        street, number, filters, street_facts = self._street_columns(text["street"])
        facts |= dict(zip(("street", "number", "lane"), street_facts, strict=True))
        tables = {
            **names.tables,
            "dobs": dob_table(keys["dob"], dobs, self._sip),
            "ssns": ssn_table(keys["ssn4"], ssns, self._sip),
            "street_filters": filters,
        }
        return rows | {"street": street, "number": number}, tables, facts

    def _street_columns(self, texts: Sequence[str]) -> tuple[I32, U32, U64, tuple[U64, U64, U64]]:
        """Pointer to the street's name, token of the house number, the filters, and the facts of both, number, name."""
        values, at = distinct(texts, norm.street)
        numbers, lanes = [n for n, _ in values], [lane for _, lane in values]
        names, to_name = _values(lanes, str)
        whole = self._sip(self._keys["block"], text_words([f"{n} {lane}" for n, lane in values], 32))
        whole[[not (n and lane) for n, lane in values]] = 0
        number = tokens(self._keys["number"], numbers, 8, self._sip)
        facts = (whole[at], _word(numbers)[at], _word(lanes)[at])
        return to_name[at], number[at], self._streets.filters(names), facts

    def _blocks(self, facts: Mapping[str, U64], n: int) -> U32:
        """Blocking keys (n, SLOTS): a keyed hash of the pass and its facts, in no particular order."""
        known = np.stack([*(facts[name] for name in FACTS), np.zeros(n, np.uint64)])
        words = known[SLOT_FACTS]
        at = np.flatnonzero(((words != 0) | _UNUSED).all(axis=0))
        chosen = np.sort(words.reshape(3, -1)[:, at], axis=0)
        passes = SLOT_PASSES[at // max(n, 1)]
        keys = np.zeros(SLOTS * n, np.uint32)
        keys[at] = short(self._sip(self._keys["block"], [passes, *chosen]))
        return np.ascontiguousarray(keys.reshape(SLOTS, n).T)


def _word(values: Sequence[str]) -> U64:
    """Up to eight characters as one word; 0 for the empty value."""
    return text_words(values, 8)[0] if len(values) else np.zeros(0, np.uint64)


def _of(table: U64, at: I32) -> U64:
    """Entries of a table; 0 where the pointer says unknown."""
    if not len(table):
        return np.zeros(len(at), np.uint64)
    return np.where(at >= 0, table[at], np.uint64(0))


def _values(texts: Sequence[str], step: Callable[[str], str]) -> tuple[list[str], I32]:
    """Distinct non-empty results of `step`, and for each text a pointer to its result or -1."""
    results, at = distinct(texts, step)
    table, to = distinct(results, str)
    filled = [v for v in table if v]
    number = {v: i for i, v in enumerate(filled)}
    moved = np.array([number.get(v, -1) for v in table], np.int32)
    return filled, moved[to][at] if len(moved) else at


def _pick(values: Sequence[str], at: I32) -> I32:
    """For each row the number of its suffix."""
    return np.array([SUFFIXES.index(v) for v in values], np.int32)[at] if values else at


def _placeholders(
    given: list[norm.NameValue], at_first: I32, lasts: list[norm.NameValue], at_last: I32
) -> NDArray[np.bool_]:
    """Rows named JOHN DOE and the like: their name says nothing."""
    some = np.array([norm.is_placeholder(v.whole, "doe") for v in given], bool)
    no_one = np.array([norm.is_placeholder("john", v.whole) for v in lasts], bool)
    return some[at_first] & no_one[at_last] if len(at_first) else np.zeros(0, bool)


def uncomma(first: Sequence[str], last: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """`LAST, FIRST` written into the surname field becomes two fields."""
    odd = [i for i, (f, v) in enumerate(zip(first, last, strict=True)) if not f and "," in v]
    if not odd:
        return first, last
    firsts, lasts = list(first), list(last)
    for i in odd:
        lasts[i], _, firsts[i] = (piece.strip() for piece in last[i].partition(","))
    return firsts, lasts
