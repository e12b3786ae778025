"""Is the book sound? Closed vocabulary, cited and owned rules, nothing shadowed, one hash per content."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from config.errors import ConfigError
from consent import COUNTY, FLOOR, RuleBook, decide, load_rulebook
from consent.rulebook import packaged, parse_rulebook, write_rulebook
from tests.consent.scenes import STAFF, scene

BOOK = load_rulebook(FLOOR)


def test_every_rule_is_cited_owned_dated_and_titled() -> None:
    for rule in BOOK.rules:
        assert rule.title[0].isupper() or rule.title[0] == "'"
        assert rule.citation
        assert rule.owner in {"privacy officer", "compliance officer", "counsel"}
        assert rule.effective.until is None


def test_the_shipped_default_is_opt_in_and_the_floor_is_not() -> None:
    assert load_rulebook().profile == COUNTY
    assert load_rulebook().policy("US").internal_alert_requires_consent
    assert not BOOK.policy("US").internal_alert_requires_consent
    assert decide(scene(STAFF), BOOK).discloses
    assert not decide(scene(STAFF), load_rulebook()).discloses


def test_settings_go_floor_profile_overlay_overrides_request() -> None:
    book = load_rulebook(FLOOR, {"minor_sud_alone_age": 14})
    assert BOOK.policy("US").minor_sud_alone_age is None
    assert BOOK.policy("US-IL").minor_sud_alone_age == 12
    assert book.policy("US-IL").minor_sud_alone_age == 14
    assert book.policy("US-IL", {"minor_sud_alone_age": 16}).minor_sud_alone_age == 16


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("US", {"tz": "UTC"}),
        ("US-TX", {"tz": "America/Chicago", "tx_614_017": True}),
        ("US-IL", {"tz": "America/Chicago", "il_jail_agreement": True, "minor_sud_alone_age": 12, "minor_mh_alone_age": None}),
        ("US-CA", {"tz": "America/Los_Angeles", "ca_5328": True, "minor_sud_alone_age": 12, "minor_mh_alone_age": 12}),
        ("US-AZ", {"tz": "America/Phoenix", "outside_treatment_without_consent": True}),
        ("US-NC", {"tz": "America/New_York"}),
    ],
)  # fmt: skip
def test_overlays(place: str, expected: dict[str, Any]) -> None:
    policy = BOOK.policy(place)
    assert {name: getattr(policy, name) for name in expected} == expected


def test_a_decision_names_its_rule_set_and_explains_every_code() -> None:
    got = decide(scene(STAFF), BOOK)
    assert (got.rule_set, got.rule_set_hash) == (BOOK.version, BOOK.hash)
    assert [r.code for r in got.reasons()] == list(got.reason_codes)
    assert all(r.words and r.citation for r in got.reasons())
    assert all(BOOK.rule(rule_id) for rule_id in got.rules)


def test_the_hash_is_of_the_content() -> None:
    assert load_rulebook(FLOOR).hash == BOOK.hash
    different = [load_rulebook(), load_rulebook(FLOOR, {"honour_opt_out": False}), changed(_retitle)]
    assert len({BOOK.hash, *(b.hash for b in different)}) == 4
    reordered = {k: packaged()[k] for k in reversed(packaged())}
    assert RuleBook(reordered, FLOOR, {}).hash == BOOK.hash


def changed(change: Callable[[dict[str, Any]], None]) -> RuleBook:
    raw = copy.deepcopy(packaged())
    change(raw)
    return RuleBook(raw, FLOOR, {})


def _rules(raw: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    return next(c["rules"] for c in raw["rules"]["chapters"] if c["stage"] == stage)


def _retitle(raw: dict[str, Any]) -> None:
    _rules(raw, "recipient")[0]["title"] = "Another title"


def _shadow(raw: dict[str, Any]) -> None:
    rules = _rules(raw, "programme")
    rules.insert(0, rules[0] | {"id": "measure.wide", "tests": []})


def _drop_rule(raw: dict[str, Any]) -> None:
    rules = _rules(raw, "without_consent")
    del rules[-2:]


BREAKS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no citation": (lambda r: _rules(r, "recipient")[0].pop("citation"), "citation"),
    "no title": (lambda r: _rules(r, "recipient")[0].update(title=""), "title"),
    "no owner": (lambda r: r["rules"]["chapters"][0].pop("owner"), "owner"),
    "unknown key": (lambda r: _rules(r, "recipient")[0].update(colour="red"), "colour"),
    "unknown chapter key": (lambda r: r["rules"]["chapters"][0].update(colour="red"), "colour"),
    "unknown kind": (lambda r: _rules(r, "recipient")[0].update(kinds=["friend"]), "kinds"),
    "unknown question": (lambda r: _rules(r, "recipient")[1].update(tests=["not sober"]), "sober"),
    "idle question": (lambda r: _rules(r, "recipient")[1].update(tests=["not active"]), "verified"),
    "unknown setting": (lambda r: _rules(r, "recipient")[1].update(policy={"mood": True}), "mood"),
    "unknown reason": (lambda r: _rules(r, "recipient")[1].update(reason="BECAUSE"), "BECAUSE"),
    "idle reason": (lambda r: r["reasons"].update(EXTRA={"words": "Never", "citation": "none"}), "EXTRA"),
    "unknown obligation": (lambda r: _rules(r, "recipient")[1].update(obligations=["SING"]), "SING"),
    "idle obligation": (lambda r: r["obligations"].update(EXTRA={"words": "Never", "citation": "none"}), "EXTRA"),
    "reason without words": (lambda r: r["reasons"]["OPTED_OUT"].pop("words"), "OPTED_OUT.words"),
    "two of one id": (lambda r: _rules(r, "client").append(_rules(r, "client")[0]), "client.merged"),
    "shadowed": (_shadow, "measure.enrolled is never reached"),
    "a rule the evaluator names is gone": (lambda r: _rules(r, "weighing").pop(), "weighing.explicit_deny"),
    "a whole state's ground is gone": (_drop_rule, "HIPAA_TREATMENT_506C"),
    "a denial without a reason": (lambda r: _rules(r, "booking_news")[1].pop("reason"), "booking.unconfirmed_internal"),
    "a stage is gone": (lambda r: r["rules"]["chapters"].pop(), "stages"),
    "ends before it begins": (lambda r: _rules(r, "client")[0].update(effective={"from": "2026-01-02", "until": "2026-01-01"}), "client.merged"),
    "notes in an envelope": (lambda r: r["recipients"]["kinds"]["court"].update(envelope=["clinical.psychotherapy_notes"]), "notes"),
    "a kind is gone": (lambda r: r["recipients"]["kinds"].pop("court"), "kinds"),
    "a setting is gone": (lambda r: r["policy"]["settings"].pop("tz"), "tz"),
    "a setting too many": (lambda r: r["policy"]["settings"].update(mood={"floor": 1, "words": "Mood", "citation": "none"}), "mood"),
    "a setting of another type": (lambda r: r["policy"]["overlays"]["US-TX"].update(tx_614_017="yes"), "tx_614_017"),
    "an unknown zone": (lambda r: r["policy"]["overlays"]["US-TX"].update(tz="Texas"), "tz"),
    "a class with an unknown switch": (lambda r: r["recipients"]["classes"]["outside_providers"].update(kinds_if={"mood": []}), "mood"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_an_unsound_book_does_not_load(name: str) -> None:
    change, said = BREAKS[name]
    with pytest.raises(ConfigError, match=said):
        changed(change)


def test_an_unknown_profile_or_override_does_not_load() -> None:
    with pytest.raises(ConfigError, match="no profile is called"):
        load_rulebook("lenient")
    with pytest.raises(ConfigError, match="mood"):
        load_rulebook(FLOOR, {"mood": True})


def test_a_permitting_rule_outside_its_days_opens_nothing() -> None:
    def later(raw: dict[str, Any]) -> None:
        for rule in _rules(raw, "programme"):
            if rule["id"] == "internal.assigned_hipaa":
                rule["effective"] = {"from": "2026-03-11"}

    book = changed(later)
    assert not decide(scene(STAFF), book).discloses
    assert decide(scene(STAFF, as_of="2026-03-11T15:00:00Z"), book).discloses


def test_a_denying_rule_is_not_lifted_by_its_dates() -> None:
    def over(raw: dict[str, Any]) -> None:
        _rules(raw, "recipient")[1]["effective"] = {"from": "2003-04-14", "until": "2004-01-01"}

    assert decide(scene(STAFF | {"verified": False}), changed(over)).reason_codes == ("RECIPIENT_UNVERIFIED",)


def test_a_book_on_file_is_the_same_book() -> None:
    for book in (BOOK, load_rulebook(COUNTY, {"max_booking_age_hours": 48, "alert_fields_internal": ["match.fact"]})):
        again = parse_rulebook(write_rulebook(book))
        assert (again.hash, again.version, again.rules) == (book.hash, book.version, book.rules)


def test_a_draft_may_hold_only_what_it_changes() -> None:
    draft = parse_rulebook("profile: federal-floor\noverrides: {honour_opt_out: false}\n")
    assert draft.hash == load_rulebook(FLOOR, {"honour_opt_out": False}).hash
    assert parse_rulebook("{}").hash == load_rulebook().hash


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "profile: [",
        "mood: good",
        "book: 3",
        "overrides: [1]",
        "book: {}",
        b"\xff\xfe\x00",
        "profile: lenient",
        "overrides: {3: 4}",
        "book: {rules: {version: 1}}",
    ],
)
def test_a_file_that_is_no_book(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        parse_rulebook(text)
