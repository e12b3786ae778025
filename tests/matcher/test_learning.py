"""Do training, explanation and evaluation tell the truth."""

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import BadModel, BookingLinks, Model, Verdict, decide, evaluate, explain, link, rules
from matcher.model import Thresholds
from matcher.score import score
from matcher.train import CAUTION, compare_models, ecm, other_changes, priced, relatives, train
from tests.matcher.people import ENCODER, MODEL, crowd, person, roster

CLIENTS = crowd(300)
BOOKED = [replace(p, phone="", first=p.first.upper()) for p in CLIENTS[:30]] + [
    replace(
        p, birth_date=f"19{40 + k % 50}-06-{1 + k % 27:02d}", last=p.last[::-1], street="", phone="", ssn4="", zip=""
    )
    for k, p in enumerate(CLIENTS[100:270])
]


def test_training_finds_the_share_of_clients_and_never_loses_ground() -> None:
    """To a millionth: the step maximises over clients and leaves aside that relatives share some of their m."""
    result = train(ENCODER.encode([[p] for p in BOOKED]), roster())
    assert result.prior == pytest.approx(30 / len(BOOKED), abs=0.04)
    assert result.expected_matches == pytest.approx(30, abs=3)
    assert all(b >= a - 1e-6 * abs(a) for a, b in zip(result.history, result.history[1:], strict=False))


def test_a_level_that_no_client_showed_keeps_its_share_of_the_starting_model() -> None:
    result = train(ENCODER.encode([[p] for p in BOOKED]), roster())
    for before, after in zip(MODEL.fields, result.model.fields, strict=True):
        for a, b in zip(before.levels, after.levels, strict=True):
            assert b.m >= a.m * 0.9 * CAUTION / (CAUTION + result.expected_matches)


def test_a_trained_model_is_a_model_and_its_hash_is_its_own() -> None:
    trained = train(ENCODER.encode([[p] for p in BOOKED]), roster()).model
    assert Model.from_json(trained.to_json()) == trained
    assert trained.hash != MODEL.hash
    assert trained.schema_hash == MODEL.schema_hash
    assert ("dob", "exact") in compare_models(MODEL, trained)
    assert compare_models(MODEL, MODEL) == {}


def test_what_else_differs_between_two_models_is_named_by_place() -> None:
    changed = {"rules": MODEL.rules[1:], "relatives": MODEL.relatives.model_copy(update={"twin": 0.03})}
    found = other_changes(MODEL, MODEL.model_copy(update=changed))
    assert found.keys() == {"rules", "relatives.twin"}
    assert found["relatives.twin"] == ("0.02", "0.03")
    assert other_changes(MODEL, MODEL) == {}


def test_recordlinkage_ecm_runs_on_the_same_levels() -> None:
    scored = score(ENCODER.encode([[p] for p in BOOKED]), roster())
    assert len(ecm(scored)) == len(scored.weight)


def test_relatives_are_weighed_alike_one_by_one_and_all_at_once() -> None:
    scored = score(ENCODER.encode([[p] for p in BOOKED]), roster())
    many = relatives(scored.bits, MODEL.relatives)
    for k in range(0, len(many), 7):
        one = rules.Evidence(tuple(scored.levels[:, k].tolist()), tuple(scored.bits[:, k].tolist()))
        assert decide.relative(one, MODEL.relatives) == pytest.approx(many[k])


@pytest.mark.parametrize(("false", "missed", "alert"), [(9, 1, 0.9), (1, 1, 0.5), (99, 1, 0.99)])
def test_thresholds_follow_the_prices_of_errors(false: float, missed: float, alert: float) -> None:
    thresholds = priced(false, missed, MODEL.thresholds)
    assert thresholds.alert == pytest.approx(alert)
    assert Thresholds.model_validate(thresholds.model_dump()).review <= alert


def test_free_errors_have_no_threshold() -> None:
    with pytest.raises(ValueError, match="positive"):
        priced(0, 1, MODEL.thresholds)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"surprise": 1}, "surprise"),
        ({"prior": 0}, "prior"),
        ({"thresholds": {"alert": 0.1, "review": 0.5, "floor": 0.01, "margin": 1}}, "thresholds must rise"),
        ({"fields": []}, "fields must be"),
        ({"rules": ["other_first_name", "be_kind"]}, "be_kind"),
        ({"caps": {"dob+name": 5}}, "caps must be of"),
    ],
)
def test_a_wrong_model_file_is_refused_by_place(change: dict[str, object], place: str) -> None:
    with pytest.raises(BadModel, match=place):
        Model.from_json(json.dumps(MODEL.model_dump(mode="json") | change))


@pytest.mark.parametrize(
    "change",
    [
        {"prior": 0.07}, {"close": 0.79}, {"rules": ()}, {"name": "x"},
        {"relatives": MODEL.relatives.model_copy(update={"twin": 0.03})},
        {"variants": MODEL.variants.model_copy(update={"bonus": 1.0})},
        {"chance": MODEL.chance.model_copy(update={"outside": 400.0})},
        {"duplicates": MODEL.duplicates.model_copy(update={"at_most": 9})},
        {"caps": MODEL.caps | {"dob+name": 501}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_whatever_decides_a_verdict_is_in_the_hash(change: dict[str, object]) -> None:
    other = MODEL.model_copy(update=change)
    assert other.hash != MODEL.hash
    assert Model.from_json(other.to_json()) == other


def test_the_logic_that_is_not_data_is_in_the_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    before = MODEL.hash
    monkeypatch.setattr("matcher.model.LOGIC", 1)
    assert MODEL.hash != before


def one_link() -> BookingLinks:
    return link(ENCODER.encode([[person(last="Fontenott", phone="")]]), roster(person()))[0]


def test_a_waterfall_adds_up_and_holds_no_value() -> None:
    found = one_link().links[0]
    fall = explain.waterfall(found, MODEL, 401)
    assert fall.steps[-1].total == pytest.approx(fall.steps[0].bits + found.weight, abs=0.01)
    for text in (explain.as_text(fall), explain.as_json(fall), explain.as_svg(fall)):
        assert "ALERT" in text
        for value in ("Fontenot", "Margaret", "1981", "4821", "Chestnut", "Tolland", "c0"):
            assert value not in text
    assert json.loads(explain.as_json(fall))["model_hash"] == MODEL.hash


def test_the_chart_is_well_formed_and_says_in_words_what_colour_says() -> None:
    chart = explain.as_svg(explain.waterfall(one_link().links[0], MODEL, 401))
    root = ET.fromstring(chart)
    words = " ".join(t.text or "" for t in root.iter() if t.tag.endswith("text"))
    assert "one typing error apart" in words
    assert len([r for r in root.iter() if r.tag.endswith("rect")]) == 10


def test_every_level_has_words() -> None:
    named = {level.level for each in MODEL.fields for level in each.levels}
    assert named <= explain.LEVEL_WORDS.keys()


FOUND = [
    ("b1", "c1", Verdict.ALERT, 0.99),
    ("b2", "c9", Verdict.ALERT, 0.95),
    ("b3", "c3", Verdict.REVIEW, 0.6),
    ("b4", "c4", Verdict.NONE, 0.1),
]
TRUTH = {("b1", "c1"), ("b3", "c3"), ("b5", "c5")}


def test_measures_are_those_counted_by_hand() -> None:
    result = evaluate.accuracy(FOUND, TRUTH)
    assert (result.alert.true_positives, result.alert.false_positives, result.alert.missed) == (1, 1, 2)
    assert result.alert_or_review.precision == pytest.approx(2 / 3)
    assert result.best.f1 == pytest.approx(2 / 3)
    assert result.best_threshold == pytest.approx(0.6)
    assert result.recall_at_99 == pytest.approx(1 / 3)


def test_groups_errors_and_calibration() -> None:
    groups = evaluate.by_group(FOUND, TRUTH, {"b1": "F", "b2": "F", "b3": "M", "b5": "M"})
    assert [(g.group, g.recall.hits, g.recall.total, g.precision.total) for g in groups] == [
        ("F", 1, 1, 2),
        ("M", 0, 2, 0),
    ]
    levels = {
        ("b2", "c9"): {"first": "differ", "last": "exact", "dob": "exact"},
        ("b3", "c3"): {"first": "close", "last": "exact", "dob": "exact"},
    }
    assert evaluate.errors(FOUND, TRUTH, levels) == {
        ("false alert", "twin or sibling"): 1, ("missed", "never proposed"): 1, ("missed", "typo or variant"): 1,
    }  # fmt: skip
    low, high = evaluate.calibration(FOUND, TRUTH, (0.0, 0.5, 1.0))
    assert (low.true.hits, low.true.total, high.true.hits, high.true.total) == (0, 1, 2, 3)


def test_completeness_per_pass_adds_up_to_the_candidates() -> None:
    index, booked = roster(person()), ENCODER.encode([[person()], [person(last="Blanchard")]])
    per_pass = evaluate.candidates_by_pass(booked, ["b0", "b1"], index)
    rows, whole = evaluate.completeness(per_pass, {("b0", "c0"), ("b1", "c0")})
    assert whole.recall == 1
    assert next(r for r in rows if r.name == "dob+name").found == 2
    together = set().union(*per_pass.values())
    found = index.candidates(booked)
    assert len(together) == len(found.booking_rows)


@given(st.integers(0, 50), st.integers(0, 50))
def test_an_interval_holds_its_share(hits: int, more: int) -> None:
    rate = evaluate.Rate(hits, hits + more)
    low, high = rate.interval
    assert 0 <= low <= high <= 1
    assert math.isnan(rate.share) or low <= rate.share + 1e-12
    assert math.isnan(rate.share) or rate.share <= high + 1e-12


def test_probabilities_are_exclusive() -> None:
    """A booking is of one person: the probabilities of clients who are different people add up to at most one."""
    results = link(ENCODER.encode([[p] for p in BOOKED]), roster(person()))
    for result in results:
        assert np.sum([x.probability for x in result.links]) <= 1 + 1e-9
