"""The tables of the rule book: who may ask for what, how far a scope reaches, what a form must contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Strict, TypeAdapter
from pydantic import Field as Key

from consent.policy import Policy
from consent.vocabulary import NOTES, Element, FieldName, Kind, Purpose, RecipientClass, Scope

Words = Annotated[str, Strict(), Key(min_length=1)]
YesNo = Annotated[bool, Strict()]
_BORDER = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of recipient. The envelope `policy` is the setting `alert_fields_internal`."""

    __pydantic_config__ = _BORDER

    words: Words
    purposes: frozenset[Purpose]
    envelope: frozenset[FieldName] | Literal["policy"]
    told_plainly: YesNo


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Whom a class of recipients on a form means; `kinds_if` adds kinds where a policy switch is on."""

    __pydantic_config__ = _BORDER

    kinds: frozenset[Kind]
    kinds_if: dict[str, frozenset[Kind]]
    treating: YesNo


@dataclass(frozen=True, slots=True)
class Forms:
    """The elements that make a form complete."""

    __pydantic_config__ = _BORDER

    part2_nine: frozenset[Element]
    part2_tpo: frozenset[Element]
    part2_to_covered_entity: frozenset[Element]
    part2_referral: frozenset[Element]
    hipaa: frozenset[Element]
    hipaa_outside_tpo: frozenset[Element]
    pre2024_signed_before: date
    of_age: Annotated[int, Strict(), Key(ge=14, le=25)]


@dataclass(frozen=True, slots=True)
class Tables:
    __pydantic_config__ = _BORDER

    kinds: dict[Kind, KindRow]
    purpose_envelopes: dict[Purpose, frozenset[FieldName]]
    purposes: dict[Purpose, Words]
    scopes: dict[Scope, frozenset[Kind] | Literal["everyone"]]
    classes: dict[RecipientClass, ClassRow]
    forms: Forms

    def __post_init__(self) -> None:
        for name, table, whole in (
            ("kinds", self.kinds, Kind),
            ("purposes", self.purposes, Purpose),
            ("scopes", self.scopes, Scope),
            ("classes", self.classes, RecipientClass),
        ):
            if set(table) != set(whole):
                raise ValueError(f"the table of {name} does not have exactly the {name} there are")
        envelopes = [*self.purpose_envelopes.values(), *(r.envelope for r in self.kinds.values())]
        if any(NOTES & set(e) for e in envelopes if e != "policy"):
            raise ValueError("notes belong in no envelope")
        switches = {switch for row in self.classes.values() for switch in row.kinds_if}
        if unknown := switches - set(Policy.__dataclass_fields__):
            raise ValueError(f"classes ask for settings that do not exist: {sorted(unknown)}")

    def hits(self, scope: Scope, kind: Kind) -> bool:
        """Whether an opt-out or restriction of this scope reaches this kind of recipient."""
        kinds = self.scopes[scope]
        return kinds == "everyone" or kind in kinds

    def envelope(self, kind: Kind, purpose: Purpose, policy: Policy) -> frozenset[FieldName]:
        """The most that this kind may get for this purpose (45 CFR 164.502(b), 164.514(d))."""
        special = self.purpose_envelopes.get(purpose)
        if special is not None:
            return special
        own = self.kinds[kind].envelope
        return policy.alert_fields_internal - NOTES if own == "policy" else own

    def class_has(self, name: RecipientClass, kind: Kind, treating: bool, policy: Policy) -> bool:
        """Whether a recipient belongs to a class that a form names."""
        row = self.classes[name]
        if row.treating and not treating:
            return False
        return kind in row.kinds or any(
            kind in extra and getattr(policy, switch) is True for switch, extra in row.kinds_if.items()
        )


_TABLES = TypeAdapter(Tables)


def read_tables(raw: Mapping[str, Any]) -> Tables:
    """Check the tables. Raises pydantic.ValidationError."""
    return _TABLES.validate_python(dict(raw))
