"""The keyed part of encoding a few identities, compiled; see `matcher.fast.encoding`."""

from __future__ import annotations

from typing import Any

import numpy as np

from matcher.batch import DOB_TOKENS, SSN_TOKENS
from matcher.fast.hashing import sip_round
from matcher.fast.jit import jit, part
from matcher.hashing import BASE, CODES, FILTER_WORDS

PURPOSES = ("dob", "ssn4", "phone", "zip", "city", "number", "sex", "group", "block")
PURPOSE = {name: n for n, name in enumerate(PURPOSES)}
DOB, SSN4 = PURPOSE["dob"], PURPOSE["ssn4"]
_HIDDEN = np.array([0xFF << 8 * k for k in range(8)], np.uint64)


@part
def _sip(seeds: Any, words: Any, count: Any) -> Any:
    """SipHash-2-4 of the first `count` words."""
    a, b, c, d = seeds[0], seeds[1], seeds[2], seeds[3]
    for k in range(count + 1):
        word = words[k] if k < count else np.uint64((8 * count & 0xFF) << 56)
        d ^= word
        for _ in range(2):
            a, b, c, d = sip_round(a, b, c, d)
        a ^= word
    c ^= np.uint64(0xFF)
    for _ in range(4):
        a, b, c, d = sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


@part
def _short(hashed: Any) -> Any:
    token = np.uint32(hashed >> np.uint64(32))
    return token or np.uint32(1)


@part
def _filters(masks: Any, letters: Any, ends: Any) -> Any:
    """The filter of each value: its padded bigrams' masks together; an initial has only the first."""
    filters = np.zeros((len(ends), FILTER_WORDS), np.uint64)
    start = 0
    for n in range(len(ends)):
        before = 0
        for at in range(start, ends[n] + 1):
            code = int(CODES[letters[at]]) if at < ends[n] else 0
            if at < ends[n] or ends[n] - start > 1:
                for k in range(FILTER_WORDS):
                    filters[n, k] |= masks[before * BASE + code, k]
            before = code
        start = ends[n]
    return filters


@part
def _byte(word: Any, k: Any) -> Any:
    return (word >> np.uint64(8 * k)) & np.uint64(0xFF)


@part
def _sorted_part(word: Any, lo: Any, hi: Any) -> Any:
    """Bytes lo to hi of a word, sorted, in their place."""
    for k in range(lo + 1, hi):
        for m in range(k, lo, -1):
            one, two = _byte(word, m - 1), _byte(word, m)
            if one > two:
                word ^= ((one ^ two) << np.uint64(8 * (m - 1))) | ((one ^ two) << np.uint64(8 * m))
    return word


@part
def _dob_form(date: Any, form: Any) -> Any:  # noqa: PLR0911 - a form each; compiled code has no tables of functions
    """What form `form` of a birth date keeps; see `matcher.encode.dob_table`."""
    if form == 0:
        return date
    if form == 1:
        month, day = (date >> np.uint64(32)) & np.uint64(0xFFFF), date >> np.uint64(48)
        later = _byte(date, 4) * np.uint64(256) + _byte(date, 5) > _byte(date, 6) * np.uint64(256) + _byte(date, 7)
        return (date & np.uint64(0xFFFFFFFF)) | (day << np.uint64(32)) | (month << np.uint64(48)) if later else date
    if form == 2:
        return date & np.uint64(0xFFFFFFFF00000000)
    if form == 3:
        return date & np.uint64(0x0000FFFFFFFFFFFF)
    if form == 4:
        return date & np.uint64(0xFFFF0000FFFFFFFF)
    if form == 5:
        return date & np.uint64(0x00000000FFFFFFFF)
    if form < 14:
        return date & ~_HIDDEN[form - 6]
    return _sorted_part(_sorted_part(_sorted_part(date, 0, 4), 4, 6), 6, 8)


@part
def _dobs(seeds: Any, dates: Any, possible: Any) -> Any:
    found, words = np.zeros((len(dates), DOB_TOKENS), np.uint32), np.empty(2, np.uint64)
    for n in range(len(dates)):
        whole, month_known = _byte(dates[n], 7) != 0, _byte(dates[n], 5) != 0
        for form in range(DOB_TOKENS):
            if not whole and form not in (3, 5):
                continue
            if form == 3 and not month_known:
                continue
            if whole and not possible[n] and 1 <= form <= 5:
                continue
            words[0], words[1] = _dob_form(dates[n], form), form
            found[n, form] = _short(_sip(seeds, words, 2))
    return found


@part
def _ssns(seeds: Any, digits: Any) -> Any:
    found, words = np.zeros((len(digits), SSN_TOKENS), np.uint32), np.empty(2, np.uint64)
    for n in range(len(digits)):
        for form in range(SSN_TOKENS):
            kept = digits[n]
            if form == SSN_TOKENS - 1:
                kept = _sorted_part(kept, 0, 4)
            elif form:
                kept &= ~_HIDDEN[form - 1]
            words[0], words[1] = kept, form
            found[n, form] = _short(_sip(seeds, words, 2))
    return found


@jit(
    "u8[,]", "u1[]", "i8[]", "u8[,]", "u1[]", "i8[]", "u8[,]", "u8[,]", "i8[,]", "u8[]", "b1[]", "u8[]"
)  # fmt: skip
def keyed_values(
    names: Any, letters: Any, ends: Any, streets: Any, lane_letters: Any, lane_ends: Any, seeds: Any, words: Any,
    kinds: Any, dates: Any, possible: Any, digits: Any,
) -> Any:  # fmt: skip
    """Name and street filters, the hash of each message, and the tokens of dates and of digits."""
    hashes = np.empty(len(words), np.uint64)
    for n in range(len(words)):
        hashes[n] = _sip(seeds[kinds[n, 0]], words[n], kinds[n, 1])
    dobs, ssns = _dobs(seeds[DOB], dates, possible), _ssns(seeds[SSN4], digits)
    return _filters(names, letters, ends), _filters(streets, lane_letters, lane_ends), hashes, dobs, ssns


@jit("u8[,]", "i8[,]", "u8[]", "u8[]")
def block_keys(facts: Any, slot_facts: Any, slot_passes: Any, seeds: Any) -> Any:
    """Blocking keys (rows, SLOTS) of facts (rows, FACTS); see `matcher.encode.Encoder`."""
    rows, known = facts.shape
    keys, words = np.zeros((rows, len(slot_passes)), np.uint32), np.empty(4, np.uint64)
    for row in range(rows):
        for s in range(len(slot_passes)):
            words[0], lacking = slot_passes[s], False
            for k in range(3):
                fact = slot_facts[k, s]
                words[1 + k] = facts[row, fact] if fact < known else np.uint64(0)
                lacking = lacking or (fact < known and words[1 + k] == 0)
            if lacking:
                continue
            for k in (1, 2, 1):
                if words[k] > words[k + 1]:
                    words[k], words[k + 1] = words[k + 1], words[k]
            keys[row, s] = _short(_sip(seeds, words, 4))
    return keys
