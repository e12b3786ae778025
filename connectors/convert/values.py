"""Single values: cleaned, looked up, cut to size, and doubted by code where they cannot be what they claim."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from connectors.sources import Source
from records import Flag

Values = Mapping[str, str]
Reader = Callable[[Values, list[Flag]], str]
"""Reads one field of a row. What it doubts it adds to the list."""

_SPACES = {"\t", "\n", "\r", "\x0b", "\x0c", "\x85"}
_NOT_DIGITS = re.compile(r"\D", re.ASCII)
_FAKE_SSN = {"123456789", "987654321", "078051120", "219099999"} | {str(d) * 9 for d in range(10)}
"""Numbers that stand for none: typed to get past a form, or printed on sample cards."""
_YES = {"Y", "YES", "TRUE", "T", "1"}
_NO = {"N", "NO", "FALSE", "F", "0"}


def tidy(values: Values, unknown: frozenset[str] = frozenset()) -> tuple[Values, Collection[str]]:
    """Every value trimmed and printable, texts that mean no value as the empty string.

    Second, the columns that had to be emptied because they held a NUL or its like.
    """
    texts = values.values()
    joined = "|".join(texts)
    printable = joined.isprintable()
    trimmed = "| " not in joined and " |" not in joined and joined[:1] != " " and joined[-1:] != " "
    if printable and trimmed and unknown.isdisjoint(texts):
        return values, ()  # most rows: nothing to do, found out without touching each value
    spoilt: Collection[str] = ()
    if not printable:
        spoilt = [column for column, text in values.items() if any(map(_is_forbidden, text))]
        values = {column: "" if column in spoilt else _printable(text) for column, text in values.items()}
    return {column: "" if (short := text.strip()) in unknown else short for column, text in values.items()}, spoilt


def lacks(values: Values, required: Iterable[str]) -> str:
    """The first required column that is empty, or the empty string."""
    return next((column for column in required if not values.get(column)), "")


def _is_forbidden(character: str) -> bool:
    return character not in _SPACES and unicodedata.category(character) in {"Cc", "Cs"}


def _printable(text: str) -> str:
    """Any white space is a blank; invisible formatting (zero-width joiners, byte order marks) is dropped."""
    spaced = (" " if c.isspace() else c for c in text if unicodedata.category(c) != "Cf")
    return " ".join("".join(spaced).split())


Texts = Callable[[Values, list[Flag]], Sequence[str]]
"""Reads several fields of a row at once, in a fixed order."""


def compile_texts(sources: Sequence[tuple[str, Source | None]]) -> Texts:
    """One reader for many fields: plain columns are looked up in one sweep, the few others get a reader of their own."""
    template = [s.constant if s is not None else "" for _, s in sources]
    plain = [(i, s.column) for i, (_, s) in enumerate(sources) if s is not None and s.is_plain]
    special = [
        (i, compile_reader(s, field))
        for i, (field, s) in enumerate(sources)
        if s is not None and not (s.is_plain or s.constant)
    ]

    def read(values: Values, flags: list[Flag]) -> list[str]:
        texts, get = template.copy(), values.get
        for index, column in plain:
            texts[index] = get(column, "")
        for index, reader in special:
            texts[index] = reader(values, flags)
        return texts

    return _in_one_sweep(plain, read) if 1 < len(plain) == len(sources) else read


def _in_one_sweep(plain: Sequence[tuple[int, str]], otherwise: Texts) -> Texts:
    """All of them are columns of a table, where every row has every column. A document may lack some."""
    sweep = itemgetter(*(column for _, column in plain))

    def read(values: Values, flags: list[Flag]) -> Sequence[str]:
        try:
            found: tuple[str, ...] = sweep(values)
        except KeyError:
            return otherwise(values, flags)
        return found

    return read


def compile_reader(source: Source | None, field: str) -> Reader:
    """The reader of one source from a tidied row. An absent source reads as the empty string."""
    if source is None:
        return lambda _values, _flags: ""
    if source.constant:
        constant = source.constant
        return lambda _values, _flags: constant
    reader = compile_column(source.column, source.otherwise)
    if source.extract:
        reader = _extracting(reader, re.compile(source.extract))
    if source.pad:
        reader = _padding(reader, source.pad)
    return _coding(reader, source.codes, field) if source.codes else reader


def compile_column(column: str, otherwise: str = "") -> Reader:
    """The text of a column; where it is empty, of the other one."""
    if otherwise:
        return lambda values, _flags: values.get(column) or values.get(otherwise, "")
    return lambda values, _flags: values.get(column, "")


def _extracting(inner: Reader, pattern: re.Pattern[str]) -> Reader:
    def read(values: Values, flags: list[Flag]) -> str:
        found = pattern.search(inner(values, flags))
        return "" if found is None else (found.group(1) if pattern.groups else found.group()) or ""

    return read


def _padding(inner: Reader, width: int) -> Reader:
    def read(values: Values, flags: list[Flag]) -> str:
        text = inner(values, flags)
        return text.zfill(width) if text.isdecimal() else text

    return read


def _coding(inner: Reader, codes: Mapping[str, str], field: str) -> Reader:
    table = {key.casefold(): value for key, value in codes.items()}
    default = table.pop("*", None)

    def read(values: Values, flags: list[Flag]) -> str:
        text = inner(values, flags)
        found = table.get(text.casefold(), default)
        if found is None and text:
            flags.append(Flag(field, "unknown-code"))
        return found or ""

    return read


def ssn_last4(text: str) -> tuple[str, str]:
    """The last four digits and no more; an obvious placeholder is no number. Second: the doubt, if any."""
    if len(text) == 4 and text.isascii() and text.isdecimal() and text != "0000":
        return text, ""
    digits = _NOT_DIGITS.sub("", text)
    if digits in _FAKE_SSN or (digits and not digits.strip("0")):
        return "", "placeholder"
    if len(digits) == 4 or 7 <= len(digits) <= 9:
        last = digits[-4:]
        return ("", "placeholder") if last == "0000" else (last, "")
    return "", "unreadable-ssn" if digits else ""


def yes_or_no(text: str) -> bool | None:
    """True, false, or nothing said."""
    upper = text.upper()
    return True if upper in _YES else False if upper in _NO else None


_PLACE = re.compile(r"(?P<city>.*?)[,\s]+(?P<state>[A-Za-z]{2})\.?(?:[,\s]+(?P<zip>\d{5})(?:-?\d{4})?)?")


def split_place(text: str) -> tuple[str, str, str]:
    """`ANYTOWN WA 00101` to city, state, zip. What does not look like that is a city."""
    found = _PLACE.fullmatch(text)
    return (found["city"], found["state"], found["zip"] or "") if found else (text, "", "")


def repeated(values: Values, prefix: str) -> Iterator[str]:
    """The paths of a repeated part that are there: `prefix`, `prefix[1]`, `prefix[2]` ..."""
    first, further = prefix + ".", prefix + "["
    if any(column.startswith(first) for column in values):
        yield prefix
    found = (column[len(further) :].partition("]")[0] for column in values if column.startswith(further))
    for index in sorted({int(text) for text in found if text.isdecimal()}):
        yield f"{prefix}[{index}]"
