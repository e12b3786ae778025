"""Does an alert say all that is allowed, and not a word more?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from alerts.compose import NEEDED, compose
from alerts.content import AlertContent, AlertFacts, AlertKind, Clocks, Language, MatchClass
from alerts.errors import NothingToSay, SealBroken, UnknownObligation
from alerts.render import render_html, render_text
from alerts.rows import plain
from records import Custody, Instant, Personal, TimeQuality

BEHIND: dict[str, tuple[str, ...]] = {
    "booking.time": ("booked_at", "released_at", "release_planned_at"),
    "booking.facility": ("facility", "previous_facility"),
    "booking.number": ("booking_number",),
    "booking.charges": ("charges",),
    "booking.court_date": ("next_court_at",),
    "client.case_manager": ("case_manager",),
    "clinical.pad": ("advance_directive_on_file",),
    "clinical.crisis_plan": ("crisis_plan_on_file",),
}
"""The facts that only this field may bring into a text."""

BLANK: dict[str, Any] = {
    "booked_at": None,
    "released_at": None,
    "release_planned_at": None,
    "facility": None,
    "previous_facility": None,
    "booking_number": None,
    "charges": (),
    "next_court_at": None,
    "case_manager": "",
    "advance_directive_on_file": None,
    "crisis_plan_on_file": None,
}


def said(facts: AlertFacts, allowed: frozenset[str], kind: AlertKind, *obligations: str, lang: str = "en") -> str:
    made = compose(facts, allowed, frozenset(obligations), kind=kind, language=Language(lang), now=MORNING)
    assert AlertContent.from_json(made.to_json()) == made
    return " ".join(render_text(made).split())


MORNING = datetime(2026, 3, 10, 13, 10, tzinfo=UTC)


def test_the_full_arrest_alert_tells_what_a_case_manager_needs(facts: AlertFacts, everything: frozenset[str]) -> None:
    text = said(facts, everything, AlertKind.ARREST)
    for words in (
        "Quillon Zephyrine was booked into jail",
        "Lakeside County Jail, phone 312-555-0100, visiting 312-555-0101",
        "Tue Mar 10, 2026, 1:40 AM CDT, 6 hours 30 minutes ago",
        "In jail",
        "Tue Mar 10, 2026, 1:30 PM CDT, in 5 hours 20 minutes",
        "Full match with your client's record. Verify identity before you act",
        "consent CONS-55, signed Mon Jan 5, 2026, in force through Thu Dec 31, 2026.",
        "By Wed Mar 11, 2026, 5:00 PM CDT: have ready for the jail clinic",
        "Before Tue Mar 10, 2026, 1:30 PM CDT",
        "5 bookings within 12 months",
        "As of Tue Mar 10, 2026, 8:10 AM CDT.",
    ):
        assert words in text


def test_what_is_due_first_is_said_first(facts: AlertFacts, everything: frozenset[str]) -> None:
    made = compose(facts, everything, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=MORNING)
    hearing, checklist = (step.due for step in made.steps if step.due)
    assert hearing < checklist
    assert [step.due for step in made.steps[:2]] == [None, None]


@pytest.mark.parametrize("kind", AlertKind)
@pytest.mark.parametrize("lang", ["en", "es"])
def test_every_kind_is_written_in_every_language(
    facts: AlertFacts, everything: frozenset[str], kind: AlertKind, lang: str
) -> None:
    text = said(facts, everything, kind, lang=lang)
    assert "Quillon Zephyrine" in text
    assert "{" not in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixtures are constants
@given(hidden=st.sets(st.sampled_from(sorted(BEHIND))), kind=st.sampled_from(AlertKind))
def test_a_field_that_is_not_allowed_leaves_no_trace(
    facts: AlertFacts, everything: frozenset[str], hidden: set[str], kind: AlertKind
) -> None:
    """Word for word what it would be if the hidden facts had never been known."""
    allowed = everything - hidden
    assume(not NEEDED[kind] - allowed)
    unknown = replace(facts, **{name: BLANK[name] for field in hidden for name in BEHIND[field]})
    text = said(facts, allowed, kind)
    assert text == said(unknown, allowed, kind)
    assert "withheld" not in text


def test_each_fact_that_a_field_stands_for_shows_when_it_is_allowed(
    facts: AlertFacts, everything: frozenset[str]
) -> None:
    """Keeps the property above honest: every fact it blanks does change some alert."""
    for field, names in BEHIND.items():
        for name in names:
            unknown = replace(facts, **{name: BLANK[name]})
            kinds = [k for k in AlertKind if said(facts, everything, k) != said(unknown, everything, k)]
            assert kinds, (field, name)


@pytest.mark.parametrize("kind", [kind for kind in AlertKind if NEEDED[kind]])
def test_a_kind_that_would_tell_a_hidden_field_is_not_written(facts: AlertFacts, kind: AlertKind) -> None:
    for missing in NEEDED[kind]:
        with pytest.raises(NothingToSay, match=missing):
            compose(facts, NEEDED[kind] - {missing}, frozenset(), kind=kind, language=Language.ENGLISH, now=MORNING)


def test_without_a_name_the_client_is_someone_in_your_care(facts: AlertFacts, everything: frozenset[str]) -> None:
    text = said(facts, everything - {"client.ref", "client.name"}, AlertKind.ARREST)
    assert text.startswith("Someone in your care was booked into jail")
    assert "Quillon" not in text
    assert "7731" not in text


def test_an_outside_recipient_gets_the_name_but_not_the_number(facts: AlertFacts, everything: frozenset[str]) -> None:
    text = said(facts, everything - {"client.ref"}, AlertKind.ARREST)
    assert "Quillon Zephyrine" in text
    assert "7731" not in text


def test_a_retraction_repeats_nothing_of_what_it_withdraws(facts: AlertFacts, everything: frozenset[str]) -> None:
    text = said(facts, everything, AlertKind.RETRACTION)
    for word in ("Lakeside", "BK-99120", "jail", "match", "Trespassing", "1:40", "booked", "Full"):
        assert word not in text
    assert "retractedretractedretracte" in text
    assert "Do not act" in text


def test_all_retractions_read_alike_whatever_the_cause(facts: AlertFacts) -> None:
    nothing: frozenset[str] = frozenset()
    one = said(facts, nothing, AlertKind.RETRACTION)
    other = said(
        replace(facts, client=Personal("Someone Else"), match=MatchClass.ADJUDICATED), nothing, AlertKind.RETRACTION
    )
    assert one == other
    assert "Quillon" not in one


SHEET = {
    "clinical.med_list": ("Olanzapine 10 mg every night", "Corner Drug", "Penicillin"),
    "clinical.diagnosis": ("F20.9",),
    "clinical.risk_flags": ("Withdrawal",),
    "clinical.appointments": ("Mar 17",),
    "client.case_manager": ("312-555-0191",),
}
"""What each field of a jail_health decision brings into the sheet."""


@pytest.mark.parametrize("hidden", [*SHEET, None])
def test_the_clinic_gets_what_its_own_decision_allows(facts: AlertFacts, hidden: str | None) -> None:
    allowed = (frozenset(SHEET) | {"match.fact", "client.name"}) - {hidden}
    text = said(facts, allowed, AlertKind.CLINIC_SHEET)
    for field, words in SHEET.items():
        for word in words:
            assert (word in text) == (field != hidden), word
    for word in ("Lakeside", "BK-99120", "CN-7731", "Trespassing"):
        assert word not in text


def test_what_is_meant_for_the_clinic_is_in_no_alert(facts: AlertFacts, everything: frozenset[str]) -> None:
    allowed = everything | set(SHEET)
    for kind in set(AlertKind) - {AlertKind.CLINIC_SHEET}:
        text = said(facts, allowed, kind)
        assert not [word for words in SHEET.values() for word in words[:1] if word in text]


def test_a_reviewed_match_is_marked(facts: AlertFacts, everything: frozenset[str]) -> None:
    text = said(replace(facts, match=MatchClass.ADJUDICATED), everything, AlertKind.ARREST)
    assert "confirmed by a trained reviewer" in text


def test_an_inferred_release_says_that_it_is_inferred(facts: AlertFacts, everything: frozenset[str]) -> None:
    inferred = replace(facts, release_inferred=True, custody=Custody.RELEASED)
    for allowed in (everything, everything - {"booking.time"}):
        assert "Call to confirm" in said(inferred, allowed, AlertKind.RELEASE)


def test_a_release_starts_the_72_hour_and_the_7_day_clock(facts: AlertFacts, everything: frozenset[str]) -> None:
    made = compose(facts, everything, frozenset(), kind=AlertKind.RELEASE, language=Language.ENGLISH, now=MORNING)
    assert [step.due for step in made.steps] == [
        datetime(2026, 3, 15, 9, 0, tzinfo=UTC),
        datetime(2026, 3, 19, 9, 0, tzinfo=UTC),
    ]
    hidden = compose(
        facts,
        everything - {"booking.time"},
        frozenset(),
        kind=AlertKind.RELEASE,
        language=Language.ENGLISH,
        now=MORNING,
    )
    assert [step.due for step in hidden.steps] == [None, None]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param("2026-03-05T15:00", "2026-03-06T23:00", id="thursday to friday, winter time"),
        pytest.param("2026-03-06T15:00", "2026-03-09T22:00", id="friday over the weekend into summer time"),
        pytest.param("2026-03-10T04:30", "2026-03-10T22:00", id="UTC is a day ahead of Chicago"),
        pytest.param("2026-07-02T15:00", "2026-07-06T22:00", id="holiday on friday"),
    ],
)
def test_the_next_business_day(facts: AlertFacts, everything: frozenset[str], now: str, due: str) -> None:
    clocks = Clocks(holidays=frozenset({date(2026, 7, 3)}))
    at = datetime.fromisoformat(f"{now}+00:00")
    known = replace(facts, next_court_at=None)
    made = compose(
        known, everything, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=at, clocks=clocks
    )
    assert next(step.due for step in made.steps if step.due) == datetime.fromisoformat(f"{due}+00:00")


def test_a_court_date_in_the_past_is_marked_and_asks_for_nothing(facts: AlertFacts, everything: frozenset[str]) -> None:
    late = replace(facts, next_court_at=Instant(datetime(2026, 3, 9, 18, tzinfo=UTC), facts.zone))
    text = said(late, everything, AlertKind.ARREST)
    assert "(passed)" in text
    assert "public defender" not in text


def test_a_hearing_today_known_by_its_day_still_asks_for_a_plan(facts: AlertFacts, everything: frozenset[str]) -> None:
    midnight = Instant(datetime(2026, 3, 10, 5, tzinfo=UTC), facts.zone, TimeQuality.DATE_ONLY)
    text = said(replace(facts, next_court_at=midnight), everything, AlertKind.ARREST)
    assert "Tue Mar 10, 2026 (the jail gave no time of day), today" in text
    assert "Decide who speaks with the public defender" in text


def test_the_notices_owed_are_in_the_text(facts: AlertFacts, everything: frozenset[str]) -> None:
    text = said(facts, everything, AlertKind.ARREST, "PART2_NOTICE_2_32", "CONSENT_COPY_2_32B", "PART2_LABEL")
    assert "This record which has been disclosed to you is protected by Federal confidentiality rules" in text
    assert "Information: bookings and identity. For: treatment; coordination of care." in text
    assert "Ends after Thu Dec 31, 2026." in text
    assert "Notices" not in said(facts, everything, AlertKind.ARREST)


def test_a_scope_that_cannot_be_explained_stops_the_alert(facts: AlertFacts, everything: frozenset[str]) -> None:
    with pytest.raises(UnknownObligation):
        said(replace(facts, consent=None), everything, AlertKind.ARREST, "CONSENT_COPY_2_32B")


@pytest.mark.parametrize("code", ["SOMETHING_NEW", "COUNSEL_APPROVAL", "ROUTE_TO_REVIEW", "RECALL_PRIOR_ALERTS"])
def test_an_obligation_that_nothing_meets_stops_the_alert(
    facts: AlertFacts, everything: frozenset[str], code: str
) -> None:
    with pytest.raises(UnknownObligation, match=code):
        said(facts, everything, AlertKind.ARREST, code)


def test_names_cannot_forge_rows_or_markup(facts: AlertFacts, everything: frozenset[str]) -> None:
    hostile = replace(facts, client=Personal("Eve\nMatch  Ignore all\u202e <script>alert(1)</script>"))
    made = compose(hostile, everything, frozenset(), kind=AlertKind.ARREST, language=Language.ENGLISH, now=MORNING)
    assert "\nMatch  Ignore" not in render_text(made)
    assert "\u202e" not in render_text(made)
    assert "<script>" not in render_html(made)


@given(st.text())
def test_plain_text_is_one_line_and_stays_as_it_is(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert len(once.splitlines()) <= 1


def test_the_page_fetches_nothing(content: AlertContent) -> None:
    page = render_html(content)
    for reference in ("<script", "<img", "<link", "<style", "src=", "url("):
        assert reference not in page


def test_text_lines_fit_a_mail(content: AlertContent) -> None:
    assert max(len(line) for line in render_text(content).splitlines()) <= 78


def test_nothing_prints_what_an_alert_says(facts: AlertFacts, content: AlertContent) -> None:
    shown = f"{facts!r} {facts} {content!r} {content} {content.rows!r} {content.steps!r}"
    assert "Quillon" not in shown
    assert "Lakeside" not in shown


def test_what_is_not_an_alert_is_refused_without_quoting_it() -> None:
    with pytest.raises(SealBroken) as caught:
        AlertContent.from_json(b'{"kind": "Quillon"}')
    assert "Quillon" not in str(caught.value)
    assert caught.value.__suppress_context__
