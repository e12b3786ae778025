"""Decides again what was decided, from the stored input and the rules of that time, and compares with the log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from audit.errors import ProofRefused
from audit.leaves import Entry, Kind
from audit.report import text, texts
from consent import Decision, RuleBook, decide


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Whether the same comes out. `differences` names what does not agree; the words hold codes only."""

    position: int
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.differences


def reproduce(entry: Entry, stored_input: bytes, rulebook: RuleBook) -> Reproduction:
    """Re-evaluate the decision that `entry` states. Raises ProofRefused when the entry is not of a decision.

    An input whose hash is not the one in the log is not evaluated: it is not what was decided upon. Where nothing could
    be asked (the input is `null`) only a denial can be the same.
    """
    if entry.leaf.kind is not Kind.DECISION:
        raise ProofRefused(f"audit entry {entry.position} is not a decision")
    if sha256(stored_input).hexdigest() != text(entry, "input_hash"):
        return Reproduction(entry.position, ("the stored input is not the one that was decided upon",))
    asked = json.loads(stored_input)
    if asked is None:
        denied = text(entry, "effect") == "deny"
        return Reproduction(entry.position, () if denied else ("nothing could be asked, and it was not denied",))
    return Reproduction(entry.position, tuple(_differences(entry, decide(asked, rulebook))))


def _differences(entry: Entry, again: Decision) -> list[str]:
    pairs = {
        "rule_set_hash": (text(entry, "rule_set_hash"), again.rule_set_hash),
        "effect": (text(entry, "effect"), again.decision.value),
        "reasons": (texts(entry, "reasons"), tuple(sorted(again.reason_codes))),
        "obligations": (texts(entry, "obligations"), tuple(sorted(again.obligations))),
        "fields": (texts(entry, "fields"), tuple(sorted(again.fields_allowed))),
    }
    return [f"{name}: the log has {then}, now {now}" for name, (then, now) in pairs.items() if then != now]
