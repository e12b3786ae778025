"""Can a compliance officer use it? Checking scenarios, reading, comparing, trying out and signing a rule book, reviewing."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent import COUNTY, FLOOR, RuleBook, decide, load_rulebook, read_request
from consent.check import run_vectors
from consent.compare import diff, simulate
from consent.prose import as_text, prose
from consent.review import GlassUse, is_open, must_be_reviewed, open_until, review_list
from consent.rulebook import packaged
from consent.signing import RuleBookNotSigned, Signature, require_signatures, sign, signing_bytes, valid_signers
from consent.vocabulary import Kind
from tests.consent.scenes import COUNSELOR, DOCTOR, STAFF, SUD, Raw, broken_glass, consent, scene

BOOK = load_rulebook(FLOOR)
OPT_IN = load_rulebook(COUNTY)


# --- Checking scenarios ---------------------------------------------------------------------------------------------


def vector(request: Raw, **changes: Any) -> str:
    expect = decide(request, BOOK).as_expected() | changes
    return json.dumps(request | {"id": "v-1", "area": "a", "title": "t", "citation": "c", "expect": expect})


def test_a_scenario_as_expected_passes_and_others_say_what_differs() -> None:
    lines = [
        vector(scene(STAFF)),
        "",
        vector(scene(STAFF), decision="deny", obligations=["NEUTRAL_RESPONSE"], fields_allowed=["match.fact"]),
        vector(scene(STAFF), reason_codes=["OPTED_OUT"]),
    ]
    good, bad, other = run_vectors(lines, BOOK)
    assert good.passed
    assert [(d.part, d.missing) for d in bad.differences] == [
        ("decision", ("deny",)),
        ("fields_allowed", ()),
        ("obligations", ("NEUTRAL_RESPONSE",)),
    ]
    assert str(bad.differences[0]) == "decision: -deny, +permit"
    assert [(d.part, d.missing, d.extra) for d in other.differences] == [("reason_codes", ("OPTED_OUT",), ())]
    assert (bad.line, bad.id, json.loads(bad.as_json())["passed"]) == (3, "v-1", False)


def test_a_further_reason_of_the_book_is_no_difference() -> None:
    (checked,) = run_vectors([vector(scene(STAFF), reason_codes=[])], BOOK)
    assert checked.passed


def test_the_profile_of_the_check_decides() -> None:
    (checked,) = run_vectors([vector(scene(STAFF))], OPT_IN)
    assert not checked.passed


@pytest.mark.parametrize("line", ["{", "3", "{}", '{"expect": {}}', '{"expect": {"decision": []}}', "[" * 100_000])
def test_a_line_that_cannot_be_checked_is_a_failure(line: str) -> None:
    (checked,) = run_vectors([line], BOOK)
    assert not checked.passed
    assert checked.problem
    assert json.loads(checked.as_json())["problem"] == checked.problem


# --- Reading a rule book --------------------------------------------------------------------------------------------


def test_the_book_in_words_has_every_rule_setting_kind_and_citation() -> None:
    text = as_text(prose(OPT_IN))
    for rule in OPT_IN.rules:
        assert f"{rule.id}: {rule.title}" in text
        assert rule.citation in text
    for name in OPT_IN.settings:
        assert f"{name}: " in text
    assert all(f"\n{kind.value}: " in text for kind in Kind)
    assert OPT_IN.hash in text
    assert "not legal advice" in text


def test_the_words_say_what_differs_here_from_the_floor() -> None:
    settings = prose(OPT_IN).sections[0]
    (opt_in,) = [i for i in settings.items if i.label == "internal_alert_requires_consent"]
    assert opt_in.details == ("Here: yes", "Federal floor: no")


# --- Comparing and trying out ---------------------------------------------------------------------------------------


def drafted(change: Any) -> RuleBook:
    raw = copy.deepcopy(packaged())
    change(raw)
    return RuleBook(raw, FLOOR, {})


def test_equal_books_do_not_differ() -> None:
    assert diff(BOOK, load_rulebook(FLOOR)) == ()


def test_every_sort_of_change_is_said() -> None:
    def change(raw: dict[str, Any]) -> None:
        chapters = {c["stage"]: c["rules"] for c in raw["rules"]["chapters"]}
        raw["rules"]["version"] = "2027.1"
        raw["policy"]["settings"]["honour_opt_out"]["floor"] = False
        raw["policy"]["overlays"]["US-WA"] = {}
        chapters["recipient"][1]["title"] = "Checked people only"
        chapters["client"].append(
            {
                "id": "client.new",
                "effect": "deny",
                "reason": "OPTED_OUT",
                "title": "New one",
                "citation": "none",
                "tests": ["opted_out"],
            }
        )
        chapters["jail"] = chapters["without_consent"].pop(3)
        chapters["recipient"][1], chapters["recipient"][2] = chapters["recipient"][2], chapters["recipient"][1]
        raw["recipients"]["kinds"]["family"]["envelope"] = ["match.fact"]
        raw["reasons"]["OPTED_OUT"]["words"] = "The client said no"

    said = {str(c) for c in diff(BOOK, drafted(change))}
    for expected in (
        "version: federal-floor 2026.1 becomes federal-floor 2027.1",
        "US, honour_opt_out: yes becomes no",
        "US-WA: is a new place",
        "rule recipient.unverified, title: Nothing goes to a recipient whose identity and address were not checked becomes Checked people only",
        "rule client.new: is new. It says: New one",
        "rule jail_health.not_represented: is gone. It said: The jail must state its need",
        "order of rules: is different, and in most stages the first rule that holds decides",
        "table kinds.family.envelope: booking.facility, booking.fact, client.case_manager, match.fact becomes match.fact",
        "reason OPTED_OUT: now reads: The client said no [local policy; 45 CFR 164.522(a)]",
    ):
        assert expected in said


def test_a_profile_is_a_difference_in_settings() -> None:
    assert "US, internal_alert_requires_consent: no becomes yes" in {str(c) for c in diff(BOOK, OPT_IN)}


def test_a_draft_is_tried_out_on_what_was_decided() -> None:
    requests = {
        "staff": read_request(scene(STAFF)),
        "doctor": read_request(scene(DOCTOR, consents=[consent()])),
        "nobody": read_request(scene(DOCTOR)),
    }
    decided = [(ref, request, decide(request, BOOK)) for ref, request in requests.items()]
    (changed,) = simulate(decided, OPT_IN)
    assert changed.ref == "staff"
    assert changed.newly_disclosed == ()
    assert set(changed.newly_withheld) == set(changed.before.fields_allowed)
    back = [(ref, request, decide(request, OPT_IN)) for ref, request in requests.items()]
    assert [s.newly_disclosed for s in simulate(back, BOOK)] == [changed.newly_withheld]
    assert list(simulate(decided, BOOK)) == []


# --- Signing --------------------------------------------------------------------------------------------------------

ANA, BEN = Ed25519PrivateKey.from_private_bytes(b"a" * 32), Ed25519PrivateKey.from_private_bytes(b"b" * 32)
TRUSTED = {"ana": ANA.public_key(), "ben": BEN.public_key()}


def test_two_officers_sign() -> None:
    signatures = [sign(BOOK, "ben", BEN), sign(BOOK, "ana", ANA)]
    assert require_signatures(BOOK, signatures, TRUSTED, needed=2) == ("ana", "ben")
    assert require_signatures(BOOK, signatures[:1], TRUSTED) == ("ben",)


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        [sign(BOOK, "ana", ANA)],
        [sign(BOOK, "ana", ANA), sign(BOOK, "ana", ANA)],
        [sign(BOOK, "ana", ANA), sign(BOOK, "ben", ANA)],
        [sign(BOOK, "ana", ANA), Signature("ben", sign(BOOK, "ana", ANA).value)],
        [sign(BOOK, "ana", ANA), sign(OPT_IN, "ben", BEN)],
        [sign(BOOK, "ana", ANA), sign(BOOK, "eve", BEN)],
        [sign(BOOK, "ana", ANA), Signature("ben", b"short")],
    ],
    ids=["none", "one", "one twice", "a key that is not his", "her signature as his", "another book", "a stranger", "junk"],
)  # fmt: skip
def test_fewer_than_two_is_not_signed(signatures: list[Signature]) -> None:
    with pytest.raises(RuleBookNotSigned):
        require_signatures(BOOK, signatures, TRUSTED, needed=2)


def test_one_key_under_two_names_is_one_signer() -> None:
    both = {"ana": ANA.public_key(), "anna": ANA.public_key()}
    assert len(valid_signers(BOOK, [sign(BOOK, "ana", ANA), sign(BOOK, "anna", ANA)], both)) == 1


def test_what_is_signed_is_known_and_at_least_one_is_asked_for() -> None:
    assert signing_bytes(BOOK, "ana").startswith(b"warmlink rule book signature v1\x00\x00\x00\x00\x03ana{")
    assert signing_bytes(BOOK, "ana") != signing_bytes(OPT_IN, "ana")
    with pytest.raises(ValueError, match="at least one"):
        require_signatures(BOOK, [], TRUSTED, needed=0)


# --- Broken glass ---------------------------------------------------------------------------------------------------

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
POLICY = BOOK.policy("US")


def test_a_glass_is_open_for_its_hours_and_not_an_instant_longer() -> None:
    use = GlassUse("g-1", "u-kim", NOON)
    assert open_until(use, POLICY) == NOON + timedelta(hours=4)
    assert is_open(use, NOON, POLICY)
    assert not is_open(use, NOON - timedelta(microseconds=1), POLICY)
    assert is_open(use, NOON + timedelta(hours=4) - timedelta(microseconds=1), POLICY)
    assert not is_open(use, NOON + timedelta(hours=4), POLICY)
    assert open_until(GlassUse("g", "u", NOON, emergency=True), POLICY) == NOON + timedelta(hours=24)


def test_the_review_list() -> None:
    uses = [
        GlassUse("late", "u-kim", NOON - timedelta(days=4)),
        GlassUse("done", "u-kim", NOON - timedelta(days=4), reviewed_at=NOON, reviewed_by="u-officer"),
        GlassUse("by-himself", "u-kim", NOON - timedelta(days=1), reviewed_at=NOON, reviewed_by="u-kim"),
        GlassUse(
            "done-later",
            "u-kim",
            NOON - timedelta(hours=1),
            reviewed_at=NOON + timedelta(hours=1),
            reviewed_by="u-officer",
        ),
        GlassUse("future", "u-kim", NOON + timedelta(seconds=1)),
    ]
    due = review_list(reversed(uses), NOON, POLICY, within=timedelta(days=3))
    assert [(d.use.ref, d.overdue, d.still_open) for d in due] == [
        ("late", True, False),
        ("by-himself", False, False),
        ("done-later", False, True),
    ]


def test_which_decisions_must_be_reviewed() -> None:
    kim = COUNSELOR | {"person_id": "u-kim"}
    assert must_be_reviewed(decide(scene(kim, SUD, context={"break_glass": broken_glass("u-kim")}), BOOK))
    assert not must_be_reviewed(decide(scene(COUNSELOR, SUD), BOOK))
