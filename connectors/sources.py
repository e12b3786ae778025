"""Where the value of one field comes from in a mapping file, and how its text is read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from connectors.convert.names import ORDERS
from connectors.strict import Strict


def _from_text(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Source(Strict):
    """Where one value comes from: a column, or a constant. A plain text is short for `{column: text}`."""

    column: str = ""
    otherwise: str = Field(default="", description="The column to take where the first is empty.")
    constant: str = ""
    codes: dict[str, str] = Field(
        default={}, description="Code table; a value that is not in it is doubted and left empty."
    )
    extract: str = Field(default="", description="Pattern; its group 1, or the whole match, is the value.")
    pad: int = Field(default=0, ge=0, le=20, description="Fill up to this length with zeros on the left.")
    split: str = Field(default="", description="For fields that hold several values: what separates them.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.column) == bool(self.constant):
            raise ValueError("give either 'column' or 'constant'")
        re.compile(self.extract)
        return self

    @property
    def is_plain(self) -> bool:
        """Whether the value is simply what stands in the column."""
        return bool(self.column) and not (self.codes or self.extract or self.pad or self.otherwise)


Text = Annotated[Source, BeforeValidator(_from_text)]


class DateSource(Strict):
    """A day; `formats` overrides the mapping's `dates`."""

    column: str
    otherwise: str = ""
    formats: tuple[str, ...] = ()


class TimeSource(Strict):
    """A moment; `formats` and `offset` override the mapping's."""

    column: str
    otherwise: str = ""
    formats: tuple[str, ...] = ()
    offset: Literal["none", "expected"] = "none"


class NameSource(Strict):
    """A whole name in one column."""

    column: str
    order: Literal[ORDERS] = "LAST, FIRST MIDDLE SUFFIX"  # type: ignore[valid-type] # mypy knows literals only where they are spelt out


class PlaceSource(Strict):
    """City, state and zip in one column, in this order."""

    column: str


class AliasSource(Strict):
    """Further names: one column that is split, or a repeated part (`each`) with the parts of a name inside it."""

    column: str = ""
    split: str = "|"
    order: Literal[ORDERS] = "LAST, FIRST MIDDLE SUFFIX"  # type: ignore[valid-type] # as above
    each: str = ""
    first: str = ""
    middle: str = ""
    last: str = ""
    suffix: str = ""
    skip_first: bool = Field(default=False, description="The first of `each` is the name of record, not an alias.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.column) == bool(self.each):
            raise ValueError("give either 'column' (one text, split) or 'each' (a repeated part)")
        return self


class ChargeSource(Strict):
    """Charges: one column split into `code<between>text`; or a column with the code and one with the `text`; or a repeated part."""

    column: str = ""
    split: str = ";"
    between: str = "|"
    each: str = ""
    code: str = ""
    text: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.column) == bool(self.each):
            raise ValueError("give either 'column' (one text, split) or 'each' (a repeated part)")
        return self


Day = Annotated[DateSource, BeforeValidator(_from_text)]
Moment = Annotated[TimeSource, BeforeValidator(_from_text)]
WholeName = Annotated[NameSource, BeforeValidator(_from_text)]
Place = Annotated[PlaceSource, BeforeValidator(_from_text)]
Aliases = Annotated[AliasSource, BeforeValidator(_from_text)]
Charges = Annotated[ChargeSource, BeforeValidator(_from_text)]
