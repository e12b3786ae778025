"""What was decided, for the audit trail. The recipient sees only the fields and the notice texts it is owed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from consent.rulebook import RuleBook
from consent.vocabulary import FieldName


class Verdict(StrEnum):
    PERMIT = "permit"
    REDACT = "redact"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code in plain words, with the text it stands on."""

    code: str
    words: str
    citation: str


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a recipient may see of a decision: the fields, and the notices it is owed. A denial shows nothing.

    It does not differ between permit and redact, nor between a denied client and a stranger (42 CFR 2.13(c)).
    """

    fields: tuple[FieldName, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with everything it stands on. Tuples are sorted, so that equal decisions are equal values.

    `faults` names the places of a request that could not be read, never a value. `rules` are ids of the rule book.
    """

    decision: Verdict
    fields_allowed: tuple[FieldName, ...]
    fields_withheld: tuple[FieldName, ...]
    programs_visible: tuple[str, ...]
    consents_relied_on: tuple[str, ...]
    obligations: tuple[str, ...]
    reason_codes: tuple[str, ...]
    rules: tuple[str, ...]
    rule_set: str
    rule_set_hash: str
    faults: tuple[str, ...] = ()
    _book: RuleBook | None = field(default=None, compare=False, repr=False)

    @property
    def discloses(self) -> bool:
        """Whether anything may be told."""
        return self.decision is not Verdict.DENY

    def reasons(self) -> tuple[Reason, ...]:
        """Every reason in words with its citation, in the order of the codes."""
        if self._book is None:
            return ()
        meanings = self._book.reasons
        return tuple(Reason(code, meanings[code].words, meanings[code].citation) for code in self.reason_codes)

    def shown(self) -> Shown:
        """What the recipient sees of it. The rest of this object is for the audit trail."""
        if not self.discloses or self._book is None:
            return Shown()
        meanings = self._book.obligations
        return Shown(self.fields_allowed, tuple(code for code in self.obligations if meanings[code].to_recipient))

    def as_expected(self) -> dict[str, Any]:
        """The decision in the words of the published vectors."""
        return {
            "decision": self.decision.value,
            "fields_allowed": [f.value for f in self.fields_allowed],
            "redact": [f.value for f in self.fields_withheld],
            "programs_visible": list(self.programs_visible),
            "consents_relied_on": list(self.consents_relied_on),
            "obligations": list(self.obligations),
            "reason_codes": list(self.reason_codes),
        }
