"""Names as jails and providers write them in one field, taken apart by a declared order."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Name(NamedTuple):
    """The parts of one name, as written. Not a value object of the records: only a step on the way to an identity."""

    first: str = ""
    middle: str = ""
    last: str = ""
    suffix: str = ""

    def __repr__(self) -> str:
        return "<name>"


NameReader = Callable[[str], Name]

ORDERS = (
    "LAST, FIRST MIDDLE SUFFIX",
    "LAST SUFFIX, FIRST MIDDLE",
    "LAST, FIRST MIDDLE",
    "FIRST MIDDLE LAST SUFFIX",
    "FIRST MIDDLE LAST",
    "LAST FIRST MIDDLE SUFFIX",
    "LAST FIRST MIDDLE",
)
"""Every order with a comma accepts the suffix on either side of it: the same clerk writes both."""

_SUFFIXES = {"JR", "SR", "II", "III", "IV", "JUNIOR", "SENIOR", "2ND", "3RD", "4TH"}
FORMULA_STARTS = frozenset("=+@-")
"""What a text begins with that a spreadsheet may run."""
_FORMULA = re.compile(r"[=+@]|-[^\W\d_]*\(")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run the text instead of showing it. No name begins like this."""
    return text[:1] in FORMULA_STARTS and _FORMULA.match(text) is not None


def name_reader(order: str) -> NameReader:
    """The reader for one of `ORDERS`. Raises `ValueError` naming them all for any other."""
    if order not in ORDERS:
        raise ValueError(f"'{order}' is not a known order of names; known are: {'; '.join(ORDERS)}")
    if order.startswith("FIRST"):
        return _given_first
    if "," in order:
        return _with_comma
    return partial(_from_words, surname_first=True)


def _with_comma(text: str) -> Name:
    last, comma, given = text.partition(",")
    if not comma:
        words, suffix = _without_suffix(text.split())
        return Name(last=" ".join(words), suffix=suffix)
    surname, early = _without_suffix(last.split())
    words, late = _without_suffix(given.replace(",", " ").split())
    first, *middle = words or [""]
    return Name(first, " ".join(middle), " ".join(surname), late or early)


def _given_first(text: str) -> Name:
    return _with_comma(text) if _has_surname_comma(text) else _from_words(text, surname_first=False)


def _has_surname_comma(text: str) -> bool:
    """`WHITFIELD, DESHAWN` in a list of `DESHAWN WHITFIELD`; but `DESHAWN WHITFIELD, JR` is no such thing."""
    _, comma, tail = text.partition(",")
    return bool(comma) and not is_suffix(tail.strip())


def _from_words(text: str, *, surname_first: bool) -> Name:
    words, suffix = _without_suffix(text.replace(",", " ").split())
    if len(words) < 2:
        return Name(last=" ".join(words), suffix=suffix)
    if surname_first:
        return Name(words[1], " ".join(words[2:]), words[0], suffix)
    return Name(words[0], " ".join(words[1:-1]), words[-1], suffix)


def is_suffix(word: str) -> bool:
    return word.strip(".,").upper() in _SUFFIXES


def _without_suffix(words: list[str]) -> tuple[list[str], str]:
    """The last word is a suffix only if another word is left to be the name."""
    if len(words) > 1 and is_suffix(words[-1]):
        return words[:-1], words[-1].strip(".,")
    return words, ""
