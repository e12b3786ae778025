"""Do both languages say everything, and are times written the way people read them?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.content import AlertKind, Language
from alerts.notices import IN_THE_MESSAGE
from alerts.steps import OWED, PLANS
from alerts.wording import Wording, wording
from records import Custody, Instant, TimeQuality

EN, ES = wording(Language.ENGLISH), wording(Language.SPANISH)
CHICAGO = "America/Chicago"


def leaves(tree: object, path: str = "") -> dict[str, str]:
    """Every phrase by its place in the file."""
    if isinstance(tree, dict):
        return {k: v for name, below in tree.items() for k, v in leaves(below, f"{path}/{name}").items()}
    if isinstance(tree, list | tuple):
        return {k: v for i, below in enumerate(tree) for k, v in leaves(below, f"{path}/{i}").items()}
    return {path: str(tree)}


def fields(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


def test_both_languages_have_the_same_phrases_with_the_same_gaps() -> None:
    english, spanish = leaves(EN.model_dump()), leaves(ES.model_dump())
    assert english.keys() == spanish.keys()
    assert {place: fields(text) for place, text in english.items()} == {
        place: fields(text) for place, text in spanish.items()
    }


@pytest.mark.parametrize("words", [EN, ES], ids=["en", "es"])
def test_every_code_has_its_words(words: Wording) -> None:
    assert set(words.kinds) == {kind.value for kind in AlertKind}
    assert set(words.custody) == {custody.value for custody in Custody}
    assert set(IN_THE_MESSAGE) <= set(words.notices)
    assert {s for plan in PLANS.values() for s in plan} | set(OWED.values()) == set(words.steps)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-01-01T06:00", "Thu Jan 1, 2026, 12:00 AM CST", id="midnight"),
        pytest.param("2026-01-01T18:05", "Thu Jan 1, 2026, 12:05 PM CST", id="noon"),
        pytest.param("2026-11-01T06:30", "Sun Nov 1, 2026, 1:30 AM CDT", id="first 1:30"),
        pytest.param("2026-11-01T07:30", "Sun Nov 1, 2026, 1:30 AM CST", id="second 1:30"),
    ],
)
def test_times_are_local_and_say_their_zone(at: str, expected: str) -> None:
    assert EN.at(datetime.fromisoformat(f"{at}+00:00"), CHICAGO) == expected


def test_spanish_dates() -> None:
    assert ES.at(datetime(2026, 3, 11, 22, 0, tzinfo=UTC), CHICAGO) == "mié. 11 de marzo de 2026, 5:00 p. m. CDT"


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (timedelta(seconds=59), "less than a minute ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=1, minutes=2), "1 hour 2 minutes ago"),
        (timedelta(hours=25), "1 day 1 hour ago"),
        (timedelta(days=2, minutes=5), "2 days ago"),
        (-timedelta(hours=3), "in 3 hours"),
    ],
)
def test_the_age_of_the_news(gap: timedelta, expected: str) -> None:
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)
    assert EN.when(Instant(now - gap, CHICAGO), now).endswith(expected)


@pytest.mark.parametrize(("days", "expected"), [(0, "today"), (1, "yesterday"), (-1, "tomorrow"), (4, "4 days ago")])
def test_a_day_without_hour_is_counted_in_days(days: int, expected: str) -> None:
    midnight = datetime(2026, 5, 5, 5, tzinfo=UTC)
    now = midnight + timedelta(days=days, hours=23)
    said = EN.when(Instant(midnight, CHICAGO, TimeQuality.DATE_ONLY), now)
    assert said == f"Tue May 5, 2026 (the jail gave no time of day), {expected}"


@pytest.mark.parametrize("quality", [TimeQuality.AMBIGUOUS, TimeQuality.NONEXISTENT])
def test_a_doubtful_hour_says_so(quality: TimeQuality) -> None:
    assert "off by an hour" in EN.instant(Instant(datetime(2026, 11, 1, 7, tzinfo=UTC), CHICAGO, quality))


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))
def test_a_span_is_never_empty(gap: timedelta) -> None:
    for words in (EN, ES):
        assert words.span(gap)
