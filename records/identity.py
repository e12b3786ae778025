"""The facts that say who a person is, as one source writes them down."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, repr=False)
class Personal:
    """One piece of text about a person that cannot be printed by accident.

    `repr`, `str` and f-strings show its length only; `reveal()` is the one way to the text, easy to search for.
    """

    _text: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<personal, {len(self._text)} characters>"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """One name under which one source knows a person; an alias is an identity of its own.

    Every field is text as the source wrote it, trimmed, with the empty string for unknown. The matcher's
    normalisation decides what the text means. `birth_date` is `YYYY-MM-DD`, or partial: `YYYY-MM`, `YYYY`.
    `ssn4` holds four digits, never more. `repr` names the fields that are filled and no value.
    """

    first: str = ""
    middle: str = ""
    last: str = ""
    suffix: str = ""
    birth_date: str = ""
    sex: str = ""
    ssn4: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""

    def __repr__(self) -> str:
        filled = [f.name for f in fields(self) if getattr(self, f.name)]
        return f"<identity with {', '.join(filled) or 'no field'}>"

    __str__ = __repr__

    @property
    def named(self) -> bool:
        """Whether there is any name at all: a row without one is refused, not linked."""
        return bool(self.first or self.last)
