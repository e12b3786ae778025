"""Can a past decision be made again from what was kept, and does a difference show?"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit.errors import ProofRefused
from audit.leaves import Entry, Kind, leaf
from audit.reproduce import reproduce
from consent import FLOOR, decide, load_rulebook
from tests.audit.samples import AT, ref, verdicts

VECTORS = Path(__file__).parents[3] / "shared" / "consent" / "vectors.jsonl"
BOOK = load_rulebook(FLOOR)


def asked(number: int) -> bytes:
    vector: dict[str, Any] = json.loads(VECTORS.read_text().splitlines()[number])
    return json.dumps({key: value for key, value in vector.items() if key != "expect"}, sort_keys=True).encode()


def stated(body: bytes, **other: object) -> Entry:
    decision = decide(json.loads(body), BOOK)
    facts: dict[str, object] = {
        "decision": ref("d"),
        "recipient": "clinician-7",
        "stage": "link",
        "effect": decision.decision.value,
        "reasons": decision.reason_codes,
        "obligations": decision.obligations,
        "fields": decision.fields_allowed,
        "rule_set": decision.rule_set,
        "rule_set_hash": decision.rule_set_hash,
        "input_hash": sha256(body).hexdigest(),
    }
    return Entry(5, AT, leaf(Kind.DECISION, **(facts | other)))


@pytest.mark.parametrize("number", range(0, 170, 10))
def test_the_same_input_and_rules_give_the_same_decision(number: int) -> None:
    body = asked(number)
    assert reproduce(stated(body), body, BOOK).differences == ()


def test_a_stored_input_that_was_altered_is_not_evaluated() -> None:
    body = asked(0)
    again = reproduce(stated(body), body.replace(b"TREAT", b"LEGAL"), BOOK)
    assert again.differences == ("the stored input is not the one that was decided upon",)


def test_a_decision_that_was_not_what_the_rules_give_shows() -> None:
    body = asked(0)
    other = stated(body, effect="deny", reasons=["OPTED_OUT"], fields=[])
    assert [difference.split(":")[0] for difference in reproduce(other, body, BOOK).differences] == [
        "effect",
        "reasons",
        "fields",
    ]


def test_other_rules_show_even_when_they_decide_alike() -> None:
    body = asked(0)
    again = reproduce(stated(body, rule_set_hash="0" * 64), body, BOOK)
    assert [difference.split(":")[0] for difference in again.differences] == ["rule_set_hash"]


@pytest.mark.parametrize(("effect", "same"), [("deny", True), ("permit", False)])
def test_where_nothing_could_be_asked_only_a_denial_is_right(effect: str, same: bool) -> None:
    entry = stated(asked(0), effect=effect, input_hash=sha256(b"null").hexdigest())
    assert reproduce(entry, b"null", BOOK).same is same


def test_only_decisions_can_be_made_again() -> None:
    with pytest.raises(ProofRefused, match="not a decision"):
        reproduce(Entry(0, AT, verdicts(1)[0]), b"null", BOOK)
