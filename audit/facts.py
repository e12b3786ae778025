"""What a fact in the audit log may be: a code, a count, an instant, a hash or an opaque reference.

Each type takes a Python value and gives the text or number that is hashed, or says no. None of them admits free text:
no blanks, no commas, no capitalised words, no dates of birth, no numbers written as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import Enum

Fact = str | int | tuple[str, ...]
"""A fact as it is kept: text, a whole number, or a sorted list of distinct texts."""

FactType = Callable[[object], Fact | None]
"""Gives the fact, or None when the value is not of this type."""

MAX_COUNT = 2**53 - 1  # the largest whole number that every JSON reader keeps exact (RFC 7493)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # an instant of ours, never a birth date that lost its way


def pattern(text: str) -> FactType:
    """Text that matches the whole of a regular expression. Enum members stand for their value."""
    whole = re.compile(text, re.ASCII)

    def check(value: object) -> Fact | None:
        value = value.value if isinstance(value, Enum) else value
        return value if isinstance(value, str) and whole.fullmatch(value) else None

    return check


def one_of(*codes: str) -> FactType:
    """One of a closed list of codes."""
    return pattern("|".join(map(re.escape, codes)))


def any_of(codes: type[Enum]) -> FactType:
    """One of the codes of an enumeration."""
    return one_of(*(str(code.value) for code in codes))


def many(item: FactType) -> FactType:
    """A set of facts of one type, kept as a sorted list so that equal sets have equal bytes."""

    def check(value: object) -> Fact | None:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            return None
        items = [item(part) for part in value]
        kept = {part for part in items if isinstance(part, str)}
        return tuple(sorted(kept)) if None not in items else None

    return check


def whole_number(least: int) -> FactType:
    def check(value: object) -> Fact | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_COUNT
        return value if fits and isinstance(value, int) else None

    return check


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def instant(value: object) -> Fact | None:
    """A moment with an offset, from the year 2000 on, kept in UTC to the microsecond."""
    if isinstance(value, str):
        value = read_instant(value)
    if not isinstance(value, datetime) or value.tzinfo is None or value < _EARLIEST:
        return None
    return write_instant(value)


def write_instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_instant(text: str) -> datetime | None:
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


REF = pattern(r"[a-z2-7]{26}")
"""A name made by `store.locator`: 130 bits, meaningless without the installation's key."""
HASH = pattern(r"[0-9a-f]{64}")
COUNT = whole_number(0)
NUMBER = whole_number(-MAX_COUNT)
CODE = pattern(r"(?=.{2,64}$)[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
"""A code of ours in small letters: `timeout`, `booked_at.ambiguous`."""
REASON = pattern(r"(?=.{2,64}$)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|DEIDENTIFIED")
"""A reason or obligation code of the consent rules: capitals joined by underscores."""
LEVEL = pattern(r"[a-z][a-z0-9_]{0,30}:[a-z][a-z0-9_-]{0,30}")
"""A compared field and its agreement level, `last:close`."""
KEY_ID = pattern(r"[A-Za-z0-9_-]{43}")
"""A key's RFC 7638 thumbprint."""
LABEL = pattern(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What an organisation calls its own feeds, rule sets, epochs, keys and sinks: one word."""
RULE_SET = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}(?: \d[0-9.]{0,15})?")
"""A set of consent rules and its version, `county-opt-in 2026.1`."""
PERIOD = pattern(r"\d{4}-(?:0[1-9]|1[0-2])")
"""A month, `2026-10`."""
PARTY = pattern(r"(?!\d{4}-\d\d-\d\d$)(?!\d{3}-\d\d-\d{4}$)[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What an organisation calls its own staff, programmes and partners. Never a client: one word, and not in the form of
a birth date or a social security number.
"""


def as_code(text: str) -> str | None:
    """The text if it can stand in a leaf as a code, and None, which leaves the fact out, if not.

    For words that other systems choose, such as the column of a refused row: the log then says less, and the row is
    still set aside.
    """
    return text if CODE(text) is not None else None
