"""The identities of one row: the name of record first, then every alias with the same other facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from connectors.convert.dates import DateReader, Span, day_reader
from connectors.convert.making import maker
from connectors.convert.names import FORMULA_STARTS, Name, NameReader, is_formula, name_reader
from connectors.convert.values import Reader, Values, compile_texts, repeated, split_place, ssn_last4
from connectors.schema import Mapping
from connectors.sources import AliasSource, DateSource
from records import Flag, Identity

NameOf = Callable[[Values, list[Flag]], Sequence[str]]
"""First, middle, last, suffix."""
AliasesOf = Callable[[Values], Sequence[Name]]


_identity = maker(Identity)
_PARTS = ("first", "middle", "last", "suffix")
_OTHERS = ("sex", "ssn", "phone", "street", "city", "state", "zip")


class IdentityReader:
    """Compiled once per delivery. `read` gives the identities, none at all if the row has no usable name."""

    def __init__(self, mapping: Mapping, today: date) -> None:
        fields = mapping.fields
        self._name = _name_of(mapping)
        self._birth_date = _day(fields.birth_date, mapping, today)
        self._others = compile_texts([(field, getattr(fields, field)) for field in _OTHERS])
        self._place = fields.place.column if fields.place else ""
        self._aliases = _alias_reader(fields.aliases) if fields.aliases else None

    def read(self, values: Values, flags: list[Flag]) -> tuple[Identity, ...]:
        """The name of record, then the aliases."""
        first, middle, last, suffix = self._name(values, flags)
        if not (first and last):
            if not (first or last):
                return ()
            flags.append(Flag("name", "one-name-only"))
        if (first[:1] in FORMULA_STARTS or last[:1] in FORMULA_STARTS) and (is_formula(first) or is_formula(last)):
            return ()
        sex, ssn, phone, street, city, state, code = self._others(values, flags)
        if self._place:
            city, state, code = split_place(values.get(self._place, ""))
        born, ssn4 = self._birth_date(values, flags), _ssn4(ssn, flags) if ssn else ""
        record = _identity(first, middle, last, suffix, born, sex, ssn4, phone, street, city, state, code)
        others = self._aliases(values) if self._aliases is not None else ()
        if not others:
            return (record,)
        rest = (born, sex, ssn4, phone, street, city, state, code)
        name = Name(first, middle, last, suffix)
        return (record, *(_identity(*alias, *rest) for alias in _also_known_as(name, others)))


def _ssn4(text: str, flags: list[Flag]) -> str:
    last4, doubt = ssn_last4(text)
    if doubt:
        flags.append(Flag("ssn4", doubt))
    return last4


def _also_known_as(name: Name, aliases: Iterable[Name]) -> Iterator[Name]:
    """Each further name once."""
    seen = {name}
    for alias in aliases:
        if (alias.first or alias.last) and alias not in seen:
            seen.add(alias)
            yield alias


def _name_of(mapping: Mapping) -> NameOf:
    fields = mapping.fields
    if fields.name is not None:
        column, take_apart = fields.name.column, name_reader(fields.name.order)
        return lambda values, _flags: _whole(values.get(column, ""), take_apart)
    return compile_texts([(part, getattr(fields, part)) for part in _PARTS])


def _whole(text: str, take_apart: NameReader) -> Name:
    return Name(text) if is_formula(text) else take_apart(text)


def _day(source: DateSource | None, mapping: Mapping, today: date) -> Reader:
    if source is None:
        return lambda _values, _flags: ""
    return compile_day(
        source, "birth_date", day_reader(source.formats or mapping.dates, Span.of_births(today, mapping.youngest))
    )


def compile_day(source: DateSource, field: str, reader: DateReader) -> Reader:
    """The reader of a day in a column."""
    column, otherwise = source.column, source.otherwise

    def read(values: Values, flags: list[Flag]) -> str:
        text = values.get(column) or values.get(otherwise)
        if not text:
            return ""
        day, doubt = reader(text)
        if doubt:
            flags.append(Flag(field, doubt))
        return day

    return read


def _alias_reader(source: AliasSource) -> AliasesOf:
    if source.each:
        return lambda values: list(_repeated_names(source, values))
    take_apart = name_reader(source.order)

    def split(values: Values) -> Sequence[Name]:
        whole = values.get(source.column)
        if not whole:
            return ()
        pieces = whole.split(source.split) if source.split else [whole]
        return [take_apart(text) for piece in pieces if (text := piece.strip()) and not is_formula(text)]

    return split


def _repeated_names(source: AliasSource, values: Values) -> Iterator[Name]:
    for number, path in enumerate(repeated(values, source.each)):
        if not (source.skip_first and number == 0):
            first, middle, last, suffix = (
                values.get(f"{path}.{part}", "") if part else ""
                for part in (source.first, source.middle, source.last, source.suffix)
            )
            yield Name(first, middle, last, suffix)
