"""Readers of the parts of a booking that are more than one text: moments and charges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.convert.dates import time_reader
from connectors.convert.digest import charged
from connectors.convert.values import Values, repeated
from connectors.schema import Mapping
from connectors.sources import ChargeSource, TimeSource
from records import Charge, Instant

MomentOf = Callable[[Values, ZoneInfo], tuple[Instant | None, str]]
_REMEMBERED = 4096
"""Lists of charges."""


class Charges(NamedTuple):
    """The charges of one row, and the text by which they enter its content hash."""

    listed: tuple[Charge, ...]
    hashed: str

    @classmethod
    def of(cls, charges: Iterable[Charge]) -> Charges:
        listed = tuple(charges)
        return cls(listed, charged(listed))

    def __repr__(self) -> str:
        return f"<{len(self.listed)} charges>"


NO_CHARGES = Charges((), "")
ChargesOf = Callable[[Values], Charges]


def moment_reader(source: TimeSource | None, mapping: Mapping) -> MomentOf:
    """The reader of one moment, with the mapping's formats unless the source has its own."""
    if source is None:
        return lambda _values, _zone: (None, "")
    read = time_reader(source.formats or mapping.times, offset_expected=source.offset == "expected")
    column, otherwise = source.column, source.otherwise

    def moment(values: Values, zone: ZoneInfo) -> tuple[Instant | None, str]:
        text = values.get(column) or values.get(otherwise)
        return read(text, zone) if text else (None, "")

    return moment


def charge_reader(source: ChargeSource | None) -> ChargesOf:
    """The reader of charges in whichever of its three forms the mapping declares."""
    if source is None:
        return lambda _values: NO_CHARGES
    if source.each:
        each, code, text = source.each, source.code, source.text
        return lambda values: Charges.of(
            Charge(values.get(f"{path}.{code}", ""), values.get(f"{path}.{text}", ""))
            for path in repeated(values, each)
        )
    if source.text:
        code_column, text_column = source.column, source.text
        return lambda values: _two_columns(values.get(code_column, ""), values.get(text_column, ""))
    return _one_column(source.column, source.split, source.between)


def _one_column(column: str, split: str, between: str) -> ChargesOf:
    """Remembers what it read, for as long as the reader lives: jails charge the same few things."""
    known: dict[str, Charges] = {}

    def read(values: Values) -> Charges:
        whole = values.get(column, "")
        if not whole:
            return NO_CHARGES
        found = known.get(whole)
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            pieces = (piece.strip() for piece in whole.split(split))
            found = known[whole] = Charges.of(_charge(piece, between) for piece in pieces if piece)
        return found

    return read


def _two_columns(code: str, text: str) -> Charges:
    return Charges.of([Charge(code, text)]) if code or text else NO_CHARGES


def _charge(text: str, between: str) -> Charge:
    code, _, words = text.partition(between) if between else (text, "", "")
    return Charge(code.strip(), words.strip())
